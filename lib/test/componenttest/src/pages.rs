//! Extensions that serve pages, asked over real sockets.

use std::sync::Arc;
use std::time::Duration;

use component::Component;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::TestHost;

/// Longest time that an answer may take.
const LIMIT: Duration = Duration::from_secs(10);
/// How many ports are tried: each may be taken by another program before the component has it.
const PORTS_MAX: usize = 10;

/// Starts a component at an address that nobody listens on; `make` is given the address.
pub async fn start_on_free_port<C: Component>(
    make: impl Fn(&str) -> C,
) -> (Arc<C>, TestHost, String) {
    let host = TestHost::new();
    for _ in 0..PORTS_MAX {
        let free = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = free.local_addr().expect("an address").to_string();
        drop(free);
        let component = Arc::new(make(&address));
        if Arc::clone(&component).start(&host).await.is_ok() {
            return (component, host, address);
        }
    }
    panic!("no free port");
}

/// The whole answer to a request without a body: `ask(&address, "GET /")`.
pub async fn ask(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let request = format!("{request} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("it is sent");
    let mut answer = Vec::new();
    let read = tokio::time::timeout(LIMIT, stream.read_to_end(&mut answer)).await;
    read.expect("the answer ends in time").expect("it is read");
    String::from_utf8_lossy(&answer).into_owned()
}
