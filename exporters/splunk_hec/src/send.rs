//! Requests, and what their answers mean. `internal/splunk/httprequest.go`, v0.149.

use bytes::Bytes;
use component::{ConsumeError, Context, ExporterSettings, RetryConfig};
use compression::{Chunks, Compressor, Encoding, Params, Type};
use confighttp::client::{Client, Reply, Url};
use documents::{Attempts, Pauses, Rest};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tokio_util::sync::CancellationToken;

use crate::encode::PROFILING;
use crate::requests::{Key, Request};

const LIBRARY: HeaderName = HeaderName::from_static("x-splunk-instrumentation-library");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// Most characters of an answer that are shown.
const SAID_MAX: usize = 300;

/// Sends requests, and knows what became of each.
pub(crate) struct Sender {
    pauses: Pauses,
    rest: Rest,
    stopping: CancellationToken,
    /// Most bytes of a request.
    limit: Option<usize>,
    compressor: Option<Compressor>,
}

impl Sender {
    pub(crate) fn new(
        settings: &ExporterSettings,
        retry: RetryConfig,
        (limit, compressed): (Option<usize>, Option<Params>),
        stopping: CancellationToken,
    ) -> Self {
        let gzip = Type(Some(Encoding::Gzip));
        let compressor = compressed.map(|params| Compressor::http(gzip, params));
        let (pauses, rest) = (Pauses::of(retry), Rest::new(settings));
        Self { pauses, rest, stopping, limit, compressor }
    }

    /// Sends all. What was taken is not sent again for those that were not, and what is refused for good does not take the others
    /// with it.
    ///
    /// # Errors
    /// Nothing was taken; or a part was not for a long time, for a caller that can read the data again.
    pub(crate) async fn send(
        &self,
        client: &Client,
        ctx: &Context,
        requests: Vec<Request>,
    ) -> Result<(), ConsumeError> {
        let is_only = requests.len() == 1;
        for (at, request) in requests.into_iter().enumerate() {
            let Request { key, body, items } = request;
            if let Err(why) = self.check_size(&body) {
                self.rest.lose_refused(items, &why);
                continue;
            }
            let headers = headers(&key);
            let body = Bytes::from(body);
            let mut attempts = Attempts::new(&self.pauses, &self.stopping);
            while let Err(why) = ask(client, ctx, &headers, body.clone()).await {
                // Who stands in front knows how long to try, what can be halved, and what to say in the end.
                if is_only || (at == 0 && (!why.is_permanent() || why.is_too_large())) {
                    return Err(why);
                }
                if why.is_permanent() {
                    self.rest.lose_refused(items, &why);
                    break;
                }
                if !attempts.wait(why.retry_after()).await {
                    self.rest.given_up(ctx, items, &why, &self.stopping)?;
                    break;
                }
            }
        }
        Ok(())
    }

    /// An event that is alone in a request may be larger than one, unless it fits once it is compressed.
    fn check_size(&self, body: &[u8]) -> Result<(), ConsumeError> {
        let Some(limit) = self.limit.filter(|it| body.len() > *it) else { return Ok(()) };
        let compressed: Option<usize> = self.compressor.as_ref().and_then(|it| {
            let body = Chunks::from(Bytes::copy_from_slice(body));
            Some(it.compress(body).ok()?.pieces().map(Bytes::len).sum())
        });
        let size = compressed.unwrap_or(body.len());
        if size <= limit {
            return Ok(());
        }
        let text = format!(
            "dropped event: error: event size {size} bytes larger than configured max content length {limit} bytes"
        );
        Err(ConsumeError::permanent(text).too_large())
    }
}

async fn ask(
    client: &Client,
    ctx: &Context,
    headers: &HeaderMap,
    body: Bytes,
) -> Result<(), ConsumeError> {
    let reply = client.post_with(ctx, JSON, headers, body.into()).await;
    understood(client.url(), &reply.map_err(ConsumeError::retryable)?)
}

fn headers(key: &Key) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if key.is_profiling {
        headers.insert(LIBRARY, HeaderValue::from_static(PROFILING));
    }
    // A token that cannot stand in a header is none: that of the section is sent.
    let token = key.token.as_ref().map(|it| HeaderValue::try_from(format!("{}{it}", hec::SCHEME)));
    if let Some(Ok(mut token)) = token {
        token.set_sensitive(true);
        headers.insert(AUTHORIZATION, token);
    }
    headers
}

fn understood(url: &Url, reply: &Reply) -> Result<(), ConsumeError> {
    let status = reply.status;
    if status.is_success() {
        return Ok(());
    }
    let text = answered(url, status, &reply.body);
    Err(match status {
        StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED => ConsumeError::permanent(text),
        StatusCode::PAYLOAD_TOO_LARGE => {
            let remedy = "lower max_content_length of this signal";
            ConsumeError::permanent(format!("{text}: {remedy}")).too_large()
        }
        // Others are tried again, as upstream: a token that is not known today may be tomorrow.
        _ => reply.retryable(text),
    })
}

/// `HTTP "https://splunk:8088/services/collector" 403 "Forbidden": {"text":"Invalid token","code":4}`.
pub(crate) fn answered(url: &Url, status: StatusCode, body: &[u8]) -> String {
    let said: String = String::from_utf8_lossy(body).trim().chars().take(SAID_MAX).collect();
    let joint = if said.is_empty() { "" } else { ": " };
    let (code, name) = (status.as_u16(), status.canonical_reason().unwrap_or_default());
    format!("HTTP \"{url}\" {code} \"{name}\"{joint}{said}")
}
