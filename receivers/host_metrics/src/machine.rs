//! Where the files of the machine are, and how they are read.

use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use confignet::go_text;

use crate::text::{fields, first, float, lines, number};

/// Longest file, in bytes. /proc/net/tcp of a machine with a million connections has 150 MB.
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Buffers that have grown beyond this are given back, in bytes.
const BUFFER_BYTES_KEPT: usize = 1024 * 1024;
/// `AT_PAGESZ` of getauxval(3).
const AUXV_PAGE_SIZE: u64 = 6;

/// The clock ticks of one second in /proc: `USER_HZ`, which is 100 wherever Linux runs on today's machines.
pub(crate) const TICKS: f64 = 100.0;

/// Where the file systems of the machine are mounted.
#[derive(Debug, Clone)]
pub(crate) struct Root {
    /// `root_path`, without a slash at its end; empty for the real root.
    path: String,
    proc: String,
    sys: String,
    dev: String,
    /// `HOST_PROC_MOUNTINFO`, which takes the place of /proc/1/mountinfo.
    mounts: Option<String>,
}

impl Root {
    /// Below `root_path`, unless a variable says otherwise: those of gopsutil.
    pub(crate) fn new(root_path: &str) -> Self {
        Self::with(root_path, |name| std::env::var(name).ok().filter(|it| !it.is_empty()))
    }

    fn with(root_path: &str, variable: impl Fn(&str) -> Option<String>) -> Self {
        let path = root_path.trim_end_matches('/');
        let place = |name: &str, folder: &str| {
            let place = variable(name).unwrap_or_else(|| format!("{path}{folder}"));
            place.trim_end_matches('/').to_owned()
        };
        Self {
            path: path.to_owned(),
            proc: place("HOST_PROC", "/proc"),
            sys: place("HOST_SYS", "/sys"),
            dev: place("HOST_DEV", "/dev"),
            mounts: variable("HOST_PROC_MOUNTINFO"),
        }
    }

    /// A path of the machine as this process has to write it. One that begins with `root_path` already is as it should be:
    /// that is what the mounts of the own process look like.
    pub(crate) fn translate(&self, path: &str) -> String {
        let inside = path == self.path
            || path.strip_prefix(&*self.path).is_some_and(|it| it.starts_with('/'));
        if self.mounts.is_some() || self.path.is_empty() || inside {
            return path.to_owned();
        }
        format!("{}{}", self.path, if path == "/" { "" } else { path })
    }

    /// A file in /dev.
    pub(crate) fn device(&self, path: &str) -> PathBuf {
        Path::new(&self.dev).join(path.trim_start_matches('/'))
    }

    /// A file in /sys.
    pub(crate) fn sys(&self, path: impl fmt::Display) -> PathBuf {
        PathBuf::from(format!("{}/{path}", self.sys))
    }

    /// A file in /proc.
    pub(crate) fn proc(&self, path: impl fmt::Display) -> PathBuf {
        PathBuf::from(format!("{}/{path}", self.proc))
    }

    /// Where mounts are read, and whether there is another place if that is not to be had.
    pub(crate) fn mounts(&self) -> Option<&Path> {
        self.mounts.as_deref().and_then(|it| Path::new(it).parent())
    }

    /// True without `root_path`.
    pub(crate) fn is_own(&self) -> bool {
        self.path.is_empty()
    }

    /// Where users have their names.
    pub(crate) fn users(&self) -> PathBuf {
        PathBuf::from(format!("{}/etc/passwd", self.path))
    }
}

/// What all scrapers know of the machine and of the program.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    pub(crate) root: Root,
    /// Of the program.
    pub(crate) version: &'static str,
    /// When the machine was started, in nanoseconds since 1970.
    pub(crate) boot: u64,
}

/// Why a file could not be read.
#[derive(Debug)]
pub(crate) struct Failure {
    /// In Go's words: `open /proc/1/io: permission denied`.
    pub(crate) text: String,
    path: String,
    is_gone: bool,
}

impl Failure {
    pub(crate) fn new(call: &str, path: impl fmt::Display, error: &io::Error) -> Self {
        // A process that ends while its file is open has no such process: ESRCH.
        let is_gone = error.kind() == ErrorKind::NotFound || error.raw_os_error() == Some(3);
        let path = path.to_string();
        let text = format!("{call} {path}: {}", go_text(error));
        Self { text, path, is_gone }
    }

    /// The file, or the process that it is about, is not there.
    pub(crate) fn is_gone(&self) -> bool {
        self.is_gone
    }

    /// As gopsutil says it of some files.
    pub(crate) fn not_read(self) -> String {
        format!("couldn't read {}: {}", self.path, self.text)
    }
}

impl From<Failure> for String {
    fn from(it: Failure) -> String {
        it.text
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Reads files of the machine into one buffer, which is used again.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) root: Root,
    path: String,
    buffer: Vec<u8>,
}

impl Files {
    pub(crate) fn new(root: &Root) -> Self {
        Self { root: root.clone(), path: String::new(), buffer: Vec::new() }
    }

    /// A file in /proc.
    pub(crate) fn proc(&mut self, path: fmt::Arguments<'_>) -> Result<&[u8], Failure> {
        self.path.clear();
        self.path.push_str(&self.root.proc);
        self.path.push('/');
        self.rest(path)
    }

    /// A file in /sys.
    pub(crate) fn sys(&mut self, path: fmt::Arguments<'_>) -> Result<&[u8], Failure> {
        self.path.clear();
        self.path.push_str(&self.root.sys);
        self.path.push('/');
        self.rest(path)
    }

    /// Any file.
    pub(crate) fn any(&mut self, path: &Path) -> Result<&[u8], Failure> {
        self.path.clear();
        self.rest(format_args!("{}", path.display()))
    }

    fn rest(&mut self, path: fmt::Arguments<'_>) -> Result<&[u8], Failure> {
        let _ = self.path.write_fmt(path);
        if self.buffer.capacity() > BUFFER_BYTES_KEPT {
            self.buffer = Vec::new();
        }
        self.buffer.clear();
        let file = File::open(&self.path).map_err(|it| Failure::new("open", &self.path, &it))?;
        let read = file.take(FILE_BYTES_MAX).read_to_end(&mut self.buffer);
        let read = read.map_err(|it| Failure::new("read", &self.path, &it))?;
        if read as u64 == FILE_BYTES_MAX {
            let too_long = io::Error::new(ErrorKind::FileTooLarge, "file too large");
            return Err(Failure::new("read", &self.path, &too_long));
        }
        Ok(&self.buffer)
    }
}

/// When the machine was started, in nanoseconds since 1970.
///
/// # Errors
/// In the words of gopsutil.
pub(crate) fn boot_time(files: &mut Files) -> Result<u64, String> {
    let text = files.proc(format_args!("stat"))?;
    let line = lines(text).find(|it| it.starts_with(b"btime"));
    let line = line.ok_or("could not find btime")?;
    let ([_, seconds], 2) = first::<2>(line) else { return Err("wrong btime format".to_owned()) };
    Ok(number(seconds)?.saturating_mul(1_000_000_000))
}

/// Seconds since the machine was started.
///
/// # Errors
/// In the words of gopsutil.
pub(crate) fn uptime(files: &mut Files) -> Result<f64, String> {
    let text = files.proc(format_args!("uptime"))?;
    let seconds = fields(text).next().ok_or("wrong uptime format")?;
    // sysinfo(2), which upstream asks, counts a second that has begun.
    Ok(float(seconds)?.ceil())
}

/// Bytes of a page of memory.
pub(crate) fn page_size() -> u64 {
    let mut files = Files::new(&Root::with("", |_| None));
    let auxv = files.proc(format_args!("self/auxv")).unwrap_or_default();
    let word = |bytes: &[u8]| bytes.try_into().map(usize::from_ne_bytes).ok();
    let entries = auxv.chunks_exact(2 * size_of::<usize>());
    let mut entries = entries.map(|it| it.split_at(size_of::<usize>()));
    let size = entries.find(|it| word(it.0).is_some_and(|key| key as u64 == AUXV_PAGE_SIZE));
    size.and_then(|it| word(it.1)).map_or(4096, |it| it as u64)
}

/// How many CPUs the program may use: `runtime.NumCPU`.
pub(crate) fn own_cpus() -> u64 {
    let mut files = Files::new(&Root::with("", |_| None));
    let status = files.proc(format_args!("self/status")).unwrap_or_default();
    let mask = lines(status).find_map(|it| it.strip_prefix(b"Cpus_allowed:"));
    let bit = |it: &u8| char::from(*it).to_digit(16).map_or(0, u32::count_ones);
    let bits: u32 = mask.unwrap_or_default().iter().map(bit).sum();
    u64::from(bits.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(root_path: &str, path: &str, want: &str) {
        assert_eq!(Root::with(root_path, |_| None).translate(path), want, "{root_path} {path}");
    }

    #[test]
    fn paths_of_the_machine_are_below_the_root_path_once() {
        translated("", "/boot", "/boot");
        translated("/", "/boot", "/boot");
        translated("/hostfs", "/", "/hostfs");
        translated("/hostfs/", "/boot", "/hostfs/boot");
        translated("/hostfs", "/hostfs/boot", "/hostfs/boot");
        translated("/hostfs", "/hostfs", "/hostfs");
        translated("/hostfs", "/hostfs2", "/hostfs/hostfs2");
    }

    #[test]
    fn variables_of_gopsutil_go_before_the_root_path() {
        let root =
            Root::with("/hostfs", |it| (it == "HOST_PROC").then(|| "/other/proc/".to_owned()));
        assert_eq!(root.proc("stat"), Path::new("/other/proc/stat"));
        assert_eq!(root.sys("block"), Path::new("/hostfs/sys/block"));
        let root = Root::with("/hostfs", |it| {
            (it == "HOST_PROC_MOUNTINFO").then(|| "/proc/self/mountinfo".to_owned())
        });
        assert_eq!(root.mounts(), Some(Path::new("/proc/self")));
        assert_eq!(root.translate("/boot"), "/boot");
    }

    #[test]
    fn what_cannot_be_read_is_said_as_go_says_it() {
        let mut files = Files::new(&Root::with("/nowhere", |_| None));
        let failure = files.proc(format_args!("{}/stat", 1)).unwrap_err();
        assert_eq!(failure.text, "open /nowhere/proc/1/stat: no such file or directory");
        assert!(failure.is_gone());
    }

    #[test]
    fn the_machine_of_this_test_is_known() {
        let mut files = Files::new(&Root::new(""));
        let (boot, up) = (boot_time(&mut files).unwrap(), uptime(&mut files).unwrap());
        let since = component::clock::unix_nanos().saturating_sub(boot) as f64 / 1e9;
        assert!((since - up).abs() < 5.0, "{since} {up}");
        assert!(page_size().is_power_of_two() && page_size() >= 4096);
        assert!(own_cpus() >= 1);
    }
}
