//! Encrypted, with certificates on both sides: ours to ours, ours to the Go Collector, the Go Collector to ours.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use component::Next;
use componenttest::Authority;
use configtls::{ClientConfig, Connector};
use ledger::Oracle;

use super::logs::pod;
use crate::support::{Endpoint, Process, SLUICE, eventually, own_address, part};

/// Tells this test's addresses from those of others.
const ADDRESS: u8 = 110;
const LINES: usize = 1_000;

/// A certificate with an RSA key of 2048 bits, which the library that makes the others cannot make.
fn issue_rsa(authority: &Authority, name: &str, host: &str) {
    let key = authority.path(&format!("{name}.key"));
    let made = Command::new("openssl")
        .args([
            "genpkey",
            "-quiet",
            "-algorithm",
            "RSA",
            "-pkeyopt",
            "rsa_keygen_bits:2048",
            "-out",
            &key,
        ])
        .status();
    assert!(made.is_ok_and(|it| it.success()), "openssl makes a key");
    authority.issue_for_key(name, host);
}

/// `tls:` with the certificate `name`, and the authority under `ca`.
fn section(authority: &Authority, name: &str, ca: &str) -> String {
    let file = |name: String| authority.path(&name);
    format!(
        "{{{ca}: {}, cert_file: {}, key_file: {}}}",
        file("ca.pem".into()),
        file(format!("{name}.pem")),
        file(format!("{name}.key"))
    )
}

/// Lines go from `sender` to `receiver` by gRPC and by HTTP, and from there back to the test.
async fn check(sender: &Path, receiver: &Path, number: usize, rsa: bool) {
    let host = own_address(ADDRESS);
    let (grpc, http) = (format!("{host}:{}", 4300 + number), format!("{host}:{}", 4400 + number));
    let authority = Authority::new();
    for name in ["server", "client"] {
        if rsa {
            issue_rsa(&authority, name, &host);
        } else {
            authority.issue(name, &host);
        }
    }
    let oracles = [Arc::new(Oracle::default()), Arc::new(Oracle::default())];
    let ends = [
        Endpoint::start(Arc::clone(&oracles[0]) as Next).await,
        Endpoint::start(Arc::clone(&oracles[1]) as Next).await,
    ];
    let folder = tempfile::tempdir().unwrap();
    let server = section(&authority, "server", "client_ca_file");
    let client = section(&authority, "client", "ca_file");
    let served = format!(
        "receivers:\n  otlp/g: {{protocols: {{grpc: {{endpoint: '{grpc}', tls: {server}}}}}}}\n  otlp/h: {{protocols: \
         {{http: {{endpoint: '{http}', tls: {server}}}}}}}\nexporters:\n  otlp_grpc/g: {{endpoint: '{}', tls: \
         {{insecure: true}}}}\n  otlp_grpc/h: {{endpoint: '{}', tls: {{insecure: true}}}}\nservice:\n  telemetry: \
         {{metrics: {{level: none}}}}\n  pipelines:\n    logs/g: {{receivers: [otlp/g], exporters: [otlp_grpc/g]}}\n    \
         logs/h: {{receivers: [otlp/h], exporters: [otlp_grpc/h]}}\n",
        ends[0].grpc, ends[1].grpc
    );
    let sent = format!(
        "receivers:\n  file_log: {{include: ['{}/pods/*/*/*.log'], start_at: beginning, include_file_path: true, \
         operators: [{{type: container}}]}}\nexporters:\n  otlp_grpc: {{endpoint: '{grpc}', tls: {client}}}\n  otlp_http: \
         {{endpoint: 'https://{http}', tls: {client}}}\nservice:\n  telemetry: {{metrics: {{level: none}}}}\n  pipelines: \
         {{logs: {{receivers: [file_log], exporters: [otlp_grpc, otlp_http]}}}}\n",
        folder.path().display()
    );
    let (theirs, ours) = (folder.path().join("receiver"), folder.path().join("sender"));
    fs::create_dir_all(&theirs).unwrap();
    fs::create_dir_all(&ours).unwrap();
    let mut receiver = Process::collector(receiver, &theirs, &served);
    receiver.ready().await;
    let pod = pod(&folder.path().join("pods"), 1, LINES);
    let mut sender = Process::collector(sender, &ours, &sent);
    sender.ready().await;
    let arrived = || oracles.each_ref().map(|it| it.tally().delivered);
    let want = [pod.written(); 2];
    eventually(|| arrived() == want).await;
    let outputs = format!("sender:\n{}\nreceiver:\n{}", sender.output(), receiver.output());
    assert_eq!(arrived(), want, "{outputs}");
    sender.terminate().await;
    receiver.terminate().await;
    for end in ends {
        end.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_pass_encrypted_from_ours_to_ours() {
    check(Path::new(SLUICE), Path::new(SLUICE), 0, true).await;
    check(Path::new(SLUICE), Path::new(SLUICE), 1, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_pass_encrypted_to_the_go_collector_and_from_it() {
    let Some(otelcol) = part("otelcol") else { return };
    for (number, rsa) in [(2, true), (4, false)] {
        check(Path::new(SLUICE), &otelcol, number, rsa).await;
        check(&otelcol, Path::new(SLUICE), number + 1, rsa).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replaced_certificate_is_served_without_a_restart() {
    let host = own_address(ADDRESS);
    let address = format!("{host}:4500");
    let (old, new) = (Authority::new(), Authority::new());
    old.issue("server", &host);
    new.issue("server", &host);
    let folder = tempfile::tempdir().unwrap();
    let yaml = format!(
        "receivers: {{otlp: {{protocols: {{http: {{endpoint: '{address}', tls: {{cert_file: {}, key_file: {}, \
         reload_interval: 1s}}}}}}}}}}\nexporters: {{nop: }}\nservice: {{telemetry: {{metrics: {{level: none}}}}, \
         pipelines: {{logs: {{receivers: [otlp], exporters: [nop]}}}}}}\n",
        old.path("server.pem"),
        old.path("server.key")
    );
    let mut sluice = Process::collector(Path::new(SLUICE), folder.path(), &yaml);
    sluice.ready().await;
    let trusts = async |authority: &Authority| {
        let mut section = ClientConfig::default();
        section.common.ca_file = authority.path("ca.pem");
        let stream = tokio::net::TcpStream::connect(&address).await.unwrap();
        Connector::new(&section, &["http/1.1"]).unwrap().connect(&host, stream).await.is_ok()
    };
    assert!(trusts(&old).await && !trusts(&new).await);
    for name in ["server.key", "server.pem"] {
        fs::copy(new.path(name), old.path(name)).unwrap();
    }
    let mut served = false;
    for _ in 0..100 {
        served = trusts(&new).await;
        if served {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert!(served && !trusts(&old).await, "{}", sluice.output());
    sluice.terminate().await;
}
