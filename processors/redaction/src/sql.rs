//! SQL without its literals: `where id = 7` becomes `where id = ?`. Nothing else changes but digits in names. In the form of
//! `github.com/DataDog/go-sqllexer`, which knows words and quotes, and no grammar.

const WIPED: &str = "?";
/// A function of PostgreSQL in these is looked at as SQL.
const FUNCTION: &str = "$func$";
/// Functions in each other that are looked at; those that are deeper go as a whole.
const NESTING_MAX: usize = 8;

/// The text, with `?` for numbers, texts, `true`, `false`, `null` and numbered parameters.
pub(crate) fn wiped(text: &str) -> String {
    nested(text, 0)
}

fn nested(text: &str, depth: usize) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(first) = rest.chars().next() {
        let length = piece(rest, first, depth, &mut out).max(first.len_utf8());
        rest = rest.get(length..).unwrap_or_default();
    }
    out.trim().to_owned()
}

/// Writes the first piece of a text: how long it is.
fn piece(rest: &str, first: char, depth: usize, out: &mut String) -> usize {
    let after = rest.get(first.len_utf8()..).unwrap_or_default();
    let second = after.bytes().next().unwrap_or_default();
    let plain = |length: usize, out: &mut String| {
        out.push_str(rest.get(..length).unwrap_or_default());
        length
    };
    let wipe = |length: usize, out: &mut String| {
        out.push_str(WIPED);
        length
    };
    match first {
        '\'' => wipe(quoted(rest), out),
        '-' if second == b'-' => plain(rest.find('\n').unwrap_or(rest.len()), out),
        '/' if second == b'*' => plain(rest.find("*/").map_or(rest.len(), |it| it + 2), out),
        '+' | '-' if second.is_ascii_digit() || second == b'.' => wipe(1 + number(after), out),
        '0'..='9' => wipe(number(rest), out),
        '$' if second.is_ascii_digit() => wipe(1 + digits(after), out),
        '$' => dollars(rest, depth, out),
        '"' => name(rest, delimited(rest), out),
        it if it.is_alphabetic() || it == '_' => word(rest, out),
        it => plain(it.len_utf8(), out),
    }
}

/// Of a text in quotes; two quotes in it are one. What is not closed goes to the end.
fn quoted(text: &str) -> usize {
    let mut signs = text.bytes().enumerate().skip(1).peekable();
    while let Some((at, sign)) = signs.next() {
        match sign {
            b'\\' => drop(signs.next()),
            b'\'' if signs.peek().is_some_and(|it| it.1 == b'\'') => drop(signs.next()),
            b'\'' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Of a name in double quotes.
fn delimited(text: &str) -> usize {
    text.bytes().skip(1).position(|it| it == b'"').map_or(text.len(), |it| it + 2)
}

fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

/// `0x1f`, `1.5`, `.5`, `1e-3`.
fn number(text: &str) -> usize {
    let hex = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    if let Some(hex) = hex {
        return 2 + hex.bytes().take_while(u8::is_ascii_hexdigit).count();
    }
    let mut before = 0;
    let is_part = |it: &u8| {
        let sign = matches!(it, b'+' | b'-') && matches!(before, b'e' | b'E');
        before = *it;
        sign || it.is_ascii_digit() || matches!(it, b'.' | b'e' | b'E')
    };
    text.bytes().take_while(is_part).count()
}

/// A text of PostgreSQL between `$$` or `$tag$`. What is not closed goes to the end.
fn dollars(text: &str, depth: usize, out: &mut String) -> usize {
    let is_tag = |it: &str| it.chars().all(|it| it.is_alphanumeric() || it == '_');
    let tag = text.get(1..).and_then(|it| it.find('$')).and_then(|it| text.get(..it + 2));
    let tag = tag.filter(|it| is_tag(it.trim_matches('$')));
    let Some(tag) = tag else {
        out.push('$');
        return 1;
    };
    let inner = text.get(tag.len()..).unwrap_or_default();
    let Some(end) = inner.find(tag) else {
        out.push_str(WIPED);
        return text.len();
    };
    if tag == FUNCTION && depth < NESTING_MAX {
        let inner = nested(inner.get(..end).unwrap_or_default(), depth + 1);
        [FUNCTION, &inner, FUNCTION].iter().for_each(|it| out.push_str(it));
    } else {
        out.push_str(WIPED);
    }
    end + 2 * tag.len()
}

fn word(text: &str, out: &mut String) -> usize {
    let is_part = |it: char| it.is_alphanumeric() || matches!(it, '_' | '.' | '?' | '$');
    let length = text.find(|it| !is_part(it)).unwrap_or(text.len());
    let word = text.get(..length).unwrap_or_default();
    if ["true", "false", "null"].iter().any(|it| word.eq_ignore_ascii_case(it)) {
        out.push_str(WIPED);
        return length;
    }
    name(text, length, out)
}

/// A name, with one `?` for digits beside each other: `users_2024`.
fn name(text: &str, length: usize, out: &mut String) -> usize {
    let mut was_digit = false;
    for sign in text.get(..length).unwrap_or_default().chars() {
        let is_digit = sign.is_ascii_digit();
        match (is_digit, was_digit) {
            (false, _) => out.push(sign),
            (true, false) => out.push_str(WIPED),
            (true, true) => {}
        }
        was_digit = is_digit;
    }
    length
}

#[cfg(test)]
mod tests {
    use super::wiped;

    #[test]
    fn literals_go_and_the_rest_stays() {
        for (text, want) in [
            ("SELECT * FROM users WHERE id = 123", "SELECT * FROM users WHERE id = ?"),
            (
                "SELECT * FROM \"users table\" where id = '12'",
                "SELECT * FROM \"users table\" where id = ?",
            ),
            ("SELECT * FROM users1 where id = ?", "SELECT * FROM users? where id = ?"),
            ("SELECT 1 -- it is 1\nFROM a /* 2 */", "SELECT ? -- it is 1\nFROM a /* 2 */"),
            ("SELECT * FROM users where id = 'Joh", "SELECT * FROM users where id = ?"),
            ("SELECT 'it''s', 'a\\'b', ''", "SELECT ?, ?, ?"),
            (
                "SELECT $func$INSERT INTO t VALUES ('a', 1, 2)$func$ FROM b",
                "SELECT $func$INSERT INTO t VALUES (?, ?, ?)$func$ FROM b",
            ),
            ("SELECT $tag$te$st$tag$, $$test$$, $1, $$secret", "SELECT ?, ?, ?, ?"),
            ("SELECT 1.2, 1.2e3, 1.2e-3, .5, 0x1F FROM a", "SELECT ?, ?, ?, .?, ? FROM a"),
            (
                "SELECT * FROM \"\u{4e16}\u{754c}\" where name = '\u{1f30a}'",
                "SELECT * FROM \"\u{4e16}\u{754c}\" where name = ?",
            ),
            ("a in (1, '2', NULL, true, false)", "a in (?, ?, ?, ?, ?)"),
            ("id = -1 OR id = -.018 OR id=-01", "id = ? OR id = ? OR id=?"),
            ("'{\"a\": 1}'::jsonb ->> 'a'", "?::jsonb ->> ?"),
            ("nspname !~* '.*x.*'", "nspname !~* ?"),
            ("USING - SELECT", "USING - SELECT"),
            ("  cost in $ and `a1` ", "cost in $ and `a?`"),
            ("", ""),
        ] {
            assert_eq!(wiped(text), want, "{text}");
        }
    }

    #[test]
    fn functions_in_functions_end_somewhere() {
        let deep = "$func$ ".repeat(100_000);
        assert!(!wiped(&deep).is_empty());
    }
}
