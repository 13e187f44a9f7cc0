//! What the Go Collector answered with a real API server behind it, replayed against this program.
//!
//! The lists beside this file are as those of `golden/`. It needs python3, and an etcd and a kube-apiserver from
//! `parts/get-etcd` and `parts/get-kube-apiserver`, which it starts; the cases take some minutes, one after the other.

use std::process::Command;

use crate::golden;
use crate::support::{SLUICE, part, repository};

#[test]
fn every_case_with_an_api_server_passes_or_is_listed_with_its_reason() {
    let (Some(_), Some(server)) = (part("etcd"), part("kube-apiserver")) else { return };
    let parts = server.parent().unwrap().parent().unwrap().to_owned();
    let folder = repository().join("tests/golden-kube");
    golden::check(&folder, |cases| {
        let mut replayer = Command::new("python3");
        replayer.arg(folder.join("replay_kube.py")).arg("--parts").arg(&parts);
        replayer.arg("--scripts").arg(repository().join("tests/parts")).arg(SLUICE).args(cases);
        replayer.output().unwrap()
    });
}
