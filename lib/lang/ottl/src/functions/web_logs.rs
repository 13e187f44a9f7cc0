//! Lines of web servers and of security products: the Common Log Format, W3C's Extended Log File Format, CEF
//! and LEEF.

use std::borrow::Cow;
use std::sync::LazyLock;

use golang::go_regex;
use regex::Regex;

use super::{Env, Function, Kind, State, constant_text, function, may_take, takes, text};
use crate::context::Context;
use crate::value::{List, Map, Value};
use golang::strconv::parse_int;

const TARGET: super::Parameter = takes("target", Kind::Text);

pub(super) const ALL: &[Function] = &[
    function("ParseCLF", &[TARGET, may_take("format", Kind::TheText)], parse_clf)
        .prepared(|slots| match constant_text(slots, 1) {
            None | Some("clf" | "combined") => Ok(State::None),
            Some(other) => {
                Err(format!("invalid format {other:?}: must be \"clf\" or \"combined\""))
            }
        })
        .only(&[Context::Log])
        .says(
            "A map of a line of a web server in the Common Log Format (`clf`, the default) or with \
             referer and user agent (`combined`).",
            "ParseCLF(\"h - u [10/Oct/2000:13:55:36 -0700] \\\"GET /a HTTP/1.0\\\" 200 2\")\
             [\"clf.status\"] == 200",
        ),
    function("ParseELF", &[TARGET], parse_elf).only(&[Context::Log]).says(
        "A map of lines in W3C's Extended Log File Format.",
        "ParseELF(\"#Version: 1.0\\n#Fields: a b\\n1 2\")[\"elf.version\"] == \"1.0\"",
    ),
    function("ParseCEF", &[TARGET], parse_cef).only(&[Context::Log]).says(
        "A map of a message in the Common Event Format.",
        "ParseCEF(\"CEF:0|a|b|1|100|scan|5|src=10.0.0.1\")[\"cef.name\"] == \"scan\"",
    ),
    function("ParseLEEF", &[TARGET], parse_leef).only(&[Context::Log]).says(
        "A map of a message in the Log Event Extended Format, 1.0 or 2.0.",
        "ParseLEEF(\"LEEF:1.0|a|b|1|100|src=10.0.0.1\")[\"leef.event.id\"] == \"100\"",
    ),
];

type Entries<'a> = Vec<(Cow<'a, str>, Value<'a>)>;

fn texts<'a>(names: &[&'static str], values: &[&str]) -> Entries<'a> {
    let pairs = names.iter().zip(values);
    pairs.map(|(name, it)| ((*name).into(), (*it).to_owned().into())).collect()
}

/// Overwrites or appends.
fn put<'a>(entries: &mut Entries<'a>, name: String, value: Value<'a>) {
    match entries.iter_mut().find(|it| it.0 == name) {
        Some(entry) => entry.1 = value,
        None => entries.push((name.into(), value)),
    }
}

fn not_empty<'v>(values: &'v [Value<'_>], format: &str) -> Result<&'v str, String> {
    match text(values, 0) {
        "" => Err(format!("cannot parse empty {format} message")),
        it => Ok(it),
    }
}

/// The first seven fields of both formats.
const COMMON: &str = r#"^(\S+) (\S+) (\S+) \[([^\]]+)\] "((?:[^"\\]|\\.)*)" (\S+) (\S+)"#;

static CLF: LazyLock<Option<Regex>> =
    LazyLock::new(|| go_regex(&format!("{COMMON}$"), Regex::new).ok());
static COMBINED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let quoted = r#""((?:[^"\\]|\\.)*)""#;
    go_regex(&format!("{COMMON} {quoted} {quoted}$"), Regex::new).ok()
});

fn parse_clf<'a>(_: &Env<'_, 'a>, values: &mut [Value<'a>]) -> Result<Value<'a>, String> {
    let message = not_empty(values, "CLF")?;
    let combined = text(values, 1) == "combined";
    let regex = if combined { COMBINED.as_ref() } else { CLF.as_ref() };
    let Some(found) = regex.and_then(|it| it.captures(message.trim())) else {
        let format = if combined { "combined" } else { "clf" };
        return Err(format!("invalid CLF message: does not match expected {format:?} format"));
    };
    let group = |at: usize| found.get(at).map_or("", |it| it.as_str());
    let request = unescape_clf(group(5));
    let mut entries = texts(
        &["clf.remote_host", "clf.rfc931", "clf.auth_user", "clf.timestamp", "clf.request"],
        &[group(1), group(2), group(3), group(4), &request],
    );
    let parts: Vec<&str> = request.splitn(3, ' ').collect();
    if parts.len() == 3 {
        entries.extend(texts(&["clf.method", "clf.request_uri", "clf.protocol"], &parts));
    }
    let number = |what: &str, it: &str| {
        let number = parse_int(it, 10).map(Value::Int);
        number.map_err(|problem| format!("invalid {what} {it:?}: {problem}"))
    };
    entries.push(("clf.status".into(), number("status code", group(6))?));
    if group(7) != "-" {
        entries.push(("clf.bytes".into(), number("bytes value", group(7))?));
    }
    if combined {
        let (referer, agent) = (unescape_clf(group(8)), unescape_clf(group(9)));
        entries.extend(texts(&["clf.referer", "clf.user_agent"], &[&referer, &agent]));
    }
    Ok(Value::Map(Map::own(entries)))
}

/// As Apache escapes: `\"`, `\\`, `\n`, `\x41` and so on; others stay.
fn unescape_clf(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend(before.as_bytes());
        let mut signs = after.chars();
        let Some(sign) = signs.next() else {
            bytes.push(b'\\');
            rest = "";
            break;
        };
        rest = signs.as_str();
        match sign {
            '\\' | '"' => bytes.push(sign as u8),
            'n' => bytes.push(b'\n'),
            't' => bytes.push(b'\t'),
            'r' => bytes.push(b'\r'),
            'b' => bytes.push(8),
            'f' => bytes.push(12),
            'v' => bytes.push(11),
            'x' => {
                let digits = rest.get(..2).filter(|it| it.bytes().all(|it| it.is_ascii_hexdigit()));
                match digits.and_then(|it| u8::from_str_radix(it, 16).ok()) {
                    Some(byte) => {
                        bytes.push(byte);
                        rest = rest.get(2..).unwrap_or_default();
                    }
                    None => bytes.extend(b"\\x"),
                }
            }
            other => {
                bytes.push(b'\\');
                bytes.extend(other.encode_utf8(&mut [0; 4]).bytes());
            }
        }
    }
    bytes.extend(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

fn parse_leef<'a>(_: &Env<'_, 'a>, values: &mut [Value<'a>]) -> Result<Value<'a>, String> {
    let message = not_empty(values, "LEEF")?;
    // A syslog header may come before it.
    let start = message.find("LEEF:").ok_or("invalid LEEF message: 'LEEF:' not found")?;
    let message = message.get(start..).unwrap_or_default();
    let (version, rest) =
        message.split_once('|').ok_or("invalid LEEF message: missing pipe delimiter in header")?;
    let version = version.strip_prefix("LEEF:").unwrap_or(version);
    if version != "1.0" && version != "2.0" {
        return Err(format!("unsupported LEEF version: {version} (supported: 1.0, 2.0)"));
    }
    let fields: Vec<&str> = rest.splitn(5, '|').collect();
    if fields.len() < 4 {
        return Err(format!(
            "invalid LEEF {version} header: expected at least 4 fields (vendor, product, version, \
             eventID), got {}",
            fields.len()
        ));
    }
    let mut attributes = fields.get(4).copied().unwrap_or_default();
    let mut delimiter = "\t".to_owned();
    if version == "2.0" && fields.len() == 5 {
        let (spec, after) = attributes.split_once('|').unwrap_or((attributes, ""));
        // With a `=` it is the first attribute: the delimiter may be left out.
        if !spec.contains('=') {
            delimiter =
                leef_delimiter(spec).map_err(|it| format!("invalid LEEF 2.0 delimiter: {it}"))?;
            attributes = after;
        }
    }
    let names = ["leef.vendor", "leef.product.name", "leef.product.version", "leef.event.id"];
    let mut entries = texts(&["leef.version"], &[version]);
    entries.extend(texts(&names, &fields));
    let mut all = Vec::new();
    for pair in attributes.split(delimiter.as_str()) {
        if let Some((key, value)) = pair.split_once('=').filter(|it| !it.0.is_empty()) {
            put(&mut all, key.to_owned(), value.to_owned().into());
        }
    }
    entries.push(("leef.attributes".into(), Value::Map(Map::own(all))));
    Ok(Value::Map(Map::own(entries)))
}

fn leef_delimiter(spec: &str) -> Result<String, String> {
    let Some(digits) = spec.strip_prefix("0x").or_else(|| spec.strip_prefix("0X")) else {
        return match spec.len() {
            0 => Ok("\t".to_owned()),
            1 => Ok(spec.to_owned()),
            _ => Err(format!(
                "delimiter must be a single character or 0x-prefixed hex value, got {spec:?}"
            )),
        };
    };
    if digits.is_empty() {
        return Err("empty hex value".to_owned());
    }
    let bytes = crate::parse::hex(digits);
    let bytes = bytes.ok_or_else(|| format!("invalid hex delimiter {spec:?}"))?;
    match bytes.as_slice() {
        [byte] => Ok(char::from(*byte).to_string()),
        other => {
            let count = other.len();
            Err(format!("hex delimiter must decode to a single byte, got {count} bytes"))
        }
    }
}

fn parse_cef<'a>(_: &Env<'_, 'a>, values: &mut [Value<'a>]) -> Result<Value<'a>, String> {
    let message = not_empty(values, "CEF")?;
    let start = message.find("CEF:").ok_or("invalid CEF message: 'CEF:' not found")?;
    let (fields, extension) = cef_header(message.get(start..).unwrap_or_default())?;
    let version = fields.first().and_then(|it| it.strip_prefix("CEF:")).unwrap_or_default();
    if version.is_empty() {
        return Err("invalid CEF message: missing version".to_owned());
    }
    let names = [
        "cef.device_vendor",
        "cef.device_product",
        "cef.device_version",
        "cef.device_event_class_id",
        "cef.name",
        "cef.severity",
    ];
    let mut entries = texts(&["cef.version"], &[version]);
    let rest: Vec<&str> = fields.iter().skip(1).map(String::as_str).collect();
    entries.extend(texts(&names, &rest));
    let extensions = Value::Map(Map::own(cef_extensions(extension)));
    entries.push(("cef.extensions".into(), extensions));
    Ok(Value::Map(Map::own(entries)))
}

/// The seven fields with their escapes resolved, and what follows them.
fn cef_header(message: &str) -> Result<(Vec<String>, &str), String> {
    const FIELDS: usize = 7;
    let (mut fields, mut field) = (Vec::new(), String::new());
    let mut signs = message.chars();
    while let Some(sign) = signs.next() {
        let escaped = signs.clone().next().filter(|it| sign == '\\' && matches!(it, '|' | '\\'));
        match (sign, escaped) {
            (_, Some(it)) => {
                // The version is not unescaped.
                if fields.is_empty() {
                    field.push('\\');
                }
                field.push(it);
                signs.next();
            }
            ('|', _) => {
                fields.push(std::mem::take(&mut field));
                if fields.len() == FIELDS {
                    return Ok((fields, signs.as_str()));
                }
            }
            _ => field.push(sign),
        }
    }
    fields.push(field);
    if fields.len() == FIELDS {
        return Ok((fields, ""));
    }
    Err(format!(
        "invalid CEF header: expected at least 7 pipe-delimited fields (CEF:Version, Device Vendor, \
         Device Product, Device Version, Device Event Class ID, Name, Severity), got {}",
        fields.len()
    ))
}

/// `key=value key=value`, where values may hold blanks.
fn cef_extensions<'a>(text: &str) -> Entries<'a> {
    let mut entries = Vec::new();
    let mut current: Option<(&str, String)> = None;
    for (at, word) in text.split(' ').enumerate() {
        let key = word.split_once('=').filter(|(key, _)| {
            let part = |it: u8| it.is_ascii_alphanumeric() || it == b'_';
            !key.is_empty() && key.bytes().all(part)
        });
        match (key, &mut current) {
            (Some((key, value)), _) => {
                if let Some((key, value)) = current.replace((key, value.to_owned())) {
                    put(&mut entries, key.to_owned(), cef_value(&value).into());
                }
            }
            (None, Some((_, value))) => {
                value.push_str(if at > 0 { " " } else { "" });
                value.push_str(word);
            }
            (None, None) => {}
        }
    }
    if let Some((key, value)) = current {
        put(&mut entries, key.to_owned(), cef_value(&value).into());
    }
    entries
}

fn cef_value(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut signs = text.trim_end_matches(' ').chars();
    while let Some(sign) = signs.next() {
        let next = signs.clone().next().filter(|_| sign == '\\');
        let plain = match next {
            Some(it @ ('\\' | '=')) => Some(it),
            Some('n') => Some('\n'),
            Some('r') => Some('\r'),
            _ => None,
        };
        if plain.is_some() {
            signs.next();
        }
        out.push(plain.unwrap_or(sign));
    }
    out
}

fn parse_elf<'a>(_: &Env<'_, 'a>, values: &mut [Value<'a>]) -> Result<Value<'a>, String> {
    let message = not_empty(values, "ELF")?;
    let mut entries: Entries<'a> = Vec::new();
    let mut fields: Vec<&str> = Vec::new();
    let mut rows = Vec::new();
    for line in message.split(['\n', '\r']).map(str::trim).filter(|it| !it.is_empty()) {
        let Some(directive) = line.strip_prefix('#') else {
            if fields.is_empty() {
                let problem = "invalid ELF: data entry found before #Fields directive";
                return Err(problem.to_owned());
            }
            let cells = elf_cells(line).map_err(|it| format!("invalid ELF: {it}"))?;
            let mut cells = cells.into_iter();
            let mut row = Vec::new();
            for field in &fields {
                let cell = cells.next().unwrap_or_else(|| "-".to_owned());
                put(&mut row, (*field).to_owned(), cell.into());
            }
            rows.push(Value::Map(Map::own(row)));
            continue;
        };
        let Some((key, value)) = directive.split_once(':') else {
            if directive.trim().get(..6).is_some_and(|it| it.eq_ignore_ascii_case("fields")) {
                return Err(format!(
                    "invalid ELF: malformed #Fields directive {line:?}: directive {line:?} has no \
                     colon separator"
                ));
            }
            continue;
        };
        let value = value.trim();
        let name = match key.trim().to_ascii_lowercase().as_str() {
            "fields" => {
                fields = value.split_whitespace().collect();
                continue;
            }
            "start-date" => "elf.start_date".to_owned(),
            "end-date" => "elf.end_date".to_owned(),
            it @ ("version" | "software" | "date" | "remark") => format!("elf.{it}"),
            _ => continue,
        };
        put(&mut entries, name, value.to_owned().into());
    }
    if !entries.iter().any(|it| it.0 == "elf.version") {
        return Err("invalid ELF: missing #Version directive".to_owned());
    }
    entries.push(("elf.entries".into(), Value::List(List::own(rows))));
    let fields = fields.into_iter().map(|it| it.to_owned().into()).collect();
    entries.push(("elf.fields".into(), Value::List(List::own(fields))));
    Ok(Value::Map(Map::own(entries)))
}

/// Cells between blanks; within quotes `""` is a quote.
fn elf_cells(line: &str) -> Result<Vec<String>, String> {
    let mut cells = Vec::new();
    let mut rest = line.trim_start_matches([' ', '\t']);
    while !rest.is_empty() {
        if let Some(mut inside) = rest.strip_prefix('"') {
            let mut cell = String::new();
            loop {
                let Some((before, after)) = inside.split_once('"') else {
                    return Err(format!("unterminated quoted value in data line: {line:?}"));
                };
                cell.push_str(before);
                rest = after;
                let Some(more) = after.strip_prefix('"') else { break };
                cell.push('"');
                inside = more;
            }
            cells.push(cell);
        } else {
            let (cell, after) = rest.split_at(rest.find([' ', '\t']).unwrap_or(rest.len()));
            cells.push(cell.to_owned());
            rest = after;
        }
        rest = rest.trim_start_matches([' ', '\t']);
    }
    Ok(cells)
}
