//! Where the targets of a job come from. A source that cannot be asked keeps the targets that it gave before, as
//! in Prometheus: an empty list would be a wrong answer.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use component::Host;
use confighttp::client::Url;
use http::{HeaderValue, Method};
use serde::Deserialize;
use tokio::sync::Notify;
use tokio::time::Instant;
use tracing::warn;

use crate::client::{Client, tls};
use crate::config::{
    DnsSd, FileSd, HttpSd, KubernetesSd, ScrapeConfig, StaticConfig, Text, duration,
};
use crate::dns::{self, Record, Resolver};
use crate::kubernetes::Kubernetes;
use crate::target::Found;

/// Longest list of targets, in bytes.
const LIST_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Most targets of one source.
const TARGETS_MAX: usize = 100_000;
/// Most files of one pattern.
const FILES_MAX: usize = 1000;
/// Longest time to ask a server for targets, as in Prometheus.
const HTTP_WAIT: Duration = Duration::from_secs(60);
/// Pause before a cluster is looked for again that could not be found.
const CLUSTER_PAUSE: Duration = Duration::from_secs(30);
/// Files are looked at this often, where Prometheus is told by the system.
const FILE_PAUSE: Duration = Duration::from_secs(5);

/// The label with the name that was looked up.
const DNS_NAME: &str = "__meta_dns_name";

/// One item of a list. As in Prometheus it may have labels alone, or targets alone.
#[derive(Debug, Deserialize)]
struct Item {
    #[serde(default)]
    targets: Vec<String>,
    #[serde(default)]
    labels: BTreeMap<String, Text>,
}

enum Kind {
    Static(Vec<StaticConfig>),
    Files(FileSd),
    Http(Box<(HttpSd, Client)>),
    Dns(DnsSd),
    Kubernetes(Box<Cluster>),
}

/// A cluster, and its watches when they have been opened.
struct Cluster {
    section: KubernetesSd,
    agent: String,
    watches: Option<Kubernetes>,
}

impl Cluster {
    /// Opens the watches.
    async fn open(&mut self, around: &Around<'_>) -> Result<(), String> {
        let tls = tls(&self.section.client.tls_config);
        let with = (tls, &*self.agent);
        let opened = Kubernetes::watch(&self.section, with, around.changed, around.host).await;
        self.watches = Some(opened?);
        Ok(())
    }
}

/// What sources need that go on by themselves.
pub(crate) struct Around<'a> {
    pub(crate) host: &'a Host,
    /// Told when there is something new.
    pub(crate) changed: &'a Arc<Notify>,
}

/// A part of the discovery of a job.
pub(crate) struct Source {
    kind: Kind,
    pause: Duration,
    next: Option<Instant>,
    found: Vec<Found>,
}

impl Source {
    /// All sources of a job.
    pub(crate) fn of(job: &ScrapeConfig, agent: &str) -> Vec<Self> {
        let it = &job.discovery;
        let pause = |text: &str| duration(text).unwrap_or(HTTP_WAIT).max(Duration::from_secs(1));
        let now = Some(Instant::now());
        let source = |kind, pause| Self { kind, pause, next: now, found: Vec::new() };
        let mut all = Vec::new();
        if !it.static_configs.is_empty() {
            all.push(source(Kind::Static(it.static_configs.clone()), Duration::MAX));
        }
        for file in &it.file_sd_configs {
            let pause = pause(&file.refresh_interval).min(FILE_PAUSE);
            all.push(source(Kind::Files(file.clone()), pause));
        }
        for http in &it.http_sd_configs {
            let client = Client::new(&http.client, agent);
            let pause = pause(&http.refresh_interval);
            all.push(source(Kind::Http(Box::new((http.clone(), client))), pause));
        }
        for dns in &it.dns_sd_configs {
            all.push(source(Kind::Dns(dns.clone()), pause(&dns.refresh_interval)));
        }
        for section in &it.kubernetes_sd_configs {
            let cluster =
                Cluster { section: section.clone(), agent: agent.to_owned(), watches: None };
            all.push(source(Kind::Kubernetes(Box::new(cluster)), CLUSTER_PAUSE));
        }
        all
    }

    /// Tells each target that was found.
    pub(crate) fn each(&self, take: &mut dyn FnMut(&Found)) {
        self.found.iter().for_each(&mut *take);
        if let Kind::Kubernetes(it) = &self.kind
            && let Some(watches) = &it.watches
        {
            watches.each(&mut |found| take(&found));
        }
    }

    /// Nothing is missing of what it will find first.
    pub(crate) fn is_ready(&self) -> bool {
        match &self.kind {
            Kind::Kubernetes(it) => it.watches.as_ref().is_some_and(Kubernetes::is_ready),
            _ => true,
        }
    }

    /// When it has to be asked again; `None` for never.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.next
    }

    /// Asks, if it is time.
    pub(crate) async fn refresh(&mut self, around: &Around<'_>) {
        let now = Instant::now();
        if self.next.is_none_or(|it| it > now) {
            return;
        }
        self.next = now.checked_add(self.pause);
        let found = match &mut self.kind {
            Kind::Static(items) => {
                self.next = None;
                Ok(items.iter().flat_map(|it| listed(&it.targets, &it.labels, None)).collect())
            }
            Kind::Files(section) => files(section.files.clone()).await,
            Kind::Http(it) => http(&it.0, &it.1).await,
            Kind::Dns(section) => dns(section, &self.found).await,
            Kind::Kubernetes(it) => match it.open(around).await {
                Ok(()) => {
                    self.next = None;
                    return;
                }
                Err(error) => {
                    warn!(%error, "targets of Kubernetes cannot be found, trying again in 30 s");
                    return;
                }
            },
        };
        match found {
            Ok(found) if found.len() > TARGETS_MAX => {
                let (targets, limit) = (found.len(), TARGETS_MAX);
                warn!(targets, limit, "too many targets: keeping those that were known");
            }
            Ok(found) => self.found = found,
            Err(error) => warn!(%error, "targets cannot be read: keeping those that were known"),
        }
    }
}

fn listed(
    targets: &[String],
    labels: &BTreeMap<String, Text>,
    meta: Option<(&str, &str)>,
) -> Vec<Found> {
    let found = |address: &String| {
        let mut found = Found::at(address, labels);
        if let Some((name, value)) = meta {
            found.labels.push((name.to_owned(), value.to_owned()));
        }
        found
    };
    targets.iter().map(found).collect()
}

fn parse(text: &[u8]) -> Result<Vec<Item>, String> {
    serde_json::from_slice(text).map_err(|error| error.to_string())
}

async fn files(patterns: Vec<String>) -> Result<Vec<Found>, String> {
    let read = tokio::task::spawn_blocking(move || read_files(&patterns));
    read.await.map_err(|_| "reading the files was ended".to_owned())?
}

fn read_files(patterns: &[String]) -> Result<Vec<Found>, String> {
    let mut found = Vec::new();
    for path in patterns.iter().flat_map(|it| matching(it)) {
        let shown = path.display().to_string();
        let failed = |why: String| format!("{shown}: {why}");
        let size = fs::metadata(&path).map_or(0, |it| it.len());
        if size > LIST_BYTES_MAX as u64 {
            return Err(failed(format!("longer than {LIST_BYTES_MAX} bytes")));
        }
        let text = fs::read(&path).map_err(|error| failed(confignet::go_text(&error)))?;
        for item in parse(&text).map_err(failed)? {
            let meta = Some(("__meta_filepath", shown.as_str()));
            found.extend(listed(&item.targets, &item.labels, meta));
        }
    }
    Ok(found)
}

/// The files of a path whose last part may have a `*`.
fn matching(pattern: &str) -> Vec<PathBuf> {
    let path = Path::new(pattern);
    let name = path.file_name().and_then(|it| it.to_str()).unwrap_or_default();
    let Some((head, tail)) = name.split_once('*') else { return vec![path.to_owned()] };
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let fits = |entry: &fs::DirEntry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let long = name.len() >= head.len() + tail.len();
        long && name.starts_with(head) && name.ends_with(tail) && !name.starts_with('.')
    };
    let mut all: Vec<PathBuf> =
        entries.flatten().filter(fits).take(FILES_MAX).map(|it| it.path()).collect();
    all.sort();
    all
}

async fn http(section: &HttpSd, client: &Client) -> Result<Vec<Found>, String> {
    let url = Url::parse(&section.url)?;
    let mut headers = client.headers().await?;
    headers.insert(http::header::ACCEPT, HeaderValue::from_static("application/json"));
    let fetcher = client.fetcher(&url, HTTP_WAIT)?;
    let answer = fetcher.fetch(Method::GET, &url, &headers, b"", LIST_BYTES_MAX).await;
    let answer = answer.map_err(|why| format!("Get \"{url}\": {why}"))?;
    if answer.status() != http::StatusCode::OK {
        return Err(format!("{url}: server returned HTTP status {}", answer.status()));
    }
    let items = parse(answer.body()).map_err(|why| format!("{url}: {why}"))?;
    let meta = Some(("__meta_url", section.url.as_str()));
    Ok(items.iter().flat_map(|it| listed(&it.targets, &it.labels, meta)).collect())
}

/// What the names stand for. A name of which nobody knows keeps the targets that it had `before`.
async fn dns(section: &DnsSd, before: &[Found]) -> Result<Vec<Found>, String> {
    let kind = dns::Kind::named(&section.record).unwrap_or(dns::Kind::Record(dns::Type::Srv));
    let mut resolver = None;
    let mut found = Vec::new();
    for name in &section.names {
        let is_of_name = |it: &&Found| it.labels.contains(&(DNS_NAME.to_owned(), name.clone()));
        let looked_up = match kind {
            dns::Kind::A => addresses_of(name, SocketAddr::is_ipv4).await,
            dns::Kind::Aaaa => addresses_of(name, SocketAddr::is_ipv6).await,
            dns::Kind::Record(kind) => {
                if resolver.is_none() {
                    resolver = Some(Resolver::of_system().await?);
                }
                match &resolver {
                    Some(resolver) => resolver.look_up(name, kind).await,
                    None => Ok(Vec::new()),
                }
            }
        };
        match looked_up {
            Ok(records) => found.extend(records.iter().map(|it| meant(name, section.port, it))),
            Err(error) => {
                warn!(%error, "a name cannot be looked up: keeping the targets that were known");
                found.extend(before.iter().filter(is_of_name).cloned());
            }
        }
    }
    Ok(found)
}

/// Addresses are asked of the system, which knows names that are in no domain, too.
async fn addresses_of(
    name: &str,
    is_wanted: impl Fn(&SocketAddr) -> bool,
) -> Result<Vec<Record>, String> {
    let found = tokio::net::lookup_host((name, 0)).await;
    let found = found.map_err(|error| format!("lookup {name}: {}", confignet::go_text(&error)))?;
    let found: BTreeSet<IpAddr> = found.filter(is_wanted).map(|it| it.ip()).collect();
    Ok(found.into_iter().map(Record::Address).collect())
}

/// The target that a record of a name means. Labels have names as they were sent, addresses without their last dot.
fn meant(name: &str, port: u16, record: &Record) -> Found {
    let host = |it: &str| it.trim_end_matches('.').to_owned();
    let label = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let (address, mut labels) = match record {
        Record::Address(it) => (SocketAddr::new(*it, port).to_string(), Vec::new()),
        Record::NameServer(it) => {
            let labels = vec![label("__meta_dns_ns_record_target", it)];
            (format!("{}:{port}", host(it)), labels)
        }
        Record::Mail(it) => {
            let labels = vec![label("__meta_dns_mx_record_target", it)];
            (format!("{}:{port}", host(it)), labels)
        }
        Record::Service { target, port } => {
            let labels = vec![
                label("__meta_dns_srv_record_target", target),
                label("__meta_dns_srv_record_port", &port.to_string()),
            ];
            (format!("{}:{port}", host(target)), labels)
        }
    };
    let mut found = Found::at(&address, &BTreeMap::new());
    found.labels.push(label(DNS_NAME, name));
    found.labels.append(&mut labels);
    found
}

#[cfg(test)]
mod tests {
    use componenttest::TestHost;

    use super::*;

    fn source(discovery: &str) -> Source {
        let job: ScrapeConfig = serde_json::from_str(discovery).unwrap();
        Source::of(&job, "test").remove(0)
    }

    async fn refresh(source: &mut Source) {
        let (host, changed) = (TestHost::new(), Arc::default());
        source.refresh(&Around { host: &host, changed: &changed }).await;
    }

    fn addresses(source: &Source) -> Vec<&str> {
        source.found.iter().map(|it| it.labels[0].1.as_str()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn files_are_read_again_and_a_broken_one_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        fs::write(&path, r#"[{"targets": ["h:1", "h:2"], "labels": {"n": 1}}]"#).unwrap();
        let pattern = folder.path().join("*.json");
        let section = format!(r#"{{"file_sd_configs": [{{"files": ["{}"]}}]}}"#, pattern.display());
        let mut source = source(&section);
        refresh(&mut source).await;
        assert_eq!(addresses(&source), ["h:1", "h:2"]);
        let labels = &source.found[0].labels;
        assert_eq!(labels[1], ("n".to_owned(), "1".to_owned()));
        assert_eq!(labels[2], ("__meta_filepath".to_owned(), path.display().to_string()));
        for (text, want) in [("[{", vec!["h:1", "h:2"]), (r#"[{"targets": ["h:3"]}]"#, vec!["h:3"])]
        {
            fs::write(&path, text).unwrap();
            tokio::time::advance(FILE_PAUSE).await;
            refresh(&mut source).await;
            assert_eq!(addresses(&source), want);
        }
    }

    #[tokio::test]
    async fn names_are_looked_up() {
        let text = r#"{"dns_sd_configs": [{"names": ["localhost"], "type": "A", "port": 9}]}"#;
        let mut source = source(text);
        refresh(&mut source).await;
        assert_eq!(addresses(&source), ["127.0.0.1:9"]);
    }

    #[test]
    fn records_become_targets_with_the_labels_of_prometheus() {
        let check = |record: Record, address: &str, labels: &[(&str, &str)]| {
            let found = meant("o.test", 9, &record);
            let of =
                |key: &str| (found.labels.iter().find(|it| it.0 == key)).map(|it| it.1.as_str());
            assert_eq!((of("__address__"), of(DNS_NAME)), (Some(address), Some("o.test")));
            for (key, value) in labels {
                assert_eq!(of(key), Some(*value), "{record:?}");
            }
            assert_eq!(found.labels.len(), labels.len() + 2);
        };
        let target = "a.test.".to_owned();
        let service =
            [("__meta_dns_srv_record_target", "a.test."), ("__meta_dns_srv_record_port", "8080")];
        check(Record::Service { target: target.clone(), port: 8080 }, "a.test:8080", &service);
        let mail = [("__meta_dns_mx_record_target", "a.test.")];
        check(Record::Mail(target.clone()), "a.test:9", &mail);
        let server = [("__meta_dns_ns_record_target", "a.test.")];
        check(Record::NameServer(target), "a.test:9", &server);
        check(Record::Address("2001:db8::1".parse().unwrap()), "[2001:db8::1]:9", &[]);
    }

    #[tokio::test]
    async fn a_name_of_which_nobody_knows_keeps_its_targets() {
        let section = DnsSd {
            names: vec!["localhost".to_owned(), "no.such.name.invalid".to_owned()],
            record: "A".to_owned(),
            port: 9,
            ..DnsSd::default()
        };
        let known = Record::Address("192.0.2.1".parse().unwrap());
        let before: Vec<Found> =
            (["localhost", "no.such.name.invalid"].iter()).map(|it| meant(it, 9, &known)).collect();
        let found = dns(&section, &before).await.unwrap();
        let addresses: Vec<&str> = found.iter().map(|it| it.labels[0].1.as_str()).collect();
        assert_eq!(addresses, ["127.0.0.1:9", "192.0.2.1:9"]);
    }
}
