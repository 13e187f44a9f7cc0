//! `syslog_parser`: RFC 3164 and RFC 5424 messages, and what is close to them, become attributes, timestamp
//! and severity.

use bumpalo::Bump;
use config::Fault;

use super::parser::Parser;
use super::{Built, Cx, Failure, Flow, Operator};
use crate::entry::Entry;
use crate::section::Section;
use crate::value::{Pairs, Value, put, take, type_name};
use golang::time::{Zone, in_64_bits};

mod rfc3164;
mod rfc5424;

/// Longest message with octet counting, unless `max_octets` says otherwise. leodido/go-syslog.
const OCTETS_MAX: usize = 8192;

/// `facility_text` by facility. pkg/stanza/operator/parser/syslog/facility.go.
const FACILITIES: [&str; 24] = [
    "kern",
    "user",
    "mail",
    "daemon",
    "auth",
    "syslog",
    "lpr",
    "news",
    "uucp",
    "cron",
    "authpriv",
    "ftp",
    "ntp",
    "security",
    "console",
    "solaris-cron",
    "local0",
    "local1",
    "local2",
    "local3",
    "local4",
    "local5",
    "local6",
    "local7",
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
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
    timestamp: Option<i128>,
    hostname: Option<&'a str>,
    appname: Option<&'a str>,
    proc_id: Option<&'a str>,
    msg_id: Option<&'a str>,
    structured_data: Option<Value<'a>>,
    text: Option<&'a str>,
}

/// Makes it.
pub(crate) fn build(section: &mut Section<'_>) -> Result<Built, Fault> {
    let protocol = section.text("protocol").unwrap_or_default().to_ascii_lowercase();
    let location = section.text("location").unwrap_or_default();
    let octet_counting = section.flag("enable_octet_counting", false);
    let trailer = section.text("non_transparent_framing_trailer").filter(|it| !it.is_empty());
    let allow_skip_pri_header = section.flag("allow_skip_pri_header", false);
    let octets = section.int("max_octets", 0);
    let parser = Parser::new(section)?;
    let protocol = match protocol.as_str() {
        "rfc3164" => Protocol::Rfc3164,
        "rfc5424" => Protocol::Rfc5424,
        "none" => Protocol::None,
        "" => return Err("missing field 'protocol'".into()),
        other => return Err(format!("unsupported protocol version: {other}").into()),
    };
    let framing = match (octet_counting, trailer) {
        (true, Some(_)) => {
            let text = "only one of octet_counting or non_transparent_framing can be enabled";
            return Err(text.into());
        }
        (true, None) => {
            let max = usize::try_from(octets).ok().filter(|it| *it > 0).unwrap_or(OCTETS_MAX);
            Framing::OctetCounting(max)
        }
        (false, Some("LF")) => Framing::Trailer('\n'),
        (false, Some("NUL")) => Framing::Trailer('\0'),
        (false, Some(other)) => {
            return Err(format!(
                "invalid non_transparent_framing_trailer '{other}'. Must be either 'LF' or 'NUL'"
            )
            .into());
        }
        (false, None) => Framing::None,
    };
    let location = if location.is_empty() { "UTC" } else { location };
    let place = Zone::named(location).ok_or_else(|| {
        format!("failed to load location {location}: unknown time zone {location}")
    })?;
    let it = SyslogParser { parser, protocol, place, framing, allow_skip_pri_header };
    Ok(Built::transformer(it))
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
        self.parser.store(entry, message.to_map(arena), arena)?;
        if self.protocol == Protocol::None && message.priority.is_none() {
            return Ok(Flow::Next);
        }
        // Upstream looks for the time first and leaves the severity alone without it.
        if self.protocol != Protocol::None {
            entry.timestamp = in_64_bits(message.timestamp.ok_or(Failure::Fixed(
                "time parser: log entry does not have the expected parse_from field",
            ))?);
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
                    // Best effort: a message that is shorter than it says is read as far as it goes.
                    let mut len: usize = after.len().min(len);
                    while !after.is_char_boundary(len) {
                        len -= 1;
                    }
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
            Protocol::None => message.text = Some(text),
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
    fn to_map(&self, arena: &'a Bump) -> Value<'a> {
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
        Value::Map(map.into_bump_slice())
    }
}
