//! Requests that are made to see how a server answers: each on a connection of its own, and each step with its time.

use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, LOCATION};
use http::{HeaderMap, Method, StatusCode};
use tokio::time::Instant;

use super::Url;
use super::dialer::Phases;
use super::fetch::{FetchError, Fetcher, Seen};
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
        let (mut seen, mut status) = (Seen::default(), None);
        let all = self.follow((method, url, headers, body), (&mut seen, &mut status), bytes_max);
        let body = tokio::time::timeout(self.timeout, all).await;
        Probed {
            phases: seen.phases,
            took: begun.elapsed(),
            certificate: seen.certificate,
            status,
            body: body.unwrap_or(Err(FetchError::Timeout)),
        }
    }

    async fn follow(
        &self,
        (method, first, own, body): (&Method, &Url, &HeaderMap, &Bytes),
        (seen, status): (&mut Seen, &mut Option<StatusCode>),
        bytes_max: usize,
    ) -> Result<Bytes, FetchError> {
        let (mut url, mut headers) = (first.clone(), self.headers(first, own)?);
        if let Some(host) = own.get(HOST) {
            headers.insert(HOST, host.clone());
        }
        for _ in 0..REQUESTS_MAX {
            seen.phases = Phases::default();
            let request = (method, &url, headers.clone(), body.clone());
            let mut answer = self.head(request, seen).await?;
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
            *status = Some(answer.status);
            let body = answer.body(bytes_max).await;
            seen.phases.response = headed.elapsed();
            return body;
        }
        Err(FetchError::Failed(format!("stopped after {REQUESTS_MAX} redirects")))
    }
}
