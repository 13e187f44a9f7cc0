//! Numbers in texts, as Go's strconv reads them.

/// `strconv.ParseFloat`: also `0x1p-2`, and `_` between digits.
///
/// # Errors
/// Go's text, with the name of the function.
pub fn parse_float(text: &str) -> Result<f64, String> {
    let wrong = |what: &str| format!("strconv.ParseFloat: parsing {text:?}: {what}");
    let bare = text.strip_prefix(['+', '-']).unwrap_or(text);
    let lower = bare.to_ascii_lowercase();
    if let Some(digits) = lower.strip_prefix("0x") {
        let value = hexadecimal(digits).ok_or_else(|| wrong("invalid syntax"))?;
        return Ok(if text.starts_with('-') { -value } else { value });
    }
    let signed_nan = lower == "nan" && bare.len() < text.len();
    let plain = without_underscores(text).filter(|_| !signed_nan);
    let value: f64 = plain.and_then(|it| it.parse().ok()).ok_or_else(|| wrong("invalid syntax"))?;
    if value.is_infinite() && lower.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return Err(wrong("value out of range"));
    }
    Ok(value)
}

/// Underscores may only stand between digits.
fn without_underscores(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let digit = |at: Option<usize>| at.and_then(|it| bytes.get(it)).is_some_and(u8::is_ascii_digit);
    for (at, byte) in bytes.iter().enumerate() {
        if *byte == b'_' && !(digit(at.checked_sub(1)) && digit(Some(at + 1))) {
            return None;
        }
    }
    Some(text.replace('_', ""))
}

/// `1.8p-3`
fn hexadecimal(text: &str) -> Option<f64> {
    let (digits, exponent) = text.split_once('p')?;
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.len() + fraction.len() == 0 {
        return None;
    }
    let mut value = 0.0_f64;
    for digit in whole.chars().chain(fraction.chars()).filter(|it| *it != '_') {
        value = value * 16.0 + f64::from(digit.to_digit(16)?);
    }
    let exponent: i32 = exponent.parse().ok()?;
    let places = 4 * i32::try_from(fraction.len()).ok()?;
    Some(value * 2_f64.powi(exponent.saturating_sub(places)))
}

/// `strconv.ParseInt`; base 0 goes by the prefix, and allows `_` between digits.
///
/// # Errors
/// The same.
pub fn parse_int(target: &str, base: i64) -> Result<i64, String> {
    let wrong = |what: &str| format!("strconv.ParseInt: parsing {target:?}: {what}");
    let digits = target.strip_prefix(['+', '-']).unwrap_or(target);
    let negative = target.starts_with('-');
    let (base, digits) = match u32::try_from(base) {
        Ok(0) => prefixed(digits).ok_or_else(|| wrong("invalid syntax"))?,
        Ok(base @ 2..=36) => (base, digits.to_owned()),
        _ => return Err(wrong(&format!("invalid base {base}"))),
    };
    if digits.starts_with(['+', '-']) {
        return Err(wrong("invalid syntax"));
    }
    match i128::from_str_radix(&digits, base) {
        Ok(it) => {
            let signed = if negative { -it } else { it };
            i64::try_from(signed).map_err(|_| wrong("value out of range"))
        }
        Err(error) => Err(wrong(match error.kind() {
            std::num::IntErrorKind::PosOverflow => "value out of range",
            _ => "invalid syntax",
        })),
    }
}

/// The base that a prefix names, and the digits behind it.
fn prefixed(text: &str) -> Option<(u32, String)> {
    let lower = text.to_ascii_lowercase();
    let (base, digits) = match lower.get(..2) {
        Some("0x") => (16, lower.get(2..)?),
        Some("0b") => (2, lower.get(2..)?),
        Some("0o") => (8, lower.get(2..)?),
        _ if lower.starts_with('0') && lower.len() > 1 => (8, lower.get(1..)?),
        _ => (10, lower.as_str()),
    };
    // One may follow the prefix.
    let digits = if base == 10 { digits } else { digits.strip_prefix('_').unwrap_or(digits) };
    let stray = digits.starts_with('_') || digits.ends_with('_') || digits.contains("__");
    (!stray).then(|| (base, digits.replace('_', "")))
}

/// `strconv.ParseBool`.
///
/// # Errors
/// The same.
pub fn parse_bool(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        _ => Err(format!("strconv.ParseBool: parsing {text:?}: invalid syntax")),
    }
}
