//! What lies under a name that matches: a log is a regular file, and its content is there before anybody looks.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::FileTypeExt;

/// File systems whose files change without this kernel knowing: NFS, SMB2, CIFS, FUSE, 9P, Ceph.
/// `statfs(2)` and `linux/magic.h`.
const REMOTE: [u32; 6] = [0x6969, 0xfe53_4d42, 0xff53_4d42, 0x6573_5546, 0x0102_1997, 0x00c3_6400];

/// File systems whose files the kernel makes up at each look, so that they never end and never repeat.
/// `linux/magic.h`. Not among them: `pstore`, where the last words of a kernel are kept, and whatever may hold logs
/// (`tmpfs`, `ramfs`, `overlayfs`, FUSE).
const MADE_UP: [(u32, &str); 16] = [
    (0x9fa0, "proc"),
    (0x6265_6572, "sysfs"),
    (0x6462_6720, "debugfs"),
    (0x7472_6163, "tracefs"),
    (0x0027_e0eb, "cgroup"),
    (0x6367_7270, "cgroup2"),
    (0x7363_6673, "securityfs"),
    (0xf97c_ff8c, "selinuxfs"),
    (0x4341_5d53, "smackfs"),
    (0x6265_6570, "configfs"),
    (0xcafe_4a11, "bpf"),
    (0xde5e_81e4, "efivarfs"),
    (0x4249_4e4d, "binfmt_misc"),
    (0x1980_0202, "mqueue"),
    (0x6573_5543, "fusectl"),
    (0x6e73_6673, "nsfs"),
];

/// Where a file lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileSystem {
    /// On this machine, or nobody knows.
    Local,
    /// Others write to it, too.
    Remote,
    /// Its files are no files.
    MadeUp(&'static str),
}

impl FileSystem {
    pub(crate) fn of(file: &File) -> Self {
        rustix::fs::fstatfs(file).map_or(Self::Local, |it| Self::named(magic(&it)))
    }

    fn named(magic: u32) -> Self {
        let made_up = MADE_UP.iter().find(|it| it.0 == magic);
        match made_up {
            Some((_, name)) => Self::MadeUp(name),
            None if REMOTE.contains(&magic) => Self::Remote,
            None => Self::Local,
        }
    }
}

/// Says that this is no log.
pub(crate) fn not_a_log(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, what.to_owned())
}

/// What is wrong with something that matches and is neither a file nor a directory.
pub(crate) fn special(metadata: &Metadata) -> Option<io::Error> {
    let kind = metadata.file_type();
    let what = match () {
        () if kind.is_fifo() => "it is a FIFO",
        () if kind.is_socket() => "it is a socket",
        () if kind.is_char_device() || kind.is_block_device() => "it is a device",
        () => return None,
    };
    Some(not_a_log(what))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the numbers have 32 bits; their type is the machine's"
)]
fn magic(file_system: &rustix::fs::StatFs) -> u32 {
    file_system.f_type as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_systems_that_may_hold_logs_are_not_refused() {
        // tmpfs, ramfs, overlayfs, ext4, XFS, btrfs, ZFS, pstore: `linux/magic.h`.
        for magic in [
            0x0102_1994,
            0x8584_58f6,
            0x794c_7630,
            0xef53,
            0x5846_5342,
            0x9123_683e,
            0x2fc1_2fc1,
            0x6165_676c,
        ] {
            assert_eq!(FileSystem::named(magic), FileSystem::Local, "{magic:x}");
        }
        for magic in REMOTE {
            assert_eq!(FileSystem::named(magic), FileSystem::Remote, "{magic:x}");
        }
    }

    #[test]
    fn what_the_kernel_makes_up_is_told_from_what_lies_on_a_disk() {
        for (path, name) in [("/proc/self/stat", "proc"), ("/sys/kernel/notes", "sysfs")] {
            let Ok(file) = File::open(path) else { continue };
            assert_eq!(FileSystem::of(&file), FileSystem::MadeUp(name));
        }
        let here = tempfile::tempfile().unwrap();
        assert!(!matches!(FileSystem::of(&here), FileSystem::MadeUp(_)));
        assert!(special(&std::fs::metadata("/dev/zero").unwrap()).is_some());
        assert!(special(&std::fs::metadata("/").unwrap()).is_none());
    }
}
