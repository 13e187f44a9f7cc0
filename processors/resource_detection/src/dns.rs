//! Two questions to a name server that the system's resolver has no call for: the canonical name of a host, and the
//! name of an address. RFC 1035, over UDP; what does not fit into a datagram is not asked again over TCP, as such
//! answers are short.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::Instant;

use crate::probe::Probe;

/// Longest answer over UDP, in bytes. RFC 1035, section 2.3.4, allows 512; servers send more to who takes it.
const ANSWER_BYTES_MAX: usize = 4096;
/// Most names that lead to each other in an answer.
const CHAIN_MAX: usize = 10;
/// Longest wait for one server, as in resolv.conf(5).
const SERVER_TIMEOUT: Duration = Duration::from_secs(5);
/// Name servers that are asked. `MAXNS` of resolv.conf(5).
const SERVERS_MAX: usize = 3;
/// Types of records.
const A: u16 = 1;
const CNAME: u16 = 5;
const PTR: u16 = 12;
const AAAA: u16 = 28;

/// The name servers of the machine.
pub(crate) struct Dns {
    servers: Vec<SocketAddr>,
    search: Vec<String>,
    dots: usize,
    deadline: Instant,
}

/// A record of an answer.
#[derive(Debug, PartialEq, Eq)]
struct Record {
    name: String,
    kind: u16,
    /// Of those records whose data is a name.
    target: String,
}

impl Dns {
    /// What `/etc/resolv.conf` says.
    pub(crate) async fn of(probe: &Probe) -> Result<Self, String> {
        let text = probe.read(|machine| machine.text("etc/resolv.conf")).await.unwrap_or_default();
        let (mut servers, mut search, mut dots) = (Vec::new(), Vec::new(), 1);
        for line in text.lines() {
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") => {
                    let address = words.next().and_then(|it| it.parse::<IpAddr>().ok());
                    servers.extend(address.map(|it| SocketAddr::new(it, 53)));
                }
                Some("search" | "domain") => search = words.map(str::to_owned).collect(),
                Some("options") => {
                    let found = words.find_map(|it| it.strip_prefix("ndots:")?.parse().ok());
                    dots = found.unwrap_or(dots);
                }
                _ => {}
            }
        }
        servers.truncate(SERVERS_MAX);
        if servers.is_empty() {
            return Err("/etc/resolv.conf names no server".into());
        }
        Ok(Self { servers, search, dots, deadline: probe.deadline })
    }

    /// What the names of a host lead to, without the dot at its end.
    pub(crate) async fn canonical_name(&self, host: &str) -> Result<String, String> {
        let local = host.trim_end_matches('.');
        let searched = self.search.iter().map(|domain| format!("{local}.{domain}"));
        let mut names: Vec<String> = searched.collect();
        let is_enough = local.matches('.').count() >= self.dots;
        names.insert(if is_enough { 0 } else { names.len() }, local.to_owned());
        let mut last = String::new();
        for name in &names {
            for kind in [A, AAAA] {
                match self.ask(name, kind).await {
                    Ok(records) => match end_of(name, kind, &records) {
                        Some(end) => return Ok(end),
                        None => last = format!("lookup {name}: no such host"),
                    },
                    Err(why) => last = why,
                }
            }
        }
        Err(last)
    }

    /// The name of an address.
    pub(crate) async fn name_of(&self, address: IpAddr) -> Result<String, String> {
        let records = self.ask(&reversed(address), PTR).await?;
        let found = records.into_iter().find(|it| it.kind == PTR);
        found.map(|it| it.target).ok_or_else(|| format!("lookup {address}: no such host"))
    }

    async fn ask(&self, name: &str, kind: u16) -> Result<Vec<Record>, String> {
        let mut last = String::new();
        for server in &self.servers {
            let end = self.deadline.min(Instant::now() + SERVER_TIMEOUT);
            match tokio::time::timeout_at(end, ask(*server, name, kind)).await {
                Ok(Ok(records)) => return Ok(records),
                Ok(Err(why)) => last = why,
                Err(_) => last = format!("lookup {name} on {server}: i/o timeout"),
            }
        }
        Err(last)
    }
}

async fn ask(server: SocketAddr, name: &str, kind: u16) -> Result<Vec<Record>, String> {
    let failed = |error: std::io::Error| format!("lookup {name} on {server}: {error}");
    let any: SocketAddr =
        if server.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0; 16], 0).into() };
    let socket = UdpSocket::bind(any).await.map_err(failed)?;
    socket.connect(server).await.map_err(failed)?;
    let id = fastrand::u16(..);
    let question =
        question(id, name, kind).ok_or_else(|| format!("{name} is no name of a host"))?;
    socket.send(&question).await.map_err(failed)?;
    let mut buffer = vec![0; ANSWER_BYTES_MAX];
    loop {
        let length = socket.recv(&mut buffer).await.map_err(failed)?;
        // What was asked by somebody else before us is no answer.
        if let Some(records) = buffer.get(..length).and_then(|it| answer(it, id)) {
            return Ok(records);
        }
    }
}

/// The last name of the chain that begins at `name`, if there is an address behind it.
fn end_of(name: &str, kind: u16, records: &[Record]) -> Option<String> {
    let mut name = name.to_owned();
    for _ in 0..CHAIN_MAX {
        let same = |it: &&Record| it.name.eq_ignore_ascii_case(&name);
        if records.iter().filter(same).any(|it| it.kind == kind) {
            return Some(name);
        }
        let next = records.iter().filter(same).find(|it| it.kind == CNAME)?.target.clone();
        name = next;
    }
    None
}

fn reversed(address: IpAddr) -> String {
    match address {
        IpAddr::V4(it) => {
            let [a, b, c, d] = it.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(it) => {
            let digits = it.octets().into_iter().rev();
            let digits = digits.flat_map(|it| [it & 15, it >> 4]);
            digits.map(|it| format!("{it:x}.")).collect::<String>() + "ip6.arpa"
        }
    }
}

/// A question that wants recursion.
fn question(id: u16, name: &str, kind: u16) -> Option<Vec<u8>> {
    let mut out = id.to_be_bytes().to_vec();
    out.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.') {
        let length = u8::try_from(label.len()).ok().filter(|it| (1..64).contains(it))?;
        out.push(length);
        out.extend(label.bytes());
    }
    out.push(0);
    out.extend(kind.to_be_bytes());
    out.extend([0, 1]);
    Some(out)
}

/// The records of an answer to the question `id`.
fn answer(bytes: &[u8], id: u16) -> Option<Vec<Record>> {
    let number = |at: usize| {
        let pair: [u8; 2] = bytes.get(at..at + 2)?.try_into().ok()?;
        Some(u16::from_be_bytes(pair))
    };
    if number(0)? != id || number(2)? & 0x8000 == 0 {
        return None;
    }
    let mut at = 12;
    for _ in 0..number(4)? {
        at = name(bytes, at)?.1 + 4;
    }
    let mut records = Vec::new();
    for _ in 0..number(6)? {
        // A truncated answer ends somewhere.
        let Some((owner, after)) = name(bytes, at) else { break };
        let (Some(kind), Some(length)) = (number(after), number(after + 8)) else { break };
        let data = after + 10;
        let target = match kind {
            CNAME | PTR => name(bytes, data).map(|it| it.0).unwrap_or_default(),
            _ => String::new(),
        };
        records.push(Record { name: owner, kind, target });
        at = data + usize::from(length);
    }
    Some(records)
}

/// The name at `at`, and where what follows it begins.
fn name(bytes: &[u8], mut at: usize) -> Option<(String, usize)> {
    let (mut labels, mut end) = (Vec::new(), None);
    for _ in 0..128 {
        let length = usize::from(*bytes.get(at)?);
        match length {
            0 => return Some((labels.join("."), end.unwrap_or(at + 1))),
            192.. => {
                end.get_or_insert(at + 2);
                at = (length & 63) << 8 | usize::from(*bytes.get(at + 1)?);
            }
            _ => {
                let label = bytes.get(at + 1..at + 1 + length)?;
                labels.push(String::from_utf8_lossy(label).into_owned());
                at += 1 + length;
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer to the question `id` about `name` with the given records; the names of the records point into the question.
    fn reply(id: u16, asked: &str, records: &[(u16, &str)]) -> Vec<u8> {
        let mut out = question(id, asked, A).unwrap();
        out[2] |= 0x80;
        out[7] = u8::try_from(records.len()).unwrap();
        let mut owner = 12;
        for (kind, target) in records {
            out.extend([0xc0, u8::try_from(owner).unwrap()]);
            out.extend(kind.to_be_bytes());
            out.extend([0, 1, 0, 0, 0, 60]);
            let data = if *kind == A {
                vec![10, 0, 0, 1]
            } else {
                let mut name: Vec<u8> = Vec::new();
                for label in target.split('.') {
                    name.push(u8::try_from(label.len()).unwrap());
                    name.extend(label.bytes());
                }
                name.push(0);
                name
            };
            out.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
            owner = out.len();
            out.extend(data);
        }
        out
    }

    #[test]
    fn names_lead_to_the_canonical_one() {
        let bytes = reply(7, "n1", &[(CNAME, "n1.example.org"), (A, "")]);
        let records = answer(&bytes, 7).unwrap();
        assert_eq!(end_of("n1", A, &records).unwrap(), "n1.example.org");
        assert_eq!(end_of("n1", AAAA, &records), None);
        assert_eq!(answer(&bytes, 8), None);
    }

    #[test]
    fn what_a_server_sends_is_read_within_its_bounds() {
        let bytes = reply(7, "n1", &[(CNAME, "n1.example.org"), (A, "")]);
        for length in 0..bytes.len() {
            let _ = answer(&bytes[..length], 7);
        }
        // A name that points to itself.
        let mut circle = question(7, "n1", A).unwrap();
        circle[2] |= 0x80;
        circle[7] = 1;
        let at = u8::try_from(circle.len()).unwrap();
        circle.extend([0xc0, at]);
        assert_eq!(answer(&circle, 7), Some(Vec::new()));
        assert_eq!(question(1, "a..b", A), None);
    }

    #[test]
    fn addresses_are_asked_for_backwards() {
        assert_eq!(reversed("10.1.2.3".parse().unwrap()), "3.2.1.10.in-addr.arpa");
        let v6 = reversed("fe80::1".parse().unwrap());
        assert!(v6.starts_with("1.0.0.0.") && v6.ends_with(".0.8.e.f.ip6.arpa"), "{v6}");
    }
}
