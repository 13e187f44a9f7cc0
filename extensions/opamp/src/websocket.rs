//! A connection over WebSocket, with the limits and words that OpAMP has for it. The protocol is the library's.

use bytes::Bytes;
use confighttp::client::Upgraded;
use confignet::dial::Connection;
use configtls::MaybeTls;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

/// Longest message, in bytes, taken and sent. The specification advises 64 MiB; the longest that comes here is a configuration,
/// of which half as much is taken.
pub(crate) const MESSAGE_BYTES_MAX: usize = 8 << 20;
/// Bytes that are read at once: messages are short, mostly.
const READ_BYTES: usize = 16 << 10;

/// A connection after the handshake.
pub(crate) struct WebSocket(WebSocketStream<MaybeTls<Connection>>);

/// Why there is nothing more to receive.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The connection ended.
    Ended(String),
    /// The server has closed it, and wants an answer.
    Closed(String),
    /// The server does not keep to the protocol: with which code the connection is closed for it, and why.
    Violation(CloseCode, String),
}

impl WebSocket {
    pub(crate) async fn new(upgraded: Upgraded) -> Self {
        let limits = WebSocketConfig::default()
            .read_buffer_size(READ_BYTES)
            .max_message_size(Some(MESSAGE_BYTES_MAX))
            .max_frame_size(Some(MESSAGE_BYTES_MAX));
        let (stream, first) = (upgraded.stream, upgraded.first.to_vec());
        let limits = Some(limits);
        Self(WebSocketStream::from_partially_read(stream, first, Role::Client, limits).await)
    }

    /// Sends a message.
    pub(crate) async fn send(&mut self, message: Bytes) -> Result<(), String> {
        self.0.send(Message::Binary(message)).await.map_err(reason)
    }

    /// Says goodbye, or answers the server's.
    pub(crate) async fn close(&mut self, code: CloseCode) -> Result<(), String> {
        let frame = CloseFrame { code, reason: "".into() };
        // The library has the answer ready, and refuses another one.
        let _ = self.0.send(Message::Close(Some(frame))).await;
        self.0.flush().await.map_err(reason)
    }

    /// The next message. May be given up at any time, and asked again; pings are answered on the way.
    pub(crate) async fn receive(&mut self) -> Result<Bytes, Broken> {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Binary(message))) => return Ok(message),
                Some(Ok(Message::Text(_))) => {
                    let why = "a message is not binary".to_owned();
                    return Err(Broken::Violation(CloseCode::Unsupported, why));
                }
                Some(Ok(Message::Close(frame))) => return Err(Broken::Closed(farewell(frame))),
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Err(error @ Error::Protocol(_))) => {
                    return Err(Broken::Violation(CloseCode::Protocol, error.to_string()));
                }
                Some(Err(error @ Error::Capacity(_))) => {
                    return Err(Broken::Violation(CloseCode::Size, error.to_string()));
                }
                Some(Err(error)) => return Err(Broken::Ended(reason(error))),
                None => return Err(Broken::Ended("EOF".to_owned())),
            }
        }
    }
}

fn reason(error: Error) -> String {
    match error {
        Error::Io(error) => confignet::dial::reason(&error),
        other => other.to_string(),
    }
}

/// What a close frame says: a code, and words for people.
fn farewell(frame: Option<CloseFrame>) -> String {
    match frame {
        Some(frame) => {
            format!("websocket: close {} {}", frame.code, frame.reason).trim_end().to_owned()
        }
        None => "websocket: close".to_owned(),
    }
}
