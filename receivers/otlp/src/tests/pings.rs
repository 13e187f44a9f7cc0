//! How often a gRPC client may ping.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
const PING: &[u8] = b"\0\0\x08\x06\0\0\0\0\0pingpong";

/// What a client reads to the end of a connection on which it has pinged so often.
async fn pinged(it: &Fixture, count: usize) -> Vec<u8> {
    let mut stream = TcpStream::connect(it.grpc()).await.unwrap();
    stream.write_all(PREFACE).await.unwrap();
    for _ in 0..count {
        stream.write_all(PING).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(1), stream.read_to_end(&mut answer)).await;
    answer
}

fn said_goodbye(answer: &[u8]) -> bool {
    answer.ends_with(b"\0\0\0\x0btoo_many_pings")
}

#[test]
fn a_client_that_pings_too_often_is_told_so_and_sent_away() {
    run(async {
        let it = Fixture::start(ALL, |_| {}).await;
        assert!(!said_goodbye(&pinged(&it, 3).await), "two may come too early");
        let answer = pinged(&it, 4).await;
        assert!(said_goodbye(&answer), "{answer:?}");
        it.stop().await;
    });
}

#[test]
fn the_section_says_how_often_is_too_often() {
    run(async {
        let it = Fixture::start(ALL, |protocols| {
            let text =
                "keepalive: {enforcement_policy: {min_time: 1ms, permit_without_stream: true}}";
            let read = component::config::load(&componenttest::section(text));
            let section: configgrpc::server::ServerConfig = read.unwrap();
            with_grpc(|it| it.keepalive = section.keepalive)(protocols);
        })
        .await;
        let answer = pinged(&it, 20).await;
        assert!(!said_goodbye(&answer), "{answer:?}");
        it.stop().await;
    });
}
