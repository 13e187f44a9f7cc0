//! Names of metrics and labels as readers take them: before Prometheus 3 only some characters were part of one.

use std::borrow::Cow;

/// The name with underscores for what was no part of one.
pub(crate) fn escaped(name: &str, is_part: fn(char) -> bool) -> Cow<'_, str> {
    if is_legacy(name, is_part) {
        return Cow::Borrowed(name);
    }
    let is_right = |(at, it): (usize, char)| is_part(it) && (at > 0 || !it.is_ascii_digit());
    Cow::Owned(name.char_indices().map(|it| if is_right(it) { it.1 } else { '_' }).collect())
}

/// Whether it was one. Others stand in quotes; the name of a metric then stands within the braces of its labels.
pub(crate) fn is_legacy(name: &str, is_part: fn(char) -> bool) -> bool {
    name.chars().all(is_part) && !name.starts_with(|it: char| it.is_ascii_digit())
}

pub(crate) fn is_part_of_label(it: char) -> bool {
    it.is_ascii_alphanumeric() || it == '_'
}

pub(crate) fn is_part_of_name(it: char) -> bool {
    is_part_of_label(it) || it == ':'
}

/// Text in quotes, with what has a meaning escaped.
pub(crate) fn quote(text: &str, out: &mut String) {
    out.push('"');
    for it in text.chars() {
        match it {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            it => out.push(it),
        }
    }
    out.push('"');
}
