//! The domain name system, asked itself: the system's own functions know addresses only, and here records of services,
//! mail and name servers are wanted, too. Servers and search path are those of `/etc/resolv.conf`; how they are asked is what
//! Prometheus does (`discovery/dns`, v0.310).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;
use tracing::warn;

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

/// What a name stands for. Names end in a dot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Record {
    Address(IpAddr),
    NameServer(String),
    Mail(String),
    Service { target: String, port: u16 },
}

/// What a server says of a name.
enum Answer {
    Records(Vec<Record>),
    NoSuchName,
    /// It cannot say.
    Failed(ResponseCode),
}

/// An answer, or the word that it is too long for this way.
enum Reply {
    Whole(Answer),
    CutOff,
}

/// What a section can ask for, in letters of any size.
pub(crate) fn kind(name: &str) -> Option<RecordType> {
    let kind = name.to_ascii_uppercase().parse().ok()?;
    let known = [RecordType::A, RecordType::AAAA, RecordType::MX, RecordType::NS, RecordType::SRV];
    known.contains(&kind).then_some(kind)
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
    pub(crate) async fn look_up(
        &self,
        name: &str,
        kind: RecordType,
    ) -> Result<Vec<Record>, String> {
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
    async fn ask_any(&self, name: &str, kind: RecordType) -> Result<Option<Vec<Record>>, ()> {
        for server in self.servers.iter().cycle().take(self.servers.len() * self.attempts) {
            match self.ask(*server, name, kind).await {
                Ok(Answer::Records(records)) => return Ok(Some(records)),
                Ok(Answer::NoSuchName) => return Ok(None),
                Ok(Answer::Failed(code)) => {
                    warn!(%server, name, %code, "DNS resolution failed");
                }
                Err(error) => warn!(%server, name, error, "DNS resolution failed"),
            }
        }
        Err(())
    }

    /// Asks over UDP, and over TCP for what is too long for that.
    async fn ask(
        &self,
        server: SocketAddr,
        name: &str,
        kind: RecordType,
    ) -> Result<Answer, String> {
        let late = |_| "i/o timeout".to_owned();
        let id = fastrand::u16(..);
        let asked = question(id, name, kind, Some(UDP_BYTES))?;
        let over_udp = over_udp(server, &asked);
        match timeout(self.timeout, over_udp).await.map_err(late)?? {
            Reply::Whole(answer) => return Ok(answer),
            Reply::CutOff => {}
        }
        let asked = question(id, name, kind, None)?;
        match timeout(self.timeout, over_tcp(server, &asked)).await.map_err(late)?? {
            Reply::Whole(answer) => Ok(answer),
            Reply::CutOff => Err("got truncated message on TCP (64kiB limit exceeded?)".to_owned()),
        }
    }
}

/// A question. `longest` is told to the server, as the longest answer that it may give.
fn question(
    id: u16,
    name: &str,
    kind: RecordType,
    longest: Option<u16>,
) -> Result<Message, String> {
    let mut name = Name::from_ascii(name).map_err(|it| format!("{name:?} is no name: {it}"))?;
    name.set_fqdn(true);
    let mut message = Message::new(id, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(name, kind));
    if let Some(longest) = longest {
        let mut edns = Edns::new();
        edns.set_max_payload(longest);
        message.set_edns(edns);
    }
    Ok(message)
}

impl Reply {
    /// Reads what came after `asked`; `None` if it is the answer to something else.
    ///
    /// # Errors
    /// It is no message.
    fn read(bytes: &[u8], asked: &Message) -> Result<Option<Self>, String> {
        if !bytes.starts_with(&asked.metadata.id.to_be_bytes()) {
            return Ok(None);
        }
        let said = Message::from_vec(bytes)
            .map_err(|error| format!("the answer is malformed: {error}"))?;
        // Names are compared without regard to the size of letters.
        if said.metadata.message_type != MessageType::Response || said.queries != asked.queries {
            return Ok(None);
        }
        if said.metadata.truncation {
            return Ok(Some(Self::CutOff));
        }
        Ok(Some(Self::Whole(match said.metadata.response_code {
            ResponseCode::NoError => Answer::Records(
                // Others, as the names that one name is an alias of, are passed over.
                said.answers.into_iter().filter_map(|it| Record::read(it.data)).collect(),
            ),
            ResponseCode::NXDomain => Answer::NoSuchName,
            code => Answer::Failed(code),
        })))
    }
}

impl Record {
    fn read(data: RData) -> Option<Self> {
        match data {
            RData::NS(it) => Some(Self::NameServer(it.0.to_ascii())),
            RData::MX(it) => Some(Self::Mail(it.exchange.to_ascii())),
            RData::SRV(it) => Some(Self::Service { target: it.target.to_ascii(), port: it.port }),
            _ => None,
        }
    }
}

fn bytes_of(asked: &Message) -> Result<Vec<u8>, String> {
    asked.to_vec().map_err(|error| error.to_string())
}

fn io(error: std::io::Error) -> String {
    confignet::go_text(&error)
}

async fn over_udp(server: SocketAddr, asked: &Message) -> Result<Reply, String> {
    let any: SocketAddr = if server.is_ipv4() {
        SocketAddr::from(([0; 4], 0))
    } else {
        SocketAddr::from(([0_u16; 8], 0))
    };
    let socket = UdpSocket::bind(any).await.map_err(io)?;
    // From here on only this server is heard.
    socket.connect(server).await.map_err(io)?;
    socket.send(&bytes_of(asked)?).await.map_err(io)?;
    let mut buffer = vec![0; usize::from(UDP_BYTES)];
    loop {
        let length = socket.recv(&mut buffer).await.map_err(io)?;
        // What answers another question is late, or forged.
        if let Some(reply) = Reply::read(buffer.get(..length).unwrap_or_default(), asked)? {
            return Ok(reply);
        }
    }
}

async fn over_tcp(server: SocketAddr, asked: &Message) -> Result<Reply, String> {
    let mut stream = TcpStream::connect(server).await.map_err(io)?;
    let asked_bytes = bytes_of(asked)?;
    let length = u16::try_from(asked_bytes.len()).map_err(|error| error.to_string())?;
    let framed = [&length.to_be_bytes()[..], &asked_bytes].concat();
    stream.write_all(&framed).await.map_err(io)?;
    let length = stream.read_u16().await.map_err(io)?;
    let mut buffer = vec![0; usize::from(length)];
    stream.read_exact(&mut buffer).await.map_err(io)?;
    let reply = Reply::read(&buffer, asked)?;
    reply.ok_or_else(|| "the server answers another question".to_owned())
}

#[cfg(test)]
mod tests;
