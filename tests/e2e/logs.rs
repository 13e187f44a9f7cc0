//! What the modules here share: a pod that writes ledger lines.

use std::path::Path;

use ledger::{Pod, PodName};

/// A pod in `root` that has written `lines`.
pub fn pod(root: &Path, writer: u32, lines: usize) -> Pod {
    let name = PodName {
        namespace: "shop".into(),
        pod: format!("cart-{writer}"),
        uid: format!("4f2b9c1e-0000-4000-8000-{writer:012}"),
        container: "app".into(),
    };
    let mut pod = Pod::create(root, &name, writer, 4).unwrap();
    for n in 0..lines {
        pod.write_line(if n % 50 == 49 { 20_000 } else { 100 + n % 300 }).unwrap();
    }
    pod
}
