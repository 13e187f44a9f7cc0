//! The requests of a job: how targets are asked, and what of an answer is a page.

use std::time::Duration;

use bytes::Bytes;
use compression::{Encoding, decompress_within};
use confighttp::client::{FetchError, Fetcher, Url, Ways};
use configtls::ClientConfig as Tls;
use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use pdata::text::Base64;

use crate::config::{HttpClient, TlsConfig};
use crate::exposition::Format;

/// Longest file with a secret, in bytes.
const SECRET_BYTES_MAX: u64 = 64 * 1024;
/// What targets are asked for, as Prometheus 3 does.
const ACCEPTED: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
    application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,\
    text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
/// The same with Protobuf first, as Prometheus asks where it wants native histograms.
const ACCEPTED_PROTOBUF: &str = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;\
    encoding=delimited;q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
    application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,\
    text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
const ACCEPTED_TEXT: &str =
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1";

/// Asks the targets of a job.
pub(crate) struct Client {
    section: HttpClient,
    tls: Tls,
    ways: Ways,
    agent: String,
}

/// Which formats targets are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accepts {
    /// Protobuf, else a text.
    Protobuf,
    /// OpenMetrics, else Prometheus' text.
    OpenMetrics,
    /// Prometheus' text.
    Text,
}

/// The answer of a target.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) body: Bytes,
    pub(crate) format: Format,
}

impl Client {
    pub(crate) fn new(section: &HttpClient, agent: &str) -> Self {
        let ways = Ways {
            proxy_url: section.proxy_url.clone(),
            environment: section.proxy_from_environment,
            follow_redirects: section.follow_redirects,
        };
        let tls = tls(&section.tls_config);
        Self { section: section.clone(), tls, ways, agent: agent.to_owned() }
    }

    /// For the requests to one server.
    ///
    /// # Errors
    /// When the URL, certificates or proxies cannot be used.
    pub(crate) fn fetcher(&self, url: &Url, timeout: Duration) -> Result<Fetcher, String> {
        Fetcher::by(&self.ways, &self.tls, url, timeout, &self.agent)
    }

    /// The headers that the section says. Files are read each time: secrets change.
    ///
    /// # Errors
    /// When a file cannot be read or a value cannot be a header.
    pub(crate) async fn headers(&self) -> Result<HeaderMap, String> {
        let section = self.section.clone();
        let read = tokio::task::spawn_blocking(move || headers(&section)).await;
        read.map_err(|_| "reading the secrets of the job was ended".to_owned())?
    }
}

fn headers(section: &HttpClient) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    let malformed = |name: &str| format!("header {name:?} cannot be sent: correct its value");
    if let Some(basic) = &section.basic_auth {
        let user = given_or_read(&basic.username, &basic.username_file)?;
        let password = given_or_read(basic.password.expose(), &basic.password_file)?;
        let encoded = Base64::STANDARD.encode(format!("{user}:{password}").as_bytes());
        let value = format!("Basic {encoded}").parse::<HeaderValue>();
        headers.insert(AUTHORIZATION, value.map_err(|_| malformed("Authorization"))?);
    }
    let bearer = (section.bearer_token.expose(), &section.bearer_token_file);
    let (scheme, (secret, file)) = match &section.authorization {
        Some(it) => (it.scheme.as_str(), (it.credentials.expose(), &it.credentials_file)),
        None => ("Bearer", bearer),
    };
    if !secret.is_empty() || !file.is_empty() {
        let value = format!("{scheme} {}", given_or_read(secret, file)?).parse::<HeaderValue>();
        let mut value = value.map_err(|_| malformed("Authorization"))?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    for (name, header) in &section.http_headers {
        let key: HeaderName = name.parse().map_err(|_| malformed(name))?;
        let mut values = header.values.clone();
        values.extend(header.secrets.iter().map(|it| it.expose().to_owned()));
        for file in &header.files {
            values.push(given_or_read("", file)?);
        }
        for value in values {
            headers.append(&key, value.parse().map_err(|_| malformed(name))?);
        }
    }
    Ok(headers)
}

/// A secret: as given, else from its file without blanks around it.
fn given_or_read(given: &str, file: &str) -> Result<String, String> {
    use std::io::Read as _;

    if file.is_empty() {
        return Ok(given.to_owned());
    }
    let mut text = String::new();
    let read = std::fs::File::open(file)
        .and_then(|it| it.take(SECRET_BYTES_MAX).read_to_string(&mut text));
    read.map_err(|error| format!("unable to read {file}: {}", confignet::go_text(&error)))?;
    Ok(text.trim().to_owned())
}

/// TLS of a section, as the programs' own clients take it.
pub(crate) fn tls(section: &TlsConfig) -> Tls {
    let version = |it: &str| match it {
        "TLS10" => "1.0".to_owned(),
        "TLS11" => "1.1".to_owned(),
        "TLS12" => "1.2".to_owned(),
        "TLS13" => "1.3".to_owned(),
        other => other.to_owned(),
    };
    let mut tls = Tls::default();
    tls.common.ca_file.clone_from(&section.ca_file);
    tls.common.ca_pem = section.ca.clone();
    tls.common.cert_file.clone_from(&section.cert_file);
    tls.common.cert_pem = section.cert.clone();
    tls.common.key_file.clone_from(&section.key_file);
    tls.common.key_pem = section.key.clone();
    tls.common.min_version = version(&section.min_version);
    tls.common.max_version = version(&section.max_version);
    tls.insecure_skip_verify = section.insecure_skip_verify;
    tls.server_name_override.clone_from(&section.server_name);
    tls
}

/// What is asked for, beside what the job says.
pub(crate) struct Request<'a> {
    pub(crate) url: &'a Url,
    pub(crate) headers: HeaderMap,
    pub(crate) timeout: Duration,
    pub(crate) compressed: bool,
    pub(crate) accepts: Accepts,
    /// Longest body, before and after decompression.
    pub(crate) bytes_max: usize,
}

/// Asks a target.
///
/// # Errors
/// In the words of Prometheus: `server returned HTTP status 404 Not Found`.
pub(crate) async fn scrape(fetcher: &Fetcher, request: Request<'_>) -> Result<Answer, String> {
    let Request { url, mut headers, timeout, compressed, accepts, bytes_max } = request;
    let accepted = match accepts {
        Accepts::Protobuf => ACCEPTED_PROTOBUF,
        Accepts::OpenMetrics => ACCEPTED,
        Accepts::Text => ACCEPTED_TEXT,
    };
    headers.insert(ACCEPT, HeaderValue::from_static(accepted));
    if compressed {
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    }
    if let Ok(seconds) = timeout.as_secs_f64().to_string().parse() {
        headers.insert("x-prometheus-scrape-timeout-seconds", seconds);
    }
    let answer = fetcher.fetch(Method::GET, url, &headers, b"", bytes_max).await;
    let answer = answer.map_err(|why| match why {
        FetchError::TooLong(bytes) => format!("body_size_limit of {bytes} bytes exceeded"),
        FetchError::Timeout => "context deadline exceeded".to_owned(),
        FetchError::Failed(why) => format!("Get \"{url}\": {why}"),
    })?;
    if answer.status() != StatusCode::OK {
        let status = answer.status();
        let reason = status.canonical_reason().unwrap_or_default();
        return Err(format!("server returned HTTP status {} {reason}", status.as_u16()));
    }
    let header = |name| answer.headers().get(name).and_then(|it| it.to_str().ok()).unwrap_or("");
    let format = match header(CONTENT_TYPE).split(';').next().unwrap_or_default().trim() {
        "application/openmetrics-text" => Format::OpenMetrics,
        "application/vnd.google.protobuf" => Format::Protobuf,
        _ => Format::Text,
    };
    let body = match header(CONTENT_ENCODING) {
        "" | "identity" => answer.body().clone(),
        "gzip" => expand(answer.body(), bytes_max)?,
        other => return Err(format!("the answer has the unknown encoding {other}")),
    };
    Ok(Answer { body, format })
}

fn expand(body: &Bytes, bytes_max: usize) -> Result<Bytes, String> {
    let room = &mut |_: usize| true;
    decompress_within(Encoding::Gzip, body, bytes_max, room).map_err(|why| why.to_string())
}
