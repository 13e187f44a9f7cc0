//! The file systems that are mounted, as gopsutil sees them: /proc/1/mountinfo, and which of them store something.

use std::collections::HashMap;

use crate::machine::Root;
use crate::text::{first, lines, text};

/// One file system at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mount {
    pub(crate) device: String,
    pub(crate) point: String,
    pub(crate) kind: String,
    /// `rw`, `ro` or `unknown`.
    pub(crate) mode: &'static str,
}

/// The types of file systems that store something: the lines of /proc/filesystems without `nodev`, and zfs.
pub(crate) fn storing(filesystems: &[u8]) -> Vec<String> {
    let one = |line: &[u8]| {
        let kind = match line.strip_prefix(b"nodev") {
            None => line.trim_ascii(),
            Some(kind) if kind.trim_ascii() == b"zfs" => b"zfs",
            Some(_) => return None,
        };
        Some(text(kind).into_owned())
    };
    lines(filesystems).filter_map(one).collect()
}

/// What is mounted, of these types if there is a list. `mountinfo` is that of proc(5).
///
/// # Errors
/// A line that is none.
pub(crate) fn mounts(
    mountinfo: &[u8],
    kinds: Option<&[String]>,
    root: &Root,
) -> Result<Vec<Mount>, String> {
    // Of each disk the name under which it was mounted first.
    let mut devices: HashMap<&[u8], String> = HashMap::new();
    let mut found = Vec::new();
    for line in lines(mountinfo) {
        let it = Line::new(line)?;
        let kind = text(it.kind);
        if kinds.is_some_and(|list| !list.iter().any(|it| *it == kind)) {
            continue;
        }
        let device = devices.entry(it.disk).or_insert_with(|| text(it.device()).into_owned());
        let device = device.clone();
        if kinds.is_some() && it.is_bind() {
            continue;
        }
        found.push(Mount {
            device: real_device(device, it.disk, root),
            point: unescaped(it.point),
            kind: kind.into_owned(),
            mode: it.mode(),
        });
    }
    Ok(found)
}

/// The same from /proc/1/mounts, which kernels before 2.6.26 have instead.
pub(crate) fn old_mounts(table: &[u8], kinds: Option<&[String]>) -> Vec<Mount> {
    let one = |line| {
        let ([device, point, kind, options], columns) = first::<4>(line);
        let kind = text(kind);
        let is_meant =
            kinds.is_none_or(|list| device != b"none" && list.iter().any(|it| *it == kind));
        (columns >= 4 && is_meant).then(|| Mount {
            device: text(device).into_owned(),
            point: unescaped(point),
            mode: mode(options, b""),
            kind: kind.into_owned(),
        })
    };
    lines(table).filter_map(one).collect()
}

/// `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue`
struct Line<'a> {
    disk: &'a [u8],
    root: &'a [u8],
    point: &'a [u8],
    options: &'a [u8],
    kind: &'a [u8],
    source: &'a [u8],
    super_options: &'a [u8],
}

impl<'a> Line<'a> {
    fn new(line: &'a [u8]) -> Result<Self, String> {
        let wrong =
            |what: &str| format!("found invalid mountinfo line (bad {what} len): {} ", text(line));
        let mut words = line.windows(3);
        let at = words.position(|it| it == b" - ").ok_or_else(|| wrong("parts"))?;
        let (before, behind) = (&line[..at], &line[at + 3..]);
        let ([_, _, disk, root, point, options], columns) = first::<6>(before);
        if columns < 5 {
            return Err(wrong("fields(1)"));
        }
        let ([kind, source, super_options], columns) = first::<3>(behind);
        if columns < 2 {
            return Err(wrong("fields(2)"));
        }
        Ok(Self { disk, root, point, options, kind, source, super_options })
    }

    /// What is mounted. File systems without a disk may have no source, and a name in place of the root.
    fn device(&self) -> &'a [u8] {
        if self.source.starts_with(b"/") || self.root == b"/" { self.source } else { self.root }
    }

    /// A folder of a file system, mounted again. A subvolume of btrfs is a file system of its own.
    fn is_bind(&self) -> bool {
        let mut options = self.super_options.split(|it| *it == b',');
        let volume = options.find_map(|it| it.strip_prefix(b"subvol="));
        self.source.starts_with(b"/") && self.root != b"/" && volume != Some(self.root)
    }

    fn mode(&self) -> &'static str {
        mode(self.options, self.super_options)
    }
}

/// It can be written to if both the mount and the file system can be.
fn mode(options: &[u8], super_options: &[u8]) -> &'static str {
    let has = |options: &[u8], want: &[u8]| options.split(|it| *it == b',').any(|it| it == want);
    if has(options, b"ro") || has(super_options, b"ro") {
        "ro"
    } else if has(options, b"rw") {
        "rw"
    } else {
        "unknown"
    }
}

/// Behind the names of the device mapper and of the boot loader.
fn real_device(device: String, disk: &[u8], root: &Root) -> String {
    let found = if let Some(name) = device.strip_prefix("/dev/") {
        match name {
            _ if name.starts_with("mapper/") => root.device(name).canonicalize().ok(),
            "root" => std::fs::read_link(root.sys(format_args!("dev/block/{}", text(disk))))
                .ok()
                .and_then(|it| it.file_name().map(|it| std::path::Path::new("/dev").join(it))),
            _ => None,
        }
    } else {
        None
    };
    found.map_or(device, |it| it.to_string_lossy().into_owned())
}

/// The kernel writes blanks and backslashes as `\040` and `\134`.
fn unescaped(path: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        let digits = behind.get(..3).filter(|_| *first == b'\\');
        let octal = digits.and_then(|it| std::str::from_utf8(it).ok());
        if let Some(byte) = octal.and_then(|it| u8::from_str_radix(it, 8).ok()) {
            bytes.push(byte);
            rest = &behind[3..];
        } else {
            bytes.push(*first);
        }
    }
    text(&bytes).into_owned()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// For the test that nothing panics on any bytes.
    pub(crate) fn any(bytes: &[u8]) {
        storing(bytes);
        drop(mounts(bytes, None, &Root::new("/nowhere")));
        old_mounts(bytes, Some(&["ext4".to_owned()]));
        unescaped(bytes);
    }

    /// Device, place and mode of what is found.
    fn check(mountinfo: &str, kinds: Option<&[&str]>, want: &[[&str; 3]]) {
        let kinds: Option<Vec<String>> =
            kinds.map(|it| it.iter().map(|it| (*it).to_owned()).collect());
        let found = mounts(mountinfo.as_bytes(), kinds.as_deref(), &Root::new("/nowhere"));
        let found = found.unwrap();
        let found: Vec<_> = found.iter().map(|it| [&*it.device, &*it.point, it.mode]).collect();
        assert_eq!(found, want);
    }

    const NODE: &str = "\
        22 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw\n\
        23 22 0:21 / /proc rw,nosuid shared:12 - proc proc rw\n\
        60 22 0:30 / /run rw,nosuid shared:13 - tmpfs tmpfs rw,size=13142k\n\
        61 22 259:2 /var/lib/x /mnt\\040two rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw\n\
        62 22 259:3 / /data ro,relatime - xfs /dev/sdb1 rw\n\
        63 22 0:40 net:[4026532281] /run/netns/a rw shared:2 - nsfs nsfs rw\n";

    #[test]
    fn file_systems_that_store_something_are_found_once() {
        check(
            NODE,
            Some(&["ext4", "xfs"]),
            &[["/dev/nvme0n1p2", "/", "rw"], ["/dev/sdb1", "/data", "ro"]],
        );
    }

    #[test]
    fn all_file_systems_are_found_where_all_are_wanted() {
        check(
            NODE,
            None,
            &[
                ["/dev/nvme0n1p2", "/", "rw"],
                ["proc", "/proc", "rw"],
                ["tmpfs", "/run", "rw"],
                ["/dev/nvme0n1p2", "/mnt two", "rw"],
                ["/dev/sdb1", "/data", "ro"],
                ["net:[4026532281]", "/run/netns/a", "rw"],
            ],
        );
    }

    #[test]
    fn a_subvolume_is_no_folder_that_is_mounted_again() {
        check(
            "40 1 0:33 /root / rw - btrfs /dev/vda3 rw,subvolid=256,subvol=/root\n\
             41 1 0:33 /home /home rw - btrfs /dev/vda3 rw,subvolid=257,subvol=/home\n\
             42 1 0:33 /home/a /a rw - btrfs /dev/vda3 rw,subvolid=257,subvol=/home\n",
            Some(&["btrfs"]),
            &[["/dev/vda3", "/", "rw"], ["/dev/vda3", "/home", "rw"]],
        );
    }

    #[test]
    fn a_read_only_file_system_is_read_only_wherever_it_is_mounted() {
        check("1 1 8:1 / /a rw - ext4 /dev/a ro\n", None, &[["/dev/a", "/a", "ro"]]);
        check("1 1 8:1 / /a noatime - ext4 /dev/a rw\n", None, &[["/dev/a", "/a", "unknown"]]);
        assert!(mounts(b"1 1 8:1 / /a rw ext4 /dev/a ro\n", None, &Root::new("")).is_err());
    }

    #[test]
    fn old_kernels_have_a_shorter_table() {
        let table = b"/dev/sda1 / ext3 rw,errors=continue 0 0\nnone /x ext3 rw 0 0\nproc /proc proc rw 0 0\n";
        let found = old_mounts(table, Some(&["ext3".to_owned()]));
        assert_eq!(found.len(), 1);
        assert_eq!((&*found[0].device, &*found[0].point, found[0].mode), ("/dev/sda1", "/", "rw"));
    }

    #[test]
    fn types_without_a_disk_are_left_out_but_zfs() {
        assert_eq!(
            storing(b"nodev\tsysfs\n\text4\nnodev\tzfs\nnodev\ttmpfs\n\tvfat\n"),
            ["ext4", "zfs", "vfat"]
        );
    }
}
