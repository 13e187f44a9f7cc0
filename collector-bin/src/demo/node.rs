//! The node: six pods that write, rotate, and one that goes away.

use std::io;
use std::path::Path;
use std::time::Duration;

use ledger::{Pod, PodName};

/// Lines per second and pod.
const RATE: u32 = 400;
/// A live file of this size is rotated. The kubelet's default is 10 MiB; the demo is in a hurry.
const ROTATE_BYTES: u64 = 256 * 1024;
/// Rotated files kept per container, as the kubelet's default of five files in all.
const ROTATED_MAX: usize = 4;
/// One line in this many is longer than containerd's 16 KiB.
const LONG_EVERY: u64 = 200;

const PODS: [(&str, &str, &str); 6] = [
    ("shop", "cart-6c5f", "app"),
    ("shop", "checkout-0", "app"),
    ("shop", "search-77d9", "indexer"),
    ("auth", "identity-1", "server"),
    ("kube-system", "coredns-5d78", "coredns"),
    ("batch", "report-28-x2x", "job"),
];

/// All pods of the node.
pub struct Node {
    pods: Vec<Pod>,
    gone: Option<Pod>,
    debt: f64,
}

impl Node {
    pub fn create(root: &Path) -> io::Result<Self> {
        let mut pods = Vec::new();
        for (writer, (namespace, pod, container)) in (0..).zip(PODS) {
            let name = PodName {
                namespace: namespace.into(),
                pod: pod.into(),
                uid: format!("4f2b9c1e-0000-4000-8000-00000000000{writer}"),
                container: container.into(),
            };
            pods.push(Pod::create(root, &name, writer, ROTATED_MAX)?);
        }
        Ok(Self { pods, gone: None, debt: 0.0 })
    }

    /// Writes what falls due in `tick`.
    pub fn write(&mut self, tick: Duration) -> io::Result<()> {
        self.debt += tick.as_secs_f64() * f64::from(RATE);
        while self.debt >= 1.0 {
            self.debt -= 1.0;
            for pod in &mut self.pods {
                let long = pod.written() % LONG_EVERY == LONG_EVERY - 1;
                pod.write_line(if long { 20_000 } else { 80 + (pod.written() % 400) as usize })?;
                if pod.size() >= ROTATE_BYTES {
                    pod.rotate()?;
                }
            }
        }
        Ok(())
    }

    /// Stops the last pod; on the next call but one its folder goes. True when that happened now.
    pub fn delete_one(&mut self) -> io::Result<bool> {
        if self.gone.is_some() {
            return Ok(false);
        }
        let Some(pod) = self.pods.pop() else { return Ok(false) };
        pod.remove()?;
        self.gone = Some(pod);
        Ok(true)
    }

    /// Writer and lines written, of every pod there ever was.
    pub fn written(&self) -> impl Iterator<Item = (u32, u64)> {
        self.pods.iter().chain(&self.gone).map(|pod| (pod.writer(), pod.written()))
    }

    /// Lines written in all.
    pub fn lines(&self) -> u64 {
        self.written().map(|(_, lines)| lines).sum()
    }

    /// Files rotated in all.
    pub fn rotations(&self) -> u32 {
        self.pods.iter().chain(&self.gone).map(Pod::rotations).sum()
    }
}
