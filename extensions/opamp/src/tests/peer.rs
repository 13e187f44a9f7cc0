//! The server's side of a WebSocket, as far as a test needs it.

#![expect(
    clippy::cast_possible_truncation,
    reason = "the numbers of tests are small, or drawn by chance"
)]

use std::time::Duration;

use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::messages::{AgentToServer, ServerToAgent};

/// Longest time that a test waits for something that has to happen.
pub(super) const LIMIT: Duration = Duration::from_secs(20);

pub(super) struct Peer {
    stream: BufReader<TcpStream>,
    /// The request that began it, in small letters.
    pub(super) head: String,
}

/// A frame of a client.
#[derive(Debug, PartialEq)]
pub(super) enum Frame {
    Message(Vec<u8>),
    Other(u8, Vec<u8>),
    End,
}

impl Peer {
    /// The next client, before it is answered.
    pub(super) async fn arrived(listener: &TcpListener) -> Self {
        let come = timeout(LIMIT, listener.accept()).await.expect("a client in time");
        let mut stream = BufReader::new(come.unwrap().0);
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        Self { stream, head: String::from_utf8(head).unwrap() }
    }

    /// The next client, after the handshake.
    pub(super) async fn accept(listener: &TcpListener) -> Self {
        let mut peer = Self::arrived(listener).await;
        let accept = derive_accept_key(peer.header("sec-websocket-key").as_bytes());
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        peer.write(answer.as_bytes()).await;
        peer
    }

    pub(super) fn header(&self, name: &str) -> &str {
        let lines = self.head.lines().filter_map(|it| it.split_once(": "));
        lines.filter(|it| it.0.eq_ignore_ascii_case(name)).map(|it| it.1).next().unwrap_or_default()
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    pub(super) async fn frame(&mut self) -> Frame {
        let frame = timeout(LIMIT, self.read()).await.expect("a frame in time");
        frame.unwrap_or(Frame::End)
    }

    async fn read(&mut self) -> Option<Frame> {
        let (first, second) =
            (self.stream.read_u8().await.ok()?, self.stream.read_u8().await.ok()?);
        assert!(first & 0x80 != 0 && second & 0x80 != 0, "a whole message, masked");
        let length = match second & 0x7f {
            126 => u64::from(self.stream.read_u16().await.ok()?),
            127 => self.stream.read_u64().await.ok()?,
            short => u64::from(short),
        };
        let mut mask = [0; 4];
        self.stream.read_exact(&mut mask).await.ok()?;
        let mut payload = vec![0; length as usize];
        self.stream.read_exact(&mut payload).await.ok()?;
        payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
        Some(match first & 0x0f {
            2 => Frame::Message(payload),
            other => Frame::Other(other, payload),
        })
    }

    /// The next message of the agent.
    pub(super) async fn hear(&mut self) -> AgentToServer {
        match self.frame().await {
            Frame::Message(bytes) => {
                assert_eq!(bytes[0], 0, "the header");
                AgentToServer::decode(&bytes[1..]).unwrap()
            }
            other => panic!("{other:?} is no message"),
        }
    }

    /// Says something to the agent.
    pub(super) async fn say(&mut self, message: ServerToAgent) {
        let bytes = [&[0][..], &message.encode_to_vec()].concat();
        assert!(bytes.len() < 126 << 8);
        let length = (bytes.len() as u16).to_be_bytes();
        self.write(&[0x82, 126, length[0], length[1]]).await;
        self.write(&bytes).await;
    }
}
