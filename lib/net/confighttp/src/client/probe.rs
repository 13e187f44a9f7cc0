//! Requests that are made to see how a server answers: each on a connection of its own, and each step with its time.

use std::time::Duration;

use bytes::Bytes;
use compression::Chunks;
use http::header::{HOST, LOCATION};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::Full;
use tokio::time::Instant;

use super::Url;
use super::dialer::{Dialer, Phases};
use super::fetch::{Answer, FetchError, Fetcher};
use super::http1::{drive, shake_hands, why};
use super::redirect::{self, REQUESTS_MAX};

/// What came of a request.
#[derive(Debug)]
pub struct Probed {
    /// How long each step has taken.
    pub phases: Phases,
    /// How long all has taken.
    pub took: Duration,
    /// The certificate of the server, as DER.
    pub certificate: Option<Vec<u8>>,
    /// The status, if there was an answer.
    pub status: Option<StatusCode>,
    /// The body of the answer, or why there is none.
    pub body: Result<Bytes, FetchError>,
}

impl Fetcher {
    /// Sends a request and reads the answer, of at most `bytes_max`. Redirects of GET and HEAD are followed; credentials stay with
    /// the host that they are for. Without an answer in time, what is known up to then is told.
    pub async fn probe(
        &self,
        method: &Method,
        url: &Url,
        headers: &HeaderMap,
        body: &Bytes,
        bytes_max: usize,
    ) -> Probed {
        let begun = Instant::now();
        let mut probed = Probed {
            phases: Phases::default(),
            took: Duration::ZERO,
            certificate: None,
            status: None,
            body: Err(FetchError::Timeout),
        };
        let all = self.follow(&mut probed, (method, url, headers, body), bytes_max);
        let read = tokio::time::timeout(self.timeout, all).await;
        probed.body = read.unwrap_or(Err(FetchError::Timeout));
        probed.took = begun.elapsed();
        probed
    }

    async fn follow(
        &self,
        probed: &mut Probed,
        (method, first, own, body): (&Method, &Url, &HeaderMap, &Bytes),
        bytes_max: usize,
    ) -> Result<Bytes, FetchError> {
        let (mut url, mut headers) = (first.clone(), self.headers(first, own)?);
        if let Some(host) = own.get(HOST) {
            headers.insert(HOST, host.clone());
        }
        for _ in 0..REQUESTS_MAX {
            probed.phases = Phases::default();
            let mut answer = self.once(probed, (method, &url, &headers, body)).await?;
            let headed = Instant::now();
            let location = answer.headers.get(LOCATION).filter(|_| {
                let may = matches!(*method, Method::GET | Method::HEAD);
                may && self.follows && answer.status.is_redirection()
            });
            if let Some(location) = location {
                let text = String::from_utf8_lossy(location.as_bytes());
                let to = url.join(&text);
                let to = to.map_err(|why| format!("failed to parse Location header: {why}"))?;
                headers = redirect::headers(headers, first, &url, &to);
                url = to;
                continue;
            }
            probed.status = Some(answer.status);
            let body = answer.body(bytes_max).await;
            probed.phases.response = headed.elapsed();
            return body;
        }
        Err(FetchError::Failed(format!("stopped after {REQUESTS_MAX} redirects")))
    }

    async fn once(
        &self,
        probed: &mut Probed,
        (method, url, headers, body): (&Method, &Url, &HeaderMap, &Bytes),
    ) -> Result<Answer, FetchError> {
        let begun = Instant::now();
        let proxy = self.dialer.proxy(url)?;
        let mut request = Request::new(Full::new(Chunks::from(body.clone())));
        *request.method_mut() = method.clone();
        *request.headers_mut() = headers.clone();
        Dialer::address(url, proxy.as_ref(), &mut request)?;
        let agent = self.agent.to_str().unwrap_or_default();
        let phases = &mut probed.phases;
        let connection = self.dialer.measured(url, proxy.as_ref(), agent, phases).await?;
        probed.certificate = connection.peer_certificate().map(<[u8]>::to_vec);
        let mut live = shake_hands(connection).await?;
        probed.phases.request = begun.elapsed();
        let answer = drive(&mut live.connection, live.send.send_request(request)).await;
        let (head, incoming) = answer.map_err(|error| why(&error))?.into_parts();
        Ok(Answer { status: head.status, headers: head.headers, incoming, live })
    }
}
