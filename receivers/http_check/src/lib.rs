//! Asks servers by HTTP at an interval, and says how they answer: with which status, how fast, and whether the answer is as it has
//! to be.

mod certificate;
mod config;
mod table;
#[cfg(test)]
mod tests;
mod validate;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use component::{
    BoxError, ClientAuth, Component, Context, Host, Outgoing, Outputs, Receiver, Settings, Signal,
    Stability, async_trait, clock,
};
use confighttp::client::{Fetcher, Phases, Probed, Url, Ways, sent_headers};
use futures_util::{StreamExt as _, stream};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use pdata::Value;
use scraping::{Builder, Controller, Errors, ResourceSection, Scraped, Scraper};

pub use config::{Config, Plan};
pub use table::Table;

use certificate::Certificate;
use config::Target;
use validate::{Counts, Rule};

/// Longest answer, in bytes.
const BODY_BYTES_MAX: usize = 16 << 20;
/// Most checks at the same time.
const AT_ONCE_MAX: usize = 256;
/// Classes of statuses, in the order in which points are sent.
const CLASSES: [(&str, u16); 5] = [("1xx", 1), ("2xx", 2), ("3xx", 3), ("4xx", 4), ("5xx", 5)];

/// The receiver.
pub struct HttpCheck {
    settings: Settings,
    plan: Plan,
    out: Outputs,
}

impl Receiver for HttpCheck {
    type Config = Plan;
    const TYPE: &'static str = "http_check";
    const ALIASES: &'static [&'static str] = &["httpcheck"];
    const SIGNALS: &'static [(Signal, Stability)] = &[(Signal::Metrics, Stability::Beta)];

    fn create(settings: Settings, plan: Plan, out: Outputs) -> Result<Self, BoxError> {
        Ok(Self { settings, plan, out })
    }
}

#[async_trait]
impl Component for HttpCheck {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let build = &self.settings.build;
        let config = &self.plan.config;
        let mut checks = Vec::new();
        for (target, rules) in config.targets.iter().zip(&self.plan.rules) {
            let auth = target.auth.as_ref().map(|it| it.authenticator.as_str());
            let auth = auth.map(|it| host.uses_named::<dyn ClientAuth>(it)).transpose()?;
            for url in target.urls() {
                checks.push(Check::new(target, rules, url, auth.clone(), &build.user_agent())?);
            }
        }
        let mut builder = Builder::new(&config.metrics, &ResourceSection::default(), build.version);
        builder.start(clock::unix_nanos());
        let schedule = config.schedule.clone();
        let mut controller = Controller::new(&self.settings, schedule, self.out.clone());
        controller.add("httpcheck", HttpScraper { checks, builder });
        controller.start(host);
        Ok(())
    }
}

/// One URL that is asked.
struct Check {
    /// As the section has it.
    endpoint: String,
    url: Url,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
    rules: Vec<Rule>,
    auth: Option<Arc<dyn ClientAuth>>,
    fetcher: Fetcher,
}

impl Check {
    fn new(
        target: &Target,
        rules: &[Rule],
        endpoint: &str,
        auth: Option<Arc<dyn ClientAuth>>,
        agent: &str,
    ) -> Result<Self, String> {
        let url = Url::parse(endpoint)?;
        let proxy_url = target.proxy_url.clone();
        let ways = Ways { proxy_url, ..Ways::default() };
        let timeout = Some(target.timeout).filter(|it| it.nanos() > 0).unwrap_or(config::TIMEOUT);
        let fetcher = Fetcher::by(&ways, &target.tls, &url, timeout.std(), agent)?;
        let method = if target.method.is_empty() { "GET" } else { &target.method };
        let method: Method = method.parse().map_err(|_| format!("invalid method {method:?}"))?;
        let mut headers = sent_headers(&target.headers)?;
        if target.auto_content_type
            && !target.body.is_empty()
            && !headers.contains_key(CONTENT_TYPE)
        {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind_of(&target.body)));
        }
        let (endpoint, body) = (endpoint.to_owned(), Bytes::from(target.body.clone()));
        Ok(Self { endpoint, url, method, headers, body, rules: rules.to_vec(), auth, fetcher })
    }

    async fn ask(&self) -> Asked {
        let mut headers = self.headers.clone();
        if let Some(auth) = &self.auth {
            let path = self.url.request_path();
            let request = Outgoing {
                method: self.method.as_str(),
                path: &path,
                body: vec![self.body.as_ref()],
            };
            if let Err(why) = auth.sign(&Context::default(), &request, &mut headers).await {
                return Asked { time: clock::unix_nanos(), result: Err(why) };
            }
            if let Some(login) = headers.get_mut(AUTHORIZATION) {
                login.set_sensitive(true);
            }
        }
        let time = clock::unix_nanos();
        let probed =
            self.fetcher.probe(&self.method, &self.url, &headers, &self.body, BODY_BYTES_MAX);
        Asked { time, result: Ok(self.looked_at(probed.await)) }
    }

    /// The body is looked at and goes: answers of many targets would be much memory.
    fn looked_at(&self, probed: Probed) -> Answer {
        let Probed { phases, took, certificate, status, body } = probed;
        let size = body.as_ref().map_or(0, Bytes::len);
        let body = body.map_err(|why| why.to_string());
        let seen = body.as_ref().ok().filter(|it| !it.is_empty() && !self.rules.is_empty());
        let counts = seen.map(|it| validate::check(&self.rules, it));
        Answer { phases, took, certificate, status, size, error: body.err(), counts }
    }
}

/// What a body is, as `auto_content_type` guesses.
fn kind_of(body: &str) -> &'static str {
    if body.trim().starts_with(['{', '[']) {
        "application/json"
    } else if body.contains('=') {
        "application/x-www-form-urlencoded"
    } else {
        "text/plain"
    }
}

/// What came of a check.
struct Asked {
    /// When it began, in nanoseconds since 1970.
    time: u64,
    /// Without credentials it was not made.
    result: Result<Answer, String>,
}

/// What is known of an answer.
struct Answer {
    phases: Phases,
    took: Duration,
    certificate: Option<Vec<u8>>,
    status: Option<StatusCode>,
    /// Bytes of the body.
    size: usize,
    /// Why there is no whole answer.
    error: Option<String>,
    counts: Option<Counts>,
}

struct HttpScraper {
    checks: Vec<Check>,
    builder: Builder<Table>,
}

#[async_trait]
impl Scraper for HttpScraper {
    async fn scrape(&mut self, _errors: &mut Errors) -> Scraped {
        let asked = stream::iter(&self.checks).map(Check::ask).buffered(AT_ONCE_MAX);
        let all: Vec<Asked> = asked.collect().await;
        for (check, asked) in self.checks.iter().zip(&all) {
            self.builder.time(asked.time);
            record(&mut self.builder, check, asked);
        }
        self.builder.emit();
        self.builder.finish()
    }
}

fn record(builder: &mut Builder<Table>, check: &Check, asked: &Asked) {
    let url: Value<'_> = check.endpoint.as_str().into();
    let millis = |it: Duration| i64::try_from(it.as_millis()).unwrap_or(i64::MAX);
    let method: Value<'_> = check.method.as_str().into();
    let (error, counts, code) = match &asked.result {
        Err(why) => (Some(why), None, 0),
        Ok(answer) => {
            let phases = &answer.phases;
            builder.int(Table::Duration, millis(answer.took), &[url]);
            builder.int(Table::DnsLookupDuration, millis(phases.lookup), &[url]);
            let connection = [url, "tcp".into()];
            builder.int(Table::ClientConnectionDuration, millis(phases.connect), &connection);
            builder.int(Table::TlsHandshakeDuration, millis(phases.handshake), &[url]);
            builder.int(Table::ClientRequestDuration, millis(phases.request), &[url]);
            builder.int(Table::ResponseDuration, millis(phases.response), &[url]);
            if answer.size > 0 {
                let size = i64::try_from(answer.size).unwrap_or(i64::MAX);
                builder.int(Table::ResponseSize, size, &[url]);
            }
            let code = answer.status.map_or(0, |it| it.as_u16());
            if let Some(der) = answer.certificate.as_ref().filter(|_| code != 0) {
                certificate(builder, url, der, asked.time);
            }
            (answer.error.as_ref(), answer.counts.as_ref(), code)
        }
    };
    if let Some(why) = error {
        let text = format!("{} \"{}\": {why}", titled(check.method.as_str()), check.endpoint);
        builder.int(Table::Error, 1, &[url, text.as_str().into()]);
    }
    for (class, first) in CLASSES {
        let is_it = code / 100 == first;
        let code = if is_it { Value::Int(code.into()) } else { Value::Empty };
        builder.int(Table::Status, is_it.into(), &[url, code, method, class.into()]);
    }
    for (metric, counts) in counts.iter().flat_map(|it| {
        [(Table::ValidationPassed, &it.passed), (Table::ValidationFailed, &it.failed)]
    }) {
        for (kind, count) in counts {
            builder.int(metric, *count, &[url, (*kind).into()]);
        }
    }
}

fn certificate(builder: &mut Builder<Table>, url: Value<'_>, der: &[u8], now: u64) {
    if !builder.wants(Table::TlsCertRemaining) {
        return;
    }
    let Some(it) = Certificate::read(der) else { return };
    let now = i64::try_from(now / 1_000_000_000).unwrap_or(i64::MAX);
    let names: Vec<Value<'_>> = it.names.iter().map(|it| it.as_str().into()).collect();
    let attributes =
        [url, it.issuer.as_str().into(), it.common_name.as_str().into(), Value::Array(&names)];
    builder.int(Table::TlsCertRemaining, it.ends.saturating_sub(now), &attributes);
}

/// `GET` as Go's errors have it: `Get`.
fn titled(method: &str) -> String {
    let (first, rest) = method.split_at_checked(1).unwrap_or((method, ""));
    format!("{first}{}", rest.to_lowercase())
}
