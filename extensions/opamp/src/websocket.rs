//! The client's side of WebSocket (RFC 6455), as far as OpAMP needs it: binary messages in both directions, no extensions. A
//! frame is read from the buffer only when all of it is there, so a read that is given up loses nothing.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use confighttp::client::Upgraded;
use confignet::dial::Connection;
use configtls::MaybeTls;
use pdata::text::Base64;
use ring::digest;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use uuid::Uuid;

/// Longest message, in bytes, taken and sent. The specification advises 64 MiB; the longest that comes here is a configuration,
/// of which half as much is taken.
pub(crate) const MESSAGE_BYTES_MAX: usize = 8 << 20;
/// Longest payload of a control frame. RFC 6455, section 5.5.
const CONTROL_BYTES_MAX: usize = 125;
/// Frames of one message: each costs a server two bytes.
const FRAMES_MAX: usize = 64 << 10;
/// What a server appends to a client's key before it hashes it. RFC 6455, section 1.3.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Operations. RFC 6455, section 11.8.
const CONTINUATION: u8 = 0x0;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xa;
/// The first byte of a frame has this set when it is the last one of its message.
const FIN: u8 = 0x80;
/// The second byte has this set when the payload is masked, as that of clients is.
const MASKED: u8 = 0x80;

/// Why we close. RFC 6455, section 7.4.1.
pub(crate) const NORMAL: u16 = 1000;
pub(crate) const PROTOCOL_ERROR: u16 = 1002;
pub(crate) const UNSUPPORTED: u16 = 1003;
pub(crate) const TOO_BIG: u16 = 1009;

/// What a client sends as `Sec-WebSocket-Key`.
pub(crate) fn key() -> String {
    Base64::STANDARD.encode(Uuid::new_v4().as_bytes())
}

/// What a server that speaks WebSocket answers to a key.
pub(crate) fn accepted(key: &str) -> String {
    let text = format!("{key}{GUID}");
    let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
    Base64::STANDARD.encode(hash.as_ref())
}

/// A connection after the handshake.
pub(crate) struct WebSocket {
    stream: MaybeTls<Connection>,
    incoming: Incoming,
}

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// A whole message.
    Message(Bytes),
    /// Has to be answered by [`WebSocket::pong`].
    Ping(Bytes),
    /// The server has closed the connection: why.
    Closed(String),
}

/// What a server may not send, and with which code the connection is closed for it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) code: u16,
    pub(crate) why: String,
}

/// Why there is nothing more to receive.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The connection ended.
    Ended(String),
    /// The server does not keep to the protocol.
    Violation(Violation),
}

impl WebSocket {
    pub(crate) fn new(upgraded: Upgraded) -> Self {
        let incoming =
            Incoming { buffer: BytesMut::from(&upgraded.first[..]), ..Incoming::default() };
        Self { stream: upgraded.stream, incoming }
    }

    /// Sends a message.
    pub(crate) async fn send(&mut self, message: &[u8]) -> Result<(), String> {
        self.write(BINARY, message).await
    }

    /// Answers a ping.
    pub(crate) async fn pong(&mut self, payload: &[u8]) -> Result<(), String> {
        self.write(PONG, payload).await
    }

    /// Says goodbye.
    pub(crate) async fn close(&mut self, code: u16) -> Result<(), String> {
        self.write(CLOSE, &code.to_be_bytes()).await
    }

    async fn write(&mut self, operation: u8, payload: &[u8]) -> Result<(), String> {
        let [a, b, c, d, ..] = Uuid::new_v4().into_bytes();
        let frame = masked(operation, payload, [a, b, c, d]);
        let written = async {
            self.stream.write_all(&frame).await?;
            self.stream.flush().await
        };
        written.await.map_err(|error| confignet::dial::reason(&error))
    }

    /// What comes next. May be given up at any time, and asked again.
    pub(crate) async fn receive(&mut self) -> Result<Received, Broken> {
        loop {
            if let Some(received) = self.incoming.next().map_err(Broken::Violation)? {
                return Ok(received);
            }
            match self.stream.read_buf(&mut self.incoming.buffer).await {
                Ok(0) => return Err(Broken::Ended("EOF".to_owned())),
                Ok(_) => {}
                Err(error) => return Err(Broken::Ended(confignet::dial::reason(&error))),
            }
        }
    }
}

/// A frame that is a whole message, as clients send it. RFC 6455, sections 5.2 and 5.3.
fn masked(operation: u8, payload: &[u8], mask: [u8; 4]) -> BytesMut {
    let mut frame = BytesMut::with_capacity(payload.len() + 14);
    frame.put_u8(FIN | operation);
    match u16::try_from(payload.len()) {
        Ok(length @ 0..=125) => frame.put_u8(MASKED + length.to_be_bytes()[1]),
        Ok(length) => {
            frame.put_u8(MASKED + 126);
            frame.put_u16(length);
        }
        Err(_) => {
            frame.put_u8(MASKED + 127);
            frame.put_u64(payload.len() as u64);
        }
    }
    frame.put_slice(&mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// What has come and is not a whole message yet.
#[derive(Default)]
struct Incoming {
    buffer: BytesMut,
    /// The frames so far of a message in several.
    message: BytesMut,
    /// How many there were; 0 between messages.
    frames: usize,
}

impl Incoming {
    /// The next thing that is there as a whole.
    fn next(&mut self) -> Result<Option<Received>, Violation> {
        while let Some((first, payload)) = self.frame()? {
            let is_last = first & FIN != 0;
            match first & 0x0f {
                PING => return Ok(Some(Received::Ping(payload))),
                PONG => continue,
                CLOSE => return Ok(Some(Received::Closed(farewell(&payload)))),
                BINARY if self.frames == 0 && is_last => {
                    return Ok(Some(Received::Message(payload)));
                }
                BINARY if self.frames == 0 => {}
                CONTINUATION if self.frames > 0 => {}
                BINARY | CONTINUATION => {
                    return Err(violation(PROTOCOL_ERROR, "frames of messages are mixed"));
                }
                _ => return Err(violation(UNSUPPORTED, "a message is not binary")),
            }
            self.frames += 1;
            if self.message.len() + payload.len() > MESSAGE_BYTES_MAX || self.frames > FRAMES_MAX {
                return Err(too_big());
            }
            self.message.extend_from_slice(&payload);
            if is_last {
                self.frames = 0;
                return Ok(Some(Received::Message(self.message.split().freeze())));
            }
        }
        Ok(None)
    }

    /// The first byte of a frame, and its payload; `None` until all of it is there.
    fn frame(&mut self) -> Result<Option<(u8, Bytes)>, Violation> {
        let mut head = &self.buffer[..];
        if head.len() < 2 {
            return Ok(None);
        }
        let (first, second) = (head.get_u8(), head.get_u8());
        if first & 0x70 != 0 {
            return Err(violation(PROTOCOL_ERROR, "an extension is used that was not agreed on"));
        }
        if second & MASKED != 0 {
            return Err(violation(PROTOCOL_ERROR, "a server masks its frames"));
        }
        let length = match second {
            126 if head.len() < 2 => return Ok(None),
            127 if head.len() < 8 => return Ok(None),
            126 => u64::from(head.get_u16()),
            127 => head.get_u64(),
            short => u64::from(short),
        };
        let is_control = first & 0x08 != 0;
        if is_control && (length > CONTROL_BYTES_MAX as u64 || first & FIN == 0) {
            return Err(violation(PROTOCOL_ERROR, "a control frame is too long"));
        }
        let Some(length) = usize::try_from(length).ok().filter(|it| *it <= MESSAGE_BYTES_MAX)
        else {
            return Err(too_big());
        };
        if head.len() < length {
            return Ok(None);
        }
        let before = self.buffer.len() - head.len();
        self.buffer.advance(before);
        Ok(Some((first, self.buffer.split_to(length).freeze())))
    }
}

fn violation(code: u16, why: &str) -> Violation {
    Violation { code, why: why.to_owned() }
}

fn too_big() -> Violation {
    violation(TOO_BIG, &format!("a message is longer than {MESSAGE_BYTES_MAX} bytes"))
}

/// What a close frame says: a code, and words for people.
fn farewell(payload: &[u8]) -> String {
    match payload {
        [a, b, words @ ..] => {
            let (code, words) = (u16::from_be_bytes([*a, *b]), String::from_utf8_lossy(words));
            format!("websocket: close {code} {words}").trim_end().to_owned()
        }
        _ => "websocket: close".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn incoming(bytes: &[u8]) -> Incoming {
        Incoming { buffer: BytesMut::from(bytes), ..Incoming::default() }
    }

    fn all(bytes: &[u8]) -> Result<Vec<Received>, Violation> {
        let mut incoming = incoming(bytes);
        std::iter::from_fn(|| incoming.next().transpose()).collect()
    }

    fn message(bytes: &[u8]) -> Received {
        Received::Message(Bytes::copy_from_slice(bytes))
    }

    #[test]
    fn the_answer_to_a_key_is_that_of_the_rfc() {
        // RFC 6455, section 1.3.
        assert_eq!(accepted("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!((key().len(), key() == key()), (24, false));
    }

    #[test]
    fn frames_are_those_of_the_rfc() {
        // RFC 6455, section 5.7, with "Hello" as a binary message.
        let mask = [0x37, 0xfa, 0x21, 0x3d];
        let hello = [0x82, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        assert_eq!(masked(BINARY, b"Hello", mask)[..], hello);
        assert_eq!(masked(BINARY, &[0; 256], mask)[..4], [0x82, 0xfe, 0x01, 0x00]);
        let long = [0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0];
        assert_eq!(masked(BINARY, &vec![0; 65536], mask)[..10], long);
        let text = b"\x82\x05Hello";
        assert_eq!(all(text), Ok(vec![message(b"Hello")]));
        let parts = b"\x02\x03Hel\x89\x01?\x80\x02lo\x8a\x00\x88\x05\x03\xe8bye";
        let ping = Received::Ping(Bytes::from_static(b"?"));
        let end = Received::Closed("websocket: close 1000 bye".into());
        assert_eq!(all(parts), Ok(vec![ping, message(b"Hello"), end]));
        assert_eq!(all(b"\x88\x00"), Ok(vec![Received::Closed("websocket: close".into())]));
    }

    #[test]
    fn a_frame_is_read_when_all_of_it_is_there() {
        let mut frame = vec![0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0];
        frame.extend(vec![7; 65536]);
        let mut incoming = incoming(&[]);
        for byte in &frame[..frame.len() - 1] {
            incoming.buffer.put_u8(*byte);
            if incoming.buffer.len() < 20 || incoming.buffer.len() > 65500 {
                assert_eq!(incoming.next(), Ok(None));
            }
        }
        incoming.buffer.put_u8(7);
        assert_eq!(incoming.next(), Ok(Some(message(&vec![7; 65536]))));
    }

    #[track_caller]
    fn refused(bytes: &[u8], code: u16) {
        assert_eq!(all(bytes).unwrap_err().code, code);
    }

    #[test]
    fn what_no_server_may_send_is_refused_with_the_code_that_says_why() {
        refused(b"\xc2\x00", PROTOCOL_ERROR);
        refused(b"\x82\x80mask", PROTOCOL_ERROR);
        refused(b"\x80\x00", PROTOCOL_ERROR);
        refused(b"\x02\x00\x82\x00", PROTOCOL_ERROR);
        refused(b"\x09\x00", PROTOCOL_ERROR);
        refused(b"\x89\x7e\x00\x7e", PROTOCOL_ERROR);
        refused(b"\x81\x02hi", UNSUPPORTED);
        refused(b"\x82\x7f\x00\x00\x00\x00\x00\x80\x00\x01", TOO_BIG);
        refused(b"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff", TOO_BIG);
    }

    #[test]
    fn a_message_in_too_many_or_too_long_frames_is_refused() {
        let mut many = b"\x02\x00".to_vec();
        many.extend(b"\x00\x00".repeat(FRAMES_MAX));
        refused(&many, TOO_BIG);
        let half =
            [&b"\x00\x7f\x00\x00\x00\x00\x00\x40\x00\x01"[..], &vec![0; (4 << 20) + 1]].concat();
        let mut long = half.repeat(2);
        long[0] = 0x02;
        refused(&long, TOO_BIG);
    }
}
