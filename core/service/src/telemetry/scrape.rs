//! `GET /metrics` on a port of each pull reader.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;
use component::config::Duration;
use component::meter::Registry;
use component::{Context, Host, Meter, async_trait};
use confighttp::server::{Handler, ServerConfig, mux_answer};
use confignet::AddrConfig;
use http::Response;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use serde_json::{Map, Value as Json};
use tokio::time::Instant;
use tracing::info;

use super::exposition::{Escaping, Labels, Style, exposition};
use super::readers::PrometheusConfig;

/// Longest wait for a request's header. As upstream's server.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest time to read an answer. As upstream's server.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// Pages of one format that are on their way at the same time, before a fresh one is shared.
const PAGES_MAX: usize = 4;
/// How long a page is fresh.
const FRESH: std::time::Duration = std::time::Duration::from_secs(1);

/// A pull reader, checked and not yet listening.
#[derive(Debug)]
pub(super) struct Scrape {
    /// `host:port`.
    pub(super) address: String,
    style: Style,
}

impl Scrape {
    /// otelconf's texts for what is missing.
    pub(super) fn new(
        config: &PrometheusConfig,
        resource: &Map<String, Json>,
    ) -> Result<Self, String> {
        let host = config.host.as_deref().ok_or("host must be specified")?;
        let port = config.port.ok_or("port must be specified")?;
        let off = |it: Option<bool>| it == Some(true);
        if let Some(labels) = &config.with_resource_constant_labels {
            labels.check()?;
        }
        let constant = config.with_resource_constant_labels.as_ref();
        let constant = resource.iter().filter(|(key, _)| constant.is_some_and(|it| it.keeps(key)));
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let style = Style {
            suffixes: !(off(config.without_units) && off(config.without_type_suffix)),
            scope: !off(config.without_scope_info),
            constant: constant.map(label).collect(),
            target: resource.iter().map(label).collect::<Labels>(),
        };
        Ok(Self { address: format!("{host}:{port}"), style })
    }

    /// Opens the port and serves until the host stops.
    pub(super) fn start(self, registry: Arc<Registry>, host: &Host) -> Result<(), String> {
        let Self { address, style } = self;
        let config = ServerConfig {
            net: AddrConfig::tcp(&address),
            keep_alives_enabled: false,
            read_header_timeout: HEADER_TIMEOUT,
            write_timeout: WRITE_TIMEOUT,
            ..ServerConfig::default()
        };
        let pages = Arc::new(Pages { registry, style, sent: Mutex::default() });
        // Nobody measures who measures.
        confighttp::server::serve(&config, pages, (host, &Meter::default())).map_err(|error| {
            format!(
                "binding address {address} for Prometheus exporter: {error} \
                 (choose another port in service::telemetry::metrics::readers, or level: none)"
            )
        })?;
        info!(address, "Serving metrics");
        Ok(())
    }
}

/// A resource attribute as a label.
fn label((key, value): (&String, &Json)) -> (String, String) {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    (key.clone(), text)
}

/// What is served on a port.
struct Pages {
    registry: Arc<Registry>,
    style: Style,
    /// By format, those that are on their way.
    sent: Mutex<HashMap<&'static str, Vec<Weak<Page>>>>,
}

struct Page {
    text: String,
    made: Instant,
}

/// Keeps the page for as long as somebody reads it.
struct Reading(Arc<Page>);

impl AsRef<[u8]> for Reading {
    fn as_ref(&self) -> &[u8] {
        self.0.text.as_bytes()
    }
}

impl Pages {
    /// A page of its own for each reader, as long as they are few. Many share one that is fresh, so that readers
    /// who take their time cannot fill the memory with pages.
    fn page(&self, kind: &'static str, escaping: Escaping) -> Bytes {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = sent.entry(kind).or_default();
        sent.retain(|it| it.strong_count() > 0);
        let newest = sent.last().filter(|_| sent.len() >= PAGES_MAX).and_then(Weak::upgrade);
        let page = newest.filter(|it| it.made.elapsed() < FRESH).unwrap_or_else(|| {
            let text = exposition(&self.registry.snapshot(), &self.style, escaping);
            let page = Arc::new(Page { text, made: Instant::now() });
            sent.push(Arc::downgrade(&page));
            page
        });
        Bytes::from_owner(Reading(page))
    }
}

#[async_trait]
impl Handler for Pages {
    fn check(&self, head: &Parts) -> Option<Response<Bytes>> {
        (head.uri.path() != "/metrics").then(|| mux_answer(head))
    }

    async fn handle(&self, head: &Parts, _ctx: &Context, _body: Bytes) -> Response<Bytes> {
        let accept = head.headers.get(ACCEPT).and_then(|it| it.to_str().ok());
        let (kind, escaping) = negotiate(accept.unwrap_or_default());
        let mut response = Response::new(self.page(kind, escaping));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        response
    }
}

/// What is answered to an `Accept` header: the first text format in it by preference, and the last
/// escaping named before. `Negotiate` of `prometheus/common`, `expfmt/encode.go`.
fn negotiate(accept: &str) -> (&'static str, Escaping) {
    let mut ranges: Vec<(f32, &str, Vec<(&str, &str)>)> = accept
        .split(',')
        .filter_map(|range| {
            let mut parts = range.split(';').map(str::trim);
            let name = parts.next().filter(|it| !it.is_empty())?;
            let pairs: Vec<_> = parts.filter_map(|it| it.split_once('=')).collect();
            let quality =
                pairs.iter().find(|it| it.0 == "q").map_or(Some(1.0), |it| it.1.parse().ok());
            Some((quality?, name, pairs))
        })
        .collect();
    ranges.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut escaping = Escaping::Underscores;
    for (_, name, pairs) in ranges {
        let of = |key: &str| pairs.iter().find(|it| it.0 == key).map_or("", |it| it.1);
        match of("escaping") {
            "allow-utf-8" => escaping = Escaping::Utf8,
            "underscores" => escaping = Escaping::Underscores,
            _ => {}
        }
        if name == "text/plain" && ["", "0.0.4"].contains(&of("version")) {
            break;
        }
    }
    // The version is the same also with names in quotes, which came with another one.
    let kind = match escaping {
        Escaping::Utf8 => "text/plain; version=0.0.4; charset=utf-8; escaping=allow-utf-8",
        Escaping::Underscores => "text/plain; version=0.0.4; charset=utf-8; escaping=underscores",
    };
    (kind, escaping)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::readers::IncludeExclude;

    fn config(host: Option<&str>, port: Option<i64>) -> PrometheusConfig {
        PrometheusConfig { host: host.map(str::to_owned), port, ..PrometheusConfig::default() }
    }

    #[test]
    fn a_reader_needs_host_and_port() {
        let new = |host, port| Scrape::new(&config(host, port), &Map::new()).map(|it| it.address);
        assert_eq!(new(None, Some(1)), Err("host must be specified".into()));
        assert_eq!(new(Some("a"), None), Err("port must be specified".into()));
        assert_eq!(new(Some("::1"), Some(1)), Ok("[::1]:1".into()));
    }

    #[test]
    fn suffixes_are_off_only_when_both_keys_say_so() {
        for (units, types, want) in [(true, true, false), (true, false, true), (false, true, true)]
        {
            let mut config = config(Some("a"), Some(1));
            (config.without_units, config.without_type_suffix) = (Some(units), Some(types));
            assert_eq!(Scrape::new(&config, &Map::new()).unwrap().style.suffixes, want);
        }
    }

    #[test]
    fn constant_labels_are_the_resource_attributes_that_are_asked_for() {
        let resource = serde_json::json!({"a": "1", "b": 2, "c": "3"});
        let resource = resource.as_object().unwrap();
        let labels = |included: &[&str], excluded: &[&str]| {
            let texts = |list: &[&str]| list.iter().map(|it| (*it).to_owned()).collect();
            let lists = IncludeExclude { included: texts(included), excluded: texts(excluded) };
            let mut config = config(Some("a"), Some(1));
            config.with_resource_constant_labels = Some(lists);
            let scrape = Scrape::new(&config, resource)?;
            Ok::<_, String>(scrape.style.constant.into_iter().map(|it| it.0).collect::<Vec<_>>())
        };
        assert_eq!(labels(&["a", "b"], &[]), Ok(vec!["a".into(), "b".into()]));
        assert_eq!(labels(&[], &["b"]), Ok(vec!["a".into(), "c".into()]));
        let text = "attribute cannot be in both include and exclude list: a";
        assert_eq!(labels(&["a"], &["a"]), Err(text.into()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_readers_have_pages_of_their_own_and_many_share_a_fresh_one() {
        let style = Scrape::new(&config(Some("a"), Some(1)), &Map::new()).unwrap().style;
        let registry = Arc::clone(Meter::new(component::meter::Level::Normal, vec![]).registry());
        let pages = Pages { registry, style, sent: Mutex::default() };
        let mut read: Vec<Bytes> = Vec::new();
        let alive = |pages: &Pages| pages.sent.lock().unwrap()["text"].len();
        for reader in 1..=2 * PAGES_MAX {
            read.push(pages.page("text", Escaping::Underscores));
            assert_eq!(alive(&pages), reader.min(PAGES_MAX));
        }
        tokio::time::advance(FRESH).await;
        read.push(pages.page("text", Escaping::Underscores));
        assert_eq!(alive(&pages), PAGES_MAX + 1, "one that is not fresh is not shared");
        read.clear();
        read.push(pages.page("text", Escaping::Underscores));
        assert_eq!(alive(&pages), 1);
    }

    #[test]
    fn the_format_is_negotiated_as_prometheus_does() {
        let plain = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores";
        let utf8 = "text/plain; version=0.0.4; charset=utf-8; escaping=allow-utf-8";
        let prometheus = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
            application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;\
            escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        let cases = [
            ("", plain),
            ("*/*", plain),
            ("text/plain;version=0.0.4", plain),
            ("text/plain;version=1.0.0;escaping=allow-utf-8", utf8),
            (prometheus, utf8),
            ("text/plain;version=9", plain),
            ("text/plain;version=1.0.0", plain),
        ];
        for (accept, want) in cases {
            assert_eq!(negotiate(accept).0, want, "{accept}");
        }
    }
}
