//! Units as Prometheus spells them, and what they are in OTLP (`pkg/translator/prometheus`, v0.149).

/// A unit's word, and its symbol in UCUM.
const UNITS: [(&str, &str); 21] = [
    ("days", "d"),
    ("hours", "h"),
    ("minutes", "min"),
    ("seconds", "s"),
    ("milliseconds", "ms"),
    ("microseconds", "us"),
    ("nanoseconds", "ns"),
    ("bytes", "By"),
    ("kibibytes", "KiBy"),
    ("mebibytes", "MiBy"),
    ("gibibytes", "GiBy"),
    ("tibibytes", "TiBy"),
    ("kilobytes", "KBy"),
    ("megabytes", "MBy"),
    ("gigabytes", "GBy"),
    ("terabytes", "TBy"),
    ("meters", "m"),
    ("volts", "V"),
    ("amperes", "A"),
    ("joules", "J"),
    ("watts", "W"),
];
const OTHER_UNITS: [(&str, &str); 5] =
    [("grams", "g"), ("celsius", "Cel"), ("hertz", "Hz"), ("ratio", "1"), ("percent", "%")];

/// `UnitWordToUCUM`: a word that is not known stays.
pub(crate) fn ucum(word: &str) -> &str {
    let known = UNITS.iter().chain(&OTHER_UNITS).find(|it| it.0 == word);
    known.map_or(word, |it| it.1)
}

/// `TrimPromSuffixes`: without unit and type at the end.
pub(crate) fn trimmed<'a>(name: &'a str, only_grows: bool, unit: &str) -> &'a str {
    let mut short = name;
    if only_grows {
        short = short.strip_suffix("_total").unwrap_or(short);
    }
    if !unit.is_empty()
        && let Some(rest) = short.strip_suffix(unit).and_then(|it| it.strip_suffix('_'))
    {
        short = rest;
    }
    if short.is_empty() { name } else { short }
}
