//! Pod log files as containerd and a kubelet leave them: there before the program starts, or
//! written while it runs.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the numbers of a load are small"
)]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use ledger::{Line, Pod, PodName, Stream};
use serde::Deserialize;

/// How often a live writer looks at what is due.
const TICK: Duration = Duration::from_millis(2);

/// How a live file is rotated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rotation {
    /// Renamed, and the one before is compressed.
    Kubelet,
    CopyTruncate,
}

/// The load of a row.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FilesLoad {
    pub pods: u32,
    /// Pods that write while the program runs; the others have only their backlog.
    pub live: u32,
    /// Lines of each pod that are there from the beginning.
    pub backlog: u64,
    /// Lines per second of a live pod.
    pub rate: f64,
    /// How long live pods write.
    pub seconds: f64,
    /// JSON application lines, else text.
    pub json: bool,
    /// Shortest and longest padding of a line.
    pub padding: (usize, usize),
    /// Of a thousand lines, how many are 20 kB and so come in parts.
    pub long_per_mille: u32,
    /// Size at which a live file is rotated; 0 is never.
    pub rotate_bytes: u64,
    pub rotation: Rotation,
    /// How often a live pod is replaced by a new one; 0 is never.
    pub churn_seconds: f64,
    pub seed: u64,
}

impl Default for FilesLoad {
    fn default() -> Self {
        Self {
            pods: 100,
            live: 0,
            backlog: 0,
            rate: 0.0,
            seconds: 0.0,
            json: true,
            padding: (60, 900),
            long_per_mille: 20,
            rotate_bytes: 0,
            rotation: Rotation::Kubelet,
            churn_seconds: 0.0,
            seed: 1,
        }
    }
}

/// Length of a line that comes in parts.
const LONG_BYTES: usize = 20_000;
/// Rotated files that stay, as under the kubelet's `containerLogMaxFiles: 5`.
const ROTATED_KEPT: usize = 4;

/// The pods of a run.
pub struct Node {
    load: FilesLoad,
    folder: PathBuf,
    pods: Vec<Writer>,
    /// Lines of pods that are gone.
    gone: u64,
    next: u32,
}

struct Writer {
    pod: Pod,
    number: u32,
    written: u64,
    random: fastrand::Rng,
}

impl Node {
    /// Creates the pods with their backlog below `folder`.
    pub fn create(load: &FilesLoad, folder: &Path) -> anyhow::Result<Self> {
        let (load, folder) = (load.clone(), folder.to_owned());
        let mut node = Self { load, folder, pods: Vec::new(), gone: 0, next: 0 };
        for _ in 0..node.load.pods {
            let mut writer = node.start_pod()?;
            for _ in 0..node.load.backlog {
                writer.write(&node.load, false)?;
            }
            node.pods.push(writer);
        }
        Ok(node)
    }

    fn start_pod(&mut self) -> anyhow::Result<Writer> {
        let number = self.next;
        self.next += 1;
        let name = PodName {
            namespace: "shop".into(),
            pod: format!("checkout-{number}"),
            uid: format!("4f2b9c1e-0000-4000-8000-{number:012}"),
            container: "app".into(),
        };
        let pod = Pod::create(&self.folder, &name, number, ROTATED_KEPT);
        let pod = pod.context("cannot write log files")?;
        let random = fastrand::Rng::with_seed(self.load.seed ^ (u64::from(number) << 20));
        Ok(Writer { pod, number, written: 0, random })
    }

    /// Moves all pods into another folder, at once.
    pub fn move_to(&mut self, folder: &Path) -> anyhow::Result<()> {
        std::fs::rename(&self.folder, folder)?;
        folder.clone_into(&mut self.folder);
        self.pods.iter_mut().for_each(|it| it.pod.moved_to(folder));
        Ok(())
    }

    /// True when pods write while the program runs.
    pub fn is_live(&self) -> bool {
        self.load.live > 0
    }

    /// Lines written so far.
    pub fn written(&self) -> u64 {
        self.gone + self.pods.iter().map(|it| it.written).sum::<u64>()
    }

    /// Writes at the rate for the time that the load says.
    pub async fn write(&mut self) -> anyhow::Result<()> {
        let start = Instant::now();
        let time = Duration::from_secs_f64(self.load.seconds);
        let live = self.load.live.min(self.load.pods) as usize;
        // Live pods write one after another within a second, not all in the same moment.
        let mut due = vec![0_u64; live];
        let mut churned = 0_u64;
        while start.elapsed() < time {
            let elapsed = start.elapsed().as_secs_f64();
            for (at, done) in due.iter_mut().enumerate() {
                let phase = at as f64 / live as f64;
                let want = (elapsed * self.load.rate + phase) as u64;
                while *done < want {
                    self.pods[at].write(&self.load, true)?;
                    *done += 1;
                }
            }
            if self.load.churn_seconds > 0.0
                && elapsed / self.load.churn_seconds > (churned + 1) as f64
            {
                churned += 1;
                self.replace(churned as usize % live.max(1))?;
            }
            tokio::time::sleep(TICK).await;
        }
        Ok(())
    }

    /// A pod ends and another takes its place. The old one's folder stays: its last lines count.
    fn replace(&mut self, at: usize) -> anyhow::Result<()> {
        let fresh = self.start_pod()?;
        let old = std::mem::replace(&mut self.pods[at], fresh);
        self.gone += old.written;
        Ok(())
    }
}

impl Writer {
    /// A line of the backlog is not `timed`: it was written before the program could see it.
    fn write(&mut self, load: &FilesLoad, timed: bool) -> anyhow::Result<()> {
        let mut line = Line::now(self.number, self.written);
        if !timed {
            line.time = 0;
        }
        let long = self.random.u32(..1000) < load.long_per_mille;
        let (least, most) = load.padding;
        let length = if long { LONG_BYTES } else { self.random.usize(least..=most.max(least)) };
        let text =
            if load.json { json_line(&line, length, &mut self.random) } else { line.text(length) };
        self.pod.write_text(Stream::Stdout, &text)?;
        self.written += 1;
        if load.rotate_bytes > 0 && self.pod.size() >= load.rotate_bytes {
            match load.rotation {
                Rotation::Kubelet => self.pod.rotate()?,
                Rotation::CopyTruncate => self.pod.copy_truncate()?,
            }
        }
        Ok(())
    }
}

/// A line as an application logs it, with the ledger line as one of its fields.
pub fn json_line(line: &Line, length: usize, random: &mut fastrand::Rng) -> String {
    let text = line.text(length);
    let status = *random.choice([200, 201, 404, 500].iter()).unwrap_or(&200);
    format!(
        "{{\"level\":\"info\",\"logger\":\"http\",\"msg\":\"request done\",\"method\":\"GET\",\"status\":{status},\
         \"duration_ms\":{}.{},\"http\":{{\"route\":\"/api/v1/orders/{{id}}\",\"peer\":\"10.0.{}.{}\"}},\
         \"user_id\":{},\"cached\":{},\"ledger\":\"{text}\"}}",
        random.u32(0..900),
        random.u32(1..10),
        random.u8(..),
        random.u8(..),
        random.u32(..),
        random.bool(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn live_pods_write_rotate_and_are_replaced_and_every_line_is_counted() {
        let root = tempfile::tempdir().unwrap();
        let load = FilesLoad {
            pods: 3,
            live: 2,
            backlog: 10,
            rate: 2000.0,
            seconds: 0.2,
            rotate_bytes: 20_000,
            churn_seconds: 0.06,
            ..FilesLoad::default()
        };
        let mut node = Node::create(&load, &root.path().join("made")).unwrap();
        node.move_to(&root.path().join("pods")).unwrap();
        assert_eq!(node.written(), 30);
        node.write().await.unwrap();
        assert!(node.written() > 30 && node.gone > 0);
        let rotated = |entry: std::fs::DirEntry| {
            let folder = entry.path().join("app");
            std::fs::read_dir(folder).unwrap().count() > 1
        };
        assert!(
            std::fs::read_dir(root.path().join("pods")).unwrap().any(|it| rotated(it.unwrap()))
        );
    }
}
