//! Go's `strconv`: escapes in quotes, and floats.

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
        c if c == quote => c as u8,
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

/// A float as Go's `%v` prints it: `%g` with the shortest digits, exponents from 1e21 on.
pub fn float(it: f64) -> String {
    if it.is_nan() {
        return "NaN".to_owned();
    }
    if it.is_infinite() {
        return if it > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let magnitude = it.abs();
    if magnitude != 0.0 && !(1e-4..1e21).contains(&magnitude) {
        let text = format!("{it:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) = match exponent.strip_prefix('-') {
            Some(exponent) => ('-', exponent),
            None => ('+', exponent),
        };
        return format!("{digits}e{sign}{exponent:0>2}");
    }
    it.to_string()
}
