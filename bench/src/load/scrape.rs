//! Targets that are scraped, and a page that is scraped.

use std::fmt::Write as _;
use std::future::ready;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use bytes::Bytes;
use confighttp::client::{Fetcher, Url};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use http_body_util::Full;
use ledger::Oracle;
use memchr::memmem;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::otlp::{OtlpLoad, Transport};
use crate::serve::serve;

/// Series of one family.
const FAMILY: usize = 20;
/// The digits of a value, which are written anew for each scrape.
const DIGITS: usize = 12;
const BLANK: &str = "000000000000\n";
/// A run in which fewer of its scrapes came has not done the work.
const SCRAPES_LEAST: f64 = 0.9;
/// Longest page, in bytes, and longest wait for it.
const PAGE_BYTES_MAX: usize = 1 << 30;
const PAGE_TIMEOUT: Duration = Duration::from_secs(60);
/// Points of a request that fills a page.
const POINTS: usize = 1000;

/// `kind = "targets"`: they are scraped every second.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetsLoad {
    pub targets: usize,
    pub series: usize,
    pub seconds: f64,
}

/// Targets that answer. They end with this.
pub struct Targets {
    scrapes: Arc<AtomicU64>,
    _server: JoinSet<()>,
}

impl Targets {
    /// Starts them, and writes where they are into `targets.json` of a folder.
    pub async fn start(load: &TargetsLoad, folder: &Path) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?.to_string();
        let groups = (0..load.targets).map(|at| {
            let labels = serde_json::json!({
                "__metrics_path__": format!("/{at}"), "instance": format!("target-{at}")
            });
            serde_json::json!({"targets": [address], "labels": labels})
        });
        let text = groups.collect::<serde_json::Value>().to_string();
        std::fs::write(folder.join("targets.json"), text)?;
        let scrapes = Arc::new(AtomicU64::new(0));
        let mut server = JoinSet::new();
        let (page, count) = (Arc::new(Page::new(load.series)), Arc::clone(&scrapes));
        let answer = move |_| ready(page.answer(count.fetch_add(1, Relaxed)));
        server.spawn(serve(listener, answer));
        Ok(Self { scrapes, _server: server })
    }

    /// Lets them be scraped; how many series that was.
    pub async fn scraped(&self, load: &TargetsLoad) -> anyhow::Result<u64> {
        let before = self.scrapes.load(Relaxed);
        tokio::time::sleep(Duration::from_secs_f64(load.seconds)).await;
        let scrapes = self.scrapes.load(Relaxed) - before;
        let wanted = load.targets as f64 * load.seconds;
        anyhow::ensure!(
            scrapes as f64 >= wanted * SCRAPES_LEAST,
            "{scrapes} scrapes came, and {wanted} should have"
        );
        Ok(scrapes * load.series as u64)
    }
}

/// What a target shows: half of it counters, half of it gauges.
struct Page {
    text: Vec<u8>,
    values: Vec<usize>,
}

impl Page {
    fn new(series: usize) -> Self {
        let mut text = String::new();
        for at in 0..series {
            let (family, member) = (at / FAMILY, at % FAMILY);
            let (name, kind) = match family % 2 {
                0 => (format!("shop_http_requests_{family}_total"), "counter"),
                _ => (format!("shop_queue_length_{family}"), "gauge"),
            };
            // Writing to a text does not fail.
            if member == 0 {
                let _ = writeln!(text, "# HELP {name} What there is of it.\n# TYPE {name} {kind}");
            }
            let _ = write!(
                text,
                "{name}{{method=\"GET\",route=\"/api/v1/orders/{member}\",status=\"200\",zone=\"eu-west-1a\"}} {BLANK}"
            );
        }
        let text = text.into_bytes();
        let values = memmem::find_iter(&text, BLANK).collect();
        Self { text, values }
    }

    /// With other values than the last time.
    fn answer(&self, number: u64) -> Response<Full<Bytes>> {
        let mut text = self.text.clone();
        for (at, value) in self.values.iter().zip(number..) {
            let mut rest = value;
            for digit in text[*at..*at + DIGITS].iter_mut().rev() {
                *digit = b'0' + (rest % 10) as u8;
                rest /= 10;
            }
        }
        let mut response = Response::new(Full::new(Bytes::from(text)));
        let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, kind);
        response
    }
}

/// `kind = "page"`: the program has so many series, and is scraped so often.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PageLoad {
    pub series: usize,
    pub scrapes: u64,
}

impl PageLoad {
    /// Gives the program its series, over OTLP.
    pub async fn fill(&self, port: u16) -> anyhow::Result<()> {
        let load = OtlpLoad {
            signal: "metrics".into(),
            transport: Transport::Grpc,
            records: POINTS.min(self.series),
            connections: 1,
            in_flight: 1,
            requests: (self.series / POINTS.min(self.series)) as u64,
            window: 0,
            ..OtlpLoad::default()
        };
        load.send(port, "", &Arc::new(Oracle::default()), 1).await.map(drop)
    }

    /// Scrapes; how many series that was.
    pub async fn scrape(&self, port: u16) -> anyhow::Result<u64> {
        let url = Url::parse(&format!("http://127.0.0.1:{port}/metrics"));
        let url = url.map_err(|why| anyhow!(why))?;
        let tls = configtls::ClientConfig::default();
        let fetcher =
            Fetcher::new(&tls, &url, PAGE_TIMEOUT, "bench").map_err(|why| anyhow!(why))?;
        for _ in 0..self.scrapes {
            let answer =
                fetcher.fetch(Method::GET, &url, &HeaderMap::new(), b"", PAGE_BYTES_MAX).await;
            let answer = answer.map_err(|why| anyhow!("{why}")).context("a scrape")?;
            anyhow::ensure!(answer.status() == StatusCode::OK, "a scrape: {}", answer.status());
            let series = memmem::find_iter(answer.body(), "ledger=\"").count();
            anyhow::ensure!(series == self.series, "{series} series of {}", self.series);
        }
        Ok(self.scrapes * self.series as u64)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn a_page_has_its_series_with_other_values_each_time() {
        let page = Page::new(2000);
        let text = async |number| {
            let body = page.answer(number).into_body().collect().await.unwrap().to_bytes();
            String::from_utf8(body.to_vec()).unwrap()
        };
        for (number, value) in [(41, "000000000042"), (999_999_999_999, "000000000000")] {
            let text = text(number).await;
            let second = "/orders/1\",status=\"200\",zone=\"eu-west-1a\"}";
            assert!(text.contains(&format!("{second} {value}\n")), "{number}");
            let (types, series) = (text.matches("# TYPE").count(), text.matches("route=").count());
            assert_eq!((types, series), (100, 2000));
        }
    }

    #[tokio::test]
    async fn targets_are_listed_and_counted() {
        let folder = tempfile::tempdir().unwrap();
        let load = TargetsLoad { targets: 3, series: 40, seconds: 0.0 };
        let targets = Targets::start(&load, folder.path()).await.unwrap();
        let text = std::fs::read(folder.path().join("targets.json")).unwrap();
        let groups: serde_json::Value = serde_json::from_slice(&text).unwrap();
        let address = groups[2]["targets"][0].as_str().unwrap();
        let url = Url::parse(&format!("http://{address}/2")).unwrap();
        let tls = configtls::ClientConfig::default();
        let fetcher = Fetcher::new(&tls, &url, PAGE_TIMEOUT, "test").unwrap();
        let answer = fetcher.fetch(Method::GET, &url, &HeaderMap::new(), b"", 1 << 20).await;
        let text = answer.unwrap().into_body();
        assert_eq!(memmem::find_iter(&text, "route=").count(), 40);
        assert_eq!(targets.scrapes.load(Relaxed), 1);
        let error = targets.scraped(&TargetsLoad { seconds: 0.01, ..load }).await;
        assert!(error.is_err());
    }
}
