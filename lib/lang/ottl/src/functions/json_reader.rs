//! JSON texts to values, as leniently as the decoder of OTTL (github.com/goccy/go-json): control signs may
//! stand in strings, numbers may begin with zeros. `golang::json` has the same dialect, but not the Collector's texts.

use std::borrow::Cow;

use crate::value::{List, Map, Value};
use golang::strconv::parse_float;

/// Nesting that is followed, in levels.
const DEPTH_MAX: usize = 128;

/// The value of a whole text.
pub(super) fn read<'a>(text: &str) -> Result<Value<'a>, String> {
    let mut reader = Reader { text, at: 0, depth: 0 };
    let value = reader.value()?;
    match reader.peek() {
        None => Ok(value),
        Some(sign) => Err(format!("invalid character {sign:?} after top-level value")),
    }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

impl<'t> Reader<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The next sign that is no blank.
    fn peek(&mut self) -> Option<char> {
        let rest = self.rest();
        let bare = rest.trim_start_matches([' ', '\t', '\n', '\r']);
        self.at += rest.len() - bare.len();
        bare.chars().next()
    }

    fn accept(&mut self, sign: char) -> bool {
        let found = self.peek() == Some(sign);
        self.at += if found { sign.len_utf8() } else { 0 };
        found
    }

    /// The next sign, or the zero byte at the end, which is what the Collector's decoder meets there.
    fn sign(&mut self) -> char {
        self.peek().unwrap_or('\0')
    }

    fn no_value<T>(&mut self) -> Result<T, String> {
        Err(format!("invalid character '{}' looking for beginning of value", self.sign()))
    }

    /// `true` and the like: the first letter has been seen.
    fn word<'a>(&mut self, word: &str, value: Value<'a>) -> Result<Value<'a>, String> {
        let mut signs = self.rest().chars().chain(std::iter::repeat('\0'));
        if let Some((_, got)) = word.chars().zip(&mut signs).find(|(want, got)| want != got) {
            return Err(format!("json: invalid character {got} as {word}"));
        }
        self.at += word.len();
        Ok(value)
    }

    fn value<'a>(&mut self) -> Result<Value<'a>, String> {
        match self.peek() {
            Some('{') => self.deeper(Self::object),
            Some('[') => self.deeper(Self::array),
            Some('"') => Ok(self.string()?.into()),
            Some('-' | '0'..='9') => self.number(),
            Some('t') => self.word("true", Value::Bool(true)),
            Some('f') => self.word("false", Value::Bool(false)),
            Some('n') => self.word("null", Value::Nil),
            _ => self.no_value(),
        }
    }

    fn deeper<'a>(
        &mut self,
        read: fn(&mut Self) -> Result<Value<'a>, String>,
    ) -> Result<Value<'a>, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!("exceeded max depth of {DEPTH_MAX}"));
        }
        self.at += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn array<'a>(&mut self) -> Result<Value<'a>, String> {
        let mut items = Vec::new();
        if !self.accept(']') {
            loop {
                items.push(self.value()?);
                if self.accept(']') {
                    break;
                }
                if !self.accept(',') {
                    return Err(format!("json: invalid character {} as slice", self.sign()));
                }
            }
        }
        Ok(Value::List(List::own(items)))
    }

    fn object<'a>(&mut self) -> Result<Value<'a>, String> {
        let mut entries: Vec<(Cow<'a, str>, Value<'a>)> = Vec::new();
        let mut places = std::collections::HashMap::new();
        if !self.accept('}') {
            loop {
                if self.peek() != Some('"') {
                    return self.no_value();
                }
                let key = self.string()?;
                if !self.accept(':') {
                    return Err("expected colon after object key".to_owned());
                }
                let value = self.value()?;
                // Of equal keys the last one counts.
                let place = *places.entry(key.clone()).or_insert(entries.len());
                match entries.get_mut(place) {
                    Some(entry) => entry.1 = value,
                    None => entries.push((key.into(), value)),
                }
                if self.accept('}') {
                    break;
                }
                if !self.accept(',') {
                    return Err("expected comma after object value".to_owned());
                }
            }
        }
        Ok(Value::Map(Map::own(entries)))
    }

    fn number<'a>(&mut self) -> Result<Value<'a>, String> {
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_digit() && !"+-.eE".contains(c));
        let digits = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        self.at += digits.len();
        parse_float(digits).map(Value::Double)
    }

    fn string(&mut self) -> Result<String, String> {
        self.at += 1;
        let mut all = String::new();
        loop {
            let rest = self.rest();
            let Some(end) = rest.find(['"', '\\']) else {
                self.at = self.text.len();
                return Err("json: string unexpected end of JSON input".to_owned());
            };
            let (plain, special) = rest.split_at(end);
            all.push_str(plain);
            self.at += end + 1;
            if special.starts_with('"') {
                return Ok(all);
            }
            let sign = self.rest().chars().next().unwrap_or('\0');
            self.at += sign.len_utf8();
            all.push(match sign {
                '"' | '\\' | '/' => sign,
                'b' => '\x08',
                'f' => '\x0c',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'u' => self.escape()?,
                other => {
                    return Err(format!("invalid character {other:?} in string escape code"));
                }
            });
        }
    }

    /// Behind `\u`; halves of a pair that are alone become U+FFFD.
    fn escape(&mut self) -> Result<char, String> {
        let first = self.unit()?;
        let mut code = u32::from(first);
        if (0xd800..0xdc00).contains(&first) && self.rest().starts_with("\\u") {
            let before = self.at;
            self.at += 2;
            let second = self.unit()?;
            if (0xdc00..0xe000).contains(&second) {
                code = 0x10000 + ((code - 0xd800) << 10) + (u32::from(second) - 0xdc00);
            } else {
                self.at = before;
            }
        }
        Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn unit(&mut self) -> Result<u16, String> {
        let digits = self.rest().get(..4).filter(|it| it.bytes().all(|it| it.is_ascii_hexdigit()));
        let digits = digits.ok_or("invalid character in \\u hexadecimal character escape")?;
        self.at += 4;
        u16::from_str_radix(digits, 16).map_err(|it| it.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_told_as_by_the_decoder_of_the_collector() {
        for (text, want) in [
            ("{", "invalid character '\0' looking for beginning of value"),
            ("{a:1}", "invalid character 'a' looking for beginning of value"),
            ("{\"a\" 1}", "expected colon after object key"),
            ("{\"a\":1", "expected comma after object value"),
            ("[1 2]", "json: invalid character 2 as slice"),
            ("\"a", "json: string unexpected end of JSON input"),
            ("tru", "json: invalid character \0 as true"),
            ("not json", "json: invalid character o as null"),
            ("bad", "invalid character 'b' looking for beginning of value"),
        ] {
            assert_eq!(read(text).unwrap_err(), want, "{text}");
        }
    }
}
