//! `URL`: the parts of a URL by their names in the semantic conventions. Go's net/url decides what a URL is.

use std::borrow::Cow;

use crate::value::{List, Map, Value};

/// What is found in a text.
pub(super) fn parts<'a>(text: &str) -> Result<Value<'a>, String> {
    if text.is_empty() {
        return Err("url cannot be empty".to_owned());
    }
    let entries = if let Some(query) = text.strip_prefix('?') {
        of_query(query)?
    } else {
        Url::parse(text).map_err(|it| format!("parse {text:?}: {it}"))?.entries()?
    };
    Ok(Value::Map(Map::own(entries)))
}

type Entries<'a> = Vec<(Cow<'a, str>, Value<'a>)>;

/// A query alone: the lists of values by key.
fn of_query<'a>(query: &str) -> Result<Entries<'a>, String> {
    let mut all: Vec<(String, Vec<Value<'a>>)> = Vec::new();
    for piece in query.split('&').filter(|it| !it.is_empty()) {
        if piece.contains(';') {
            return Err("invalid semicolon separator in query".to_owned());
        }
        let (key, value) = piece.split_once('=').unwrap_or((piece, ""));
        let (key, value) = (unescaped(key, Part::Query)?, unescaped(value, Part::Query)?);
        match all.iter_mut().find(|it| it.0 == key) {
            Some(entry) => entry.1.push(value.into()),
            None => all.push((key, vec![value.into()])),
        }
    }
    if all.is_empty() {
        return Ok(Vec::new());
    }
    let lists = all.into_iter().map(|(key, it)| (key.into(), Value::List(List::own(it))));
    Ok(vec![("query".into(), Value::Map(Map::own(lists.collect())))])
}

#[derive(Debug, Default)]
struct Url<'t> {
    scheme: String,
    opaque: &'t str,
    /// Name and password as they were written.
    user: Option<(&'t str, Option<&'t str>)>,
    has_authority: bool,
    host: String,
    /// As it was written.
    path: &'t str,
    query: Option<&'t str>,
    fragment: &'t str,
}

impl<'t> Url<'t> {
    fn parse(text: &'t str) -> Result<Self, String> {
        if text.bytes().any(|it| it < 0x20 || it == 0x7f) {
            return Err("net/url: invalid control character in URL".to_owned());
        }
        let (text, fragment) = text.split_once('#').unwrap_or((text, ""));
        unescaped(fragment, Part::Fragment)?;
        let mut url = Self { fragment, ..Self::default() };
        let mut rest = text;
        if let Some((scheme, after)) = scheme(text)? {
            url.scheme = scheme.to_ascii_lowercase();
            rest = after;
        }
        if let Some((before, query)) = rest.split_once('?') {
            (rest, url.query) = (before, Some(query));
        }
        if !rest.starts_with('/') {
            if !url.scheme.is_empty() {
                url.opaque = rest;
                return Ok(url);
            }
            let segment = rest.split('/').next().unwrap_or_default();
            if segment.contains(':') {
                return Err("first path segment in URL cannot contain colon".to_owned());
            }
        }
        if (!url.scheme.is_empty() || !rest.starts_with("///"))
            && let Some(after) = rest.strip_prefix("//")
        {
            let end = after.find('/').unwrap_or(after.len());
            let (authority, path) = after.split_at(end);
            url.authority(authority)?;
            rest = path;
        }
        unescaped(rest, Part::Path)?;
        url.path = rest;
        Ok(url)
    }

    fn authority(&mut self, text: &'t str) -> Result<(), String> {
        self.has_authority = true;
        let mut host = text;
        if let Some((user, after)) = text.rsplit_once('@') {
            let fine = |c: char| c.is_ascii_alphanumeric() || "-._:~!$&'()*+,;=%@".contains(c);
            if !user.chars().all(fine) {
                return Err("net/url: invalid userinfo".to_owned());
            }
            let parts = user.split_once(':').map_or((user, None), |it| (it.0, Some(it.1)));
            unescaped(parts.0, Part::User)?;
            unescaped(parts.1.unwrap_or_default(), Part::User)?;
            (self.user, host) = (Some(parts), after);
        }
        let port = if host.starts_with('[') {
            let end = host.rfind(']').ok_or("missing ']' in host")?;
            host.get(end + 1..).unwrap_or_default()
        } else {
            host.rfind(':').and_then(|it| host.get(it..)).unwrap_or_default()
        };
        let fine = match port.strip_prefix(':') {
            Some(digits) => digits.bytes().all(|it| it.is_ascii_digit()),
            None => port.is_empty(),
        };
        if !fine {
            return Err(format!("invalid port {port:?} after host"));
        }
        self.host = match host.find("%25").filter(|_| host.starts_with('[')) {
            // The zone of an address may hold what a host may not.
            Some(zone) => {
                let (address, zone) = host.split_at(zone);
                unescaped(address, Part::Host)? + &unescaped(zone, Part::Zone)?
            }
            None => unescaped(host, Part::Host)?,
        };
        Ok(())
    }

    /// The host without its port and brackets, and its port.
    fn host_and_port(&self) -> (&str, &str) {
        let (host, port) = match self.host.rfind(':') {
            Some(at) if !self.host.ends_with(']') => self.host.split_at(at),
            _ => (self.host.as_str(), ""),
        };
        let host = host.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(host);
        (host, port.strip_prefix(':').unwrap_or_default())
    }

    fn entries<'a>(&self) -> Result<Entries<'a>, String> {
        let (host, port) = self.host_and_port();
        let path = unescaped(self.path, Part::Path)?;
        let mut entries: Entries<'a> = vec![
            ("url.original".into(), self.written().into()),
            ("url.domain".into(), host.to_owned().into()),
            ("url.scheme".into(), self.scheme.clone().into()),
            ("url.path".into(), path.clone().into()),
        ];
        if !port.is_empty() {
            let number = port
                .parse()
                .map_err(|_| format!("strconv.Atoi: parsing {port:?}: value out of range"))?;
            entries.push(("url.port".into(), Value::Int(number)));
        }
        if !self.fragment.is_empty() {
            let fragment = unescaped(self.fragment, Part::Fragment)?;
            entries.push(("url.fragment".into(), fragment.into()));
        }
        if let Some((name, password)) = self.user {
            entries.push(("url.user_info".into(), self.written_user().into()));
            if !name.is_empty() {
                entries.push(("url.username".into(), unescaped(name, Part::User)?.into()));
            }
            if let Some(password) = password {
                entries.push(("url.password".into(), unescaped(password, Part::User)?.into()));
            }
        }
        if let Some(query) = self.query.filter(|it| !it.is_empty()) {
            entries.push(("url.query".into(), query.to_owned().into()));
        }
        if let Some((_, extension)) = path.rsplit_once('.').filter(|it| !it.1.is_empty()) {
            entries.push(("url.extension".into(), extension.to_owned().into()));
        }
        Ok(entries)
    }

    fn written_user(&self) -> String {
        let Some((name, password)) = self.user else { return String::new() };
        let escape = |it: &str| escaped(&unescaped(it, Part::User).unwrap_or_default(), Part::User);
        match password {
            Some(password) => format!("{}:{}", escape(name), escape(password)),
            None => escape(name),
        }
    }

    /// The URL again, with what must not stand in it escaped.
    fn written(&self) -> String {
        let mut all = String::new();
        if !self.scheme.is_empty() {
            all.push_str(&self.scheme);
            all.push(':');
        }
        if self.opaque.is_empty() {
            if self.has_authority
                && (!self.scheme.is_empty() || !self.host.is_empty() || self.user.is_some())
            {
                all.push_str("//");
                if self.user.is_some() {
                    all.push_str(&self.written_user());
                    all.push('@');
                }
                all.push_str(&escaped(&self.host, Part::Host));
            }
            all.push_str(&as_written(self.path, Part::Path));
        } else {
            all.push_str(self.opaque);
        }
        if let Some(query) = self.query {
            all.push('?');
            all.push_str(query);
        }
        if !self.fragment.is_empty() {
            all.push('#');
            all.push_str(&as_written(self.fragment, Part::Fragment));
        }
        all
    }
}

/// The scheme and what follows it.
fn scheme(text: &str) -> Result<Option<(&str, &str)>, String> {
    for (at, sign) in text.char_indices() {
        match sign {
            'a'..='z' | 'A'..='Z' => {}
            '0'..='9' | '+' | '-' | '.' if at > 0 => {}
            ':' if at == 0 => return Err("missing protocol scheme".to_owned()),
            ':' => return Ok(text.split_once(':')),
            _ => return Ok(None),
        }
    }
    Ok(None)
}

/// Each part of a URL has its own rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Path,
    Query,
    Fragment,
    User,
    Host,
    Zone,
}

/// Text with `%41` as `A`.
fn unescaped(text: &str, part: Part) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(sign) = rest.chars().next() {
        let (one, after) = rest.split_at(sign.len_utf8());
        rest = after;
        match sign {
            '%' => {
                let digits = after.get(..2).and_then(|it| {
                    let fine = it.bytes().all(|it| it.is_ascii_hexdigit());
                    u8::from_str_radix(it, 16).ok().filter(|_| fine)
                });
                let shown: String = "%".chars().chain(after.chars().take(2)).collect();
                let wrong = || Err(format!("invalid URL escape {shown:?}"));
                let Some(byte) = digits else { return wrong() };
                if part == Part::Host && byte < 0x80 && shown != "%25" {
                    return wrong();
                }
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            '+' if part == Part::Query => bytes.push(b' '),
            _ if matches!(part, Part::Host | Part::Zone)
                && sign.is_ascii()
                && !plain(sign as u8, Part::Host) =>
            {
                return Err(format!("invalid character {one:?} in host name"));
            }
            _ => bytes.extend(one.as_bytes()),
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A byte that may stand there as it is.
fn plain(byte: u8, part: Part) -> bool {
    let more: &[u8] = match part {
        Part::Path => b"$&+,/:;=@",
        Part::Query => b"",
        Part::Fragment => b"$&+,/:;=?@!()*",
        Part::User => b"$&+,;=",
        Part::Host | Part::Zone => b"!$&'()*+,;=:[]<>\"",
    };
    byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) || more.contains(&byte)
}

fn escaped(text: &str, part: Part) -> String {
    pdata::text::percent_encoded(text, |it| plain(it, part))
}

/// As it was written, if that may stand there.
fn as_written(text: &str, part: Part) -> String {
    let fine = |byte: u8| plain(byte, part) || b"!$&'()*+,;=:@[]%".contains(&byte);
    if text.bytes().all(fine) {
        return text.to_owned();
    }
    escaped(&unescaped(text, part).unwrap_or_default(), part)
}
