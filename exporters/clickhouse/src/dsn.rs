//! The endpoint in its many forms: servers, credentials, database, and what is said behind a `?`.

use std::collections::BTreeMap;

use pdata::text::{is_unreserved, percent_encoded};

/// Database that is there in every server.
pub(crate) const DEFAULT_DATABASE: &str = "default";

/// What the Go driver takes for itself, and is no setting of ClickHouse. They have no meaning for HTTP requests.
const OF_THE_DRIVER: [&str; 15] = [
    "block_buffer_size",
    "client_info_product",
    "compress_level",
    "conn_max_lifetime",
    "connection_open_strategy",
    "debug",
    "dial_timeout",
    "http_proxy",
    "max_compression_buffer",
    "max_idle_conns",
    "max_open_conns",
    "read_timeout",
    "skip_verify",
    "http_path",
    "compress",
];
/// Ports of the native protocol, and those of HTTP at the same server: without TLS, with it.
const PORTS: [(&str, &str, bool); 2] = [("9000", "8123", false), ("9440", "8443", true)];

/// What a section says of the server.
pub(crate) struct Source<'a> {
    pub(crate) endpoint: &'a str,
    pub(crate) username: &'a str,
    pub(crate) password: &'a str,
    pub(crate) database: &'a str,
    pub(crate) params: &'a BTreeMap<String, String>,
    pub(crate) async_insert: bool,
}

/// An endpoint, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dsn {
    /// `http://host:8123/?settings`.
    pub(crate) urls: Vec<String>,
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) database: String,
    /// What the operator should know.
    pub(crate) note: Option<String>,
}

impl Dsn {
    /// # Errors
    /// What is wrong with the endpoint, and what to write instead.
    pub(crate) fn parse(config: &Source<'_>) -> Result<Self, String> {
        let wrong =
            || format!("endpoint must be url format: {}", without_password(config.endpoint));
        let (scheme, rest) = config.endpoint.split_once("://").ok_or_else(wrong)?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (login, rest) = rest.rsplit_once('@').unwrap_or(("", rest));
        // Several servers: `tcp://a:9000,tcp://b:9000/database`.
        let repeated = format!(",{scheme}://");
        let rest = rest.replace(&repeated, ",");
        let (hosts, path) = rest.split_once('/').unwrap_or((&rest, ""));
        let mut params: BTreeMap<String, String> = query
            .split('&')
            .filter(|it| !it.is_empty())
            .map(|it| it.split_once('=').unwrap_or((it, "")))
            .map(|(key, value)| (key.to_owned(), decoded(value)))
            .collect();
        params.extend(config.params.clone());
        let is_secure = scheme == "https" || params.remove("secure").is_some_and(|it| it == "true");
        let native = match scheme {
            "http" | "https" => false,
            "tcp" | "clickhouse" | "native" => true,
            _ => {
                return Err(format!(
                    "endpoint has the scheme {scheme:?}: use http:// or https:// (ports 8123 and 8443)"
                ));
            }
        };
        let mut note = None;
        let mut bases = Vec::new();
        for host in hosts.split(',') {
            if host.is_empty() {
                return Err(wrong());
            }
            let (base, is_mapped) = base(host, native, is_secure)?;
            if is_mapped {
                note = Some(format!(
                    "{scheme}://{host} is ClickHouse's native protocol, which is not spoken here: {base} is used"
                ));
            }
            bases.push(base);
        }
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        let or = |own: &str, param: Option<String>, other: &str| {
            if own.is_empty() { param.unwrap_or_else(|| decoded(other)) } else { own.to_owned() }
        };
        let user = or(config.username, params.remove("username"), user);
        let password = or(config.password, params.remove("password"), password);
        let named = params.remove("database").unwrap_or_else(|| path.to_owned());
        let database = if config.database == DEFAULT_DATABASE && !named.is_empty() {
            named
        } else {
            config.database.to_owned()
        };
        let settings = settings(config, params);
        let urls = bases.iter().map(|base| format!("{base}/?{settings}")).collect();
        Ok(Self { urls, user, password, database, note })
    }
}

/// The URL of the HTTP interface, and whether it is another one than was written.
fn base(host: &str, native: bool, is_secure: bool) -> Result<(String, bool), String> {
    let scheme = if is_secure { "https" } else { "http" };
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, port),
        _ => (host, ""),
    };
    if !native {
        let usual = if is_secure { "8443" } else { "8123" };
        let port = if port.is_empty() { usual } else { port };
        return Ok((format!("{scheme}://{name}:{port}"), false));
    }
    let usual = if is_secure { "9440" } else { "9000" };
    let port = if port.is_empty() { usual } else { port };
    match PORTS.iter().find(|it| it.0 == port) {
        Some((_, http, tls)) => {
            let scheme = if *tls || is_secure { "https" } else { "http" };
            Ok((format!("{scheme}://{name}:{http}"), true))
        }
        None => Err(format!(
            "{name}:{port} speaks ClickHouse's native protocol, which is not spoken here: write the port of its HTTP \
             interface, {scheme}://{name}:{}",
            if is_secure { "8443" } else { "8123" }
        )),
    }
}

/// Settings of ClickHouse, as a query.
fn settings(config: &Source<'_>, mut params: BTreeMap<String, String>) -> String {
    for own in OF_THE_DRIVER {
        params.remove(own);
    }
    let mut set = |key: &str, value: &str| {
        params.entry(key.to_owned()).or_insert_with(|| value.to_owned());
    };
    if config.async_insert {
        set("async_insert", "1");
        set("wait_for_async_insert", "1");
    }
    // Dates with their zone, and tables of older releases, which do not have all columns.
    set("date_time_input_format", "best_effort");
    set("input_format_skip_unknown_fields", "1");
    let word = |value: &str| match value {
        "true" => "1".to_owned(),
        "false" => "0".to_owned(),
        value => encoded(value),
    };
    let pairs = params.iter().map(|(key, value)| format!("{}={}", encoded(key), word(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// `%40` as `@`. What is no such thing stays as it is.
fn decoded(text: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = text.as_bytes();
    while let [first, rest @ ..] = bytes {
        match (first, rest) {
            (b'%', [high, low, after @ ..]) => match pdata::text::from_hex(&[*high, *low]) {
                Some(byte) => {
                    out.extend(byte);
                    bytes = after;
                    continue;
                }
                None => out.push(b'%'),
            },
            (b'+', _) => out.push(b' '),
            (byte, _) => out.push(*byte),
        }
        bytes = rest;
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn without_password(endpoint: &str) -> String {
    match (endpoint.split_once("://"), endpoint.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://...@{host}"),
        _ => endpoint.to_owned(),
    }
}

fn encoded(text: &str) -> String {
    percent_encoded(text, is_unreserved)
}
