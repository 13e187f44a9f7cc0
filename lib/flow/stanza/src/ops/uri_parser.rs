//! `uri_parser`: the parts of a URI become attributes. Go's `url.ParseRequestURI` decides what a URI is.

use bumpalo::Bump;
use bumpalo::collections::Vec as ArenaVec;
use config::{Described, Problems};
use serde::{Deserialize, Serialize};

use super::parser::Parser;
use super::{Built, Cx, Failure, Flow, Operator, ParserOperator};
use crate::entry::Entry;
use crate::value::{Pairs, Value, put, type_name};
use golang::utf8;

#[derive(Debug)]
struct UriParser {
    parser: Parser,
}

/// `uri_parser` has no keys of its own.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, Described)]
pub(crate) struct Config {}

impl ParserOperator for Config {
    fn plan(&self, parser: Option<Parser>, _: &mut Problems) -> Option<Built> {
        Some(Built::transformer(UriParser { parser: parser? }))
    }
}

impl Operator for UriParser {
    fn process<'a>(&'a self, entry: &mut Entry<'a>, cx: &mut Cx<'a, '_>) -> Result<Flow, Failure> {
        let value = self.parser.source(entry, cx.arena)?;
        let Value::Str(text) = value else {
            let got = type_name(&value);
            return Err(format!("type '{got}' cannot be parsed as URI").into());
        };
        let mut parsed = Pairs::with_capacity_in(8, cx.arena);
        match text.strip_prefix('?') {
            Some(query) => parse_query(query, true, &mut parsed, cx.arena)?,
            None => parse(text, &mut parsed, cx.arena)
                .map_err(|problem| Failure::Text(format!("parse {text:?}: {problem}")))?,
        }
        self.parser.store(entry, Value::Map(parsed.into_bump_slice()), cx.arena)?;
        Ok(Flow::Next)
    }
}

fn parse<'a>(text: &'a str, parts: &mut Pairs<'a>, arena: &'a Bump) -> Result<(), &'static str> {
    if text.is_empty() {
        return Err("empty url");
    }
    if text.bytes().any(|it| it < 0x20 || it == 0x7f) {
        return Err("net/url: invalid control character in URL");
    }
    let (scheme, rest) = split_scheme(text)?;
    if !scheme.is_empty() {
        let lower = arena.alloc_str(scheme);
        lower.make_ascii_lowercase();
        put(parts, "scheme", Value::Str(lower));
    }
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    if !rest.starts_with('/') && rest != "*" {
        // `mailto:someone`: what follows is opaque.
        return if scheme.is_empty() { Err("invalid URI for request") } else { Ok(()) };
    }
    let path = match rest.strip_prefix("//").filter(|_| !scheme.is_empty()) {
        Some(after) => {
            let end = after.find('/').unwrap_or(after.len());
            authority(&after[..end], parts, arena)?;
            &after[end..]
        }
        None => rest,
    };
    if !escapes_are_valid(path) {
        return Err("invalid URL escape");
    }
    if !path.is_empty() {
        put(parts, "path", Value::Str(escape_path(path, arena)));
    }
    parse_query(query, false, parts, arena).map_err(|_| "invalid query")
}

/// Letters, then letters, digits and `+-.`, up to a colon.
fn split_scheme(text: &str) -> Result<(&str, &str), &'static str> {
    for (at, c) in text.char_indices() {
        match c {
            'a'..='z' | 'A'..='Z' => {}
            '0'..='9' | '+' | '-' | '.' if at > 0 => {}
            ':' if at == 0 => return Err("missing protocol scheme"),
            ':' => return Ok((&text[..at], &text[at + 1..])),
            _ => break,
        }
    }
    Ok(("", text))
}

fn authority<'a>(
    text: &'a str,
    parts: &mut Pairs<'a>,
    arena: &'a Bump,
) -> Result<(), &'static str> {
    let (user, host) = match text.rsplit_once('@') {
        Some((user, host)) => (user, host),
        None => ("", text),
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._:~!$&'()*+,;=%@".contains(c);
    if !user.chars().all(allowed) {
        return Err("net/url: invalid userinfo");
    }
    let user = user.split_once(':').map_or(user, |(name, _)| name);
    let user = unescape(user, false, arena).ok_or("invalid URL escape")?;
    let (name, port) = if let Some(inside) = host.strip_prefix('[') {
        let (name, after) = inside.split_once(']').ok_or("missing ']' in host")?;
        (name, after)
    } else {
        let at = host.rfind(':').unwrap_or(host.len());
        (&host[..at], &host[at..])
    };
    let digits = port.strip_prefix(':').unwrap_or(port);
    if !port.is_empty() && (!port.starts_with(':') || !digits.bytes().all(|it| it.is_ascii_digit()))
    {
        return Err("invalid port after host");
    }
    if name.contains([' ', '"', '<', '>', '\\', '^', '`', '{', '|', '}']) {
        return Err("invalid character in host name");
    }
    let name = unescape(name, false, arena).ok_or("invalid URL escape")?;
    for (key, part) in [("user", user), ("host", name), ("port", digits)] {
        if !part.is_empty() {
            put(parts, key, Value::Str(part));
        }
    }
    Ok(())
}

/// Keys with the list of their values; a piece that is no pair is an error if `strict`, else left out.
fn parse_query<'a>(
    query: &'a str,
    strict: bool,
    parts: &mut Pairs<'a>,
    arena: &'a Bump,
) -> Result<(), Failure> {
    let mut all: Vec<(&'a str, ArenaVec<'a, Value<'a>>)> = Vec::new();
    for piece in query.split('&').filter(|it| !it.is_empty()) {
        let (key, value) = piece.split_once('=').unwrap_or((piece, ""));
        let pair = if piece.contains(';') {
            None
        } else {
            unescape(key, true, arena).zip(unescape(value, true, arena))
        };
        match pair {
            Some((key, value)) => {
                if let Some((_, values)) = all.iter_mut().find(|(k, _)| *k == key) {
                    values.push(Value::Str(value));
                } else {
                    let mut values = ArenaVec::new_in(arena);
                    values.push(Value::Str(value));
                    all.push((key, values));
                }
            }
            None if strict => return Err(Failure::Fixed("invalid query")),
            None => {}
        }
    }
    if all.is_empty() {
        return Ok(());
    }
    let mut map = Pairs::with_capacity_in(all.len(), arena);
    map.extend(all.into_iter().map(|(key, values)| (key, Value::Array(values.into_bump_slice()))));
    put(parts, "query", Value::Map(map.into_bump_slice()));
    Ok(())
}

fn escapes_are_valid(text: &str) -> bool {
    let mut pieces = text.split('%');
    pieces.next();
    pieces.all(|it| it.len() >= 2 && it.bytes().take(2).all(|it| it.is_ascii_hexdigit()))
}

/// `%41` to `A`, and `+` to a blank in a query.
fn unescape<'a>(text: &'a str, query: bool, arena: &'a Bump) -> Option<&'a str> {
    if !escapes_are_valid(text) {
        return None;
    }
    if !text.contains(['%', '+']) {
        return Some(text);
    }
    let mut plain = ArenaVec::with_capacity_in(text.len(), arena);
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let digit = |it: Option<u8>| {
            let digit = it.and_then(|it| char::from(it).to_digit(16));
            digit.and_then(|it| u8::try_from(it).ok()).unwrap_or(0)
        };
        plain.push(match byte {
            b'%' => digit(bytes.next()) << 4 | digit(bytes.next()),
            b'+' if query => b' ',
            other => other,
        });
    }
    Some(utf8::text(plain.into_bump_slice(), arena))
}

/// The path as it was written, with what must not stand in a path escaped.
fn escape_path<'a>(path: &'a str, arena: &'a Bump) -> &'a str {
    let fine = |it: u8| it.is_ascii_alphanumeric() || b"-_.~!$&'()*+,;=:@/[]%".contains(&it);
    if path.bytes().all(fine) {
        return path;
    }
    let mut all = bumpalo::collections::String::with_capacity_in(path.len() * 2, arena);
    for byte in path.bytes() {
        if fine(byte) {
            all.push(char::from(byte));
        } else {
            let digit = |it: u8| char::from(b"0123456789ABCDEF"[usize::from(it & 15)]);
            all.extend(['%', digit(byte >> 4), digit(byte)]);
        }
    }
    all.into_bump_str()
}
