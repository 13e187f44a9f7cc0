//! Go's regular expressions (RE2) on the `regex` crate, which has the same engine idea and nearly the same syntax.
//!
//! What differs is rewritten: `\d \w \s \b` mean ASCII in Go, a lone `{` is a character, `[` within a class too,
//! `\Q...\E`, `\z` and octal escapes exist. Common mistakes get Go's text.

use std::fmt::Write as _;
use std::iter::Peekable;
use std::str::CharIndices;

use regex::Regex;

use crate::Mistake;

/// Compiles a pattern as Go would.
///
/// # Errors
/// `error parsing regexp: ...`, as Go prints it.
pub fn compile(pattern: &str) -> Result<Regex, Mistake> {
    build_with(pattern, Regex::new)
}

/// The same, for whatever `build` makes of the pattern in this crate's syntax.
///
/// # Errors
/// `error parsing regexp: ...`, as Go prints it.
pub fn go_regex<R>(
    pattern: &str,
    build: impl FnOnce(&str) -> Result<R, regex::Error>,
) -> Result<R, String> {
    build_with(pattern, build).map_err(|it| it.text)
}

fn build_with<R>(
    pattern: &str,
    build: impl FnOnce(&str) -> Result<R, regex::Error>,
) -> Result<R, Mistake> {
    let translated = Translator::new(pattern).run()?;
    let built = build(&translated).map_err(|problem| match problem {
        regex::Error::CompiledTooBig(_) => {
            format!("error parsing regexp: expression too large: `{pattern}`")
        }
        other => {
            let text = other.to_string();
            let reason = text.lines().rev().find_map(|it| it.strip_prefix("error: "));
            format!("error parsing regexp: {}: `{pattern}`", reason.unwrap_or("invalid syntax"))
        }
    });
    built.map_err(|text| Mistake { text, at: None })
}

struct Translator<'p> {
    pattern: &'p str,
    chars: Peekable<CharIndices<'p>>,
    out: String,
    /// Open brackets.
    open: usize,
    /// Where the last operand ended up in the pattern, if there is one to repeat.
    operand: bool,
    /// Where the last repetition began, if nothing came after it.
    repeated: Option<usize>,
    /// Named groups, and where they begin in `out`.
    names: Vec<(&'p str, usize)>,
}

impl<'p> Translator<'p> {
    fn new(pattern: &'p str) -> Self {
        let (chars, out) =
            (pattern.char_indices().peekable(), String::with_capacity(pattern.len() + 16));
        Self { pattern, chars, out, open: 0, operand: false, repeated: None, names: Vec::new() }
    }

    fn run(mut self) -> Result<String, Mistake> {
        while let Some((at, c)) = self.chars.next() {
            match c {
                '\\' => self.escape(at)?,
                '[' => self.class(at)?,
                '(' => self.group(at)?,
                ')' => {
                    if self.open == 0 {
                        return self.wrong("unexpected )", self.pattern);
                    }
                    self.open -= 1;
                    self.atom(")");
                }
                '*' | '+' | '?' => self.repeat(at, at + 1)?,
                '{' => match counted(&self.pattern[at..]) {
                    Some(len) => self.repeat(at, at + len)?,
                    None => self.atom("\\{"),
                },
                '|' => {
                    self.out.push('|');
                    (self.operand, self.repeated) = (false, None);
                }
                '^' | '$' | '.' => self.atom(c.encode_utf8(&mut [0; 4])),
                // Harmless as they are, but the crate's extended syntax may come to know them.
                '&' | '~' | '#' | '-' => {
                    self.out.push('\\');
                    self.atom(c.encode_utf8(&mut [0; 4]));
                }
                c => self.atom(c.encode_utf8(&mut [0; 4])),
            }
        }
        match self.open {
            0 => Ok(self.out),
            _ => self.wrong("missing closing )", self.pattern),
        }
    }

    /// `excerpt` is a part of the pattern: it is where the mistake is.
    fn wrong<T>(&self, problem: &str, excerpt: &str) -> Result<T, Mistake> {
        let text = format!("error parsing regexp: {problem}: `{excerpt}`");
        let start = excerpt.as_ptr().addr().wrapping_sub(self.pattern.as_ptr().addr());
        let is_part = excerpt.len() < self.pattern.len();
        Err(Mistake { text, at: is_part.then(|| start..start + excerpt.len()) })
    }

    fn atom(&mut self, text: &str) {
        self.out.push_str(text);
        (self.operand, self.repeated) = (true, None);
    }

    fn repeat(&mut self, at: usize, end: usize) -> Result<(), Mistake> {
        let operator = &self.pattern[at..end];
        if !self.operand {
            return self.wrong("missing argument to repetition operator", operator);
        }
        if let Some(first) = self.repeated {
            return self.wrong("invalid nested repetition operator", &self.pattern[first..end]);
        }
        while self.chars.next_if(|(i, _)| *i < end).is_some() {}
        self.out.push_str(operator);
        if operator.starts_with('{') && too_often(operator) {
            return self.wrong("invalid repeat count", operator);
        }
        if self.chars.next_if(|(_, c)| *c == '?').is_some() {
            self.out.push('?');
        }
        self.repeated = Some(at);
        Ok(())
    }

    fn group(&mut self, at: usize) -> Result<(), Mistake> {
        self.open += 1;
        (self.operand, self.repeated) = (false, None);
        let rest = &self.pattern[at..];
        if !rest.starts_with("(?") {
            self.out.push('(');
            return Ok(());
        }
        let named = rest.strip_prefix("(?P<").or_else(|| rest.strip_prefix("(?<"));
        let head = if let Some(name) = named.filter(|it| !it.starts_with(['=', '!'])) {
            let start = rest.len() - name.len();
            let Some(end) = name.find('>') else {
                return self.wrong("invalid named capture", rest);
            };
            let valid = name[..end].chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            if end == 0 || !valid {
                return self.wrong("invalid named capture", &rest[..=start + end]);
            }
            self.named(&name[..end]);
            start + end + 1
        } else {
            let flags = rest[2..].find(|c: char| !matches!(c, 'i' | 'm' | 's' | 'U' | '-'));
            let end = flags.map_or(rest.len(), |it| it + 2);
            match rest[end..].chars().next() {
                Some(c @ (')' | ':')) => {
                    self.out.push_str(&rest[..=end]);
                    if c == ')' {
                        self.open -= 1;
                    }
                    end + 1
                }
                None => return self.wrong("missing closing )", self.pattern),
                Some(c) => {
                    let end = end + c.len_utf8();
                    return self.wrong("invalid or unsupported Perl syntax", &rest[..end]);
                }
            }
        };
        while self.chars.next_if(|(i, _)| *i < at + head).is_some() {}
        Ok(())
    }

    /// Go takes several groups of one name, and who asks for the name gets the last of them; so the others lose it.
    fn named(&mut self, name: &'p str) {
        if let Some(index) = self.names.iter().position(|it| it.0 == name) {
            let (_, start) = self.names.remove(index);
            let head = "(?P<>".len() + name.len();
            self.out.replace_range(start..start + head, "(");
            self.names.iter_mut().filter(|it| it.1 > start).for_each(|it| it.1 -= head - 1);
        }
        self.names.push((name, self.out.len()));
        write!(self.out, "(?P<{name}>").ok();
    }

    fn escape(&mut self, at: usize) -> Result<(), Mistake> {
        let Some((next, c)) = self.chars.next() else {
            let text =
                "error parsing regexp: trailing backslash at end of expression: ``".to_owned();
            return Err(Mistake { text, at: Some(at..at + 1) });
        };
        let text = match c {
            'A' => "\\A",
            'z' => "\\z",
            'b' => "(?-u:\\b)",
            'B' => "(?-u:\\B)",
            'C' => "(?s:.)",
            'd' => "[0-9]",
            'D' => "[^0-9]",
            'w' => "[0-9A-Za-z_]",
            'W' => "[^0-9A-Za-z_]",
            's' => "[\\t\\n\\x0c\\r ]",
            'S' => "[^\\t\\n\\x0c\\r ]",
            'p' | 'P' => {
                let class = self.unicode_class(at)?;
                self.atom(&class);
                return Ok(());
            }
            'Q' => {
                let rest = &self.pattern[next + 1..];
                let literal = rest.find("\\E").map_or(rest, |end| &rest[..end]);
                let escaped = regex::escape(literal);
                let end = (next + 1 + literal.len() + 2).min(self.pattern.len());
                while self.chars.next_if(|(i, _)| *i < end).is_some() {}
                if !escaped.is_empty() {
                    self.atom(&escaped);
                }
                return Ok(());
            }
            'E' => return Ok(()),
            _ => {
                let literal = self.literal(at, c)?;
                self.atom(&literal);
                return Ok(());
            }
        };
        self.atom(text);
        Ok(())
    }

    /// An escaped single character, ready for a class or outside of one.
    fn literal(&mut self, at: usize, c: char) -> Result<String, Mistake> {
        let code = match c {
            'a' => 7,
            'f' => 12,
            'n' => 10,
            'r' => 13,
            't' => 9,
            'v' => 11,
            'x' => return self.hex(at),
            '0'..='7' => {
                let mut code = c.to_digit(8).unwrap_or(0);
                let mut more = 0;
                while more < 2
                    && let Some((_, c)) = self.chars.next_if(|(_, c)| c.is_digit(8))
                {
                    code = code * 8 + c.to_digit(8).unwrap_or(0);
                    more += 1;
                }
                // A single digit other than 0 would be a backreference.
                if more == 0 && c != '0' {
                    return self.wrong("invalid escape sequence", &self.pattern[at..at + 2]);
                }
                code
            }
            c if c.is_ascii() && !c.is_ascii_alphanumeric() => u32::from(c),
            c => {
                let end = at + 1 + c.len_utf8();
                return self.wrong("invalid escape sequence", &self.pattern[at..end]);
            }
        };
        Ok(format!("\\x{{{code:x}}}"))
    }

    fn hex(&mut self, at: usize) -> Result<String, Mistake> {
        let rest = &self.pattern[at + 2..];
        let (digits, len) = match rest.strip_prefix('{') {
            Some(inside) => {
                let end = inside.find('}').unwrap_or(inside.len());
                (&inside[..end], end + 2)
            }
            None => (rest.get(..2).unwrap_or(""), 2),
        };
        let code = u32::from_str_radix(digits, 16).ok().filter(|it| *it <= 0x10_ffff);
        let Some(code) = code else {
            let end = (at + 2 + len).min(self.pattern.len());
            let excerpt = self.pattern.get(at..end).unwrap_or(&self.pattern[at..]);
            return self.wrong("invalid escape sequence", excerpt);
        };
        while self.chars.next_if(|(i, _)| *i < at + 2 + len).is_some() {}
        Ok(format!("\\x{{{code:x}}}"))
    }

    fn unicode_class(&mut self, at: usize) -> Result<String, Mistake> {
        let rest = &self.pattern[at..];
        let len = match rest[2..].chars().next() {
            Some('{') => rest.find('}').map(|it| it + 1),
            Some(c) => Some(2 + c.len_utf8()),
            None => None,
        };
        let Some(len) = len else { return self.wrong("invalid character class range", rest) };
        while self.chars.next_if(|(i, _)| *i < at + len).is_some() {}
        Ok(rest[..len].to_owned())
    }

    fn class(&mut self, at: usize) -> Result<(), Mistake> {
        let mut out = String::from("[");
        if self.chars.next_if(|(_, c)| *c == '^').is_some() {
            out.push('^');
        }
        let mut first = true;
        loop {
            let Some((i, c)) = self.chars.next() else {
                return self.wrong("missing closing ]", &self.pattern[at..]);
            };
            match c {
                ']' if !first => break,
                '[' if self.pattern[i..].starts_with("[:") => {
                    let rest = &self.pattern[i..];
                    let Some(len) = rest.find(":]").map(|it| it + 2) else {
                        out.push_str("\\[");
                        first = false;
                        continue;
                    };
                    out.push_str(&rest[..len]);
                    while self.chars.next_if(|(j, _)| *j < i + len).is_some() {}
                }
                '\\' => {
                    let Some((_, c)) = self.chars.next() else {
                        return self.wrong("missing closing ]", &self.pattern[at..]);
                    };
                    match c {
                        'd' => out.push_str("0-9"),
                        'D' => out.push_str("[^0-9]"),
                        'w' => out.push_str("0-9A-Za-z_"),
                        'W' => out.push_str("[^0-9A-Za-z_]"),
                        's' => out.push_str("\\t\\n\\x0c\\r "),
                        'S' => out.push_str("[^\\t\\n\\x0c\\r ]"),
                        'p' | 'P' => out.push_str(&self.unicode_class(i)?),
                        c => out.push_str(&self.literal(i, c)?),
                    }
                }
                // A hyphen at an end is itself, elsewhere a range.
                '-' if first || self.pattern[i + 1..].starts_with(']') => out.push_str("\\-"),
                '-' => out.push('-'),
                '[' | ']' | '&' | '~' | '^' | '#' => {
                    out.push('\\');
                    out.push(c);
                }
                c => out.push(c),
            }
            first = false;
        }
        out.push(']');
        self.atom(&out);
        Ok(())
    }
}

/// Length of `{n}`, `{n,}` or `{n,m}` at the start.
fn counted(text: &str) -> Option<usize> {
    let end = text.find('}')?;
    let inside = &text[1..end];
    let (least, most) = inside.split_once(',').unwrap_or((inside, ""));
    let digits = |it: &str| it.bytes().all(|it| it.is_ascii_digit());
    (!least.is_empty() && digits(least) && digits(most)).then_some(end + 1)
}

fn too_often(operator: &str) -> bool {
    let inside = operator.trim_matches(['{', '}']);
    let mut counts = inside.split(',').filter(|it| !it.is_empty()).map(str::parse::<u32>);
    counts.any(|it| it.map_or(true, |it| it > 1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        compile(pattern).unwrap().is_match(text)
    }

    fn refused(pattern: &str, want: &str) {
        assert_eq!(compile(pattern).unwrap_err().text, format!("error parsing regexp: {want}"));
    }

    #[test]
    fn what_the_crate_reads_differently_is_read_as_go_does() {
        assert!(matches("^{.*}$", "{\"a\":1}"));
        assert!(!matches(r"^\d$", "\u{663}"));
        assert!(matches(r"^[^[]+$", "abc"));
        assert!(!matches(r"^[^[]+$", "a[c"));
        assert!(matches(r"\Qa.b\E+$", "a.bbb"));
        assert!(matches(r"a\<b\/\-\_\101", "a<b/-_A"));
        assert!(matches("[a&&b]", "&"));
        assert!(matches("[a-z-]+", "-"));
        assert!(matches(r"(?i)STRASSE\z", "strasse"));
        assert!(matches("[]a]", "]"));
        assert!(matches("^[[:alpha:]]+$", "abc"));
        assert!(!matches("^[[:alpha:]]+$", "ab1"));
        assert!(matches("a{,2}", "a{,2}"));
        assert!(matches(r"^\S+ \W$", "x !"));
        assert!(matches(r"[\d\-\]]{3}", "1-]"));
        assert!(matches("\\x{e9}\\xe9", "\u{e9}\u{e9}"));
    }

    #[test]
    fn groups_have_both_spellings_of_names() {
        let regex = compile(r"^(?P<a>\d+)(?<b>x)?$").unwrap();
        assert_eq!(regex.capture_names().flatten().collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn of_groups_with_one_name_the_last_one_has_it() {
        let regex = compile("(?P<a>x)(?P<b>y)(?P<a>z)(?<b>w)(?P<a>v)").unwrap();
        let found = regex.captures("xyzwv").unwrap();
        assert_eq!((&found["a"], &found["b"], found.len()), ("v", "w", 6));
    }

    #[test]
    fn mistakes_have_gos_text() {
        refused("(?P<a>", "missing closing ): `(?P<a>`");
        refused("a)", "unexpected ): `a)`");
        refused("[a", "missing closing ]: `[a`");
        refused("*a", "missing argument to repetition operator: `*`");
        refused("a**", "invalid nested repetition operator: `**`");
        refused("(?=a)", "invalid or unsupported Perl syntax: `(?=`");
        refused("(?<!a)", "invalid or unsupported Perl syntax: `(?<`");
        refused("a\\", "trailing backslash at end of expression: ``");
        refused(r"\y", r"invalid escape sequence: `\y`");
        refused(r"a\1", r"invalid escape sequence: `\1`");
        refused("a{1001}", "invalid repeat count: `{1001}`");
        refused("(?P<a b>x)", "invalid named capture: `(?P<a b>`");
    }
}
