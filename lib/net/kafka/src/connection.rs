//! A connection to one broker: requests, and their answers, one after the other.

use std::time::Duration;

use bytes::Bytes;
use confignet::dial::{self, Target};
use configtls::{Connector, MaybeTls};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use crate::config::{ClientConfig, Mechanism};
use crate::error::Error;
use crate::sasl::{Scram, plain};
use crate::wire::{Reader, Writer, count};

/// Longest answer, in bytes: what a fetch may ask for at most, and room for what is around it.
const ANSWER_BYTES_MAX: usize = 128 << 20;
/// Longest wait for a connection to be there: TCP, TLS, credentials.
const OPEN_TIMEOUT: Duration = Duration::from_secs(15);

/// Number and version of a kind of request.
pub(crate) type Api = (i16, i16);

pub(crate) const PRODUCE: Api = (0, 7);
pub(crate) const FETCH: Api = (1, 10);
pub(crate) const LIST_OFFSETS: Api = (2, 1);
pub(crate) const METADATA: Api = (3, 4);
pub(crate) const OFFSET_COMMIT: Api = (8, 2);
pub(crate) const OFFSET_FETCH: Api = (9, 1);
pub(crate) const FIND_COORDINATOR: Api = (10, 0);
pub(crate) const JOIN_GROUP: Api = (11, 2);
pub(crate) const HEARTBEAT: Api = (12, 0);
pub(crate) const LEAVE_GROUP: Api = (13, 0);
pub(crate) const SYNC_GROUP: Api = (14, 0);
const SASL_HANDSHAKE: Api = (17, 1);
const SASL_AUTHENTICATE: Api = (36, 0);

/// What a connection needs to know.
pub(crate) struct Options {
    pub(crate) client_id: String,
    pub(crate) tls: Option<Connector>,
    pub(crate) login: Option<(Mechanism, String, String)>,
}

impl Options {
    pub(crate) fn new(config: &ClientConfig) -> Result<Self, String> {
        let tls = config.tls().map(|it| Connector::new(it, &[])).transpose()?;
        let login = config.login().map(|it| (it.0, it.1.to_owned(), it.2.to_owned()));
        Ok(Self { client_id: config.client_id.clone(), tls, login })
    }
}

pub(crate) struct Connection {
    stream: MaybeTls<dial::Connection>,
    client_id: String,
    last: i32,
}

fn broken(address: &str, why: impl std::fmt::Display) -> Error {
    Error::Connection(format!("broker {address}: {why}"))
}

impl Connection {
    pub(crate) async fn open(address: &str, options: &Options) -> Result<Self, Error> {
        let opened = timeout(OPEN_TIMEOUT, Self::open_unlimited(address, options)).await;
        opened.unwrap_or_else(|_| Err(broken(address, "no connection within 15 seconds")))
    }

    async fn open_unlimited(address: &str, options: &Options) -> Result<Self, Error> {
        let target = Target::tcp(address).map_err(|why| broken(address, why))?;
        let plain = dial::dial(&target).await.map_err(|why| broken(address, why))?;
        let stream = match &options.tls {
            None => MaybeTls::Plain(plain),
            Some(connector) => {
                let host = address.rsplit_once(':').map_or(address, |it| it.0);
                connector.connect(host, plain).await.map_err(|why| broken(address, why))?
            }
        };
        let mut connection = Self { stream, client_id: options.client_id.clone(), last: 0 };
        if let Some((mechanism, user, password)) = &options.login {
            connection.log_in(*mechanism, user, password).await?;
        }
        Ok(connection)
    }

    async fn log_in(
        &mut self,
        mechanism: Mechanism,
        user: &str,
        password: &str,
    ) -> Result<(), Error> {
        let mut request = Writer::default();
        request.text(mechanism.name());
        let mut answer = self.ask(SASL_HANDSHAKE, &request.out, OPEN_TIMEOUT).await?;
        if let Err(why) = Error::check(answer.i16()?) {
            let known = answer.list(Reader::text)?.join(", ");
            return Err(Error::Login(format!("{why}: the broker knows {known}")));
        }
        if mechanism == Mechanism::Plain {
            return self.authenticate(&plain(user, password)).await.map(drop);
        }
        let nonce: String = std::iter::repeat_with(fastrand::alphanumeric).take(24).collect();
        let scram = Scram::new(mechanism, user, password, nonce);
        let first = self.authenticate(&scram.first()).await?;
        let (proof, verifier) = scram.proof(&first)?;
        let last = self.authenticate(&proof).await?;
        if last.as_ref() != verifier.as_bytes() {
            return Err(Error::Login("the broker does not know the password".to_owned()));
        }
        Ok(())
    }

    async fn authenticate(&mut self, message: &[u8]) -> Result<Bytes, Error> {
        let mut request = Writer::default();
        request.bytes(message);
        let mut answer = self.ask(SASL_AUTHENTICATE, &request.out, OPEN_TIMEOUT).await?;
        let (code, said) = (answer.i16()?, answer.text()?);
        match Error::check(code) {
            Ok(()) => answer.bytes(),
            Err(why) => Err(Error::Login(format!("{why}: {said}"))),
        }
    }

    /// Sends a request without waiting for an answer.
    pub(crate) async fn tell(&mut self, (key, version): Api, body: &[u8]) -> Result<(), Error> {
        self.last = self.last.wrapping_add(1);
        let mut head = Writer::default();
        head.i32(0).i16(key).i16(version).i32(self.last).text(&self.client_id);
        let mut request = head.out;
        request.extend_from_slice(body);
        let length = count(request.len() - 4);
        if let Some(place) = request.get_mut(..4) {
            place.copy_from_slice(&length.to_be_bytes());
        }
        let sent = async {
            self.stream.write_all(&request).await?;
            self.stream.flush().await
        };
        sent.await.map_err(|error| Error::Connection(dial::reason(&error)))
    }

    /// Sends a request and waits for its answer. A call that is dropped leaves the connection of no use.
    pub(crate) async fn ask(
        &mut self,
        api: Api,
        body: &[u8],
        wait: Duration,
    ) -> Result<Reader, Error> {
        let call = async {
            self.tell(api, body).await?;
            let io = |error: std::io::Error| Error::Connection(dial::reason(&error));
            let length = self.stream.read_u32().await.map_err(io)? as usize;
            if !(4..=ANSWER_BYTES_MAX).contains(&length) {
                return Err(Error::Malformed(
                    "it has an impossible length: is this a broker of Kafka?",
                ));
            }
            let mut answer = bytes::BytesMut::new();
            let mut rest = (&mut self.stream).take(length as u64);
            while rest.read_buf(&mut answer).await.map_err(io)? > 0 {}
            if answer.len() < length {
                return Err(Error::Connection("EOF".to_owned()));
            }
            let mut answer = Reader::new(answer.freeze());
            if answer.i32()? != self.last {
                return Err(Error::Malformed("it belongs to another request"));
            }
            Ok(answer)
        };
        let answered = timeout(wait, call).await;
        answered.unwrap_or_else(|_| Err(Error::Connection("no answer in time".to_owned())))
    }
}
