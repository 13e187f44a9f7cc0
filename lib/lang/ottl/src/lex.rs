//! Text to tokens.

use std::ops::Range;

use crate::Error;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Bytes,
    Float,
    Int,
    Text,
    Nil,
    Not,
    Or,
    And,
    Bool,
    Comparison,
    Sign,
    Factor,
    Equal,
    /// `=>` between the parameters of a lambda and its body.
    Arrow,
    /// One of `(){}[]:,._`
    Mark,
    /// Begins with a capital letter: a converter or an enum.
    Upper,
    /// Begins with a small letter: a part of a path, an editor or an argument.
    Lower,
    End,
}

/// A piece of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) span: Range<usize>,
}

/// The tokens of a text, which is a `condition` or a `statement`; the last one is the end.
pub(crate) fn lex(text: &str, what: &'static str) -> Result<Vec<Token>, Error> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let blank = rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r', '\x0c']).len();
        if blank > 0 {
            at += blank;
            continue;
        }
        let Some((kind, length)) = token(rest) else {
            let shown: String = rest.chars().take(16).collect();
            let dots = if rest.chars().nth(16).is_some() { "..." } else { "" };
            let span = at..at + rest.chars().next().map_or(1, char::len_utf8);
            return Err(Error::syntax(
                what,
                text,
                span,
                format!("lexer: invalid input text {:?}", shown + dots),
            ));
        };
        tokens.push(Token { kind, span: at..at + length });
        at += length;
    }
    tokens.push(Token { kind: Kind::End, span: text.len()..text.len() });
    Ok(tokens)
}

/// Kind and length of the token at the start.
fn token(rest: &str) -> Option<(Kind, usize)> {
    let bytes = rest.as_bytes();
    let pair = bytes.get(..2).unwrap_or(bytes);
    match *bytes.first()? {
        b'0'..=b'9' | b'.' => Some(number(bytes)),
        b'"' => text(bytes).map(|length| (Kind::Text, length)),
        b'=' | b'!' | b'<' | b'>' if pair.get(1) == Some(&b'=') => Some((Kind::Comparison, 2)),
        b'<' | b'>' => Some((Kind::Comparison, 1)),
        b'=' if pair.get(1) == Some(&b'>') => Some((Kind::Arrow, 2)),
        b'=' => Some((Kind::Equal, 1)),
        b'+' | b'-' => Some((Kind::Sign, 1)),
        b'*' | b'/' => Some((Kind::Factor, 1)),
        b'(' | b')' | b'{' | b'}' | b'[' | b']' | b':' | b',' => Some((Kind::Mark, 1)),
        b'a'..=b'z' | b'A'..=b'Z' => Some(word(bytes)),
        // The name of a parameter that a lambda does not use.
        b'_' if !pair.get(1).copied().is_some_and(is_part) => Some((Kind::Mark, 1)),
        _ => None,
    }
}

fn digits(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|it| it.is_ascii_digit()).count()
}

/// `0x0f`, `12`, `1.`, `.5`, `1.5e-3`; a lone point is a mark.
fn number(bytes: &[u8]) -> (Kind, usize) {
    if let [b'0', b'x', rest @ ..] = bytes {
        let hex = rest.iter().take_while(|it| it.is_ascii_hexdigit()).count();
        if hex > 0 {
            return (Kind::Bytes, 2 + hex);
        }
    }
    let whole = digits(bytes);
    if bytes.get(whole) != Some(&b'.') {
        return (Kind::Int, whole);
    }
    let mut length = whole + 1;
    let fraction = digits(bytes.get(length..).unwrap_or_default());
    if whole + fraction == 0 {
        return (Kind::Mark, 1);
    }
    length += fraction;
    if let [b'e' | b'E', rest @ ..] = bytes.get(length..).unwrap_or_default() {
        let sign = usize::from(matches!(rest.first(), Some(b'+' | b'-')));
        let exponent = digits(rest.get(sign..).unwrap_or_default());
        if exponent > 0 {
            length += 1 + sign + exponent;
        }
    }
    (Kind::Float, length)
}

/// The length of a text in quotes that is closed.
fn text(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn word(bytes: &[u8]) -> (Kind, usize) {
    let length = bytes.iter().take_while(|it| is_part(**it)).count();
    let word = bytes.get(..length).unwrap_or_default();
    let is_upper = word.first().is_some_and(u8::is_ascii_uppercase);
    let name = if is_upper { Kind::Upper } else { Kind::Lower };
    (Kind::keyword(word).unwrap_or(name), length)
}

impl Kind {
    /// What a word is that is no name.
    pub(crate) fn keyword(word: &[u8]) -> Option<Self> {
        match word {
            b"nil" => Some(Self::Nil),
            b"not" => Some(Self::Not),
            b"or" => Some(Self::Or),
            b"and" => Some(Self::And),
            b"true" | b"false" => Some(Self::Bool),
            _ => None,
        }
    }

    /// As Go's lexer names it, in small letters.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Float => "float",
            Self::Int => "int",
            Self::Text => "string",
            Self::Nil => "nil",
            Self::Not => "opnot",
            Self::Or => "opor",
            Self::And => "opand",
            Self::Bool => "boolean",
            Self::Comparison => "opcomparison",
            Self::Sign => "opaddsub",
            Self::Factor => "opmultdiv",
            Self::Equal => "equal",
            Self::Arrow => "arrow",
            Self::Mark => "punct",
            Self::Upper => "uppercase",
            Self::Lower => "lowercase",
            Self::End => "eof",
        }
    }
}

/// The text that a quoted one stands for, as Go's `strconv.Unquote` has it.
pub(crate) fn unquote(quoted: &str) -> Option<String> {
    let inside = quoted.strip_prefix('"')?.strip_suffix('"')?;
    if !inside.contains(['\\', '\n']) {
        return Some(inside.to_owned());
    }
    if inside.contains('\n') {
        return None;
    }
    let mut out = Vec::with_capacity(inside.len());
    golang::strconv::unescape(inside, '"', &mut out)?;
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<(Kind, &str)> {
        let tokens = lex(text, "condition").unwrap();
        tokens.into_iter().map(|it| (it.kind, text.get(it.span).unwrap())).collect()
    }

    #[test]
    fn numbers_bytes_and_points_are_told_apart() {
        use Kind::*;
        assert_eq!(
            kinds("1 1.5 .5 2. 1.5e-3 1e5 0x0f 0x a.b"),
            [
                (Int, "1"),
                (Float, "1.5"),
                (Float, ".5"),
                (Float, "2."),
                (Float, "1.5e-3"),
                (Int, "1"),
                (Lower, "e5"),
                (Bytes, "0x0f"),
                (Int, "0"),
                (Lower, "x"),
                (Lower, "a"),
                (Mark, "."),
                (Lower, "b"),
                (End, ""),
            ]
        );
    }

    #[test]
    fn words_are_keywords_only_as_a_whole() {
        use Kind::*;
        assert_eq!(
            kinds("not nota nil true IsMatch A_B"),
            [
                (Not, "not"),
                (Lower, "nota"),
                (Nil, "nil"),
                (Bool, "true"),
                (Upper, "IsMatch"),
                (Upper, "A_B"),
                (End, ""),
            ]
        );
    }

    #[test]
    fn texts_are_unquoted_as_in_go() {
        for (quoted, want) in [
            (r#""a\tb\"c\\""#, Some("a\tb\"c\\")),
            (r#""\u00e9\x41\101\U0001F600""#, Some("\u{e9}AA\u{1f600}")),
            (r#""\d""#, None),
            (r#""\'""#, None),
            (r#""\xff""#, None),
            ("\"a\nb\"", None),
        ] {
            assert_eq!(unquote(quoted).as_deref(), want, "{quoted}");
        }
    }

    #[test]
    fn a_text_that_is_not_closed_is_no_token() {
        let error = lex("a == \"b", "condition").unwrap_err();
        assert_eq!(error.span, 5..6);
        assert_eq!(
            error.message,
            "condition has invalid syntax: 1:6: lexer: invalid input text \"\\\"b\""
        );
    }
}
