//! Pods whose containers log as under containerd and a kubelet: CRI lines, partial lines, two
//! streams, rotation by rename, gzip of the older files.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use component::clock;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::Line;

/// containerd cuts longer lines into partial ones of this size.
const PARTIAL_BYTES: usize = 16 * 1024;

/// Where a container writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Who a pod is.
#[derive(Debug, Clone)]
pub struct PodName {
    /// The first part of the folder's name, before the first `_`.
    pub namespace: String,
    /// The second part of the folder's name.
    pub pod: String,
    /// The last part of the folder's name: a new one when the pod is created anew.
    pub uid: String,
    /// Its only container.
    pub container: String,
}

/// A pod with one container that writes ledger lines.
pub struct Pod {
    writer: u32,
    written: u64,
    folder: PathBuf,
    file: File,
    size: u64,
    rotations: u32,
    /// Rotated files that are kept, as the kubelet's `containerLogMaxFiles` less the live one.
    keep: usize,
    /// Rotated and not yet compressed, oldest first; then those that are.
    rotated: Vec<PathBuf>,
    random: fastrand::Rng,
    buffer: String,
}

impl Pod {
    /// Creates `root/<namespace>_<pod>_<uid>/<container>/0.log`.
    ///
    /// # Errors
    /// The folder or file cannot be made.
    pub fn create(root: &Path, name: &PodName, writer: u32, keep: usize) -> io::Result<Self> {
        let PodName { namespace, pod, uid, container } = name;
        let folder = root.join(format!("{namespace}_{pod}_{uid}")).join(container);
        fs::create_dir_all(&folder)?;
        let file = append(&folder.join("0.log"))?;
        let random = fastrand::Rng::with_seed(u64::from(writer) + 1);
        Ok(Self {
            writer,
            written: 0,
            folder,
            file,
            size: 0,
            rotations: 0,
            keep,
            rotated: Vec::new(),
            random,
            buffer: String::new(),
        })
    }

    /// Who writes.
    pub fn writer(&self) -> u32 {
        self.writer
    }

    /// Lines written so far; the next number.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Bytes in the live file.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Files rotated so far.
    pub fn rotations(&self) -> u32 {
        self.rotations
    }

    /// Writes one ledger line with `length` bytes of padding, in a single `write`.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_line(&mut self, length: usize) -> io::Result<()> {
        let stream = if self.random.u8(..) < 64 { Stream::Stderr } else { Stream::Stdout };
        let text = Line::now(self.writer, self.written).text(length);
        self.write_text(stream, &text)?;
        self.written += 1;
        Ok(())
    }

    /// Writes any text as a container would.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_text(&mut self, stream: Stream, text: &str) -> io::Result<()> {
        self.buffer.clear();
        cri_line(&mut self.buffer, clock::now(), stream, text);
        self.file.write_all(self.buffer.as_bytes())?;
        self.size += self.buffer.len() as u64;
        Ok(())
    }

    /// Rotates as the kubelet does: compresses what was rotated before, renames the live file, opens
    /// a new one, and removes what is more than it keeps.
    ///
    /// # Errors
    /// A file cannot be renamed, written or opened.
    pub fn rotate(&mut self) -> io::Result<()> {
        for path in &mut self.rotated {
            if path.extension().is_none_or(|it| it != "gz") {
                *path = compress(path)?;
            }
        }
        while self.rotated.len() >= self.keep.max(1) {
            fs::remove_file(self.rotated.remove(0))?;
        }
        let live = self.folder.join("0.log");
        self.rotations += 1;
        let rotated = self.folder.join(format!("0.log.20261123-{:06}", self.rotations));
        fs::rename(&live, &rotated)?;
        self.rotated.push(rotated);
        self.file = append(&live)?;
        self.size = 0;
        Ok(())
    }

    /// Rotates as logrotate's `copytruncate` does: copies the live file beside itself and empties
    /// it. What is written between the two would be lost, so nothing is.
    ///
    /// # Errors
    /// The copy cannot be written or the file not emptied.
    pub fn copy_truncate(&mut self) -> io::Result<()> {
        fs::copy(self.folder.join("0.log"), self.folder.join("0.log.1"))?;
        self.file.set_len(0)?;
        self.rotations += 1;
        self.size = 0;
        Ok(())
    }

    /// The folder that holds all pods is `root` from now on.
    pub fn moved_to(&mut self, root: &Path) {
        let own: PathBuf =
            self.folder.iter().rev().take(2).collect::<Vec<_>>().iter().rev().collect();
        self.folder = root.join(own);
        for path in &mut self.rotated {
            *path = self.folder.join(path.file_name().unwrap_or_default());
        }
    }

    /// Removes the pod's folder, as the kubelet does after the pod is gone.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn remove(&self) -> io::Result<()> {
        self.folder.parent().map_or(Ok(()), fs::remove_dir_all)
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// `0.log.T` becomes `0.log.T.gz`, by way of a temporary name.
fn compress(path: &Path) -> io::Result<PathBuf> {
    let target = PathBuf::from(format!("{}.gz", path.display()));
    let temporary = PathBuf::from(format!("{}.tmp", path.display()));
    let mut encoder = GzEncoder::new(File::create(&temporary)?, Compression::fast());
    io::copy(&mut File::open(path)?, &mut encoder)?;
    encoder.finish()?;
    fs::rename(&temporary, &target)?;
    fs::remove_file(path)?;
    Ok(target)
}

/// One line, or several when it is long: `<time> <stream> <P|F> <text>`.
fn cri_line(out: &mut String, time: SystemTime, stream: Stream, text: &str) {
    let stream = match stream {
        Stream::Stdout => "stdout",
        Stream::Stderr => "stderr",
    };
    let time = humantime::format_rfc3339_nanos(time);
    let mut rest = text;
    while rest.len() > PARTIAL_BYTES {
        let (part, after) = rest.split_at(rest.floor_char_boundary(PARTIAL_BYTES));
        let _ = writeln!(out, "{time} {stream} P {part}");
        rest = after;
    }
    let _ = writeln!(out, "{time} {stream} F {rest}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(root: &Path, keep: usize) -> Pod {
        let name = PodName {
            namespace: "shop".into(),
            pod: "cart-0".into(),
            uid: "u-1".into(),
            container: "app".into(),
        };
        Pod::create(root, &name, 7, keep).unwrap()
    }

    #[test]
    fn long_lines_are_cut_as_containerd_cuts_them() {
        let mut out = String::new();
        cri_line(&mut out, SystemTime::UNIX_EPOCH, Stream::Stderr, &"x".repeat(PARTIAL_BYTES + 1));
        let lines: Vec<&str> = out.lines().collect();
        assert_eq!(lines[1], "1970-01-01T00:00:00.000000000Z stderr F x");
        assert!(lines[0].starts_with("1970-01-01T00:00:00.000000000Z stderr P xx"));
        assert_eq!(lines.len(), 2);
    }

    #[test]
    fn rotation_renames_compresses_and_drops_the_oldest() {
        let root = tempfile::tempdir().unwrap();
        let mut pod = pod(root.path(), 2);
        for _ in 0..3 {
            pod.write_line(10).unwrap();
            pod.rotate().unwrap();
        }
        let moved = root.path().join("moved");
        fs::create_dir(&moved).unwrap();
        fs::rename(root.path().join("shop_cart-0_u-1"), moved.join("shop_cart-0_u-1")).unwrap();
        pod.moved_to(&moved);
        pod.rotate().unwrap();
        let mut names: Vec<String> = fs::read_dir(moved.join("shop_cart-0_u-1/app"))
            .unwrap()
            .map(|it| it.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["0.log", "0.log.20261123-000003.gz", "0.log.20261123-000004"]);
        pod.remove().unwrap();
        assert!(!moved.join("shop_cart-0_u-1").exists());
    }
}
