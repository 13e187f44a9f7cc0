//! Text to tokens.

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// A name or keyword.
    Name,
    /// An operator, comma, dot, `#`, `?`, `:` or `;`.
    Operator,
    /// `( ) [ ] { }`.
    Bracket,
    /// A whole number.
    Int(i64),
    /// A number with a point or an exponent.
    Float(f64),
    /// A quoted text, without quotes and escapes.
    Text(String),
    /// The end.
    End,
}

/// A piece of the expression.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    /// As written; for operators in words, the word.
    pub(super) text: String,
    /// Position of its first character, in characters.
    pub(super) at: usize,
}

impl Token {
    /// As expr-lang names it in messages.
    pub(super) fn show(&self) -> String {
        match &self.kind {
            Kind::Name => format!("Identifier({:?})", self.text),
            Kind::Operator => format!("Operator({:?})", self.text),
            Kind::Bracket => format!("Bracket({:?})", self.text),
            Kind::Int(_) | Kind::Float(_) => format!("Number({:?})", self.text),
            Kind::Text(it) => format!("String({it:?})"),
            Kind::End => "EOF".to_owned(),
        }
    }
}

/// What is wrong and where, in characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) message: String,
    pub(super) at: usize,
}

impl Wrong {
    pub(super) fn new(message: impl Into<String>, at: usize) -> Self {
        Self { message: message.into(), at }
    }
}

const WORDS: [&str; 9] =
    ["and", "or", "not", "in", "matches", "contains", "startsWith", "endsWith", "let"];

const OPERATORS: [&str; 27] = [
    "?.", "??", "..", "**", "==", "!=", "<=", ">=", "&&", "||", "+", "-", "*", "/", "%", "^", "<",
    ">", "!", "|", "?", ":", ",", ".", "#", ";", "=",
];

/// All tokens, the end included.
pub(super) fn lex(source: &[char]) -> Result<Vec<Token>, Wrong> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&c) = source.get(at) {
        let start = at;
        let kind = match c {
            _ if c.is_whitespace() => {
                at += 1;
                continue;
            }
            '/' if source.get(at + 1) == Some(&'/') => {
                at += source[at..].iter().position(|c| *c == '\n').unwrap_or(source.len() - at);
                continue;
            }
            '/' if source.get(at + 1) == Some(&'*') => {
                let end = source[at..].windows(2).position(|it| it == ['*', '/']);
                at += end.ok_or_else(|| Wrong::new("unclosed comment", start))? + 2;
                continue;
            }
            '0'..='9' => number(source, &mut at)?,
            '.' if source.get(at + 1).is_some_and(char::is_ascii_digit) => number(source, &mut at)?,
            '"' | '\'' => text(source, &mut at)?,
            '`' => raw(source, &mut at)?,
            '(' | ')' | '[' | ']' | '{' | '}' => {
                at += 1;
                Kind::Bracket
            }
            _ if c.is_alphabetic() || c == '_' || c == '$' => {
                at += 1;
                let name = |c: &char| c.is_alphanumeric() || *c == '_' || *c == '$';
                at += source[at..].iter().take_while(|c| name(c)).count();
                let word: String = source[start..at].iter().collect();
                if WORDS.contains(&word.as_str()) { Kind::Operator } else { Kind::Name }
            }
            _ => {
                let starts =
                    |it: &&&str| it.chars().eq(source[at..].iter().copied().take(it.len()));
                let Some(operator) = OPERATORS.iter().find(starts) else {
                    return Err(Wrong::new(format!("unrecognized character: {}", unicode(c)), at));
                };
                at += operator.len();
                Kind::Operator
            }
        };
        tokens.push(Token { kind, text: source[start..at].iter().collect(), at: start });
    }
    let end = source.len().saturating_sub(1);
    tokens.push(Token { kind: Kind::End, text: String::new(), at: end });
    Ok(tokens)
}

fn unicode(c: char) -> String {
    format!("U+{:04X} '{c}'", c as u32)
}

fn number(source: &[char], at: &mut usize) -> Result<Kind, Wrong> {
    let start = *at;
    let bad = |text: &str| Wrong::new(format!("bad number syntax: {text:?}"), start);
    if source[start] == '0' {
        let radix = match source.get(start + 1) {
            Some('x' | 'X') => 16,
            Some('b' | 'B') => 2,
            Some('o' | 'O') => 8,
            _ => 10,
        };
        if radix != 10 {
            *at += 2;
            let digits = source[*at..].iter().take_while(|c| c.is_alphanumeric() || **c == '_');
            let digits: String = digits.collect();
            *at += digits.chars().count();
            let value = i64::from_str_radix(&digits.replace('_', ""), radix);
            return value.map(Kind::Int).map_err(|_| bad(&digits));
        }
    }
    let digits = |at: &mut usize| {
        *at += source[*at..].iter().take_while(|c| c.is_ascii_digit() || **c == '_').count();
    };
    digits(at);
    let mut float = false;
    // `1..3` is a range.
    if source.get(*at) == Some(&'.') && source.get(*at + 1) != Some(&'.') {
        float = true;
        *at += 1;
        digits(at);
    }
    if matches!(source.get(*at), Some('e' | 'E')) {
        float = true;
        *at += 1;
        if matches!(source.get(*at), Some('+' | '-')) {
            *at += 1;
        }
        digits(at);
    }
    let text: String = source[start..*at].iter().filter(|c| **c != '_').collect();
    if float {
        return text.parse().map(Kind::Float).map_err(|_| bad(&text));
    }
    text.parse().map(Kind::Int).map_err(|_| bad(&text))
}

fn raw(source: &[char], at: &mut usize) -> Result<Kind, Wrong> {
    let start = *at + 1;
    let Some(len) = source[start..].iter().position(|c| *c == '`') else {
        return Err(Wrong::new("literal not terminated", source.len()));
    };
    *at = start + len + 1;
    Ok(Kind::Text(source[start..start + len].iter().collect()))
}

fn text(source: &[char], at: &mut usize) -> Result<Kind, Wrong> {
    let (start, quote) = (*at, source[*at]);
    let mut all = String::new();
    *at += 1;
    loop {
        let Some(&c) = source.get(*at) else {
            return Err(Wrong::new("literal not terminated", *at));
        };
        *at += 1;
        match c {
            _ if c == quote => return Ok(Kind::Text(all)),
            '\n' => return Err(Wrong::new("literal not terminated", start)),
            '\\' => all.push(escape(source, at, start)?),
            c => all.push(c),
        }
    }
}

fn escape(source: &[char], at: &mut usize, start: usize) -> Result<char, Wrong> {
    let Some(&c) = source.get(*at) else {
        return Err(Wrong::new("literal not terminated", start));
    };
    *at += 1;
    let digits = match c {
        'n' => return Ok('\n'),
        't' => return Ok('\t'),
        'r' => return Ok('\r'),
        'a' => return Ok('\x07'),
        'b' => return Ok('\x08'),
        'f' => return Ok('\x0c'),
        'v' => return Ok('\x0b'),
        '\\' | '\'' | '"' | '`' | '?' => return Ok(c),
        'x' => 2,
        'u' => 4,
        'U' => 8,
        _ => return Err(Wrong::new("invalid char escape", *at - 1)),
    };
    let hex: String = source.iter().skip(*at).take(digits).collect();
    *at += digits;
    let code = u32::from_str_radix(&hex, 16).ok().filter(|_| hex.chars().count() == digits);
    code.and_then(char::from_u32).ok_or_else(|| Wrong::new("invalid char escape", start))
}
