//! `parse_string_tags`: text that looks like a number or a truth value becomes one. `internal/zipkin/attributes.go`,
//! v0.149.

use wire::tags::TagValue;

/// The value that a text stands for.
pub(crate) fn typed(value: TagValue<'_>) -> TagValue<'_> {
    let TagValue::Text(text) = value else { return value };
    parsed(&text).unwrap_or(TagValue::Text(text))
}

fn parsed(text: &str) -> Option<TagValue<'static>> {
    if matches!(text, "true" | "false") {
        return Some(TagValue::Bool(text == "true"));
    }
    let digits = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit());
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(it) => (true, it),
        None => (false, text),
    };
    if digits(unsigned) {
        // As Go: what does not fit is the number furthest away from zero.
        let furthest = if negative { i64::MIN } else { i64::MAX };
        return Some(TagValue::Int(text.parse().unwrap_or(furthest)));
    }
    let (whole, fraction) = unsigned.split_once('.')?;
    (digits(whole) && digits(fraction)).then(|| TagValue::Double(text.parse().unwrap_or(0.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: TagValue<'_>) {
        assert_eq!(typed(TagValue::Text(text.into())), want);
    }

    #[test]
    fn numbers_and_truth_values_are_found() {
        check("5", TagValue::Int(5));
        check("-05", TagValue::Int(-5));
        check("9223372036854775808", TagValue::Int(i64::MAX));
        check("-9223372036854775809", TagValue::Int(i64::MIN));
        check("1.50", TagValue::Double(1.5));
        check("true", TagValue::Bool(true));
    }

    #[test]
    fn everything_else_stays_text() {
        for text in ["", "-", "+5", "1.", ".5", "1e3", "True", "{\"a\":1}", "[1]", " 5"] {
            check(text, TagValue::Text(text.into()));
        }
    }
}
