//! The bulk API of Elasticsearch and OpenSearch: two lines for each document, an action and the document itself, and an answer
//! that says of each what became of it. What is refused is counted by reason; what is refused for now is sent again alone.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use component::{ConsumeError, Context, ExporterSettings};
use confighttp::client::Reply;
use http::HeaderValue;
use pdata::text::{is_unreserved, percent_encoded};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::clients::Clients;
use crate::retry::{Attempts, Pauses, Rest};

/// Longest answer that is read, in bytes: 10,000 documents, all of them with an error.
pub const ANSWER_BYTES_MAX: usize = 16 << 20;
/// Bytes of a request unless the section says another limit. `FlushBytes` of the Go clients' bulk indexers.
pub const REQUEST_BYTES_MAX: usize = 5_000_000;
/// What is asked of an answer, unless the section says something else.
const FILTER_PATH: &str = "items.*._index,items.*.status,items.*.error.type,items.*.error.reason";
/// Reasons of refusals that are told apart in the metric.
const REASONS_MAX: usize = 50;
/// Longest name of a reason, in bytes.
const REASON_BYTES_MAX: usize = 64;
/// Statuses with which a document or a request can pass later, beside those of the section. A document that comes twice is better
/// than one that is lost.
const PASSING: [u16; 3] = [502, 503, 504];
/// A document with this id is there already.
const CONFLICT: u16 = 409;

/// Where documents are sent: the bulk API of the server at `endpoint`, whose path and query are kept. `filter_path` and
/// `pipeline` may be empty.
pub fn url(endpoint: &str, filter_path: &str, pipeline: &str) -> String {
    let encoded = |it: &str| percent_encoded(it, is_unreserved);
    let (base, query) = endpoint.split_once('?').unwrap_or((endpoint, ""));
    let and = if query.is_empty() { "" } else { "&" };
    let filter_path = encoded(if filter_path.is_empty() { FILTER_PATH } else { filter_path });
    let base = base.trim_end_matches('/');
    let url = format!("{base}/_bulk?{query}{and}filter_path={filter_path}");
    if pipeline.is_empty() { url } else { format!("{url}&pipeline={}", encoded(pipeline)) }
}

/// Documents for one or more requests.
#[derive(Debug, Default)]
pub struct Bulk {
    body: Vec<u8>,
    documents: Vec<Document>,
}

#[derive(Debug)]
struct Document {
    end: usize,
    /// Spans, data points or log records of which it was made.
    items: usize,
    /// It has an id of the sender's: when the backend has it already, it has arrived.
    has_id: bool,
}

impl Bulk {
    /// Where the two lines of the next document are written.
    pub fn body(&mut self) -> &mut Vec<u8> {
        &mut self.body
    }

    /// Both lines are there, each with its line end.
    pub fn end(&mut self, items: usize, has_id: bool) {
        self.documents.push(Document { end: self.body.len(), items, has_id });
    }

    /// The document did not come about: forgets what was written of it.
    pub fn undo(&mut self) {
        self.body.truncate(self.documents.last().map_or(0, |it| it.end));
    }

    /// True without documents.
    pub fn is_empty(&self) -> bool {
        self.documents.is_empty()
    }

    /// The bytes of all.
    pub fn bytes(&self) -> &[u8] {
        &self.body
    }

    fn bytes_of(&self, at: usize) -> Range<usize> {
        let start = at.checked_sub(1).and_then(|it| self.documents.get(it)).map_or(0, |it| it.end);
        start..self.documents.get(at).map_or(start, |it| it.end)
    }

    fn items(&self, documents: &[usize]) -> usize {
        documents.iter().filter_map(|at| self.documents.get(*at)).map(|it| it.items).sum()
    }

    /// The documents of each request of at most so many bytes; a larger document is alone.
    fn requests(&self, bytes_max: usize) -> Vec<Vec<usize>> {
        let mut requests: Vec<Vec<usize>> = Vec::new();
        let mut bytes = 0;
        for at in 0..self.documents.len() {
            let length = self.bytes_of(at).len();
            match requests.last_mut() {
                Some(request) if bytes + length <= bytes_max => request.push(at),
                _ => {
                    requests.push(vec![at]);
                    bytes = 0;
                }
            }
            bytes += length;
        }
        // The first is taken from the end.
        requests.reverse();
        requests
    }

    fn request(&self, documents: &[usize]) -> bytes::Bytes {
        let mut body =
            Vec::with_capacity(documents.iter().map(|it| self.bytes_of(*it).len()).sum());
        for at in documents {
            body.extend_from_slice(self.body.get(self.bytes_of(*at)).unwrap_or_default());
        }
        body.into()
    }
}

/// How documents are sent.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Bytes of a request; the backend has a limit of its own (`http.max_content_length`, 100 MB by default).
    pub request_bytes_max: usize,
    /// Attempts for documents that are refused for now.
    pub pauses: Pauses,
    /// Statuses with which they can pass later.
    pub statuses: Vec<u16>,
    /// The log has the backend's words, which may hold parts of the document.
    pub show_reasons: bool,
    /// The log is silent about documents that are there already.
    pub hide_conflicts: bool,
}

/// Sends documents, and knows what became of each.
pub struct Sender {
    clients: Clients,
    policy: Policy,
    content_type: HeaderValue,
    reasons: Mutex<BTreeSet<String>>,
    rest: Rest,
    stopping: CancellationToken,
}

/// What became of a request.
enum Outcome {
    /// Of all documents but these, which may pass later.
    Told { waiting: Vec<usize>, why: ConsumeError },
    /// Nothing was taken.
    Failed(ConsumeError),
}

impl Sender {
    /// `stopping` ends the waits.
    pub fn new(
        clients: Clients,
        policy: Policy,
        settings: &ExporterSettings,
        stopping: CancellationToken,
    ) -> Self {
        Self {
            clients,
            policy,
            content_type: HeaderValue::from_static("application/x-ndjson"),
            reasons: Mutex::default(),
            rest: Rest::new(settings),
            stopping,
        }
    }

    /// Ends the connections.
    pub fn close(&self) {
        self.clients.close();
    }

    /// Sends all documents.
    ///
    /// # Errors
    /// Nothing of it was taken; or a part was not taken for a long time, for a caller that can read the data again.
    pub async fn send(&self, ctx: &Context, bulk: &Bulk) -> Result<(), ConsumeError> {
        let mut requests = bulk.requests(self.policy.request_bytes_max);
        let mut any_taken = false;
        while let Some(documents) = requests.pop() {
            self.send_request(ctx, bulk, documents, (&mut any_taken, &mut requests)).await?;
        }
        Ok(())
    }

    async fn send_request(
        &self,
        ctx: &Context,
        bulk: &Bulk,
        mut documents: Vec<usize>,
        (any_taken, requests): (&mut bool, &mut Vec<Vec<usize>>),
    ) -> Result<(), ConsumeError> {
        let mut attempts = Attempts::new(&self.policy.pauses, &self.stopping);
        loop {
            let why = match self.attempt(ctx, bulk, &documents).await {
                Outcome::Told { waiting, .. } if waiting.is_empty() => {
                    *any_taken = true;
                    return Ok(());
                }
                Outcome::Told { waiting, why } => {
                    *any_taken |= waiting.len() < documents.len();
                    documents = waiting;
                    why
                }
                Outcome::Failed(why) if why.is_too_large() => {
                    if documents.len() < 2 {
                        let items = bulk.items(&documents);
                        self.rest.lose_refused(items, &why);
                    } else {
                        let second = documents.split_off(documents.len() / 2);
                        requests.extend([second, documents]);
                    }
                    return Ok(());
                }
                // Who stands in front knows how long to try, and what to say in the end.
                Outcome::Failed(why) if !*any_taken => return Err(why),
                Outcome::Failed(why) if why.is_permanent() => {
                    let items = bulk.items(&documents);
                    self.rest.lose_refused(items, &why);
                    return Ok(());
                }
                Outcome::Failed(why) => why,
            };
            if !*any_taken {
                return Err(why);
            }
            if !attempts.wait(why.retry_after()).await {
                let items = bulk.items(&documents);
                return self.rest.given_up(ctx, items, &why, &self.stopping);
            }
        }
    }

    async fn attempt(&self, ctx: &Context, bulk: &Bulk, documents: &[usize]) -> Outcome {
        let Some(client) = self.clients.next() else {
            return Outcome::Failed(ConsumeError::retryable("there is no endpoint"));
        };
        let body = bulk.request(documents).into();
        match client.post(ctx, self.content_type.clone(), body).await {
            Err(why) => {
                let text = format!("failed to execute the bulk request: {why}");
                Outcome::Failed(ConsumeError::retryable(text))
            }
            Ok(reply) if reply.status.is_success() => self.told(bulk, documents, &reply.body),
            Ok(reply) => Outcome::Failed(self.refused(&reply)),
        }
    }

    fn may_pass(&self, status: u16) -> bool {
        status == 429 || PASSING.contains(&status) || self.policy.statuses.contains(&status)
    }

    fn refused(&self, reply: &Reply) -> ConsumeError {
        let status = reply.status.as_u16();
        let said = serde_json::from_slice::<Whole<'_>>(&reply.body).ok().and_then(|it| it.error);
        let kind = said.as_ref().and_then(|it| it.kind.as_deref()).unwrap_or("no reason");
        let reason = said.as_ref().and_then(|it| it.reason.as_deref()).unwrap_or_default();
        let reason = if self.policy.show_reasons { reason } else { "" };
        let text = format!("the bulk request was answered with {status}: {kind} {reason}");
        let text = text.trim_end().to_owned();
        if status == 413 {
            return ConsumeError::permanent(text).too_large();
        }
        if !self.may_pass(status) {
            return ConsumeError::permanent(text);
        }
        reply.retryable(text)
    }

    fn told(&self, bulk: &Bulk, documents: &[usize], body: &[u8]) -> Outcome {
        let answer = match serde_json::from_slice::<Answer<'_>>(body) {
            Ok(answer) if answer.items.len() == documents.len() => answer,
            Ok(answer) => {
                let (told, sent) = (answer.items.len(), documents.len());
                let text = format!(
                    "the answer to a bulk request tells of {told} documents, and {sent} were sent"
                );
                return Outcome::Failed(ConsumeError::retryable(text));
            }
            Err(error) => {
                let text = format!("the answer to a bulk request cannot be read: {error}");
                return Outcome::Failed(ConsumeError::retryable(text));
            }
        };
        let mut refusals = Refusals::default();
        let mut waiting = Vec::new();
        for (at, entry) in documents.iter().zip(&answer.items) {
            let (Some(item), Some(document)) = (&entry.item, bulk.documents.get(*at)) else {
                continue;
            };
            if !item.is_refused() || (item.status == CONFLICT && document.has_id) {
                continue;
            }
            if self.may_pass(item.status) {
                refusals.passing = Some(item.kind());
                waiting.push(*at);
            } else {
                let is_silent = item.status == CONFLICT && self.policy.hide_conflicts;
                refusals.add(item, document.items, is_silent);
            }
        }
        self.report(&refusals);
        let kind = refusals.passing.unwrap_or("no reason");
        let text = format!("documents were refused for now: {kind}");
        Outcome::Told { waiting, why: ConsumeError::retryable(text) }
    }

    /// Counts what was refused for good, and says it once for each reason.
    fn report(&self, refusals: &Refusals<'_>) {
        for (kind, refusal) in &refusals.by_kind {
            let kind = self.reason(kind);
            self.rest.refused(refusal.items, &kind);
            if refusal.is_silent {
                continue;
            }
            let reason = if self.policy.show_reasons { refusal.reason } else { "" };
            let (exporter, index, documents) =
                (self.rest.exporter(), refusal.index, refusal.documents);
            warn!(
                exporter,
                index,
                documents,
                "error.type" = kind,
                "error.reason" = reason,
                "failed to index documents"
            );
        }
    }

    /// The name of a reason in the metric: a server does not get to make series without end.
    fn reason(&self, kind: &str) -> String {
        let mut reasons = self.reasons.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = reasons.contains(kind);
        if !is_known && (reasons.len() >= REASONS_MAX || kind.len() > REASON_BYTES_MAX) {
            return "other".to_owned();
        }
        if !is_known {
            reasons.insert(kind.to_owned());
        }
        kind.to_owned()
    }
}

#[derive(Default)]
struct Refusals<'a> {
    by_kind: BTreeMap<&'a str, Refusal<'a>>,
    /// Why some may pass later.
    passing: Option<&'a str>,
}

struct Refusal<'a> {
    documents: usize,
    items: usize,
    index: &'a str,
    reason: &'a str,
    is_silent: bool,
}

impl<'a> Refusals<'a> {
    fn add(&mut self, item: &'a Item<'a>, items: usize, is_silent: bool) {
        let reason = item.error.as_ref().and_then(|it| it.reason.as_deref());
        let refusal = self.by_kind.entry(item.kind()).or_insert_with(|| Refusal {
            documents: 0,
            items: 0,
            index: item.index.as_deref().unwrap_or_default(),
            reason: reason.unwrap_or_default(),
            is_silent,
        });
        refusal.documents += 1;
        refusal.items += items;
    }
}

/// The answer, as far as `filter_path` asks for it.
#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow, default)]
    items: Vec<Entry<'a>>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow, default, rename = "create", alias = "index", alias = "update")]
    item: Option<Item<'a>>,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(default)]
    status: u16,
    #[serde(borrow, default, rename = "_index")]
    index: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    error: Option<Problem<'a>>,
}

impl Item<'_> {
    /// The error may be left out of the answer by its `filter_path`.
    fn is_refused(&self) -> bool {
        self.error.is_some() || self.status >= 300
    }

    fn kind(&self) -> &str {
        self.error.as_ref().and_then(|it| it.kind.as_deref()).unwrap_or("unknown")
    }
}

#[derive(Deserialize)]
struct Problem<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    reason: Option<Cow<'a, str>>,
}

/// The answer to a request that was refused as a whole.
#[derive(Deserialize)]
struct Whole<'a> {
    #[serde(borrow, default)]
    error: Option<Problem<'a>>,
}
