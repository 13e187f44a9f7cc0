//! XML to tokens, as strictly as Go's encoding/xml: its rules and its messages, without namespaces.

use std::borrow::Cow;

/// Elements that may be open at once.
const DEPTH_MAX: usize = 256;

/// A name with what stands before its colon.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Name {
    pub(super) prefix: String,
    pub(super) local: String,
}

/// An attribute of an element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attribute {
    pub(super) name: Name,
    pub(super) value: String,
}

/// A piece of a document.
#[derive(Debug)]
pub(super) enum Token {
    Start(Name, Vec<Attribute>),
    End,
    Text(String),
    Cdata(String),
    Comment(String),
    Instruction { target: String, content: String },
    Directive(String),
}

/// Reads tokens.
pub(super) struct Tokens<'t> {
    text: &'t str,
    at: usize,
    open: Vec<Name>,
    /// The element that was just read has no content, so that its end comes next.
    closes: bool,
}

impl<'t> Tokens<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, at: 0, open: Vec::new(), closes: false }
    }

    /// Bytes that are read.
    pub(super) fn offset(&self) -> usize {
        self.at
    }

    /// The next token; nothing at the end of the text.
    pub(super) fn next(&mut self) -> Result<Option<Token>, String> {
        if std::mem::take(&mut self.closes) {
            self.open.pop();
            return Ok(Some(Token::End));
        }
        let rest = self.rest();
        if rest.is_empty() {
            return if self.open.is_empty() { Ok(None) } else { self.wrong("unexpected EOF") };
        }
        let token = if self.accept("</") {
            self.end()?
        } else if self.accept("<?") {
            self.instruction()?
        } else if self.accept("<!--") {
            let content = self.until("--")?;
            if !self.accept(">") {
                return self.wrong("invalid sequence \"--\" not allowed in comments");
            }
            Token::Comment(content.to_owned())
        } else if self.accept("<!-") {
            return self.wrong("invalid sequence <!- not part of <!--");
        } else if self.accept("<![CDATA[") {
            let content = self.until("]]>")?;
            Token::Cdata(lines(content).into_owned())
        } else if self.accept("<![") {
            return self.wrong("invalid <![ sequence");
        } else if self.accept("<!") {
            self.directive()?
        } else if self.accept("<") {
            self.start()?
        } else {
            let end = rest.find('<').unwrap_or(rest.len());
            let content = rest.get(..end).unwrap_or_default();
            if content.contains("]]>") {
                return self.wrong("unescaped ]]> not in CDATA section");
            }
            let content = self.unescaped(content)?;
            self.at += end;
            Token::Text(content)
        };
        Ok(Some(token))
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn wrong<T>(&self, problem: &str) -> Result<T, String> {
        let line = self.text.get(..self.at).unwrap_or_default().matches('\n').count() + 1;
        Err(format!("XML syntax error on line {line}: {problem}"))
    }

    fn accept(&mut self, mark: &str) -> bool {
        let found = self.rest().starts_with(mark);
        self.at += if found { mark.len() } else { 0 };
        found
    }

    fn skip_blanks(&mut self) {
        let rest = self.rest();
        let bare = rest.trim_start_matches([' ', '\t', '\n', '\r']);
        self.at += rest.len() - bare.len();
    }

    fn until(&mut self, mark: &str) -> Result<&'t str, String> {
        let Some((before, _)) = self.rest().split_once(mark) else {
            self.at = self.text.len();
            return self.wrong("unexpected EOF");
        };
        self.at += before.len() + mark.len();
        Ok(before)
    }

    /// A name, or `problem`.
    fn name(&mut self, problem: &str) -> Result<Name, String> {
        let part = |c: char| {
            c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '.' | '-') || c > '\u{7f}'
        };
        let rest = self.rest();
        let end = rest.find(|c| !part(c)).unwrap_or(rest.len());
        let text = rest.get(..end).unwrap_or_default();
        if end == rest.len() {
            self.at = self.text.len();
            return self.wrong("unexpected EOF");
        }
        if text.is_empty() || text.matches(':').count() > 1 {
            return self.wrong(problem);
        }
        self.at += end;
        let first = text.chars().next().unwrap_or(' ');
        if !(first.is_alphabetic() || matches!(first, '_' | ':')) {
            return self.wrong(&format!("invalid XML name: {text}"));
        }
        Ok(match text.split_once(':').filter(|it| !it.0.is_empty() && !it.1.is_empty()) {
            Some((prefix, local)) => Name { prefix: prefix.to_owned(), local: local.to_owned() },
            None => Name { prefix: String::new(), local: text.to_owned() },
        })
    }

    fn start(&mut self) -> Result<Token, String> {
        let name = self.name("expected element name after <")?;
        let mut attributes = Vec::new();
        loop {
            self.skip_blanks();
            if self.accept("/") {
                if !self.accept(">") {
                    return self.wrong("expected /> in element");
                }
                self.closes = true;
                break;
            }
            if self.accept(">") {
                break;
            }
            let name = self.name("expected attribute name in element")?;
            self.skip_blanks();
            if !self.accept("=") {
                return self.wrong("attribute name without = in element");
            }
            self.skip_blanks();
            let quote = if self.accept("\"") {
                "\""
            } else if self.accept("'") {
                "'"
            } else {
                return self.wrong("unquoted or missing attribute value in element");
            };
            let value = self.until(quote)?;
            if value.contains('<') {
                return self.wrong("unescaped < inside quoted string");
            }
            let value = self.unescaped(value)?;
            attributes.push(Attribute { name, value });
        }
        self.open.push(name.clone());
        if self.open.len() > DEPTH_MAX {
            return Err(format!("exceeded maximum XML nesting depth of {DEPTH_MAX}"));
        }
        Ok(Token::Start(name, attributes))
    }

    fn end(&mut self) -> Result<Token, String> {
        let name = self.name("expected element name after </")?;
        self.skip_blanks();
        if !self.accept(">") {
            let problem = format!("invalid characters between </{} and >", name.local);
            return self.wrong(&problem);
        }
        match self.open.pop() {
            Some(open) if open == name => Ok(Token::End),
            Some(open) => {
                self.wrong(&format!("element <{}> closed by </{}>", open.local, name.local))
            }
            None => self.wrong(&format!("unexpected end element </{}>", name.local)),
        }
    }

    fn instruction(&mut self) -> Result<Token, String> {
        let target = self.name("expected target name after <?")?.local;
        self.skip_blanks();
        let content = self.until("?>")?.to_owned();
        if target == "xml" {
            let version = declared(&content, "version");
            if !version.is_empty() && version != "1.0" {
                return Err(format!(
                    "xml: unsupported version {version:?}; only version 1.0 is supported"
                ));
            }
        }
        Ok(Token::Instruction { target, content })
    }

    /// `<!DOCTYPE ...>`, which may hold other marks and quotes.
    fn directive(&mut self) -> Result<Token, String> {
        let rest = self.rest();
        let (mut depth, mut quote) = (0, None);
        for (at, sign) in rest.char_indices() {
            match (quote, sign) {
                (Some(open), it) if open == it => quote = None,
                (Some(_), _) => {}
                (None, '"' | '\'') => quote = Some(sign),
                (None, '>') if depth == 0 => {
                    self.at += at + 1;
                    return Ok(Token::Directive(rest.get(..at).unwrap_or_default().to_owned()));
                }
                (None, '<') => depth += 1,
                (None, '>') => depth -= 1,
                _ => {}
            }
        }
        self.at = self.text.len();
        self.wrong("unexpected EOF")
    }

    /// Text with its entities resolved and line ends that are `\n`.
    fn unescaped(&self, text: &str) -> Result<String, String> {
        let text = lines(text);
        let mut out = String::with_capacity(text.len());
        let mut rest = text.as_ref();
        while let Some((before, after)) = rest.split_once('&') {
            out.push_str(before);
            let part = |c: char| c.is_alphanumeric() || matches!(c, '#' | '_' | '.' | '-' | ':');
            let end = after.find(|c| !part(c)).unwrap_or(after.len());
            let (name, behind) = after.split_at(end);
            let Some(behind) = behind.strip_prefix(';') else {
                let problem = format!("invalid character entity &{name} (no semicolon)");
                return self.wrong(&problem);
            };
            match entity(name) {
                Some(sign) => out.push(sign),
                None => return self.wrong(&format!("invalid character entity &{name};")),
            }
            rest = behind;
        }
        out.push_str(rest);
        let illegal = |c: &char| *c < ' ' && !matches!(c, '\t' | '\n' | '\r');
        match out.chars().find(illegal) {
            Some(sign) => self.wrong(&format!("illegal character code U+{:04X}", u32::from(sign))),
            None => Ok(out),
        }
    }
}

fn entity(name: &str) -> Option<char> {
    let code = match name {
        "lt" => return Some('<'),
        "gt" => return Some('>'),
        "amp" => return Some('&'),
        "apos" => return Some('\''),
        "quot" => return Some('"'),
        _ => name.strip_prefix('#')?,
    };
    let code = match code.strip_prefix('x') {
        Some(digits) => u32::from_str_radix(digits, 16).ok()?,
        None => code.parse().ok()?,
    };
    char::from_u32(code)
}

fn lines(text: &str) -> Cow<'_, str> {
    if text.contains('\r') {
        text.replace("\r\n", "\n").replace('\r', "\n").into()
    } else {
        text.into()
    }
}

/// What a declaration says: `version="1.0"`.
pub(super) fn declared<'c>(content: &'c str, name: &str) -> &'c str {
    let value = content.split_once(name).map(|it| it.1.trim_start());
    let value = value.and_then(|it| it.strip_prefix('=')).map(str::trim_start).unwrap_or_default();
    let quote = value.chars().next().filter(|it| matches!(it, '"' | '\''));
    let Some(quote) = quote else { return "" };
    value.split(quote).nth(1).unwrap_or_default()
}
