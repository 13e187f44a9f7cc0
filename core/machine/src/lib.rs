//! What the machine says of itself: host, system, processor, addresses. All of it is read from files below a root, which
//! is `/` but in tests; what a file does not say is absent. Own telemetry and `resource_detection` describe the machine by it.
//!
//! Everything here blocks for as long as small files take to be read.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

#[cfg(test)]
mod tests;

/// Longest file that is read, in bytes: `/proc/cpuinfo` of a large machine has some hundred KiB.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// The machine whose files are below a root.
#[derive(Debug, Clone)]
pub struct Machine {
    root: PathBuf,
}

/// The first processor, as `/proc/cpuinfo` has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Processor {
    /// `GenuineIntel`.
    pub vendor: String,
    /// `6`.
    pub family: String,
    /// `85`.
    pub model: String,
    /// `Intel(R) Xeon(R) CPU @ 2.20GHz`.
    pub model_name: String,
    /// `7`.
    pub stepping: i32,
    /// Size of its cache, in KiB.
    pub cache_kib: i32,
}

/// A network interface that is up and no loopback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// `eth0`.
    pub name: String,
    /// `02:42:ac:11:00:02`; empty for one without.
    pub hardware_address: String,
}

impl Default for Machine {
    fn default() -> Self {
        Self::below("/")
    }
}

impl Machine {
    /// The machine whose files are below `root`.
    pub fn below(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// A whole file.
    pub fn text(&self, path: &str) -> Option<String> {
        use std::io::Read as _;
        let mut text = Vec::new();
        let file = fs::File::open(self.root.join(path)).ok()?;
        file.take(FILE_BYTES_MAX).read_to_end(&mut text).ok()?;
        Some(String::from_utf8_lossy(&text).into_owned())
    }

    /// The first line of a file, if there is something in it.
    pub fn line(&self, path: &str) -> Option<String> {
        let text = self.text(path)?;
        let line = text.lines().next().unwrap_or_default().trim();
        (!line.is_empty()).then(|| line.to_owned())
    }

    /// Its name, as the kernel has it.
    pub fn host_name(&self) -> Option<String> {
        self.line("proc/sys/kernel/hostname")
    }

    /// Its id, which stays when it starts again.
    pub fn host_id(&self) -> Option<String> {
        ["etc/machine-id", "var/lib/dbus/machine-id"].iter().find_map(|it| self.line(it))
    }

    /// A field of `os-release`.
    pub fn release(&self, field: &str) -> Option<String> {
        let text = self.text("etc/os-release").or_else(|| self.text("usr/lib/os-release"))?;
        let value = text.lines().find_map(|it| it.strip_prefix(field)?.strip_prefix('='))?;
        let value = value.trim().trim_matches(['"', '\'']);
        (!value.is_empty()).then(|| value.to_owned())
    }

    /// The description of Go's SDK: the distribution's name, and `uname` in brackets.
    pub fn os_description(&self) -> Option<String> {
        let kernel = |it: &str| self.line(&format!("proc/sys/kernel/{it}")).unwrap_or_default();
        let uname = [kernel("ostype"), kernel("hostname"), kernel("osrelease"), kernel("version")];
        let uname = uname.join(" ").trim().to_owned();
        match (self.release("PRETTY_NAME"), uname.is_empty()) {
            (Some(name), false) => Some(format!("{name} ({uname})")),
            (Some(name), true) => Some(name),
            (None, false) => Some(uname),
            (None, true) => None,
        }
    }

    /// The first processor.
    pub fn processor(&self) -> Option<Processor> {
        let text = self.text("proc/cpuinfo")?;
        let first = text.split("\n\n").next()?;
        let mut found = Processor::default();
        for (key, value) in first.lines().filter_map(|it| it.split_once(':')) {
            let value = value.trim();
            match key.trim() {
                "vendor_id" | "CPU implementer" => value.clone_into(&mut found.vendor),
                "cpu family" => value.clone_into(&mut found.family),
                "model" | "CPU part" => value.clone_into(&mut found.model),
                "model name" => value.clone_into(&mut found.model_name),
                "stepping" | "CPU revision" => found.stepping = value.parse().unwrap_or(0),
                "cache size" => {
                    found.cache_kib = value.trim_end_matches(" KB").parse().unwrap_or(0);
                }
                _ => {}
            }
        }
        Some(found)
    }

    /// Interfaces that are up, without loopbacks, in the order of their numbers.
    pub fn interfaces(&self) -> Vec<Interface> {
        let folder = self.root.join("sys/class/net");
        let Ok(entries) = fs::read_dir(&folder) else { return Vec::new() };
        let names = entries.flatten().filter_map(|it| it.file_name().into_string().ok());
        let mut found: Vec<(u32, Interface)> = names.filter_map(|it| self.interface(&it)).collect();
        found.sort_by(|a, b| (a.0, &a.1.name).cmp(&(b.0, &b.1.name)));
        found.into_iter().map(|it| it.1).collect()
    }

    fn interface(&self, name: &str) -> Option<(u32, Interface)> {
        /// `IFF_UP` and `IFF_LOOPBACK` of `linux/if.h`.
        const UP: u32 = 1;
        const LOOPBACK: u32 = 8;
        let field = |it: &str| self.line(&format!("sys/class/net/{name}/{it}"));
        let flags = field("flags")?;
        let flags = u32::from_str_radix(flags.trim_start_matches("0x"), 16).ok()?;
        if flags & UP == 0 || flags & LOOPBACK != 0 {
            return None;
        }
        let number = field("ifindex")?.parse().ok()?;
        let address = field("address").unwrap_or_default();
        let is_none = address.chars().all(|it| it == '0' || it == ':');
        let hardware_address = if is_none { String::new() } else { address };
        Some((number, Interface { name: name.to_owned(), hardware_address }))
    }

    /// Its addresses, without loopbacks.
    pub fn addresses(&self) -> Vec<IpAddr> {
        let v4 = self.text("proc/net/fib_trie").map(|it| local_v4(&it)).unwrap_or_default();
        let v6 = self.text("proc/net/if_inet6").map(|it| local_v6(&it)).unwrap_or_default();
        v4.into_iter().map(IpAddr::V4).chain(v6.into_iter().map(IpAddr::V6)).collect()
    }

    /// The name that `hosts(5)` gives first for a host with one of whose names it is this.
    pub fn canonical_name(&self, host: &str) -> Option<String> {
        let text = self.text("etc/hosts")?;
        text.lines().find_map(|line| {
            let line = line.split('#').next()?;
            let mut names = line.split_whitespace().skip(1).peekable();
            let first = (*names.peek()?).to_owned();
            names.any(|it| it == host).then_some(first)
        })
    }

    /// Where the root is.
    pub fn root(&self) -> &Path {
        &self.root
    }
}

/// Addresses whose leaf says that they are this machine's: `/32 host LOCAL`.
fn local_v4(trie: &str) -> Vec<Ipv4Addr> {
    let mut found = Vec::new();
    let mut leaf = None;
    for line in trie.lines().map(str::trim_start) {
        if let Some(address) = line.strip_prefix("|-- ") {
            leaf = address.trim().parse::<Ipv4Addr>().ok();
        } else if line.starts_with("/32 host LOCAL")
            && let Some(address) = leaf.filter(|it| !it.is_loopback())
            && !found.contains(&address)
        {
            found.push(address);
        }
    }
    found
}

/// Lines of `/proc/net/if_inet6`: the address in 32 digits, and more.
fn local_v6(lines: &str) -> Vec<Ipv6Addr> {
    let address = |line: &str| {
        let digits = line.split_whitespace().next()?;
        (digits.len() == 32).then(|| u128::from_str_radix(digits, 16).ok())?.map(Ipv6Addr::from)
    };
    lines.lines().filter_map(address).filter(|it| !it.is_loopback()).collect()
}
