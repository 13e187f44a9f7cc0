//! The parser's state and its small steps; what is parsed stands in `rules`, `body` and `term`.

use super::place::Lines;
use super::token::{self, Kind, Token};
use crate::error::{Error, code};

/// Deepest nesting of terms and bodies; the stack is finite.
const DEPTH_MAX: usize = 200;
/// Largest module, in bytes.
const MODULE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Words that are no names in any version.
const KEYWORDS: [&str; 11] =
    ["as", "default", "else", "false", "import", "not", "null", "package", "some", "true", "with"];

/// Words that are keywords in this module only.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "one switch for each keyword")]
pub struct Future {
    pub if_: bool,
    pub contains: bool,
    pub in_: bool,
    pub every: bool,
    pub not_body: bool,
    pub and: bool,
    pub or: bool,
}

impl Future {
    pub fn v1(self) -> Self {
        Self { if_: true, contains: true, in_: true, every: true, ..self }
    }

    pub fn v2(self) -> Self {
        Self { not_body: true, and: true, or: true, ..self.v1() }
    }
}

pub type Parsed<T> = Result<T, Error>;

pub struct Parser<'t> {
    pub text: &'t str,
    lines: Lines,
    pub token: Token,
    /// Where the token before ended.
    pub last_end: usize,
    pub future: Future,
    pub is_v1: bool,
    depth: usize,
}

impl<'t> Parser<'t> {
    pub fn new(file: &str, text: &'t str, is_v1: bool) -> Parsed<Self> {
        let lines = Lines::new(file, text);
        if text.len() > MODULE_BYTES_MAX {
            let message = format!("module is larger than {MODULE_BYTES_MAX} bytes");
            return Err(Error::new(code::PARSE, message).at(lines.location(0)));
        }
        let future = if is_v1 { Future::default().v1() } else { Future::default() };
        let token = token::next(text, 0);
        Ok(Self { text, lines, token, last_end: 0, future, is_v1, depth: 0 })
    }

    pub fn word(&self) -> &'t str {
        self.text.get(self.token.start..self.token.end).unwrap_or_default()
    }

    pub fn advance(&mut self) {
        self.last_end = self.token.end;
        self.token = token::next(self.text, self.token.end);
    }

    /// Goes back (or on) to `at`, which is behind a token.
    pub fn resume(&mut self, at: usize) {
        self.last_end = at;
        self.token = token::next(self.text, at);
    }

    pub fn is_sign(&self, sign: &str) -> bool {
        self.token.kind == Kind::Sign && self.word() == sign
    }

    /// The word is there as a keyword.
    pub fn is_word(&self, word: &str) -> bool {
        let is_there =
            self.token.kind == Kind::Word && self.word() == word && self.is_keyword(word);
        // Behind an operand these two are operators, whatever follows them.
        is_there && (matches!(word, "and" | "or") || !self.is_name())
    }

    pub fn accept_sign(&mut self, sign: &str) -> bool {
        let found = self.is_sign(sign);
        if found {
            self.advance();
        }
        found
    }

    pub fn accept_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        if found {
            self.advance();
        }
        found
    }

    pub fn expect_sign(&mut self, sign: &str) -> Parsed<()> {
        if self.accept_sign(sign) {
            return Ok(());
        }
        Err(self.unexpected(&format!("expected {sign}")))
    }

    pub fn byte_at(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    pub fn is_keyword(&self, word: &str) -> bool {
        let Future { if_, contains, in_, every, and, or, .. } = self.future;
        match word {
            "if" => if_,
            "contains" => contains,
            "in" => in_,
            "every" => every,
            "and" => and,
            "or" => or,
            _ => KEYWORDS.contains(&word),
        }
    }

    /// A keyword that goes on as a reference is a name: `not.foo`. `contains(`, `and(` and `or(` are builtins.
    pub fn is_name(&self) -> bool {
        if self.token.kind != Kind::Word {
            return false;
        }
        let word = self.word();
        if !self.is_keyword(word) {
            return true;
        }
        match self.byte_at(self.token.end) {
            Some(b'.') => true,
            Some(b'(') => matches!(word, "contains" | "and" | "or"),
            _ => false,
        }
    }

    /// Runs `step` one level deeper.
    pub fn deeper<T>(&mut self, step: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= DEPTH_MAX {
            return Err(self.error_at(self.token.start, "max recursion depth exceeded".into()));
        }
        self.depth += 1;
        let result = step(self);
        self.depth -= 1;
        result
    }

    pub fn error_at(&self, at: usize, message: String) -> Error {
        self.lines.error(self.text, at, code::PARSE, message)
    }

    /// OPA's `unexpected X token: hint`.
    pub fn unexpected(&self, hint: &str) -> Error {
        let word = self.word();
        let what = match self.token.kind {
            Kind::End => "eof",
            Kind::Word if self.is_keyword(word) => word,
            Kind::Word => "identifier",
            Kind::Number => "number",
            Kind::String | Kind::RawString => "string",
            Kind::Template | Kind::RawTemplate => "template-string-part",
            Kind::Sign => token::operator_name(word).unwrap_or(word),
            Kind::Illegal if word.starts_with(['"', '`']) => {
                return self.error_at(self.token.start, "non-terminated string".into());
            }
            Kind::Illegal => {
                return self.error_at(self.token.start, format!("illegal token: {word}"));
            }
        };
        let separator = if hint.is_empty() { "" } else { ": " };
        self.error_at(self.token.start, format!("unexpected {what} token{separator}{hint}"))
    }
}
