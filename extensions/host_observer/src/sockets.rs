//! Sockets that somebody may speak to, and whose they are: `/proc/net` and `/proc/PID/fd`. Everything here blocks.

use std::collections::HashMap;
use std::fs;
use std::io::Read as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

/// Most endpoints.
pub(crate) const ENDPOINTS_MAX: usize = 10_000;
/// Longest list of sockets that is read, in bytes. Those that listen come before those that are connected.
const LIST_BYTES_MAX: u64 = 16 << 20;
/// Longest name and command line that are read, in bytes.
const TEXT_BYTES_MAX: u64 = 16 << 10;
/// The kernel keeps so many bytes of a process' name.
const NAME_BYTES: usize = 15;

/// A socket that somebody may speak to, and its process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listening {
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
    pub(crate) transport: &'static str,
    pub(crate) pid: u32,
    pub(crate) name: String,
    pub(crate) command: String,
}

/// The lists: their names, what they are of, and the state of a socket there that waits for anybody (`include/net/tcp_states.h`).
const LISTS: [(&str, &str, &str); 4] = [
    ("net/tcp", "TCP", "0A"),
    ("net/tcp6", "TCP", "0A"),
    ("net/udp", "UDP", "07"),
    ("net/udp6", "UDP", "07"),
];

/// All of this machine, and how many more there are than are known.
pub(crate) fn listening(proc: &Path) -> (Vec<Listening>, usize) {
    // By inode.
    let mut sockets = HashMap::new();
    for (list, transport, state) in LISTS {
        let text = text(&proc.join(list), LIST_BYTES_MAX);
        for line in text.lines().skip(1) {
            if let Some((address, port, inode)) = socket(line, state) {
                sockets.insert(inode, (address, port, transport));
            }
        }
    }
    let mut found = Vec::new();
    for pid in pids(proc) {
        let folder = proc.join(pid.to_string());
        let own = inodes(&folder).filter_map(|it| sockets.remove(&it)).collect::<Vec<_>>();
        if own.is_empty() {
            continue;
        }
        let (name, command) = names(&folder);
        found.extend(own.into_iter().map(|(address, port, transport)| {
            let (name, command) = (name.clone(), command.clone());
            Listening { address, port, transport, pid, name, command }
        }));
    }
    let refused = found.len().saturating_sub(ENDPOINTS_MAX);
    found.truncate(ENDPOINTS_MAX);
    (found, refused)
}

fn text(path: &Path, bytes_max: u64) -> String {
    let mut bytes = Vec::new();
    // What is not there, or not for us, says nothing.
    let _ = fs::File::open(path).and_then(|it| it.take(bytes_max).read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Address, port and inode of `  0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 4711 ...`.
fn socket(line: &str, wanted: &str) -> Option<(IpAddr, u16, u64)> {
    let mut words = line.split_whitespace().skip(1);
    let (local, _remote, state) = (words.next()?, words.next()?, words.next()?);
    let inode = words.nth(5)?.parse().ok().filter(|it| *it != 0)?;
    let (address, port) = local.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    (state == wanted).then_some((address_of(address)?, port, inode))
}

/// The kernel writes words of 32 bits as this machine has them in memory.
fn address_of(hex: &str) -> Option<IpAddr> {
    let mut bytes = Vec::with_capacity(16);
    for at in (0..hex.len()).step_by(8) {
        let word = u32::from_str_radix(hex.get(at..at + 8)?, 16).ok()?;
        bytes.extend(word.to_ne_bytes());
    }
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(|it| Ipv4Addr::from(it).into()),
        16 => <[u8; 16]>::try_from(bytes).ok().map(|it| Ipv6Addr::from(it).into()),
        _ => None,
    }
}

/// All processes, the oldest first.
fn pids(proc: &Path) -> Vec<u32> {
    let entries = fs::read_dir(proc).into_iter().flatten().flatten();
    let mut pids: Vec<u32> =
        entries.filter_map(|it| it.file_name().to_str()?.parse().ok()).collect();
    pids.sort_unstable();
    pids
}

/// The sockets that a process has open.
fn inodes(folder: &Path) -> impl Iterator<Item = u64> {
    let entries = fs::read_dir(folder.join("fd")).into_iter().flatten().flatten();
    entries.filter_map(|it| {
        let target = fs::read_link(it.path()).ok()?;
        target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
    })
}

/// Name and command line of a process.
fn names(folder: &Path) -> (String, String) {
    let name = text(&folder.join("comm"), TEXT_BYTES_MAX).trim_end().to_owned();
    let line = text(&folder.join("cmdline"), TEXT_BYTES_MAX);
    let words: Vec<&str> = line.trim_end_matches('\0').split('\0').collect();
    let program = words.first().and_then(|it| it.rsplit('/').next()).unwrap_or_default();
    // A name that may have been cut is told by the command line.
    let is_cut = name.len() >= NAME_BYTES && program.starts_with(&name);
    (if is_cut { program.to_owned() } else { name }, words.join(" "))
}
