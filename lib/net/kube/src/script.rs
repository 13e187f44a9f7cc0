//! A server for tests, which answers from a script, one request after the other.

use std::collections::VecDeque;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::Client;

/// Most messages on the way in a test.
pub(crate) const MESSAGES: usize = 1000;

/// What the server does with a request.
pub(crate) enum Act {
    /// A whole answer: status, headers, body.
    Answer(u16, &'static str, String),
    /// An answer that goes on with what comes through the channel, and ends with it.
    Stream(mpsc::Receiver<String>),
    /// The connection is closed in the middle of a line.
    Cut(&'static str),
}

pub(crate) fn list(version: &str, next: &str, names: &[&str]) -> Act {
    let items: Vec<_> = names.iter().map(|it| object(it)).collect();
    let body = format!(
        r#"{{"metadata":{{"resourceVersion":"{version}","continue":"{next}"}},"items":[{}]}}"#,
        items.join(",")
    );
    Act::Answer(200, "", body)
}

pub(crate) fn object(name: &str) -> String {
    format!(r#"{{"metadata":{{"name":"{name}","uid":"uid-{name}","resourceVersion":"9"}}}}"#)
}

pub(crate) fn event(kind: &str, object: &str) -> String {
    format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n")
}

pub(crate) fn stream() -> (mpsc::Sender<String>, Act) {
    let (send, receive) = mpsc::channel(MESSAGES);
    (send, Act::Stream(receive))
}

async fn answer(mut socket: TcpStream, act: Act) {
    match act {
        Act::Answer(status, headers, body) => {
            let length = body.len();
            let text = format!(
                "HTTP/1.1 {status} x\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
            socket.write_all(text.as_bytes()).await.unwrap();
        }
        Act::Stream(mut pieces) => {
            let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
            socket.write_all(head.as_bytes()).await.unwrap();
            while let Some(piece) = pieces.recv().await {
                let chunk = format!("{:x}\r\n{piece}\r\n", piece.len());
                // The client may have gone.
                if socket.write_all(chunk.as_bytes()).await.is_err() {
                    return;
                }
            }
            let _ = socket.write_all(b"0\r\n\r\n").await;
        }
        Act::Cut(text) => {
            let head = format!(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n{:x}\r\n{text}\r\n",
                text.len()
            );
            socket.write_all(head.as_bytes()).await.unwrap();
        }
    }
}

/// A server that plays `script`, and then refuses. What was asked, without `/version`, is told line by line.
pub(crate) async fn server(script: Vec<Act>) -> (Client, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    let (asked, requests) = mpsc::channel(MESSAGES);
    componenttest::spawn(async move {
        let mut script = VecDeque::from(script);
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                // The client may have gone.
                let Ok(byte) = socket.read_u8().await else { break };
                head.push(byte);
            }
            if head.is_empty() {
                continue;
            }
            let head = String::from_utf8(head).unwrap();
            let path = head.split(' ').nth(1).unwrap().to_owned();
            let act = if path == "/version" {
                Act::Answer(200, "", r#"{"major":"1","minor":"30+"}"#.into())
            } else {
                let _ = asked.try_send(path);
                script.pop_front().unwrap_or_else(|| Act::Answer(503, "", "the end".into()))
            };
            componenttest::spawn(answer(socket, act));
        }
    });
    (Client::plain(&server).unwrap(), requests)
}
