//! What people write who come from another program, or from an older version of this one.

use confmap::{Conf, Data, Fix, Node, code};

use crate::issue::Issue;
use crate::meant::Advice;
use crate::upstream::Moved;

/// Other names of keys; those count that are known where the key stands.
const KEYS: [(&str, &str); 44] = [
    ("batch_size", "send_batch_size"),
    ("max_batch_size", "send_batch_max_size"),
    ("address", "endpoint"),
    ("addr", "endpoint"),
    ("listen", "endpoint"),
    ("listen_address", "endpoint"),
    ("bind", "endpoint"),
    ("host", "endpoint"),
    ("port", "endpoint"),
    ("url", "endpoint"),
    ("uri", "endpoint"),
    ("server", "endpoint"),
    ("file", "include"),
    ("files", "include"),
    ("path", "include"),
    ("paths", "include"),
    ("filename", "path"),
    ("path", "directory"),
    ("dir", "directory"),
    ("loglevel", "verbosity"),
    ("queued_retry", "retry_on_failure"),
    ("queue", "sending_queue"),
    ("batcher", "sending_queue"),
    ("start_from", "start_at"),
    ("start", "start_at"),
    ("from", "start_at"),
    ("position", "start_at"),
    ("critical", "fatal"),
    ("crit", "fatal"),
    ("emergency", "fatal"),
    ("emerg", "fatal"),
    ("alert", "fatal"),
    ("panic", "fatal"),
    ("severe", "fatal"),
    ("notice", "info"),
    ("verbose", "trace"),
    ("finest", "trace"),
    ("fine", "debug"),
    ("name", "key"),
    ("attribute", "key"),
    ("actions", "attributes"),
    ("attributes", "actions"),
    ("rules", "statements"),
    ("routes", "table"),
];

/// Other words for values; those count that are allowed where the value stands.
const WORDS: [(&str, &str); 22] = [
    ("verbose", "debug"),
    ("trace", "debug"),
    ("warning", "warn"),
    ("critical", "error"),
    ("fatal", "error"),
    ("off", "none"),
    ("verbose", "detailed"),
    ("full", "detailed"),
    ("debug", "detailed"),
    ("info", "normal"),
    ("minimal", "basic"),
    ("gz", "gzip"),
    ("zip", "gzip"),
    ("skip", "ignore"),
    ("drop", "ignore"),
    ("fail", "propagate"),
    ("add", "insert"),
    ("set", "upsert"),
    ("replace", "update"),
    ("remove", "delete"),
    ("start", "beginning"),
    ("tail", "end"),
];

/// What patterns of other languages have and RE2 has not.
const PATTERNS: [(&str, &str); 5] = [
    ("(?=", LOOKAROUND),
    ("(?!", LOOKAROUND),
    ("(?<", LOOKAROUND),
    ("(?>", "RE2 has no atomic groups: write `(?:` instead"),
    ("\\", "RE2 has no escape of this name, and no reference to a group such as `\\1`"),
];
const LOOKAROUND: &str =
    "RE2 has no lookahead and no lookbehind: match what stands there as a part of the pattern";

/// What to do about a value with a pattern in it that RE2 has not.
pub(crate) fn lookaround(text: &str) -> Option<&'static str> {
    ["(?=", "(?!", "(?<=", "(?<!"].iter().any(|it| text.contains(it)).then_some(LOOKAROUND)
}

/// What to do about a part of a pattern.
pub(crate) fn pattern(written: &str) -> Option<&'static str> {
    PATTERNS.iter().find(|it| written.starts_with(it.0)).map(|it| it.1)
}

fn find(table: &[(&str, &str)], written: &str, known: &[String]) -> Option<String> {
    let written = written.to_ascii_lowercase();
    let meant = table.iter().filter(|it| it.0 == written).map(|it| it.1.to_owned());
    meant.into_iter().find(|it| known.contains(it))
}

/// The key that somebody from elsewhere means.
pub(crate) fn key(written: &str, known: &[String]) -> Option<String> {
    find(&KEYS, written, known)
}

/// The word that somebody from elsewhere means.
pub(crate) fn word(written: &str, known: &[String]) -> Option<String> {
    find(&WORDS, written, known)
}

/// Unknown keys with more to change than their name.
pub(crate) fn more_than_a_name(conf: &Conf, issue: &Issue, path: &[String]) -> Option<Advice> {
    let key = path.last().filter(|_| issue.code == code::UNKNOWN_KEY)?;
    let node = conf.node(path)?;
    let steps: Vec<&str> = path.iter().map(String::as_str).collect();
    match (&steps[..], &node.data) {
        (["service", "telemetry", "metrics", "address"], Data::String(address)) => {
            let (host, port) = address.rsplit_once(':')?;
            let reader = format!(
                "[{{pull: {{exporter: {{prometheus: {{host: '{host}', port: {port}}}}}}}}}]"
            );
            let help = "upstream has replaced `address` by `readers`".to_owned();
            let fix = conf.rename(path, "readers").into_iter().chain(conf.set(path, &reader));
            Some((help, fix.collect()))
        }
        (["service", "telemetry", "loglevel" | "level"], _) => {
            let help = "the level of the own logs is `logs: level:`".to_owned();
            Some((help, conf.rename(path, "logs::level").into_iter().collect()))
        }
        (_, Data::Int(gib)) if key == "limit_gib" && is_known(issue, "limit_mib") => {
            let mib = gib.saturating_mul(1024).to_string();
            let fix = conf.rename(path, "limit_mib").into_iter().chain(conf.set(path, &mib));
            Some((format!("write `limit_mib: {mib}`"), fix.collect()))
        }
        (_, _) if key == "ballast_size_mib" => {
            let help = "upstream has removed the ballast: remove the key".to_owned();
            Some((help, conf.remove(path).into_iter().collect()))
        }
        // `timeout_ms: 100`: the unit stands in the value here.
        (_, Data::Int(number)) if unit_of(issue, key).is_some() => {
            let (name, unit) = unit_of(issue, key)?;
            let span = format!("{number}{unit}");
            let fix = conf.rename(path, name).into_iter().chain(conf.set(path, &span));
            Some((format!("write `{name}: {span}`"), fix.collect()))
        }
        (_, Data::Int(port)) if key == "port" && is_known(issue, "endpoint") => {
            let endpoint = format!("localhost:{port}");
            let fix = conf.rename(path, "endpoint").into_iter().chain(conf.set(path, &endpoint));
            Some((format!("write `endpoint: {endpoint}`"), fix.collect()))
        }
        // `{verbosity:detailed}`: the space behind the colon is missing.
        (_, Data::Null) => {
            let (name, value) = key.split_once(':').filter(|it| is_known(issue, it.0))?;
            let right = format!("{name}: {value}");
            Some((format!("write `{right}`"), conf.rename(path, &right).into_iter().collect()))
        }
        // `detailed: verbosity`.
        (_, Data::String(value)) if is_known(issue, value) => {
            let swapped = conf.rename(path, value).into_iter();
            let fix = swapped.chain(Fix::replace(&node.origin, key.as_str()));
            Some((format!("key and value are swapped: `{value}: {key}`"), fix.collect()))
        }
        _ => None,
    }
}

/// The key of a time span whose unit stands in the key.
fn unit_of<'a>(issue: &Issue, key: &'a str) -> Option<(&'a str, &'static str)> {
    let units = [
        ("_ms", "ms"),
        ("_millis", "ms"),
        ("_seconds", "s"),
        ("_secs", "s"),
        ("_sec", "s"),
        ("_s", "s"),
        ("_minutes", "m"),
    ];
    let found = units.iter().find_map(|(end, unit)| Some((key.strip_suffix(end)?, *unit)));
    found.filter(|it| is_known(issue, it.0))
}

fn is_known(issue: &Issue, key: &str) -> bool {
    issue.candidates.iter().any(|it| it == key)
}

/// In a section whose type was replaced: where it sends to, and the edits for that and for the names of its keys.
pub(crate) fn replaced_keys(
    conf: &Conf,
    path: &[String],
    endpoint: Option<Moved>,
) -> (Option<String>, Vec<Fix>) {
    let below = |key: &str| [path, &[key.to_owned()]].concat();
    let at = below("endpoint");
    let written = conf.node(&at).filter(|it| it.parts.is_empty()).and_then(Node::text);
    let right = endpoint.map(|it| match written.map(|text| moved(text, it)) {
        Some(right) if !right.contains('@') => right,
        _ => it.example.to_owned(),
    });
    let mut fixes = Vec::new();
    if let (Some(right), Some(written)) = (&right, written)
        && right != written
    {
        fixes.extend(conf.set(&at, right));
    }
    let level = below("loglevel");
    if let Some(text) = conf.node(&level).and_then(|it| it.text()) {
        let verbosity = match text.to_ascii_lowercase().as_str() {
            "debug" => "detailed",
            "info" => "normal",
            _ => "basic",
        };
        fixes.extend(conf.rename(&level, "verbosity"));
        fixes.extend(conf.set(&level, verbosity));
    }
    (right, fixes)
}

/// An endpoint as the successor needs it.
fn moved(text: &str, by: Moved) -> String {
    match text.trim_end_matches('/').strip_suffix(by.old) {
        Some(host) => format!("{host}{}", by.new),
        // A path, where none is written.
        None if by.new.starts_with('/') && text.matches('/').count() < 3 => {
            format!("{text}{}", by.new)
        }
        None => text.to_owned(),
    }
}
