//! `syslog_parser`: RFC 3164 and RFC 5424 messages, and what is close to them, become attributes, timestamp
//! and severity.

use bumpalo::Bump;
use config::{Choice, Choices, Described, Problems, Stage};
use serde::{Deserialize, Serialize};

use super::parser::Parser;
use super::{Built, Cx, Failure, Flow, Operator, ParserOperator};
use crate::entry::Entry;
use crate::keys::{no_zone, unknown_zone};
use crate::value::{Pairs, Value, put, take, type_name};
use golang::time::{Parsed, Reading, Zone, in_64_bits};

mod rfc3164;
mod rfc5424;

/// Longest message with octet counting, unless `max_octets` says otherwise. leodido/go-syslog.
const OCTETS_MAX: usize = 8192;

/// `facility_text` by facility. pkg/stanza/operator/parser/syslog/facility.go.
const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv",
    "ftp", "ntp", "security", "console", "cron2", "local0", "local1", "local2", "local3", "local4",
    "local5", "local6", "local7",
];

/// `severity_text` and number by severity.
const SEVERITIES: [(&str, u8); 8] = [
    ("emerg", 21),
    ("alert", 19),
    ("crit", 18),
    ("err", 17),
    ("warning", 13),
    ("notice", 10),
    ("info", 9),
    ("debug", 5),
];

#[derive(Debug)]
struct SyslogParser {
    parser: Parser,
    protocol: Protocol,
    place: Zone,
    framing: Framing,
    allow_skip_pri_header: bool,
}

/// The format of a message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Protocol {
    #[default]
    Missing,
    Rfc3164,
    Rfc5424,
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    None,
    /// A length before each message; no message is longer than this.
    OctetCounting(usize),
    /// A character after each message.
    Trailer(char),
}

#[derive(Debug, Default)]
struct Message<'a> {
    priority: Option<u8>,
    version: Option<u16>,
    /// Nanoseconds since 1970.
    timestamp: Option<i128>,
    stamp: Option<Stamp<'a>>,
    hostname: Option<&'a str>,
    appname: Option<&'a str>,
    proc_id: Option<&'a str>,
    msg_id: Option<&'a str>,
    structured_data: Option<Value<'a>>,
    text: Option<&'a str>,
}

/// What a time stamp says by itself.
#[derive(Debug, Clone, Copy)]
enum Stamp<'a> {
    /// Without a year.
    Undated(Parsed<'a>),
    Whole(Reading),
}

/// The keys of `syslog_parser`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, Described)]
pub(crate) struct Config {
    /// The format of the messages: `rfc3164`, `rfc5424`, or `none` for other text, of which only a priority in front is
    /// read. Required.
    protocol: Choice<Protocol>,
    /// Where the clock of the sender is, such as `Europe/Berlin`: times of RFC 3164 have no zone. Default `UTC`.
    location: String,
    /// Each message begins with its length. Default false.
    enable_octet_counting: bool,
    /// A message without the priority in front is accepted. Default false.
    allow_skip_pri_header: bool,
    /// What stands behind each message: `LF` or `NUL`; only with `rfc5424`. Default: nothing.
    non_transparent_framing_trailer: Choice<Trailer>,
    /// Longest message in bytes where the length stands in front; 0 is 8192. Default 0.
    max_octets: i64,
}

impl Choices for Protocol {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("rfc5424", Protocol::Rfc5424),
        ("rfc3164", Protocol::Rfc3164),
        ("none", Protocol::None),
        ("", Protocol::Missing),
    ];
    const SHOWN: usize = 3;
    const ANY_CASE: bool = true;
    const STAGE: Stage = Stage::Create;

    fn unknown(word: &str) -> String {
        format!("unsupported protocol version: {}", word.to_lowercase())
    }
}

/// What stands behind a message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Trailer {
    #[default]
    None,
    Lf,
    Nul,
}

impl Choices for Trailer {
    const NAMES: &'static [(&'static str, Self)] =
        &[("LF", Trailer::Lf), ("NUL", Trailer::Nul), ("", Trailer::None)];
    const SHOWN: usize = 2;
    const STAGE: Stage = Stage::Create;

    fn unknown(word: &str) -> String {
        format!("invalid non_transparent_framing_trailer '{word}'. Must be either 'LF' or 'NUL'")
    }
}

impl ParserOperator for Config {
    fn plan(&self, parser: Option<Parser>, found: &mut Problems) -> Option<Built> {
        let protocol = self.protocol(found);
        let framing = self.framing(protocol, found);
        let location = if self.location.is_empty() { "UTC" } else { &self.location };
        let place = Zone::named(location);
        if place.is_none() {
            no_zone("location", location, found.late("", unknown_zone(location)));
        }
        Some(Built::transformer(SyslogParser {
            parser: parser?,
            protocol: protocol?,
            place: place?,
            framing,
            allow_skip_pri_header: self.allow_skip_pri_header,
        }))
    }
}

impl Config {
    fn protocol(&self, found: &mut Problems) -> Option<Protocol> {
        if let Some(fault) = self.protocol.refused("protocol") {
            found.add(fault);
            return None;
        }
        if self.protocol == Protocol::Missing {
            found.late("", "missing field 'protocol'").require("protocol", "rfc5424");
            return None;
        }
        Some(*self.protocol)
    }

    /// How a stream of messages is cut.
    fn framing(&self, protocol: Option<Protocol>, found: &mut Problems) -> Framing {
        const KEY: &str = "non_transparent_framing_trailer";
        let is_given = !self.non_transparent_framing_trailer.word().is_empty();
        if is_given && self.enable_octet_counting {
            let text = "only one of octet_counting or non_transparent_framing can be enabled";
            found.late("", text).remove(KEY);
        } else if is_given && protocol == Some(Protocol::None) {
            found
                .late("", "non_transparent_framing is not compatible with protocol none")
                .remove(KEY);
        } else if is_given && protocol == Some(Protocol::Rfc3164) {
            let text = "non_transparent_framing is only compatible with protocol rfc5424";
            found.late("", text).remove(KEY);
        } else if let Some(fault) = self.non_transparent_framing_trailer.refused(KEY) {
            found.add(fault);
        }
        if self.enable_octet_counting {
            let max = usize::try_from(self.max_octets).ok().filter(|it| *it > 0);
            return Framing::OctetCounting(max.unwrap_or(OCTETS_MAX));
        }
        match *self.non_transparent_framing_trailer {
            Trailer::None => Framing::None,
            Trailer::Lf => Framing::Trailer('\n'),
            Trailer::Nul => Framing::Trailer('\0'),
        }
    }
}

impl Operator for SyslogParser {
    fn process<'a>(&'a self, entry: &mut Entry<'a>, cx: &mut Cx<'a, '_>) -> Result<Flow, Failure> {
        let arena = cx.arena;
        let value = self.parser.source(entry, arena)?;
        let text = match value {
            Value::Str(text) => text,
            Value::Bytes(bytes) => golang::utf8::text(bytes, arena),
            other => {
                let got = type_name(&other);
                return Err(format!("type '{got}' cannot be parsed as syslog").into());
            }
        };
        let message = self.read(text, entry.observed, arena)?;
        let mut map = message.to_map(arena);
        // Upstream takes time and severity out of the attributes after all blocks have run; elsewhere they stay.
        let moves = self.parser.writes_attributes();
        let stays = !moves || self.parser.has_blocks();
        if let Some(stamp) = message.stamp.filter(|_| stays) {
            let time = match stamp {
                Stamp::Undated(parsed) => self.place.read_undated(parsed)?,
                Stamp::Whole(reading) => reading,
            };
            put(&mut map, "timestamp", Value::Str(arena.alloc_str(&time.to_string())));
        }
        let stored = self.parser.store(entry, Value::Map(map.into_bump_slice()), arena);
        if self.protocol == Protocol::None && message.priority.is_none() {
            return stored.map(|()| Flow::Next);
        }
        // It looks for the time first and leaves the severity alone without it.
        if self.protocol != Protocol::None && !self.parser.has_time() {
            let time = message.timestamp.filter(|_| moves).ok_or(Failure::Fixed(
                "time parser: log entry does not have the expected parse_from field",
            ))?;
            entry.timestamp = in_64_bits(time);
        }
        stored?;
        if stays {
            take(&mut entry.attributes, "timestamp");
        }
        let Some(priority) = message.priority else { return Ok(Flow::Next) };
        if take(&mut entry.attributes, "severity").is_none() {
            return Err(Failure::Fixed("severity field does not exist"));
        }
        let (name, number) = SEVERITIES[usize::from(priority & 7)];
        (entry.severity, entry.severity_text) = (number, name);
        Ok(Flow::Next)
    }
}

impl SyslogParser {
    /// One message of those that the text holds: the last, as upstream.
    fn read<'a>(&self, text: &'a str, now: u64, arena: &'a Bump) -> Result<Message<'a>, Failure> {
        match self.framing {
            Framing::None => self.message(text, now, arena),
            Framing::Trailer(trailer) => {
                let text = text.strip_suffix(trailer).unwrap_or(text);
                let last = text.rsplit(trailer).next().unwrap_or(text);
                self.message(last, now, arena)
            }
            Framing::OctetCounting(max) => {
                let mut rest = text;
                let mut last = None;
                while !rest.is_empty() {
                    let counted = rest.split_once(' ');
                    let counted = counted.and_then(|(len, after)| Some((len.parse().ok()?, after)));
                    let Some((len, after)) = counted else {
                        return Err(Failure::Fixed("found an invalid octet count"));
                    };
                    if len > max {
                        return Err(Failure::Text(format!(
                            "message too long to parse. was size {len}, max length {max}"
                        )));
                    }
                    if len > after.len() {
                        let text = "found EOF after fewer octets than announced";
                        return Err(Failure::Fixed(text));
                    }
                    let len = after.floor_char_boundary(len);
                    last = Some(self.message(&after[..len], now, arena));
                    rest = after[len..].trim_start_matches('\n');
                    if len == 0 {
                        break;
                    }
                }
                last.unwrap_or(Err(Failure::Fixed("found an empty message")))
            }
        }
    }

    fn message<'a>(
        &self,
        text: &'a str,
        now: u64,
        arena: &'a Bump,
    ) -> Result<Message<'a>, Failure> {
        let (priority, rest) = match priority(text) {
            Some((priority, rest)) => (Some(priority), rest),
            None if self.protocol == Protocol::None => (None, text),
            None if self.allow_skip_pri_header && !text.starts_with('<') => (None, text),
            None => return Err(Failure::Fixed("expecting a priority value within angle brackets")),
        };
        let mut message = Message { priority, ..Message::default() };
        match self.protocol {
            // The priority is not cut off.
            Protocol::None | Protocol::Missing => message.text = Some(text),
            Protocol::Rfc3164 => rfc3164::read(rest, &self.place, now, &mut message)?,
            Protocol::Rfc5424 => rfc5424::read(rest, arena, &mut message)?,
        }
        Ok(message)
    }
}

/// `<0>` to `<191>`, and the rest.
fn priority(text: &str) -> Option<(u8, &str)> {
    let (digits, rest) = text.strip_prefix('<')?.split_once('>')?;
    let plain = (1..=3).contains(&digits.len()) && digits.bytes().all(|it| it.is_ascii_digit());
    let padded = digits.len() > 1 && digits.starts_with('0');
    let priority = digits.parse().ok().filter(|it| plain && !padded && *it <= 191)?;
    Some((priority, rest))
}

impl<'a> Message<'a> {
    fn is_at(&mut self, reading: Reading) {
        (self.timestamp, self.stamp) = (Some(reading.nanos), Some(Stamp::Whole(reading)));
    }

    fn to_map(&self, arena: &'a Bump) -> Pairs<'a> {
        let mut map = Pairs::with_capacity_in(12, arena);
        if let Some(priority) = self.priority {
            let facility = priority >> 3;
            put(&mut map, "priority", Value::Int(priority.into()));
            put(&mut map, "facility", Value::Int(facility.into()));
            let name = FACILITIES.get(usize::from(facility)).copied().unwrap_or_default();
            put(&mut map, "facility_text", Value::Str(name));
            put(&mut map, "severity", Value::Int(i64::from(priority & 7)));
        }
        if let Some(version) = self.version {
            put(&mut map, "version", Value::Int(version.into()));
        }
        let texts = [
            ("hostname", self.hostname),
            ("appname", self.appname),
            ("proc_id", self.proc_id),
            ("msg_id", self.msg_id),
            ("message", self.text),
        ];
        for (key, text) in texts {
            if let Some(text) = text {
                put(&mut map, key, Value::Str(text));
            }
        }
        if let Some(data) = self.structured_data {
            put(&mut map, "structured_data", data);
        }
        map
    }
}
