//! The domain name system, asked itself: the system's own functions know addresses only, and here records of services,
//! mail and name servers are wanted, too. Servers and search path are those of `/etc/resolv.conf`; how they are asked is what
//! Prometheus does (`discovery/dns`, v0.310).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;
use tracing::warn;

mod message;

pub(crate) use message::Record;
use message::{Answer, Reply, question};

/// Where the system says whom to ask.
const RESOLV_CONF: &str = "/etc/resolv.conf";
/// Longest text of it that is read, in bytes.
const RESOLV_CONF_BYTES_MAX: usize = 64 << 10;
/// Most servers, and most names of the search path.
const SERVERS_MAX: usize = 16;
/// Where servers listen.
const PORT: u16 = 53;
/// Longest answer over UDP, in bytes, which is told to the server. RFC 6891.
const UDP_BYTES: u16 = 4096;
/// Bounds of what `options` can say: a minute, and as many attempts as anybody needs.
const TIMEOUT_MAX: u64 = 60;
const ATTEMPTS_MAX: usize = 5;

/// Whom to ask, and for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resolver {
    servers: Vec<SocketAddr>,
    search: Vec<String>,
    ndots: usize,
    timeout: Duration,
    attempts: usize,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    A,
    Aaaa,
    /// What the system's own functions do not know.
    Record(Type),
}

/// Types of records, by their numbers. RFC 1035, 2782.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub(crate) enum Type {
    Ns = 2,
    Mx = 15,
    Srv = 33,
}

impl Kind {
    /// As the section names it, in letters of any size.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name.to_ascii_uppercase().as_str() {
            "A" => Some(Self::A),
            "AAAA" => Some(Self::Aaaa),
            "NS" => Some(Self::Record(Type::Ns)),
            "MX" => Some(Self::Record(Type::Mx)),
            "SRV" => Some(Self::Record(Type::Srv)),
            _ => None,
        }
    }
}

impl Resolver {
    /// The one of the system, as it is now.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) async fn of_system() -> Result<Self, String> {
        let read = tokio::task::spawn_blocking(|| std::fs::read(RESOLV_CONF)).await;
        let read = read.map_err(|_| "reading resolv.conf was ended".to_owned())?;
        let text = read.map_err(|error| {
            format!(
                "could not load resolv.conf: open {RESOLV_CONF}: {}",
                confignet::go_text(&error)
            )
        })?;
        let text = text.get(..RESOLV_CONF_BYTES_MAX).unwrap_or(&text);
        Ok(Self::read(&String::from_utf8_lossy(text)))
    }

    /// `resolv.conf(5)`.
    fn read(text: &str) -> Self {
        let mut resolver = Self {
            servers: Vec::new(),
            search: Vec::new(),
            ndots: 1,
            timeout: Duration::from_secs(5),
            attempts: 2,
        };
        for line in text.lines().filter(|it| !it.starts_with(['#', ';'])) {
            let mut words = line.split_ascii_whitespace();
            let names = |words: std::str::SplitAsciiWhitespace<'_>| {
                words.take(SERVERS_MAX).map(str::to_owned).collect()
            };
            match words.next() {
                Some("nameserver") => {
                    let address = words.next().and_then(|it| it.split('%').next()?.parse().ok());
                    let address = address.map(|it: IpAddr| SocketAddr::new(it, PORT));
                    resolver
                        .servers
                        .extend(address.filter(|_| resolver.servers.len() < SERVERS_MAX));
                }
                Some("search") => resolver.search = names(words),
                Some("domain") => resolver.search = names(words).into_iter().take(1).collect(),
                Some("options") => words.for_each(|it| resolver.option(it)),
                _ => {}
            }
        }
        if resolver.servers.is_empty() {
            resolver.servers.push(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), PORT));
        }
        resolver
    }

    fn option(&mut self, option: &str) {
        let Some((name, number)) = option.split_once(':') else { return };
        let Ok(number) = number.parse::<u64>() else { return };
        match name {
            "ndots" => self.ndots = usize::try_from(number).unwrap_or(usize::MAX),
            "timeout" => self.timeout = Duration::from_secs(number.clamp(1, TIMEOUT_MAX)),
            "attempts" => {
                let number = usize::try_from(number).unwrap_or(usize::MAX);
                self.attempts = number.clamp(1, ATTEMPTS_MAX);
            }
            _ => {}
        }
    }

    /// The names that one can mean, in the order in which they are asked for.
    fn names(&self, name: &str) -> Vec<String> {
        if let Some(rooted) = name.strip_suffix('.') {
            return vec![rooted.to_owned()];
        }
        let searched = self.search.iter().filter(|it| it.as_str() != ".");
        let mut names: Vec<String> =
            searched.map(|it| format!("{name}.{}", it.trim_end_matches('.'))).collect();
        let labels = name.split('.').count();
        let at = if labels > self.ndots { 0 } else { names.len() };
        names.insert(at, name.to_owned());
        names
    }

    /// The records of a name; none where nobody knows the name.
    ///
    /// # Errors
    /// For one of the names that it can mean no server says what there is, so that nobody knows.
    pub(crate) async fn look_up(&self, name: &str, kind: Type) -> Result<Vec<Record>, String> {
        let mut all_known = true;
        for full in self.names(name) {
            match self.ask_any(&full, kind).await {
                Ok(Some(records)) => return Ok(records),
                Ok(None) => {}
                Err(()) => all_known = false,
            }
        }
        if all_known {
            return Ok(Vec::new());
        }
        Err(format!(
            "could not resolve {name:?}: all servers responded with errors to at least one search domain"
        ))
    }

    /// What the first server says that knows; `None` if there is no such name.
    async fn ask_any(&self, name: &str, kind: Type) -> Result<Option<Vec<Record>>, ()> {
        for server in self.servers.iter().cycle().take(self.servers.len() * self.attempts) {
            match self.ask(*server, name, kind).await {
                Ok(Answer::Records(records)) => return Ok(Some(records)),
                Ok(Answer::NoSuchName) => return Ok(None),
                Ok(Answer::Failed(code)) => {
                    warn!(%server, name, code, "DNS resolution failed");
                }
                Err(error) => warn!(%server, name, error, "DNS resolution failed"),
            }
        }
        Err(())
    }

    /// Asks over UDP, and over TCP for what is too long for that.
    async fn ask(&self, server: SocketAddr, name: &str, kind: Type) -> Result<Answer, String> {
        let late = |_| "i/o timeout".to_owned();
        let id = fastrand::u16(..);
        let asked = question(id, name, kind as u16, Some(UDP_BYTES))?;
        let over_udp = over_udp(server, &asked);
        match timeout(self.timeout, over_udp).await.map_err(late)?? {
            Reply::Whole(answer) => return Ok(answer),
            Reply::CutOff => {}
        }
        let asked = question(id, name, kind as u16, None)?;
        match timeout(self.timeout, over_tcp(server, &asked)).await.map_err(late)?? {
            Reply::Whole(answer) => Ok(answer),
            Reply::CutOff => Err("got truncated message on TCP (64kiB limit exceeded?)".to_owned()),
        }
    }
}

fn io(error: std::io::Error) -> String {
    confignet::go_text(&error)
}

async fn over_udp(server: SocketAddr, asked: &[u8]) -> Result<Reply, String> {
    let any: SocketAddr = if server.is_ipv4() {
        SocketAddr::from(([0; 4], 0))
    } else {
        SocketAddr::from(([0_u16; 8], 0))
    };
    let socket = UdpSocket::bind(any).await.map_err(io)?;
    // From here on only this server is heard.
    socket.connect(server).await.map_err(io)?;
    socket.send(asked).await.map_err(io)?;
    let mut buffer = vec![0; usize::from(UDP_BYTES)];
    loop {
        let length = socket.recv(&mut buffer).await.map_err(io)?;
        // What answers another question is late, or forged.
        if let Some(reply) = Reply::read(buffer.get(..length).unwrap_or_default(), asked)? {
            return Ok(reply);
        }
    }
}

async fn over_tcp(server: SocketAddr, asked: &[u8]) -> Result<Reply, String> {
    let mut stream = TcpStream::connect(server).await.map_err(io)?;
    let length = u16::try_from(asked.len()).map_err(|error| error.to_string())?;
    let framed = [&length.to_be_bytes()[..], asked].concat();
    stream.write_all(&framed).await.map_err(io)?;
    let length = stream.read_u16().await.map_err(io)?;
    let mut buffer = vec![0; usize::from(length)];
    stream.read_exact(&mut buffer).await.map_err(io)?;
    let reply = Reply::read(&buffer, asked)?;
    reply.ok_or_else(|| "the server answers another question".to_owned())
}

#[cfg(test)]
mod tests;
