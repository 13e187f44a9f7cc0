//! Metrics as text: Prometheus' format 0.0.4 and 1.0.0, and OpenMetrics 0.0.1 and 1.0.0 (`model/textparse` of
//! Prometheus 3); and, in a module of its own, as Protobuf.
//!
//! A page is read line by line into samples that borrow from it. A line that cannot be read makes the whole page
//! unreadable, as in Prometheus: half of a page would be a wrong answer.

use std::borrow::Cow;
use std::collections::HashMap;

use golang::number::whole;
use thiserror::Error;

use crate::labels::{Labels, NAME};

pub(crate) mod native;
pub(crate) mod protobuf;
#[cfg(test)]
mod tests;

use native::Native;

/// Most samples of one page.
pub(crate) const SAMPLES_MAX: usize = 2_000_000;

/// Which format a page is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Text,
    OpenMetrics,
    Protobuf,
}

/// Why a page cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum Error {
    #[error("line {0}: {1}")]
    Line(usize, String),
    #[error("data does not end with # EOF")]
    NoEnd,
    #[error("more than {SAMPLES_MAX} samples")]
    TooMany,
}

/// What is said of a family.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Metadata<'a> {
    /// counter, gauge, ...; empty when nothing is said.
    pub(crate) of_type: &'a str,
    pub(crate) help: Cow<'a, str>,
    pub(crate) unit: &'a str,
}

/// An example of what was measured.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Exemplar<'a> {
    pub(crate) labels: Labels<'a>,
    pub(crate) value: f64,
    /// In milliseconds.
    pub(crate) timestamp: Option<i64>,
}

/// One value of one series.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample<'a> {
    pub(crate) labels: Labels<'a>,
    pub(crate) value: f64,
    /// In milliseconds.
    pub(crate) timestamp: Option<i64>,
    pub(crate) exemplar: Option<Exemplar<'a>>,
    pub(crate) more: Option<Box<More<'a>>>,
}

/// What only Protobuf says of a sample.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct More<'a> {
    /// When it was created, in milliseconds since 1970; 0 when that is not known.
    pub(crate) created_ms: i64,
    pub(crate) native: Option<Native>,
    /// Of a native histogram.
    pub(crate) exemplars: Vec<Exemplar<'a>>,
}

impl More<'_> {
    /// With the time of creation alone; nothing if that is not known.
    fn created(created_ms: i64) -> Option<Box<Self>> {
        (created_ms > 0).then(|| Box::new(Self { created_ms, ..Self::default() }))
    }
}

/// What a target exposes.
#[derive(Debug, Default)]
pub(crate) struct Page<'a> {
    pub(crate) metadata: HashMap<Cow<'a, str>, Metadata<'a>>,
    pub(crate) samples: Vec<Sample<'a>>,
}

/// Reads a page.
pub(crate) fn parse(text: &str, format: Format) -> Result<Page<'_>, Error> {
    let mut page = Page::default();
    let mut ended = false;
    for (at, line) in text.lines().enumerate() {
        let failed = |why: String| Error::Line(at + 1, why);
        if ended {
            return Err(failed("text after # EOF".to_owned()));
        }
        let open = format == Format::OpenMetrics;
        let trimmed = line.trim_start_matches([' ', '\t']);
        if trimmed.is_empty() {
            if open {
                return Err(failed("empty lines are not allowed".to_owned()));
            }
            continue;
        }
        if let Some(comment) = trimmed.strip_prefix('#') {
            ended = open && comment == " EOF";
            if !ended {
                read_comment(comment, open, &mut page.metadata).map_err(failed)?;
            }
            continue;
        }
        if page.samples.len() >= SAMPLES_MAX {
            return Err(Error::TooMany);
        }
        page.samples.push(Line { rest: trimmed, open }.sample().map_err(failed)?);
    }
    if format == Format::OpenMetrics && !ended {
        return Err(Error::NoEnd);
    }
    Ok(page)
}

/// `HELP name text`, `TYPE name type`, `UNIT name unit`; anything else is a remark.
fn read_comment<'a>(
    comment: &'a str,
    open: bool,
    metadata: &mut HashMap<Cow<'a, str>, Metadata<'a>>,
) -> Result<(), String> {
    let blank = [' ', '\t'];
    let (word, rest) = comment.trim_start_matches(blank).split_once(blank).unwrap_or_default();
    if !matches!(word, "HELP" | "TYPE" | "UNIT") {
        return Ok(());
    }
    let mut line = Line { rest: rest.trim_start_matches(blank), open };
    let name = if line.rest.starts_with('"') { line.quoted()? } else { line.word(is_name).into() };
    if name.is_empty() {
        return Err(format!("{word} without a name"));
    }
    let value = line.rest.trim_start_matches(blank);
    let entry = metadata.entry(name).or_default();
    match word {
        "HELP" => entry.help = unescaped(value, open),
        "UNIT" => entry.unit = value.trim_end_matches(blank),
        _ => entry.of_type = of_type(value.trim_end_matches(blank), open)?,
    }
    Ok(())
}

fn of_type(word: &str, open: bool) -> Result<&'static str, String> {
    Ok(match word {
        "counter" => "counter",
        "gauge" => "gauge",
        "histogram" => "histogram",
        "summary" => "summary",
        "untyped" if !open => "unknown",
        "unknown" => "unknown",
        "gaugehistogram" => "gaugehistogram",
        "info" => "info",
        "stateset" => "stateset",
        _ => return Err(format!("invalid metric type {word:?}")),
    })
}

fn is_name(it: char) -> bool {
    it.is_ascii_alphanumeric() || matches!(it, '_' | ':')
}

fn is_label_name(it: char) -> bool {
    it.is_ascii_alphanumeric() || it == '_'
}

/// What is left of a line.
struct Line<'a> {
    rest: &'a str,
    open: bool,
}

impl<'a> Line<'a> {
    fn sample(mut self) -> Result<Sample<'a>, String> {
        let name = self.word(is_name);
        let first_is_digit = name.starts_with(|it: char| it.is_ascii_digit());
        if first_is_digit || (name.is_empty() && !self.rest.starts_with('{')) {
            return Err(format!("expected a metric name, found {:?}", self.shown()));
        }
        self.blanks();
        let mut labels = Vec::new();
        if self.rest.starts_with('{') {
            labels = self.labels(name.is_empty())?;
        }
        if !name.is_empty() {
            labels.push((NAME.into(), name.into()));
        }
        let labels = Labels::from_list(labels)
            .map_err(|name| format!("label name {name:?} is not unique: invalid sample"))?;
        if labels.get(NAME).is_empty() {
            return Err("a sample without a metric name".to_owned());
        }
        self.blanks();
        let value = self.number("value")?;
        self.blanks();
        let timestamp = match self.rest {
            "" => None,
            it if it.starts_with('#') => None,
            _ => Some(self.timestamp()?),
        };
        self.blanks();
        let exemplar = self.exemplar()?;
        self.blanks();
        if !self.rest.is_empty() {
            return Err(format!("expected the end of the line, found {:?}", self.shown()));
        }
        Ok(Sample { labels, value, timestamp, exemplar, more: None })
    }

    /// `# {labels} value timestamp`.
    fn exemplar(&mut self) -> Result<Option<Exemplar<'a>>, String> {
        let Some(rest) = self.rest.strip_prefix('#').filter(|_| self.open) else {
            return Ok(None);
        };
        self.rest = rest;
        self.blanks();
        let labels = Labels::from_list(self.labels(false)?)
            .map_err(|name| format!("label name {name:?} of an exemplar is not unique"))?;
        self.blanks();
        let value = self.number("exemplar value")?;
        self.blanks();
        let timestamp = if self.rest.is_empty() { None } else { Some(self.timestamp()?) };
        Ok(Some(Exemplar { labels, value, timestamp }))
    }

    /// `{name="value", "name"="value"}`; a quoted text alone is the metric's name, where one is allowed.
    fn labels(&mut self, named: bool) -> Result<Vec<(Cow<'a, str>, Cow<'a, str>)>, String> {
        let mut labels = Vec::new();
        self.expect('{')?;
        loop {
            self.blanks();
            if self.rest.starts_with('}') {
                break;
            }
            let quoted = self.rest.starts_with('"');
            let name = if quoted { self.quoted()? } else { self.word(is_label_name).into() };
            self.blanks();
            if quoted && named && !self.rest.starts_with('=') {
                labels.push((NAME.into(), name));
            } else {
                if name.is_empty() || (!quoted && name.starts_with(|it: char| it.is_ascii_digit()))
                {
                    return Err(format!("expected a label name, found {:?}", self.shown()));
                }
                self.expect('=')?;
                self.blanks();
                labels.push((name, self.quoted()?));
            }
            self.blanks();
            if !self.rest.starts_with(',') {
                break;
            }
            self.expect(',')?;
        }
        self.expect('}')?;
        Ok(labels)
    }

    fn word(&mut self, of: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|it| !of(it)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    fn expect(&mut self, wanted: char) -> Result<(), String> {
        let rest = self.rest.strip_prefix(wanted);
        self.rest = rest.ok_or_else(|| format!("expected {wanted:?}, found {:?}", self.shown()))?;
        Ok(())
    }

    /// Text in quotes, with `\\`, `\"` and `\n` resolved.
    fn quoted(&mut self) -> Result<Cow<'a, str>, String> {
        self.expect('"')?;
        let mut escaped = false;
        let end = self.rest.bytes().position(|it| {
            let closes = it == b'"' && !escaped;
            escaped = it == b'\\' && !escaped;
            closes
        });
        let end = end.ok_or_else(|| "a text whose quotes are not closed".to_owned())?;
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        self.expect('"')?;
        Ok(unescaped(text, true))
    }

    fn number(&mut self, what: &str) -> Result<f64, String> {
        let word = self.word(|it| !matches!(it, ' ' | '\t'));
        number(word).ok_or_else(|| format!("{what} {word:?} is no number"))
    }

    /// Milliseconds in the older format, seconds in OpenMetrics.
    fn timestamp(&mut self) -> Result<i64, String> {
        let word = self.word(|it| !matches!(it, ' ' | '\t'));
        let wrong = || format!("timestamp {word:?} is no number");
        if !self.open {
            return word.parse().map_err(|_| wrong());
        }
        let seconds = number(word).filter(|it| it.is_finite()).ok_or_else(wrong)?;
        Ok(whole(seconds * 1000.0))
    }

    /// As much of the line as an error needs.
    fn shown(&self) -> &'a str {
        let end = self.rest.char_indices().nth(20).map_or(self.rest.len(), |it| it.0);
        self.rest.get(..end).unwrap_or_default()
    }
}

/// `strconv.ParseFloat`, without the hexadecimal form.
fn number(word: &str) -> Option<f64> {
    let plain = word.strip_prefix(['+', '-']).unwrap_or(word);
    let is_word = ["inf", "infinity", "nan"].iter().any(|it| plain.eq_ignore_ascii_case(it));
    let starts = plain.starts_with(|it: char| it.is_ascii_digit() || it == '.');
    // A sign in front of NaN is none of Go's numbers.
    let signed_nan = plain.len() < word.len() && plain.eq_ignore_ascii_case("nan");
    if !(is_word || starts) || signed_nan {
        return None;
    }
    word.parse().ok()
}

/// `\\` and `\n`, and `\"` where there are quotes. Other backslashes stay.
fn unescaped(text: &str, quotes: bool) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let mut letters = after.chars();
        match letters.next() {
            Some('n') => out.push('\n'),
            Some('\\') => out.push('\\'),
            Some('"') if quotes => out.push('"'),
            Some(other) => out.extend(['\\', other]),
            None => out.push('\\'),
        }
        rest = letters.as_str();
    }
    out.push_str(rest);
    Cow::Owned(out)
}
