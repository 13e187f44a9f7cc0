//! One line of StatsD, with the extensions of DogStatsD: `name:value|type|@rate|#tag:value,tag|c:container|T1700000000`.

use std::fmt::Write as _;

/// The attribute of DogStatsD's container.
const CONTAINER: &str = "container.id";
/// The attribute that `enable_metric_type` adds.
const METRIC_TYPE: &str = "metric_type";

/// What a line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Counter,
    Gauge,
    Histogram,
    Timing,
    Distribution,
}

impl Kind {
    fn new(letters: &str) -> Option<Self> {
        Some(match letters {
            "c" => Kind::Counter,
            "g" => Kind::Gauge,
            "h" => Kind::Histogram,
            "ms" => Kind::Timing,
            "d" => Kind::Distribution,
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
            Kind::Timing => "timing",
            Kind::Distribution => "distribution",
        }
    }
}

/// How lines are read.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Rules {
    pub(crate) metric_type: bool,
    pub(crate) simple_tags: bool,
}

/// A line.
#[derive(Debug, PartialEq)]
pub(crate) struct Line {
    pub(crate) kind: Kind,
    pub(crate) value: f64,
    /// A gauge is changed by the value.
    pub(crate) is_relative: bool,
    /// How many values this one stands for; 1 without a sample rate.
    pub(crate) weight: f64,
    /// In nanoseconds since 1970; 0 without one.
    pub(crate) time: u64,
}

/// Reads a line. `series` becomes what tells it apart: kind, name, and attributes by their keys, each on a line of its
/// own, which no part of a line can contain. Of attributes with the same key the last counts.
///
/// # Errors
/// In upstream's words.
pub(crate) fn line(text: &str, rules: Rules, series: &mut String) -> Result<Line, String> {
    let (head, rest) =
        text.split_once('|').ok_or_else(|| format!("invalid message format: {text}"))?;
    let (name, value) =
        head.split_once(':').ok_or_else(|| format!("invalid <name>:<value> format: {head}"))?;
    if name.is_empty() {
        return Err("empty metric name".to_owned());
    }
    if value.is_empty() {
        return Err("empty metric value".to_owned());
    }
    let (letters, mut rest) = rest.split_once('|').unwrap_or((rest, ""));
    let kind = Kind::new(letters).ok_or_else(|| format!("unsupported metric type: {letters}"))?;
    let mut line =
        Line { kind, value: 0.0, is_relative: value.starts_with(['-', '+']), weight: 1.0, time: 0 };
    let mut attributes: Vec<(&str, &str)> = Vec::new();
    while let Some(part) = rest.split('|').next().filter(|it| !it.is_empty()) {
        rest = rest.get(part.len() + 1..).unwrap_or_default();
        line.read(part, rules, &mut attributes)?;
    }
    line.value = value.parse().map_err(|_| format!("parse metric value string: {value}"))?;
    if !line.value.is_finite() {
        let reason = if line.value.is_nan() { "NaN" } else { "infinite" };
        return Err(format!("discarding metric {name:?}: invalid {reason} value"));
    }
    if rules.metric_type {
        attributes.push((METRIC_TYPE, kind.name()));
    }
    name_series(series, kind, name, &mut attributes);
    Ok(line)
}

impl Line {
    /// One of the parts behind the type.
    fn read<'a>(
        &mut self,
        part: &'a str,
        rules: Rules,
        attributes: &mut Vec<(&'a str, &'a str)>,
    ) -> Result<(), String> {
        if let Some(rate) = part.strip_prefix('@') {
            let rate: f64 = rate.parse().map_err(|_| format!("parse sample rate: {rate}"))?;
            if 0.0 < rate && rate < 1.0 {
                self.weight = 1.0 / rate;
            }
        } else if let Some(tags) = part.strip_prefix('#') {
            for tag in tags.split(',').filter(|it| !it.is_empty()) {
                let (key, value) = tag.split_once(':').unwrap_or((tag, ""));
                if key.is_empty() || (value.is_empty() && !rules.simple_tags) {
                    return Err(format!("invalid tag format: {tag:?}"));
                }
                attributes.push((key, value));
            }
        } else if let Some(container) = part.strip_prefix("c:") {
            if !container.is_empty() {
                attributes.push((CONTAINER, container));
            }
        } else if let Some(seconds) = part.strip_prefix('T') {
            if !matches!(self.kind, Kind::Counter | Kind::Gauge) {
                return Err("only GAUGE and COUNT metrics support a timestamp".to_owned());
            }
            let parsed: u64 =
                seconds.parse().map_err(|_| format!("invalid timestamp: {seconds}"))?;
            self.time = parsed.saturating_mul(1_000_000_000);
        } else {
            return Err(format!("unrecognized message part: {part}"));
        }
        Ok(())
    }
}

fn name_series(series: &mut String, kind: Kind, name: &str, attributes: &mut Vec<(&str, &str)>) {
    // The last of those with one key comes first, and the others go.
    attributes.reverse();
    attributes.sort_by_key(|it| it.0);
    attributes.dedup_by_key(|it| it.0);
    series.clear();
    let _ = write!(series, "{}\n{name}", kind.name());
    for (key, value) in attributes {
        let _ = write!(series, "\n{key}\n{value}");
    }
}

/// The name in such a series, and its attributes.
pub(crate) fn parts(series: &str) -> (&str, impl Iterator<Item = (&str, &str)>) {
    let mut parts = series.split('\n').skip(1);
    let name = parts.next().unwrap_or_default();
    (name, std::iter::from_fn(move || Some((parts.next()?, parts.next()?))))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Rules = Rules { metric_type: false, simple_tags: false };

    fn right(text: &str, rules: Rules, want: (f64, f64), want_series: &str) {
        let mut series = String::new();
        let read = line(text, rules, &mut series).unwrap();
        assert_eq!((read.value, read.weight), want, "{text}");
        assert_eq!(series.replace('\n', " "), want_series, "{text}");
    }

    fn wrong(text: &str, want: &str) {
        assert_eq!(line(text, PLAIN, &mut String::new()), Err(want.to_owned()), "{text}");
    }

    #[test]
    fn lines_have_a_name_a_value_a_type_and_more() {
        right("a.b:42|c", PLAIN, (42.0, 1.0), "counter a.b");
        right("a:-1.5|g", PLAIN, (-1.5, 1.0), "gauge a");
        right("a:1|c|@0.1|#z:1,b:2", PLAIN, (1.0, 10.0), "counter a b 2 z 1");
        right("a:1|ms|#b:1,b:2|@0.5", PLAIN, (1.0, 2.0), "timing a b 2");
        right("a:1|h|#", PLAIN, (1.0, 1.0), "histogram a");
        right("a:1|d|c:abc", PLAIN, (1.0, 1.0), "distribution a container.id abc");
        right("a:1|c|#b:x:y", PLAIN, (1.0, 1.0), "counter a b x:y");
        let more = Rules { metric_type: true, simple_tags: true };
        right("a:1|c|#on", more, (1.0, 1.0), "counter a metric_type counter on ");
        // A rate beyond 1 says nothing.
        right("a:1|c|@2", PLAIN, (1.0, 1.0), "counter a");
        let mut series = String::new();
        let timed = line("a:1|c|T1700000000", PLAIN, &mut series).unwrap();
        assert_eq!(timed.time, 1_700_000_000_000_000_000);
        assert!(line("a:+1|g", PLAIN, &mut series).unwrap().is_relative);
    }

    #[test]
    fn what_is_no_line_is_said_in_upstream_s_words() {
        wrong("a:1", "invalid message format: a:1");
        wrong("a|c", "invalid <name>:<value> format: a");
        wrong(":1|c", "empty metric name");
        wrong("a:|c", "empty metric value");
        wrong("a:1|s", "unsupported metric type: s");
        wrong("a:x|c", "parse metric value string: x");
        wrong("a:1|c|@x", "parse sample rate: x");
        wrong("a:1|c|#b", "invalid tag format: \"b\"");
        wrong("a:1|c|#:b", "invalid tag format: \":b\"");
        wrong("a:1|ms|T1", "only GAUGE and COUNT metrics support a timestamp");
        wrong("a:1|c|T-1", "invalid timestamp: -1");
        wrong("a:1|c|x", "unrecognized message part: x");
        wrong("a:NaN|g", "discarding metric \"a\": invalid NaN value");
        wrong("a:inf|g", "discarding metric \"a\": invalid infinite value");
    }

    #[test]
    fn a_series_has_its_parts() {
        let mut series = String::new();
        line("a:1|c|#x:1,y:2", PLAIN, &mut series).unwrap();
        let (name, attributes) = parts(&series);
        assert_eq!((name, attributes.collect::<Vec<_>>()), ("a", vec![("x", "1"), ("y", "2")]));
    }
}
