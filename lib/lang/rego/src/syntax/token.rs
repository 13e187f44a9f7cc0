//! Words of Rego. The lexer works on demand, because a template string contains expressions.

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A name or a keyword.
    Word,
    /// A number without its sign.
    Number,
    /// `"text"`.
    String,
    /// A text between backquotes.
    RawString,
    /// `$"`: the parts follow.
    Template,
    /// `$` and a backquote.
    RawTemplate,
    /// An operator or a bracket, one or two characters.
    Sign,
    /// The end of the text.
    End,
    /// What is no token: an unknown character, or a text that does not end.
    Illegal,
}

/// A token and its place, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// First byte.
    pub start: usize,
    /// Behind the last byte.
    pub end: usize,
    /// A line ended before it.
    pub on_new_line: bool,
}

/// Operators, and what OPA calls them: `a + b` is `plus(a, b)`.
const OPERATORS: [(&str, &str); 15] = [
    ("=", "eq"),
    (":=", "assign"),
    ("==", "equal"),
    ("!=", "neq"),
    ("<", "lt"),
    (">", "gt"),
    ("<=", "lte"),
    (">=", "gte"),
    ("+", "plus"),
    ("-", "minus"),
    ("*", "mul"),
    ("/", "div"),
    ("%", "rem"),
    ("&", "and"),
    ("|", "or"),
];

/// The name of an operator: of its token in messages, and of its builtin.
pub fn operator_name(sign: &str) -> Option<&'static str> {
    OPERATORS.iter().find(|it| it.0 == sign).map(|it| it.1)
}

/// The operator of a name.
pub fn operator_sign(name: &str) -> Option<&'static str> {
    OPERATORS.iter().find(|it| it.1 == name).map(|it| it.0)
}

const SIGNS2: [&str; 5] = [":=", "==", "!=", "<=", ">="];

/// The token at `from` or behind it; comments and white space are passed over.
pub fn next(text: &str, from: usize) -> Token {
    let bytes = text.as_bytes();
    let mut at = from;
    let mut on_new_line = false;
    loop {
        match bytes.get(at) {
            Some(b'\n') => {
                on_new_line = true;
                at += 1;
            }
            Some(b' ' | b'\t' | b'\r') => at += 1,
            Some(b'#') => at = line_end(bytes, at),
            _ => break,
        }
    }
    let (kind, length) = token(text, at);
    Token { kind, start: at, end: at + length, on_new_line }
}

/// Where the line that contains `at` ends.
pub fn line_end(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().position(|it| *it == b'\n').unwrap_or(rest.len())
}

fn token(text: &str, at: usize) -> (Kind, usize) {
    let rest = text.get(at..).unwrap_or_default();
    let bytes = rest.as_bytes();
    let Some(first) = bytes.first() else { return (Kind::End, 0) };
    let ahead = bytes.get(1).copied();
    match first {
        b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
            let is_word = |it: &u8| it.is_ascii_alphanumeric() || *it == b'_';
            (Kind::Word, bytes.iter().position(|it| !is_word(it)).unwrap_or(bytes.len()))
        }
        b'0'..=b'9' => (Kind::Number, number(bytes)),
        b'.' if ahead.is_some_and(|it| it.is_ascii_digit()) => (Kind::Number, number(bytes)),
        b'"' => quoted(bytes),
        b'`' => match bytes.iter().skip(1).position(|it| *it == b'`') {
            Some(length) => (Kind::RawString, length + 2),
            None => (Kind::Illegal, bytes.len()),
        },
        b'$' if ahead == Some(b'"') => (Kind::Template, 2),
        b'$' if ahead == Some(b'`') => (Kind::RawTemplate, 2),
        _ if SIGNS2.iter().any(|it| rest.starts_with(it)) => (Kind::Sign, 2),
        b'{' | b'}' | b'[' | b']' | b'(' | b')' | b',' | b';' | b':' | b'.' | b'=' | b'<'
        | b'>' | b'+' | b'-' | b'*' | b'/' | b'%' | b'|' | b'&' => (Kind::Sign, 1),
        _ => (Kind::Illegal, rest.chars().next().map_or(1, char::len_utf8)),
    }
}

fn quoted(bytes: &[u8]) -> (Kind, usize) {
    let mut at = 1;
    loop {
        match bytes.get(at) {
            Some(b'\\') => at += 2,
            Some(b'"') => return (Kind::String, at + 1),
            None | Some(b'\n') => return (Kind::Illegal, at.min(bytes.len())),
            Some(_) => at += 1,
        }
    }
}

fn number(bytes: &[u8]) -> usize {
    let digits = |from: usize| {
        let rest = bytes.get(from..).unwrap_or_default();
        from + rest.iter().position(|it| !it.is_ascii_digit()).unwrap_or(rest.len())
    };
    let mut at = digits(0);
    if bytes.get(at) == Some(&b'.') && bytes.get(at + 1).is_some_and(u8::is_ascii_digit) {
        at = digits(at + 1);
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let behind = digits(at + 1 + sign);
        if behind > at + 1 + sign {
            at = behind;
        }
    }
    at
}
