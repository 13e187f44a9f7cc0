use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::sync::Arc;

use component::config::Value;
use component::{Component as _, Extension as _, Observer as _};
use componenttest::{TestHost, config, metric, problems, settings};

use crate::sockets::{Listening, listening};
use crate::{Config, HostObserver, endpoint};

componenttest::conformance!(extension HostObserver);

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// A process with these sockets.
fn process(folder: &Path, pid: u32, comm: &str, cmdline: &str, inodes: &[u64]) {
    write(folder, &format!("{pid}/comm"), &format!("{comm}\n"));
    write(folder, &format!("{pid}/cmdline"), cmdline);
    let descriptors = folder.join(format!("{pid}/fd"));
    std::fs::create_dir_all(&descriptors).unwrap();
    for inode in inodes {
        let to = format!("socket:[{inode}]");
        std::os::unix::fs::symlink(to, descriptors.join(inode.to_string())).unwrap();
    }
}

const HEAD: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
const TAIL: &str = "00000000:00000000 00:00000000 00000000     0        0";

#[test]
fn sockets_that_listen_are_told_with_their_process() {
    let folder = tempfile::tempdir().unwrap();
    let tcp = format!(
        "{HEAD}   0: 0100007F:1F90 00000000:0000 0A {TAIL} 11 1\n   1: 0100007F:1F91 0100007F:0050 01 {TAIL} 12 1\n\
         nonsense\n   3: 00000000:0016 00000000:0000 0A {TAIL} 13 1\n   4: 00000000:0017 00000000:0000 0A {TAIL} 99 1\n"
    );
    write(folder.path(), "net/tcp", &tcp);
    let zero = "0".repeat(32);
    let tcp6 = format!(
        "{HEAD}   0: {zero}:0050 {zero}:0000 0A {TAIL} 14 1\n   1: 00:0051 {zero}:0000 0A {TAIL} 15 1\n"
    );
    write(folder.path(), "net/tcp6", &tcp6);
    let udp = format!(
        "{HEAD}   0: 0100007F:1FBD 00000000:0000 07 {TAIL} 16 2\n   1: 0100007F:1FBE 0100007F:0035 01 {TAIL} 17 2\n"
    );
    write(folder.path(), "net/udp", &udp);
    process(
        folder.path(),
        7,
        "a-name-that-is-",
        "/opt/a-name-that-is-long\0--port\08080\0",
        &[11, 12, 14],
    );
    process(folder.path(), 30, "sshd", "sshd: /usr/sbin/sshd -D\0", &[13, 16, 17]);
    // It has inherited one.
    process(folder.path(), 31, "child", "", &[13]);
    let (mut found, refused) = listening(folder.path());
    found.sort_by_key(|it| it.port);
    let long = "a-name-that-is-long";
    let want = [
        ("0.0.0.0", 22, "TCP", 30, "sshd", "sshd: /usr/sbin/sshd -D"),
        ("::", 80, "TCP", 7, long, "/opt/a-name-that-is-long --port 8080"),
        ("127.0.0.1", 8080, "TCP", 7, long, "/opt/a-name-that-is-long --port 8080"),
        ("127.0.0.1", 8125, "UDP", 30, "sshd", "sshd: /usr/sbin/sshd -D"),
    ];
    let want = want.map(|(address, port, transport, pid, name, command)| Listening {
        address: address.parse().unwrap(),
        port,
        transport,
        pid,
        name: name.into(),
        command: command.into(),
    });
    assert_eq!((found.as_slice(), refused), (want.as_slice(), 0));

    let told = endpoint("host_observer", found[1].clone());
    assert_eq!(
        (told.id.as_str(), told.target.as_str()),
        ("(host_observer)::-80-TCP-7", "[::1]:80")
    );
    assert_eq!((told.kind(), told.get("port")), ("hostport", Some(&Value::Int(80))));
    assert_eq!(told.get("is_ipv6"), Some(&Value::Bool(true)));
    assert_eq!(endpoint("o", found[0].clone()).target, "127.0.0.1:22");
    assert_eq!(listening(Path::new("/nowhere")), (Vec::new(), 0));
}

#[tokio::test]
async fn ports_of_this_machine_come_and_go() {
    let (tcp, udp) = (TcpListener::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("[::1]:0"));
    let host = TestHost::new();
    let settings = settings("host_observer");
    let meter = settings.meter.clone();
    let observer = HostObserver::create(settings, config::<Config>("refresh_interval: 10ms"));
    let observer = Arc::new(observer.unwrap());
    let mut endpoints = observer.endpoints();
    Arc::clone(&observer).start(&host).await.unwrap();
    let target = tcp.local_addr().unwrap().to_string();
    let is_there = |all: &component::Endpoints| {
        let own = i64::from(std::process::id());
        all.values().any(|it| it.target == target && it.id.ends_with(&format!("-TCP-{own}")))
    };
    let found = endpoints.wait_for(is_there).await.unwrap().clone();
    // Where there is no IPv6 there is nothing to find.
    if let Ok(udp) = &udp {
        let target = udp.local_addr().unwrap().to_string();
        assert!(found.values().any(|it| it.target == target), "{target}");
    }
    let count = metric(&meter, "sluice_host_observer_endpoints", &[("extension", "host_observer")]);
    assert!(count.is_some_and(|it| it >= 1.0));
    drop(tcp);
    endpoints.wait_for(|all| !is_there(all)).await.unwrap();
    host.stop().await;
}

#[test]
fn a_section_that_cannot_work_is_told() {
    assert!(problems::<Config>("refresh_interval: 0s")[0].contains("must be positive"));
}
