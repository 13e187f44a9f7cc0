//! Texts in Go's quotes.

use std::fmt::Write as _;

/// As Go's `strconv.IsPrint`, roughly: what Rust prints as it is.
pub fn is_print(sign: char) -> bool {
    sign == ' ' || !sign.is_control() && sign.escape_debug().count() == 1 || "'\"\\".contains(sign)
}

/// A text in double quotes; with `ascii` everything beyond ASCII is an escape. `strconv.Quote`, `QuoteToASCII`.
pub fn quote(text: &str, ascii: bool) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    text.chars().for_each(|it| escape(&mut out, it, '"', ascii));
    out.push('"');
    out
}

/// The same for one character, in single quotes. `strconv.QuoteRune`.
pub fn quote_char(sign: char, ascii: bool) -> String {
    let mut out = "'".to_owned();
    escape(&mut out, sign, '\'', ascii);
    out.push('\'');
    out
}

fn escape(out: &mut String, sign: char, quote: char, ascii: bool) {
    let code = u32::from(sign);
    match sign {
        '\\' => out.push_str("\\\\"),
        it if it == quote => {
            out.push('\\');
            out.push(it);
        }
        it if is_print(it) && !(ascii && code > 0x7e) => out.push(it),
        '\x07' => out.push_str("\\a"),
        '\x08' => out.push_str("\\b"),
        '\x0c' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\x0b' => out.push_str("\\v"),
        '\0'..'\x20' | '\x7f' => drop(write!(out, "\\x{code:02x}")),
        _ if code < 0x10000 => drop(write!(out, "\\u{code:04x}")),
        _ => drop(write!(out, "\\U{code:08x}")),
    }
}
