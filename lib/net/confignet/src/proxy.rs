//! Proxies that the environment names, as Go's `http.ProxyFromEnvironment` chooses them
//! (golang.org/x/net/http/httpproxy).

use std::net::IpAddr;
use std::time::Duration;

use pdata::text::Base64;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::dial::{self, Connection, Target};

/// Longest wait for a proxy to answer to CONNECT.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
/// Longest head of such an answer, in bytes.
const ANSWER_BYTES_MAX: usize = 8 * 1024;

/// A proxy that is spoken to in plain HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    target: Target,
    user: Option<(String, String)>,
}

/// What the environment says about proxies.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    /// For `http://`.
    http: String,
    /// For everything that is encrypted, and for gRPC.
    https: String,
    exempt: Vec<Exempt>,
    /// A CGI script gets `HTTP_PROXY` from a header of its client.
    cgi: bool,
}

/// One entry of `NO_PROXY`.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Exempt {
    All,
    /// Address, and how many bits of it count.
    Network(IpAddr, u32),
    Address(IpAddr, Option<u16>),
    /// Names that end so, with a point before; the name itself unless the entry has a point, too.
    Domain {
        suffix: String,
        itself: bool,
        port: Option<u16>,
    },
}

impl Proxy {
    /// `http://user:password@host:port`, `host:port` or a host.
    ///
    /// # Errors
    /// What is wrong with it. The password is not said.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let rest = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (user, host) = match rest.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, rest),
        };
        if !scheme.eq_ignore_ascii_case("http") {
            return Err(format!(
                "proxy {scheme}://{host} cannot be used: only proxies with http:// are supported"
            ));
        }
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'));
        let address = if has_port { host.to_owned() } else { format!("{host}:80") };
        let target = Target::tcp(&address);
        let target = target.map_err(|why| format!("invalid proxy address {host:?}: {why}"))?;
        if host.is_empty() {
            return Err("invalid proxy address: it names no host".to_owned());
        }
        let user = user.map(|it| {
            let (name, password) = it.split_once(':').unwrap_or((it, ""));
            (unescaped(name), unescaped(password))
        });
        Ok(Self { target, user })
    }

    /// Where it listens.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The value of `Proxy-Authorization`, if it wants a name and a password.
    pub fn authorization(&self) -> Option<String> {
        let (name, password) = self.user.as_ref()?;
        Some(format!("Basic {}", Base64::STANDARD.encode(format!("{name}:{password}").as_bytes())))
    }

    /// A connection to the proxy, to speak HTTP with it.
    ///
    /// # Errors
    /// In Go's words.
    pub async fn dial(&self) -> Result<Connection, String> {
        dial::dial(&self.target).await.map_err(|why| format!("proxyconnect tcp: {why}"))
    }

    /// A connection through the proxy, by CONNECT.
    ///
    /// # Errors
    /// In grpc-go's words.
    pub async fn tunnel(&self, target: &Target, user_agent: &str) -> Result<Connection, String> {
        let mut connection = dial::dial(&self.target).await?;
        let asked = async {
            let authorization = self.authorization();
            let login = authorization.map(|it| format!("Proxy-Authorization: {it}\r\n"));
            let login = login.unwrap_or_default();
            let request = format!(
                "CONNECT {target} HTTP/1.1\r\nHost: {target}\r\nUser-Agent: {user_agent}\r\n{login}\r\n"
            );
            connection.write_all(request.as_bytes()).await?;
            let mut head = Vec::new();
            // Byte by byte: what follows the head belongs to the server behind the proxy.
            while !head.ends_with(b"\r\n\r\n") && head.len() < ANSWER_BYTES_MAX {
                head.push(connection.read_u8().await?);
            }
            Ok::<_, std::io::Error>(head)
        };
        let head = match tokio::time::timeout(ANSWER_TIMEOUT, asked).await {
            Ok(Ok(head)) => String::from_utf8_lossy(&head).into_owned(),
            Ok(Err(error)) => return Err(dial::reason(&error)),
            Err(_) => return Err("reading server HTTP response: i/o timeout".to_owned()),
        };
        let status = head.lines().next().unwrap_or_default();
        if status.split(' ').nth(1) == Some("200") {
            return Ok(connection);
        }
        Err(format!("failed to do connect handshake, response: {status:?}"))
    }
}

impl Proxies {
    /// Those of this process.
    pub fn from_environment() -> Self {
        Self::new(|name| std::env::var(name).ok())
    }

    /// Those that variables name: in capital letters, or where these are not set in small ones.
    pub fn new(variable: impl Fn(&str) -> Option<String>) -> Self {
        let value = |name: &str| {
            let set = |name: &str| variable(name).filter(|it| !it.is_empty());
            set(name).or_else(|| set(&name.to_ascii_lowercase())).unwrap_or_default()
        };
        let mut exempt: Vec<Exempt> = value("NO_PROXY").split(',').filter_map(exempt).collect();
        if exempt.contains(&Exempt::All) {
            exempt = vec![Exempt::All];
        }
        let cgi = variable("REQUEST_METHOD").is_some_and(|it| !it.is_empty());
        Self { http: value("HTTP_PROXY"), https: value("HTTPS_PROXY"), exempt, cgi }
    }

    /// The proxy for a server: of `HTTPS_PROXY` if what is sent there is `secure`, else of `HTTP_PROXY`. None for
    /// this machine and for what `NO_PROXY` names.
    ///
    /// # Errors
    /// A proxy that cannot be used. To send around it is not what was asked for.
    pub fn choose(&self, secure: bool, target: &Target) -> Result<Option<Proxy>, String> {
        let (variable, text) =
            if secure { ("HTTPS_PROXY", &self.https) } else { ("HTTP_PROXY", &self.http) };
        let Target::Tcp { host, port } = target else { return Ok(None) };
        if text.is_empty() || self.is_exempt(host, *port) {
            return Ok(None);
        }
        if self.cgi && !secure {
            let why = "refusing to use HTTP_PROXY value in CGI environment";
            return Err(format!("{why}; see golang.org/s/cgihttpproxy"));
        }
        let remedy = "correct the environment variable, or name the server in NO_PROXY";
        Proxy::parse(text).map(Some).map_err(|why| format!("{variable}: {why}; {remedy}"))
    }

    fn is_exempt(&self, host: &str, port: u16) -> bool {
        let host = host.trim().to_ascii_lowercase();
        let address: Option<IpAddr> = host.parse().ok();
        if host.is_empty() || host == "localhost" || address.is_some_and(|it| it.is_loopback()) {
            return true;
        }
        self.exempt.iter().any(|it| it.matches(&host, port, address))
    }
}

impl Exempt {
    fn matches(&self, host: &str, port: u16, address: Option<IpAddr>) -> bool {
        let same_port = |of: &Option<u16>| of.is_none_or(|it| it == port);
        match self {
            Exempt::All => true,
            Exempt::Network(network, bits) => address.is_some_and(|it| within(it, *network, *bits)),
            Exempt::Address(it, of) => address == Some(*it) && same_port(of),
            Exempt::Domain { suffix, itself, port: of } => {
                let below = host.strip_suffix(suffix.as_str()).is_some_and(|it| it.ends_with('.'));
                address.is_none() && (below || *itself && host == suffix) && same_port(of)
            }
        }
    }
}

/// One entry, between two commas. What makes no sense is nothing, as in Go.
fn exempt(text: &str) -> Option<Exempt> {
    let text = text.trim().to_ascii_lowercase();
    if text == "*" {
        return Some(Exempt::All);
    }
    if let Some((address, bits)) = text.split_once('/')
        && let (Ok(address), Ok(bits)) = (address.parse::<IpAddr>(), bits.parse())
        && bits <= if address.is_ipv4() { 32 } else { 128 }
    {
        return Some(Exempt::Network(address, bits));
    }
    let (host, port) = match Target::tcp(&text) {
        Ok(Target::Tcp { host, port }) => (host, Some(port)),
        _ => (text.trim_matches(['[', ']']).to_owned(), None),
    };
    if let Ok(address) = host.parse() {
        return Some(Exempt::Address(address, port));
    }
    let name = host.strip_prefix('*').filter(|it| it.starts_with('.')).unwrap_or(&host);
    let suffix = name.strip_prefix('.').unwrap_or(name);
    let itself = suffix.len() == name.len();
    (!suffix.is_empty()).then(|| Exempt::Domain { suffix: suffix.to_owned(), itself, port })
}

fn within(address: IpAddr, network: IpAddr, bits: u32) -> bool {
    let wide = |it: IpAddr| match it.to_canonical() {
        IpAddr::V4(it) => (u128::from(it.to_bits()) << 96, 4),
        IpAddr::V6(it) => (it.to_bits(), 6),
    };
    let ((a, kind), (b, other)) = (wide(address), wide(network));
    kind == other && (a ^ b).checked_shr(128 - bits).unwrap_or(0) == 0
}

/// A part of a URL without its percent-encoding.
pub fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        let digits = more.get(..2).filter(|_| *first == b'%');
        let code = digits.and_then(|it| std::str::from_utf8(it).ok());
        if let Some(byte) = code.and_then(|it| u8::from_str_radix(it, 16).ok()) {
            bytes.push(byte);
            rest = &more[2..];
        } else {
            bytes.push(*first);
            rest = more;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(set: &'static [(&'static str, &'static str)]) -> Proxies {
        Proxies::new(|name| set.iter().find(|it| it.0 == name).map(|it| it.1.to_owned()))
    }

    /// Whether a server at this address is reached through the proxy.
    fn proxied(no_proxy: &'static str, address: &str) -> bool {
        let proxies = Proxies::new(|name| match name {
            "HTTP_PROXY" => Some("proxy:3128".to_owned()),
            "no_proxy" => Some(no_proxy.to_owned()),
            _ => None,
        });
        proxies.choose(false, &Target::tcp(address).unwrap()).unwrap().is_some()
    }

    #[test]
    fn what_is_here_or_named_is_reached_without_a_proxy() {
        for here in ["localhost:80", "LOCALHOST:80", "127.0.0.1:4318", "127.9.9.9:1", "[::1]:80"] {
            assert!(!proxied("", here), "{here}");
        }
        for (no_proxy, address, want) in [
            ("", "a.test:80", true),
            ("*", "a.test:80", false),
            ("x, *", "a.test:80", false),
            ("a.test", "a.test:80", false),
            ("A.Test", "b.a.TEST:80", false),
            ("a.test", "ba.test:80", true),
            (".a.test", "a.test:80", true),
            (".a.test", "b.a.test:80", false),
            ("*.a.test", "b.a.test:80", false),
            ("*.a.test", "a.test:80", true),
            ("a.test:80", "a.test:80", false),
            ("a.test:80", "a.test:81", true),
            ("b.test , a.test", "a.test:80", false),
            ("10.0.0.0/8", "10.1.2.3:80", false),
            ("10.0.0.0/8", "11.1.2.3:80", true),
            ("10.0.0.0/8", "ten.test:80", true),
            ("0.0.0.0/0", "11.1.2.3:80", false),
            ("10.1.2.3", "10.1.2.3:80", false),
            ("10.1.2.3:80", "10.1.2.3:81", true),
            ("fd00::/8", "[fd00::1]:80", false),
            ("[fd00::1]:80", "[fd00::1]:80", false),
            ("fd00::1", "[fd00::2]:80", true),
            (",,:80,10.0.0.0/99", "a.test:80", true),
        ] {
            assert_eq!(proxied(no_proxy, address), want, "{no_proxy} {address}");
        }
    }

    #[test]
    fn each_scheme_has_its_variable() {
        let both = proxies(&[("HTTP_PROXY", "http://plain:1"), ("https_proxy", "safe")]);
        let target = Target::tcp("a.test:80").unwrap();
        let chosen = |of: &Proxies, secure| {
            of.choose(secure, &target).map(|it| it.map(|it| it.target().to_string()))
        };
        assert_eq!(chosen(&both, false), Ok(Some("plain:1".to_owned())));
        assert_eq!(chosen(&both, true), Ok(Some("safe:80".to_owned())));
        assert_eq!(chosen(&proxies(&[("ALL_PROXY", "x:1")]), false), Ok(None));
        let cgi = proxies(&[("HTTP_PROXY", "x:1"), ("REQUEST_METHOD", "GET")]);
        assert!(chosen(&cgi, false).is_err());
        let socks = proxies(&[("HTTP_PROXY", "socks5://u:secret@x:1")]);
        let problem = chosen(&socks, false).unwrap_err();
        assert!(problem.starts_with("HTTP_PROXY: proxy socks5://x:1 cannot be used"), "{problem}");
        assert_eq!(both.choose(false, &Target::Unix("/s".into())), Ok(None));
    }

    #[test]
    fn a_proxy_may_want_a_password() {
        let proxy = Proxy::parse("http://us%40er:p%3Aw@[::1]:8080/x").unwrap();
        assert_eq!(proxy.target().to_string(), "[::1]:8080");
        assert_eq!(proxy.authorization().unwrap(), "Basic dXNAZXI6cDp3");
        assert_eq!(Proxy::parse("u@h:1").unwrap().authorization().unwrap(), "Basic dTo=");
        assert_eq!(Proxy::parse("h:1").unwrap().authorization(), None);
        for wrong in ["https://h", "", "http://", "h:x"] {
            assert!(Proxy::parse(wrong).is_err(), "{wrong}");
        }
    }
}
