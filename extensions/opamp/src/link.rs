//! The way to the server. Both transports look alike from here on: messages are sent, and messages come. Over HTTP what comes is
//! the answer to what was sent last.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use component::{BuildInfo, ClientAuth, Context, Host, Outgoing, clock};
use confighttp::client::{Fetcher, Url, retry_after, sent_headers};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use prost::Message as _;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use uuid::Uuid;

use crate::config::{Common, Transport};
use crate::messages::{AgentToServer, ServerToAgent};
use crate::websocket::{Broken, MESSAGE_BYTES_MAX, WebSocket};

/// Longest wait for a connection, for an answer over HTTP, and for the server to take a message.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Pause after an overloaded server that names none. The specification, "Throttling".
const THROTTLED: Duration = Duration::from_secs(30);
/// What stands before a message over WebSocket: the number 0.
const HEADER: [u8; 1] = [0];

/// Where the server is, and what it is told before it listens.
pub(crate) struct Server {
    url: Url,
    fetcher: Fetcher,
    headers: HeaderMap,
    auth: Option<Arc<dyn ClientAuth>>,
    transport: Transport,
}

/// Why the connection is of no use any more.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It may be tried again, after this time if the server has said one.
    Lost(String, Option<Duration>),
    /// The message is longer than the server takes, or than is sent.
    TooLong(String),
}

impl Failure {
    pub(crate) fn lost(why: impl Into<String>) -> Self {
        Self::Lost(why.into(), None)
    }
}

/// A connection.
pub(crate) enum Link<'s> {
    WebSocket(Box<WebSocket>),
    /// And the answers that nobody has taken yet.
    Http(&'s Server, VecDeque<Bytes>),
}

/// Something has come; [`Link::taken`] says what it means.
pub(crate) enum Came {
    Answer(Bytes),
    Message(Result<Bytes, Broken>),
}

impl Server {
    /// From the section, with the credentials of an extension.
    pub(crate) fn new(
        section: &Common,
        transport: Transport,
        host: &Host,
        build: &BuildInfo,
    ) -> Result<Self, String> {
        let url = section.url(transport)?;
        let headers = sent_headers(&section.headers)?;
        let fetcher = Fetcher::new(&section.tls, &url, TIMEOUT, &build.user_agent())?;
        let auth = Some(section.auth.as_str()).filter(|it| !it.is_empty());
        let auth = auth.map(|it| host.uses_named::<dyn ClientAuth>(it)).transpose();
        let auth = auth.map_err(|error| error.to_string())?;
        Ok(Self { url, fetcher, headers, auth, transport })
    }

    /// For the log.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    async fn authorized(&self, method: &str, body: &[u8]) -> Result<HeaderMap, Failure> {
        let mut headers = self.headers.clone();
        if let Some(auth) = &self.auth {
            let path = self.url.request_path();
            let request = Outgoing { method, path: &path, body: vec![body] };
            let signed = auth.sign(&Context::default(), &request, &mut headers).await;
            signed.map_err(Failure::lost)?;
        }
        Ok(headers)
    }

    /// A connection. Over HTTP each message makes its own.
    pub(crate) async fn connect(&self) -> Result<Link<'_>, Failure> {
        if self.transport != Transport::WebSocket {
            return Ok(Link::Http(self, VecDeque::new()));
        }
        let mut headers = self.authorized("GET", &[]).await?;
        let key = generate_key();
        let value =
            HeaderValue::try_from(&key).map_err(|error| Failure::lost(error.to_string()))?;
        headers.insert("sec-websocket-key", value);
        headers.insert("sec-websocket-version", HeaderValue::from_static("13"));
        let asked = self.fetcher.upgrade("websocket", &self.url, &headers).await;
        let (answer, upgraded) = asked.map_err(|error| Failure::lost(error.to_string()))?;
        let Some(upgraded) = upgraded else {
            return Err(refused(answer.status(), answer.headers()));
        };
        let accept = answer.headers().get("sec-websocket-accept");
        if accept.is_none_or(|it| it.as_bytes() != derive_accept_key(key.as_bytes()).as_bytes()) {
            return Err(Failure::lost(
                "the server does not speak WebSocket: is this the right URL?",
            ));
        }
        Ok(Link::WebSocket(Box::new(WebSocket::new(upgraded).await)))
    }

    async fn post(&self, message: Vec<u8>, uid: Uuid) -> Result<Bytes, Failure> {
        let mut headers = self.authorized("POST", &message).await?;
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        if let Ok(uid) = HeaderValue::try_from(uid.to_string()) {
            headers.insert("opamp-instance-uid", uid);
        }
        let (method, limit) = (Method::POST, MESSAGE_BYTES_MAX);
        let answer = self.fetcher.fetch(method, &self.url, &headers, &message, limit).await;
        let answer = answer.map_err(|error| Failure::lost(error.to_string()))?;
        match answer.status() {
            StatusCode::OK => Ok(answer.into_body()),
            status => Err(refused(status, answer.headers())),
        }
    }
}

/// A server that answers something else than it should.
fn refused(status: StatusCode, headers: &HeaderMap) -> Failure {
    let why = format!("the server answered {status}");
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => Failure::TooLong(why),
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
            let after = retry_after(headers, clock::now()).unwrap_or(THROTTLED);
            Failure::Lost(why, Some(after))
        }
        _ => Failure::lost(why),
    }
}

impl Link<'_> {
    /// Sends a message.
    pub(crate) async fn send(&mut self, message: &AgentToServer, uid: Uuid) -> Result<(), Failure> {
        let bytes = message.encode_to_vec();
        if bytes.len() + HEADER.len() > MESSAGE_BYTES_MAX {
            let why = format!("the message is longer than {MESSAGE_BYTES_MAX} bytes");
            return Err(Failure::TooLong(why));
        }
        match self {
            Self::Http(server, answers) => {
                answers.push_back(server.post(bytes, uid).await?);
                Ok(())
            }
            Self::WebSocket(socket) => {
                let bytes = [&HEADER[..], &bytes].concat();
                in_time(socket.send(bytes.into())).await
            }
        }
    }

    /// Waits until something has come. It may be given up at any time, and asked again.
    pub(crate) async fn came(&mut self) -> Came {
        match self {
            Self::Http(_, answers) => match answers.pop_front() {
                Some(bytes) => Came::Answer(bytes),
                None => pending().await,
            },
            Self::WebSocket(socket) => Came::Message(socket.receive().await),
        }
    }

    /// What the server says with what has come.
    pub(crate) async fn taken(&mut self, came: Came) -> Result<ServerToAgent, Failure> {
        let (code, failure) = match came {
            Came::Answer(bytes) => {
                return ServerToAgent::decode(bytes)
                    .map_err(|error| Failure::lost(malformed(&error)));
            }
            Came::Message(Ok(bytes)) => match decoded(bytes) {
                Ok(message) => return Ok(message),
                Err(why) => (CloseCode::Protocol, why),
            },
            Came::Message(Err(Broken::Ended(why))) => return Err(Failure::lost(why)),
            Came::Message(Err(Broken::Closed(why))) => (CloseCode::Normal, why),
            Came::Message(Err(Broken::Violation(code, why))) => (code, why),
        };
        self.close(code).await;
        Err(Failure::lost(failure))
    }

    /// Ends the connection in order. It is over either way, so nobody hears that it failed.
    pub(crate) async fn close(&mut self, code: CloseCode) {
        if let Self::WebSocket(socket) = self {
            let _ = in_time(socket.close(code)).await;
        }
    }
}

async fn in_time(sending: impl Future<Output = Result<(), String>>) -> Result<(), Failure> {
    match tokio::time::timeout(TIMEOUT, sending).await {
        Ok(sent) => sent.map_err(Failure::lost),
        Err(_) => Err(Failure::lost("the server takes nothing: i/o timeout")),
    }
}

/// The message behind its header. Servers of before 2023 send none; their messages cannot begin with a zero.
fn decoded(bytes: Bytes) -> Result<ServerToAgent, String> {
    let message = match bytes.strip_prefix(&HEADER) {
        Some(rest) => bytes.slice_ref(rest),
        None => bytes,
    };
    ServerToAgent::decode(message).map_err(|error| malformed(&error))
}

fn malformed(error: &prost::DecodeError) -> String {
    format!("the server sent what is no message of OpAMP: {error}")
}
