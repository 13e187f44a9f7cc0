//! Go's `strconv`: numbers to texts and back, quotes and escapes.

mod float;
mod numbers;
mod quote;

pub use float::float as format_float;
pub use numbers::{parse_bool, parse_float, parse_int};
pub use quote::{is_print, quote, quote_char};

/// The bytes that stand for `inside`, a text within `quote`s, with Go's escapes; says how many characters
/// there were. `None` where Go sees a syntax error. `strconv/quote.go`, `UnquoteChar`.
pub fn unescape(inside: &str, quote: char, plain: &mut impl Extend<u8>) -> Option<usize> {
    let mut characters = 0;
    let mut rest = inside;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        characters += 1;
        match c {
            '\\' => rest = escape(rest, quote, plain)?,
            c if c == quote => return None,
            c => push(plain, c),
        }
    }
    Some(characters)
}

fn push(plain: &mut impl Extend<u8>, c: char) {
    plain.extend(c.encode_utf8(&mut [0; 4]).bytes());
}

/// What follows a backslash; the rest after it.
fn escape<'t>(rest: &'t str, quote: char, plain: &mut impl Extend<u8>) -> Option<&'t str> {
    let c = rest.chars().next()?;
    let after = &rest[c.len_utf8()..];
    let byte = match c {
        'a' => 7,
        'b' => 8,
        'f' => 12,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 11,
        '\\' => b'\\',
        c if c == quote => u8::try_from(c).ok()?,
        'x' | 'u' | 'U' => {
            let digits = match c {
                'x' => 2,
                'u' => 4,
                _ => 8,
            };
            let code = u32::from_str_radix(after.get(..digits)?, 16).ok()?;
            if let ('x', Ok(byte)) = (c, u8::try_from(code)) {
                plain.extend([byte]);
            } else {
                push(plain, char::from_u32(code)?);
            }
            return after.get(digits..);
        }
        '0'..='7' => {
            plain.extend([u8::try_from(u32::from_str_radix(rest.get(..3)?, 8).ok()?).ok()?]);
            return rest.get(3..);
        }
        _ => return None,
    };
    plain.extend([byte]);
    Some(after)
}

/// A float as Go's `%v` and `%g` print it: with the fewest digits that tell it apart.
pub fn float(it: f64) -> String {
    let text = format_float(it, 'g', None);
    match text.strip_prefix('+') {
        Some(unsigned) if !it.is_infinite() => unsigned.to_owned(),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_written_as_go_writes_them() {
        let cases = [
            (0.0, "0"),
            (-2.0, "-2"),
            (1.5, "1.5"),
            (123_456.0, "123456"),
            (999_999.5, "999999.5"),
            (1_000_000.0, "1e+06"),
            (132_796_416.0, "1.32796416e+08"),
            (5.073_475_931, "5.073475931"),
            (0.000_1, "0.0001"),
            (0.000_01, "1e-05"),
            (1e21, "1e+21"),
            (f64::NEG_INFINITY, "-Inf"),
        ];
        for (value, want) in cases {
            assert_eq!(float(value), want);
        }
    }
}
