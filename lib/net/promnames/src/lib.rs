//! Names of OTLP in Prometheus' spelling: `github.com/prometheus/otlptranslator`, v1.0.0.

use std::borrow::Cow;

/// What a metric is, as far as its name tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A current value.
    Gauge,
    /// A sum that only grows.
    Counter,
    /// Anything else.
    Other,
}

/// How names are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Unit and type are put at the end.
    pub suffixes: bool,
    /// Names stay as they are but for suffixes: Prometheus 3 takes any text.
    pub utf8: bool,
}

/// Symbols of units and their words.
const UNITS: [(&str, &str); 25] = [
    ("d", "days"),
    ("h", "hours"),
    ("min", "minutes"),
    ("s", "seconds"),
    ("ms", "milliseconds"),
    ("us", "microseconds"),
    ("ns", "nanoseconds"),
    ("By", "bytes"),
    ("KiBy", "kibibytes"),
    ("MiBy", "mebibytes"),
    ("GiBy", "gibibytes"),
    ("TiBy", "tibibytes"),
    ("KBy", "kilobytes"),
    ("MBy", "megabytes"),
    ("GBy", "gigabytes"),
    ("TBy", "terabytes"),
    ("m", "meters"),
    ("V", "volts"),
    ("A", "amperes"),
    ("J", "joules"),
    ("W", "watts"),
    ("g", "grams"),
    ("Cel", "celsius"),
    ("Hz", "hertz"),
    ("%", "percent"),
];
/// The same behind a slash.
const PER_UNITS: [(&str, &str); 7] = [
    ("s", "second"),
    ("m", "minute"),
    ("h", "hour"),
    ("d", "day"),
    ("w", "week"),
    ("mo", "month"),
    ("y", "year"),
];

fn is_of_metric(it: char) -> bool {
    it.is_ascii_alphanumeric() || it == ':'
}

/// The name of a metric.
///
/// # Errors
/// `normalization for metric "---" resulted in invalid name "_"`.
pub fn metric(
    name: &str,
    unit: &str,
    kind: Kind,
    namespace: &str,
    style: Style,
) -> Result<String, String> {
    if style.utf8 {
        return Ok(plain(name, unit, kind, namespace, style.suffixes));
    }
    let normalized =
        if style.suffixes { full(name, unit, kind, namespace) } else { simple(name, namespace) };
    if normalized.is_empty() {
        return Err(format!("normalization for metric {name:?} resulted in empty name"));
    }
    if normalized != name && normalized.chars().all(|it| it == '_') {
        return Err(format!(
            "normalization for metric {name:?} resulted in invalid name {normalized:?}"
        ));
    }
    Ok(normalized)
}

/// `normalizeName`: tokens, joined by underscores, with unit and type at the end.
fn full(name: &str, unit: &str, kind: Kind, namespace: &str) -> String {
    let mut tokens: Vec<String> =
        name.split(|it| !is_of_metric(it)).filter(|it| !it.is_empty()).map(str::to_owned).collect();
    let (main, per) = unit_words(unit);
    let (main, per) = (cleaned(&main), cleaned(&per));
    let has = |tokens: &[String], word: &str| tokens.iter().any(|it| it == word);
    let main = if has(&tokens, &main) { "" } else { &main };
    let per = if per == "per_" { "" } else { per.trim_end_matches('_') };
    let per = if has(&tokens, per) { "" } else { per };
    let main = if per.is_empty() { main } else { main.strip_suffix('_').unwrap_or(main) };
    tokens.extend([main, per].into_iter().filter(|it| !it.is_empty()).map(str::to_owned));
    let last = match kind {
        Kind::Counter => Some("total"),
        Kind::Gauge if unit == "1" => Some("ratio"),
        _ => None,
    };
    if let Some(last) = last {
        tokens.retain(|it| it != last);
        tokens.push(last.to_owned());
    }
    if !namespace.is_empty() {
        tokens.insert(0, namespace.to_owned());
    }
    guarded(tokens.join("_"))
}

/// A unit in words: `By/s` is `bytes_per_second`; nothing where there is none. `UnitNamer.Build`.
pub fn unit(unit: &str) -> String {
    let (main, per) = unit_words(unit);
    let words = [cleaned(&main), cleaned(&per)];
    let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
    words.retain(|it| !it.is_empty());
    let name = words.join("_");
    name.strip_suffix('_').unwrap_or(&name).to_owned()
}

/// Without suffixes: what is no part of a name becomes an underscore.
fn simple(name: &str, namespace: &str) -> String {
    let tokens = |text: &str| {
        let parts = text.split(|it: char| !is_of_metric(it) && it != '_');
        parts.filter(|it| !it.is_empty()).collect::<Vec<_>>().join("_")
    };
    if namespace.is_empty() {
        guarded(tokens(name))
    } else {
        format!("{}_{}", tokens(namespace), tokens(name))
    }
}

/// No name begins with a digit.
fn guarded(name: String) -> String {
    if name.starts_with(|it: char| it.is_ascii_digit()) { format!("_{name}") } else { name }
}

/// `buildMetricName`: any text, with unit and type at the end.
fn plain(name: &str, unit: &str, kind: Kind, namespace: &str, suffixes: bool) -> String {
    let mut name =
        if namespace.is_empty() { name.to_owned() } else { format!("{namespace}_{name}") };
    if !suffixes {
        return name;
    }
    let trim = |name: &mut String, suffix: &str| {
        if name.ends_with(suffix) && name.len() > suffix.len() + 1 {
            let mut end = name.len() - suffix.len() - 1;
            while !name.is_char_boundary(end) {
                end -= 1;
            }
            name.truncate(end);
        }
    };
    let mut ends = Vec::new();
    if unit == "1" && kind == Kind::Gauge {
        trim(&mut name, "ratio");
        ends.push("ratio".to_owned());
    }
    if kind == Kind::Counter {
        trim(&mut name, "total");
        ends.push("total".to_owned());
    }
    let (main, per) = unit_words(unit);
    if !per.is_empty() {
        trim(&mut name, &per);
        ends.push(per);
    }
    if !main.is_empty() && !name.ends_with(&*main) {
        name = format!("{name}_{main}");
    }
    // What was put off last comes first.
    for end in ends.into_iter().rev() {
        name = format!("{name}_{end}");
    }
    name
}

/// The words of a unit: of itself, and of what stands behind a slash.
fn unit_words(unit: &str) -> (String, String) {
    let (main, per) = unit.split_once('/').unwrap_or((unit, ""));
    let known = |word: &str, list: &[(&str, &str)]| {
        let word = word.trim();
        if word.is_empty()
            || word.contains(['{', '}'])
            || word == "1" && list.len() > PER_UNITS.len()
        {
            return String::new();
        }
        list.iter().find(|it| it.0 == word).map_or(word, |it| it.1).to_owned()
    };
    let per = known(per, &PER_UNITS);
    let per = if per.is_empty() { per } else { format!("per_{per}") };
    (known(main, &UNITS), per)
}

/// `cleanUpUnit`.
fn cleaned(unit: &str) -> String {
    let mut out = String::with_capacity(unit.len());
    for it in unit.chars().map(|it| if is_of_metric(it) { it } else { '_' }) {
        if it != '_' || !(out.is_empty() || out.ends_with('_')) {
            out.push(it);
        }
    }
    out
}

/// How names of labels are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelStyle {
    /// They stay as they are.
    Utf8,
    /// What is no part of a name becomes an underscore, each.
    Each,
    /// Several such stand together as one underscore, and no name but `__x__` begins with one.
    Joined,
}

/// The name of a label.
///
/// # Errors
/// `label name is empty`.
pub fn label(name: &str, style: LabelStyle) -> Result<Cow<'_, str>, String> {
    if name.is_empty() {
        return Err("label name is empty".to_owned());
    }
    let built = match style {
        LabelStyle::Utf8 => Cow::Borrowed(name),
        LabelStyle::Each => guarded_label(each(name), false),
        LabelStyle::Joined => guarded_label(joined(name), true),
    };
    if built.chars().all(|it| it == '_') {
        return Err(format!(
            "normalization for label name {name:?} resulted in invalid name {built:?}"
        ));
    }
    Ok(built)
}

/// A digit in front gets `key_`, and a single underscore `key`.
fn guarded_label(name: Cow<'_, str>, underscore: bool) -> Cow<'_, str> {
    if name.starts_with(|it: char| it.is_ascii_digit()) {
        Cow::Owned(format!("key_{name}"))
    } else if underscore && name.starts_with('_') && !name.starts_with("__") {
        Cow::Owned(format!("key{name}"))
    } else {
        name
    }
}

fn each(name: &str) -> Cow<'_, str> {
    let fits = |it: char| it.is_ascii_alphanumeric() || it == '_';
    if name.chars().all(fits) {
        return Cow::Borrowed(name);
    }
    Cow::Owned(name.chars().map(|it| if fits(it) { it } else { '_' }).collect())
}

fn joined(name: &str) -> Cow<'_, str> {
    let reserved = name.len() >= 4 && name.starts_with("__") && name.ends_with("__");
    if !reserved && name.chars().all(|it| it.is_ascii_alphanumeric()) {
        return Cow::Borrowed(name);
    }
    let inner = if reserved { name.get(2..name.len() - 2).unwrap_or_default() } else { name };
    let mut out = String::with_capacity(name.len());
    for it in inner.chars() {
        if it.is_ascii_alphanumeric() {
            out.push(it);
        } else if !out.ends_with('_') {
            out.push('_');
        }
    }
    Cow::Owned(if reserved { format!("__{out}__") } else { out })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: Style = Style { suffixes: true, utf8: false };

    #[track_caller]
    fn check(name: &str, unit: &str, kind: Kind, want: &str) {
        assert_eq!(metric(name, unit, kind, "", FULL).as_deref(), Ok(want), "{name} {unit}");
    }

    /// From `metric_namer_test.go`, and the recorded cases of the Go Collector.
    #[test]
    fn units_are_words() {
        for (given, want) in [
            ("By", "bytes"),
            ("By/s", "bytes_per_second"),
            ("{req}/s", "per_second"),
            ("1", ""),
            ("", ""),
            ("{req}", ""),
            ("\u{b0}F", "F"),
            ("foo bar", "foo_bar"),
        ] {
            assert_eq!(unit(given), want, "{given}");
        }
    }

    #[test]
    fn units_and_types_stand_at_the_end() {
        check(
            "unsupported.metric.temperature",
            "\u{b0}F",
            Kind::Gauge,
            "unsupported_metric_temperature_F",
        );
        check("system.io", "foo/bar", Kind::Counter, "system_io_foo_per_bar_total");
        check(
            "system.network.dropped",
            "{packets}/s",
            Kind::Counter,
            "system_network_dropped_per_second_total",
        );
        check("ratio.used", "1", Kind::Gauge, "used_ratio");
        check("already_total", "1", Kind::Counter, "already_total");
        check("speed", "m/s", Kind::Other, "speed_meters_per_second");
        check("9starts.with-digit", "{thing}", Kind::Gauge, "_9starts_with_digit");
        check("a.bytes", "By", Kind::Gauge, "a_bytes");
        check("active.requests", "", Kind::Other, "active_requests");
        check("hw.power", "1", Kind::Counter, "hw_power_total");
        check("a__b..c", "", Kind::Gauge, "a_b_c");
        assert!(metric("---", "", Kind::Gauge, "", FULL).is_err());
        assert_eq!(metric("x", "s", Kind::Gauge, "shop", FULL).unwrap(), "shop_x_seconds");
    }

    #[test]
    fn other_styles_add_nothing_or_keep_all() {
        let bare = Style { suffixes: false, utf8: false };
        assert_eq!(metric("a.b__c", "s", Kind::Counter, "n.s", bare).unwrap(), "n_s_a_b__c");
        let utf8 = Style { suffixes: true, utf8: true };
        assert_eq!(metric("a.b", "s", Kind::Counter, "", utf8).unwrap(), "a.b_seconds_total");
        assert_eq!(metric("a.ratio", "1", Kind::Gauge, "", utf8).unwrap(), "a_ratio");
        let none = Style { suffixes: false, utf8: true };
        assert_eq!(metric("a.b", "s", Kind::Counter, "", none).unwrap(), "a.b");
    }

    #[test]
    fn labels_get_underscores() {
        let each = |name| label(name, LabelStyle::Each).unwrap();
        assert_eq!([each("a.b-c"), each("1x"), each("a..b")], ["a_b_c", "key_1x", "a__b"]);
        let joined = |name| label(name, LabelStyle::Joined).unwrap();
        assert_eq!([joined("a..b"), joined("_x"), joined("__a.b__")], ["a_b", "key_x", "__a_b__"]);
        assert_eq!(label("a.b", LabelStyle::Utf8).unwrap(), "a.b");
        assert!(label("", LabelStyle::Each).is_err() && label("..", LabelStyle::Each).is_err());
    }
}
