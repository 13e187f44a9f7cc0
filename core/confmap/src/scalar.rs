//! What a plain scalar is: YAML 1.1 as Go's `yaml.v3` reads it (`resolve.go`, v3.0.1).

use crate::tree::Data;

/// A scalar's value, and its text where the value is shown differently.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scalar {
    /// What it is.
    pub(crate) data: Data,
    /// The text of a time stamp; fields that want text take this.
    pub(crate) original: Option<String>,
}

/// Reads a plain scalar. `tag` is what follows `!!`, if anything does.
///
/// # Errors
/// The value cannot be what the tag says.
pub(crate) fn resolve(text: &str, tag: Option<&str>) -> Result<Scalar, String> {
    if tag == Some("str") {
        return Ok(Scalar { data: Data::String(text.to_owned()), original: None });
    }
    let found = untagged(text);
    let name = match &found.data {
        Data::Null => "null",
        Data::Bool(_) => "bool",
        Data::Int(_) => "int",
        Data::Float(_) => "float",
        _ if found.original.is_some() => "timestamp",
        _ => "str",
    };
    match (tag, &found.data) {
        (None, _) => Ok(found),
        (Some(tag), _) if tag == name => Ok(found),
        (Some("float"), Data::Int(it)) => {
            Ok(Scalar { data: Data::Float(*it as f64), original: None })
        }
        (Some(tag), _) => Err(format!("cannot decode !!{name} `{text}` as a !!{tag}")),
    }
}

fn untagged(text: &str) -> Scalar {
    let data = match text.as_bytes().first() {
        None | Some(b'~' | b'n' | b'N' | b't' | b'T' | b'f' | b'F') => word(text),
        Some(b'.' | b'+' | b'-' | b'0'..=b'9') => {
            if let Some(time) = timestamp(text) {
                return Scalar { data: Data::String(time), original: Some(text.to_owned()) };
            }
            special_float(text).or_else(|| number(text))
        }
        _ => None,
    };
    Scalar { data: data.unwrap_or_else(|| Data::String(text.to_owned())), original: None }
}

fn word(text: &str) -> Option<Data> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Some(Data::Null),
        "true" | "True" | "TRUE" => Some(Data::Bool(true)),
        "false" | "False" | "FALSE" => Some(Data::Bool(false)),
        _ => None,
    }
}

fn special_float(text: &str) -> Option<Data> {
    match text {
        ".nan" | ".NaN" | ".NAN" => Some(Data::Float(f64::NAN)),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Some(Data::Float(f64::INFINITY)),
        "-.inf" | "-.Inf" | "-.INF" => Some(Data::Float(f64::NEG_INFINITY)),
        _ => None,
    }
}

fn number(text: &str) -> Option<Data> {
    if text.starts_with('.') {
        return is_float(text).then(|| text.parse().ok().map(Data::Float))?;
    }
    let plain = text.replace('_', "");
    integer(&plain).map(Data::Int).or_else(|| {
        // `str::parse` also reads `inf` and the like; Go's pattern does not.
        is_float(&plain)
            .then(|| plain.parse().ok().filter(|it: &f64| it.is_finite()).map(Data::Float))?
    })
}

/// Go's `strconv.ParseInt(text, 0, 64)`, or `ParseUint` for what is larger.
fn integer(text: &str) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix(['+', '-']) {
        Some(digits) => (text.starts_with('-'), digits),
        None => (false, text),
    };
    let (radix, digits) = match digits.get(..2) {
        Some("0x" | "0X") => (16, &digits[2..]),
        Some("0b" | "0B") => (2, &digits[2..]),
        Some("0o" | "0O") => (8, &digits[2..]),
        Some(two) if two.starts_with('0') => (8, &digits[1..]),
        _ => (10, digits),
    };
    if !digits.starts_with(|c: char| c.is_digit(radix)) {
        return None;
    }
    let value = i128::from_str_radix(digits, radix).ok()?;
    let value = if negative { -value } else { value };
    (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&value).then_some(value)
}

/// `^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`
fn is_float(text: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|it| it.is_ascii_digit());
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let any = if whole.is_empty() { !fraction.is_empty() } else { true };
    any && digits(whole) && digits(fraction) && !exponent.is_empty() && digits(exponent)
}

/// A time stamp in RFC 3339, if the text is one of `yaml.v3`'s forms.
fn timestamp(text: &str) -> Option<String> {
    let (date, time) = match text.find(['T', 't', ' ']) {
        Some(at) => (&text[..at], Some((&text[at..=at], &text[at + 1..]))),
        None => (text, None),
    };
    let (year, rest) = date.split_once('-')?;
    let (month, day) = rest.split_once('-')?;
    if year.len() != 4 {
        return None;
    }
    let year = small(year, 9999, 4)?;
    let (month, day) = (small(month, 12, 2)?, small(day, 31, 2)?);
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let days = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if month == 0 || day == 0 || day > days {
        return None;
    }
    let time = match time {
        None => "00:00:00Z".to_owned(),
        Some((" ", time)) => format!("{}Z", clock(time)?),
        Some((_, time)) => {
            let at = time.find(['Z', '+', '-'])?;
            let zone = &time[at..];
            if zone != "Z" {
                let (hours, minutes) = zone[1..].split_once(':')?;
                let right = hours.len() == 2 && minutes.len() == 2;
                right.then_some(()).and(small(hours, 24, 2)).and(small(minutes, 60, 2))?;
            }
            format!("{}{zone}", clock(&time[..at])?)
        }
    };
    Some(format!("{year:04}-{month:02}-{day:02}T{time}"))
}

fn clock(text: &str) -> Option<String> {
    let (hours, rest) = text.split_once(':')?;
    let (minutes, seconds) = rest.split_once(':')?;
    let (seconds, fraction) = seconds.split_once('.').map_or((seconds, ""), |it| (it.0, it.1));
    if !fraction.bytes().all(|it| it.is_ascii_digit()) || fraction.len() > 9 {
        return None;
    }
    let (hours, minutes, seconds) =
        (small(hours, 23, 2)?, small(minutes, 59, 2)?, small(seconds, 59, 2)?);
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    Some(format!("{hours:02}:{minutes:02}:{seconds:02}{point}{fraction}"))
}

fn small(text: &str, max: u32, digits: usize) -> Option<u32> {
    let right = (1..=digits).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_digit());
    let value = right.then(|| text.parse::<u32>().ok())??;
    (value <= max).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, want: &Data) {
        let got = resolve(text, None).unwrap();
        assert_eq!(got.data, *want, "{text:?}");
    }

    fn string(text: &str) -> Data {
        Data::String(text.to_owned())
    }

    #[test]
    fn integers_are_read_in_every_base_and_with_underscores() {
        for (text, want) in [
            ("0", 0),
            ("12", 12),
            ("+5", 5),
            ("-5", -5),
            ("1_000", 1000),
            ("017", 15),
            ("0o17", 15),
            ("0x1f", 31),
            ("-0x1F", -31),
            ("0b101", 5),
            ("18446744073709551615", 18_446_744_073_709_551_615),
            ("-9223372036854775808", -9_223_372_036_854_775_808),
        ] {
            check(text, &Data::Int(want));
        }
    }

    #[test]
    fn floats_need_digits() {
        for (text, want) in [
            ("1.5", 1.5),
            (".5", 0.5),
            ("5.", 5.0),
            ("1e3", 1000.0),
            ("12e0", 12.0),
            ("-1.5E-1", -0.15),
            ("089", 89.0),
            ("18446744073709551616", 18_446_744_073_709_551_616.0),
            (".inf", f64::INFINITY),
            ("-.INF", f64::NEG_INFINITY),
        ] {
            check(text, &Data::Float(want));
        }
        assert!(matches!(resolve(".nan", None).unwrap().data, Data::Float(it) if it.is_nan()));
    }

    #[test]
    fn words_of_yaml_1_1_that_go_leaves_alone_are_text() {
        for text in ["yes", "no", "on", "off", "y", "n", "Yes", "tRUE", "nULL", "inf", "nan"] {
            check(text, &string(text));
        }
        for text in
            ["1.2.3", "0x", "0xg", "1e", "e1", "-", "+", ".", "-.", "1:30", "5s", "_1", "-a"]
        {
            check(text, &string(text));
        }
        check("true", &Data::Bool(true));
        check("FALSE", &Data::Bool(false));
        for text in ["", "~", "null", "NULL"] {
            check(text, &Data::Null);
        }
    }

    #[test]
    fn time_stamps_keep_their_text() {
        for (text, want) in [
            ("2024-01-02", "2024-01-02T00:00:00Z"),
            ("2024-1-2", "2024-01-02T00:00:00Z"),
            ("2024-01-02T03:04:05Z", "2024-01-02T03:04:05Z"),
            ("2024-01-02t3:4:5.50+02:00", "2024-01-02T03:04:05.5+02:00"),
            ("2024-01-02 03:04:05", "2024-01-02T03:04:05Z"),
        ] {
            let got = resolve(text, None).unwrap();
            assert_eq!(got, Scalar { data: string(want), original: Some(text.to_owned()) });
        }
        for text in ["2024-13-01", "2023-02-29", "2024-01-02T03:04", "24-01-02", "2024-01-02x"] {
            check(text, &string(text));
        }
    }

    #[test]
    fn a_tag_decides_or_is_refused() {
        assert_eq!(resolve("12", Some("str")).unwrap().data, string("12"));
        assert_eq!(resolve("12", Some("float")).unwrap().data, Data::Float(12.0));
        let error = resolve("abc", Some("int")).unwrap_err();
        assert_eq!(error, "cannot decode !!str `abc` as a !!int");
    }
}
