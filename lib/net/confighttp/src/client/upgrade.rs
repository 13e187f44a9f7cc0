//! A connection that begins as HTTP/1.1 and speaks another protocol once the server has agreed. RFC 9110, section 7.8.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use bytes::Bytes;
use confignet::dial::Connection;
use configtls::MaybeTls;
use http::header::{CONNECTION, UPGRADE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use super::Url;
use super::dialer::Phases;
use super::fetch::{FetchError, Fetcher};
use super::http1::why;

/// A connection after the server's 101.
#[derive(Debug)]
pub struct Upgraded {
    /// The connection.
    pub stream: MaybeTls<Connection>,
    /// What the server has said already in the other protocol.
    pub first: Bytes,
}

impl Fetcher {
    /// Asks a server to go on with `protocol`. There is a connection where the status is 101; redirects are not followed. The
    /// timeout is for all of it.
    ///
    /// # Errors
    /// Without an answer.
    pub async fn upgrade(
        &self,
        protocol: &'static str,
        url: &Url,
        headers: &HeaderMap,
    ) -> Result<(Response<()>, Option<Upgraded>), FetchError> {
        let all = self.ask_to_upgrade(protocol, url, headers);
        tokio::time::timeout(self.timeout, all).await.unwrap_or(Err(FetchError::Timeout))
    }

    async fn ask_to_upgrade(
        &self,
        protocol: &'static str,
        url: &Url,
        headers: &HeaderMap,
    ) -> Result<(Response<()>, Option<Upgraded>), FetchError> {
        let mut request = Request::new(Empty::<Bytes>::new());
        *request.method_mut() = Method::GET;
        *request.headers_mut() = self.headers(url, headers)?;
        request.headers_mut().insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        request.headers_mut().insert(UPGRADE, HeaderValue::from_static(protocol));
        let stream = self.dial(url, &mut request, &mut Phases::default()).await?;
        let shaken = http1::handshake(TokioIo::new(stream)).await;
        let (mut send, mut connection) = shaken.map_err(|error| why(&error))?;
        let mut answer = pin!(send.send_request(request));
        let mut has_ended = false;
        let answer = poll_fn(|cx| {
            loop {
                if let Poll::Ready(answer) = answer.as_mut().poll(cx) {
                    return Poll::Ready(answer);
                }
                // What comes after the head is not hyper's to read, and the stream is not its to close.
                if has_ended || connection.poll_without_shutdown(cx).is_pending() {
                    return Poll::Pending;
                }
                has_ended = true;
            }
        });
        let (head, _) = answer.await.map_err(|error| why(&error))?.into_parts();
        let is_upgraded = head.status == StatusCode::SWITCHING_PROTOCOLS;
        let parts = is_upgraded.then(|| connection.into_parts());
        let upgraded = parts.map(|it| Upgraded { stream: it.io.into_inner(), first: it.read_buf });
        Ok((Response::from_parts(head, ()), upgraded))
    }
}
