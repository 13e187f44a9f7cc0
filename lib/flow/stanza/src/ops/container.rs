//! `container`: lines as container runtimes write them (docker JSON, CRI), with the pod's identity from the
//! path and parts of long lines joined.
//!
//! The common case, a complete CRI line with nothing configured, neither allocates nor looks anything up.

use config::{Choice, Choices, Described, Problems, Stage};
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use super::parser::Parser;
use super::recombine::{Held, Part, Rules};
use super::{Built, Cx, Failure, Flow, Flush, Operator, ParserOperator, State};
use crate::entry::{Entry, Resource};
use crate::field::{Field, Root};
use crate::files::{FILE_PATH, pod_of};
use crate::keys::ByteSize;
use crate::value::{Value, display, find, merge, put, take, type_name};
use golang::json::{self, Dialect};
use golang::time::Layout;
use golang::time::{in_64_bits, rfc3339_at_start};

/// Bytes of a joined record at most. pkg/stanza/operator/parser/container/config.go, v0.156.
const MAX_LOG_SIZE: i64 = 1024 * 1024;
/// Files with unfinished lines; the same source.
const MAX_SOURCES: usize = 1000;
/// Longest wait for the rest of a line; the same source.
const FORCE_FLUSH_PERIOD: Duration = Duration::from_secs(5);

#[derive(Debug)]
struct Container {
    parser: Parser,
    /// Nothing but the line matters: no blocks, default places.
    plain: bool,
    format: Option<Format>,
    add_metadata: bool,
    rules: Rules,
}

/// How lines are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Format {
    /// Found out line by line.
    #[default]
    Any,
    Docker,
    Crio,
    Containerd,
}

impl Format {
    const fn name(self) -> &'static str {
        match self {
            Format::Any => "container",
            Format::Docker => "docker container",
            Format::Crio => "cri-o container",
            Format::Containerd => "containerd",
        }
    }
}

/// The keys of `container`.
#[derive(Debug, Clone, Serialize, Deserialize, Described)]
pub(crate) struct Config {
    /// How the lines are written: `docker`, `crio` or `containerd`. Default: found out for each line.
    format: Choice<Format>,
    /// Adds namespace, pod, uid, container and restart count to the resource, from the path of the file; the receiver needs
    /// `include_file_path: true` for it. Default true.
    add_metadata_from_filepath: bool,
    /// A line of several parts is complete when it has more bytes than this; 0 is no limit. Default 1 MiB.
    max_log_size: ByteSize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            format: Choice::default(),
            add_metadata_from_filepath: true,
            max_log_size: ByteSize(MAX_LOG_SIZE),
        }
    }
}

impl Choices for Format {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("docker", Format::Docker),
        ("crio", Format::Crio),
        ("containerd", Format::Containerd),
        ("", Format::Any),
    ];
    const SHOWN: usize = 3;
    const STAGE: Stage = Stage::Create;

    /// The Collector shows `on_error` here, not the word: `send`, as long as nobody has set it.
    fn unknown(_: &str) -> String {
        "operator config has an invalid `format` field.: {\"format\":\"send\"}".to_owned()
    }
}

impl ParserOperator for Config {
    fn plan(&self, parser: Option<Parser>, found: &mut Problems) -> Option<Built> {
        if let Some(fault) = self.format.refused("format") {
            found.add(fault);
        }
        let rules = Rules {
            combine_field: Field::root(Root::Body),
            combine_with: String::new(),
            newest: false,
            max_batch_size: 0,
            max_unmatched_batch_size: 0,
            max_log_size: self.max_log_size.bytes(),
            max_sources: MAX_SOURCES,
            force_flush_period: FORCE_FLUSH_PERIOD,
        };
        let parser = parser?;
        let plain = parser.is_plain();
        let format = Some(*self.format).filter(|it| *it != Format::Any);
        let add_metadata = self.add_metadata_from_filepath;
        Some(Built::transformer(Container { parser, plain, format, add_metadata, rules }))
    }
}

impl Operator for Container {
    fn state(&self) -> State {
        State::Recombine(Held::default())
    }

    fn process<'a>(&'a self, entry: &mut Entry<'a>, cx: &mut Cx<'a, '_>) -> Result<Flow, Failure> {
        let value = self.parser.source(entry, cx.arena)?;
        let Value::Str(text) = value else { return Err(self.not_text(&value)) };
        let scanned = match self.format {
            Some(Format::Docker) => None,
            _ => Cri::scan(text),
        };
        let cri = match (self.format, scanned) {
            (None, _) if text.starts_with('{') => None,
            (None, None) => {
                let text = format!(
                    "failed to detect a valid container log format: entry cannot be parsed as \
                     container logs: {}",
                    display(&value)
                );
                return Err(Failure::Text(text));
            }
            (None, scanned) => scanned,
            (Some(Format::Docker), _) => None,
            (Some(format), scanned) => match scanned.filter(|it| it.format == format) {
                None => return Err(Failure::Fixed("regex pattern does not match")),
                scanned => scanned,
            },
        };
        let Some(cri) = cri else {
            self.docker(entry, text, cx)?;
            return Ok(Flow::Next);
        };
        self.cri(entry, &cri, cx)?;
        self.join(entry, &cri, cx)
    }

    fn flush<'a>(&'a self, cx: &mut Cx<'a, '_>, which: Flush) -> Option<Instant> {
        self.rules.flush(cx, which)
    }
}

impl Container {
    fn not_text(&self, value: &Value<'_>) -> Failure {
        let got = type_name(value);
        Failure::Text(match self.format {
            Some(format) => format!("type '{got}' cannot be parsed as {} logs", format.name()),
            None => format!(
                "failed to detect a valid container log format: type '{got}' cannot be parsed as \
                 container logs"
            ),
        })
    }

    fn cri<'a>(
        &'a self,
        entry: &mut Entry<'a>,
        cri: &Cri<'a>,
        cx: &mut Cx<'a, '_>,
    ) -> Result<(), Failure> {
        let Some(time) = cri.instant.filter(|_| self.plain) else {
            // Time stamps of other shapes, blocks, other places: step by step as upstream.
            let parsed = [
                ("time", Value::Str(cri.time)),
                ("stream", Value::Str(cri.stream)),
                ("logtag", Value::Str(cri.logtag)),
                ("log", Value::Str(cri.log)),
            ];
            let parsed = Value::Map(cx.arena.alloc_slice_copy(&parsed));
            self.parser.store(entry, parsed, cx.arena)?;
            return self.map_attributes(entry, cri.format, cx);
        };
        entry.timestamp = in_64_bits(time);
        let attributes = &mut entry.attributes;
        let ours = |key: &str| matches!(key, "time" | "stream" | "log" | "log.iostream" | "logtag");
        if attributes.iter().any(|(key, _)| ours(key)) {
            attributes.retain(|(key, _)| !ours(key));
        }
        attributes.push(("log.iostream", Value::Str(cri.stream)));
        attributes.push(("logtag", Value::Str(cri.logtag)));
        entry.body = Value::Str(cri.log);
        self.add_metadata(entry, cx)
    }

    fn docker<'a>(
        &'a self,
        entry: &mut Entry<'a>,
        text: &'a str,
        cx: &mut Cx<'a, '_>,
    ) -> Result<(), Failure> {
        let parsed = json::parse(text, cx.arena, Dialect::Goccy, false).map_err(Failure::Json)?;
        let Value::Map(_) = parsed else {
            return Err(Failure::Fixed("the document is not a JSON object"));
        };
        self.parser.store(entry, parsed, cx.arena)?;
        self.map_attributes(entry, Format::Docker, cx)
    }

    /// Moves what was parsed to its places. What fails leaves the rest as it is.
    fn map_attributes<'a>(
        &'a self,
        entry: &mut Entry<'a>,
        format: Format,
        cx: &mut Cx<'a, '_>,
    ) -> Result<(), Failure> {
        let time = match find(&entry.attributes, "time") {
            Some(Value::Str(time)) => time,
            Some(other) => {
                let got = type_name(&other);
                return Err(
                    format!("failed to parse time: type {got} cannot be parsed as a time").into()
                );
            }
            None => return Err(Failure::Fixed("failed to get the time from the attributes")),
        };
        entry.timestamp = in_64_bits(read_time(time, format)?);
        take(&mut entry.attributes, "time");
        let Some(log) = take(&mut entry.attributes, "log") else {
            return Err(Failure::Fixed("failed to move log: field log does not exist"));
        };
        entry.body = log;
        let Some(stream) = take(&mut entry.attributes, "stream") else {
            return Err(Failure::Fixed("failed to move stream: field stream does not exist"));
        };
        put(&mut entry.attributes, "log.iostream", stream);
        self.add_metadata(entry, cx)
    }

    fn add_metadata<'a>(&self, entry: &mut Entry<'a>, cx: &mut Cx<'a, '_>) -> Result<(), Failure> {
        if !self.add_metadata {
            return Ok(());
        }
        let Some(Value::Str(path)) = find(&entry.attributes, FILE_PATH) else {
            let text = "operator 'container' has 'add_metadata_from_filepath' enabled, but the log record \
                        attribute 'log.file.path' is missing. Perhaps enable the \
                        'include_file_path' option?";
            return Err(Failure::Fixed(text));
        };
        let file = entry.origins.first().and_then(|it| cx.files.get(it.file));
        if let Some(file) = file.filter(|it| it.path() == Some(path)) {
            match (file.pod(), entry.resource.as_shared()) {
                (None, _) => return Err(Failure::Fixed("failed to detect a valid log path")),
                // The usual case: nobody has touched the resource.
                (Some(pod), Some(base)) if base.id == cx.files.base().id => {
                    entry.resource = Resource::shared(pod, cx.arena);
                    return Ok(());
                }
                _ => {}
            }
        }
        let Some(pod) = pod_of(path) else {
            return Err(Failure::Fixed("failed to detect a valid log path"));
        };
        let pairs = pod.map(|(key, value)| (key, Value::Str(value)));
        merge(entry.resource.own(cx.arena), &pairs);
        Ok(())
    }

    fn join<'a>(
        &'a self,
        entry: &mut Entry<'a>,
        cri: &Cri<'a>,
        cx: &mut Cx<'a, '_>,
    ) -> Result<Flow, Failure> {
        let State::Recombine(held) = cx.state else {
            return Err(Failure::Fixed("container runs without its state"));
        };
        // Tags follow a colon; the first one says whether the line is complete. Upstream compares the whole text and
        // glues records together.
        let last = cri.logtag == "F" || cri.logtag.starts_with("F:");
        if last && held.is_empty() {
            return Ok(Flow::Next);
        }
        // By stream as well: upstream mixes stdout with stderr.
        let path = match find(&entry.attributes, FILE_PATH) {
            Some(Value::Str(path)) => Some(path),
            _ => None,
        };
        held.select(path, cri.stream, entry);
        self.rules.add(entry, if last { Part::Last } else { Part::Middle }, cx)
    }
}

/// A line of a CRI runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cri<'a> {
    format: Format,
    time: &'a str,
    /// What the time stamp says, if it has the usual shape.
    instant: Option<i128>,
    stream: &'a str,
    logtag: &'a str,
    log: &'a str,
}

impl<'a> Cri<'a> {
    /// `^(?P<time>[^ Z]+) (?P<stream>stdout|stderr) (?P<logtag>[^ ]*) ?(?P<log>.*)$`, and the same with
    /// `[^ ^Z]+Z` as the time.
    fn scan(text: &'a str) -> Option<Self> {
        let usual = rfc3339_at_start(text.as_bytes());
        let usual = usual.filter(|(_, len)| text.as_bytes().get(*len) == Some(&b' '));
        let (time, instant) = match usual {
            Some((instant, len)) => (&text[..len], Some(instant)),
            None => (text.split_once(' ')?.0, None),
        };
        let format = match time.strip_suffix('Z') {
            Some(_) if instant.is_some() => Format::Containerd,
            None if instant.is_some() => Format::Crio,
            Some(before) if !before.is_empty() && !before.contains(['^', 'Z']) => {
                Format::Containerd
            }
            None if !time.is_empty() && !time.contains('Z') => Format::Crio,
            _ => return None,
        };
        let rest = text.get(time.len() + 1..)?;
        let stream = rest.get(..6).filter(|it| matches!(*it, "stdout" | "stderr"))?;
        let rest = rest[6..].strip_prefix(' ')?;
        // Nearly always the tag is one letter.
        let (logtag, log) = match rest.as_bytes() {
            [tag, b' ', ..] if *tag != b' ' => (&rest[..1], &rest[2..]),
            _ => rest.split_once(' ').unwrap_or((rest, "")),
        };
        if memchr::memchr(b'\n', log.as_bytes()).is_some() {
            return None;
        }
        Some(Self { format, time, instant, stream, logtag, log })
    }
}

/// Go's layouts of the runtimes.
static UTC: LazyLock<Layout> = LazyLock::new(|| Layout::new("2006-01-02T15:04:05.999Z"));
static OFFSET: LazyLock<Layout> =
    LazyLock::new(|| Layout::new("2006-01-02T15:04:05.999999999Z07:00"));

fn read_time(text: &str, format: Format) -> Result<i128, Failure> {
    let layout = if format == Format::Crio { &*OFFSET } else { &*UTC };
    let parsed = layout.parse(text);
    let parsed = parsed
        .map_err(|it| Failure::Text(it.text(layout.text(), text)).at("failed to parse time"))?;
    let seconds = parsed.civil_seconds() - parsed.offset.unwrap_or(0);
    Ok(i128::from(seconds) * 1_000_000_000 + i128::from(parsed.nanos))
}
