//! The elements of a JSON array as they are written: found by quotes and brackets alone, 64 bytes at
//! a time, without reading what is in them.

use std::ops::Range;

use super::{END, JsonError};

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;
/// Bytes that are looked at together, a bit for each.
const BLOCK_BYTES: usize = 64;
/// Makes `{` of `[` and `}` of `]`.
const CURLY: u8 = 0x20;

/// Where the elements of an array stand, one after another. Brackets and strings are closed; what
/// else is wrong inside of an element shows when it is read.
#[derive(Debug)]
pub struct Elements<'a> {
    ends: Ends<'a>,
    /// Where the next element begins; `None` after the last.
    start: Option<usize>,
    first: bool,
}

impl<'a> Elements<'a> {
    /// Those of the array in `text`; `None` when it begins as something else.
    pub fn new(text: &'a str) -> Option<Self> {
        let at = text.len() - text.trim_start_matches(is_blank).len();
        text[at..].starts_with('[').then(|| Self {
            ends: Ends { bytes: text.as_bytes(), next: at, ..Ends::default() },
            start: Some(at + 1),
            first: true,
        })
    }

    fn element(&mut self, start: usize) -> Result<Option<Range<usize>>, JsonError> {
        let bytes = self.ends.bytes;
        let end = self.ends.next().ok_or(JsonError { problem: END, at: bytes.len() })?;
        let is_last = bytes.get(end) != Some(&b',');
        if is_last {
            let rest = bytes.get(end + 1..).unwrap_or_default();
            if let Some(at) = rest.iter().position(|it| !is_blank(char::from(*it))) {
                let problem = "invalid character after top-level value";
                return Err(JsonError { problem, at: end + 1 + at });
            }
        } else {
            self.start = Some(end + 1);
        }
        let raw = bytes.get(start..end).unwrap_or_default();
        let blank = |it: &&u8| is_blank(char::from(**it));
        let before = raw.iter().take_while(blank).count();
        let after = raw.iter().rev().take_while(blank).count();
        if before < raw.len() {
            return Ok(Some(start + before..end - after));
        }
        if is_last && self.first {
            return Ok(None);
        }
        Err(JsonError { problem: "invalid character looking for beginning of value", at: end })
    }
}

impl Iterator for Elements<'_> {
    type Item = Result<Range<usize>, JsonError>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.start.take()?;
        let element = self.element(start);
        self.first = false;
        element.transpose()
    }
}

/// What may stand between two tokens.
pub fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

/// The ends of elements: commas between them, and the bracket after the last.
#[derive(Debug, Default)]
struct Ends<'a> {
    bytes: &'a [u8],
    /// The block that is looked at, and the one after it.
    block: usize,
    next: usize,
    /// Brackets and commas of this block that have still to be looked at.
    pending: u64,
    /// All ones when the next block begins inside of a string.
    in_string: u64,
    /// 1 when the first byte of the next block follows a backslash.
    escaped: u64,
    depth: u32,
}

impl Ends<'_> {
    fn next(&mut self) -> Option<usize> {
        loop {
            while self.pending != 0 {
                let at = self.block + self.pending.trailing_zeros() as usize;
                self.pending &= self.pending - 1;
                match self.bytes.get(at)? {
                    b'[' | b'{' => self.depth += 1,
                    b',' if self.depth == 1 => return Some(at),
                    b',' => {}
                    _ => {
                        self.depth -= 1;
                        if self.depth == 0 {
                            return Some(at);
                        }
                    }
                }
            }
            self.look()?;
        }
    }

    /// Looks at the next block.
    fn look(&mut self) -> Option<()> {
        let rest = self.bytes.get(self.next..).filter(|it| !it.is_empty())?;
        let padded;
        let block = if let Some(whole) = rest.first_chunk() {
            whole
        } else {
            let mut all = [b' '; BLOCK_BYTES];
            all[..rest.len()].copy_from_slice(rest);
            padded = all;
            &padded
        };
        self.block = self.next;
        self.next += rest.len().min(BLOCK_BYTES);
        let [mut quotes, backslashes, opens, closes] = classes(block);
        if backslashes | self.escaped != 0 {
            quotes &= !self.escapes(backslashes);
        }
        let strings = between(quotes) ^ self.in_string;
        self.in_string = 0_u64.wrapping_sub(strings >> 63);
        let (opens, closes) = (opens & !strings, closes & !strings);
        if self.depth > closes.count_ones() + 1 {
            // No end of an element is that near.
            self.depth = self.depth + opens.count_ones() - closes.count_ones();
        } else {
            self.pending = opens | closes | (commas(block) & !strings);
        }
        Some(())
    }

    /// The bytes that follow a backslash which is not itself escaped.
    fn escapes(&mut self, backslashes: u64) -> u64 {
        let mut escaped = self.escaped;
        let mut left = backslashes & !escaped;
        self.escaped = 0;
        while left != 0 {
            let at = left.trailing_zeros();
            match at {
                63 => self.escaped = 1,
                _ => escaped |= 2 << at,
            }
            left &= left - 1;
            left &= !escaped;
        }
        escaped
    }
}

/// Quotes, backslashes, opening and closing brackets.
fn classes(block: &[u8; BLOCK_BYTES]) -> [u64; 4] {
    let mut masks = [0; 4];
    for (at, word) in words(block) {
        let curly = word | (ONES * u64::from(CURLY));
        masks[0] |= equal(word, b'"') << at;
        masks[1] |= equal(word, b'\\') << at;
        masks[2] |= equal(curly, b'{') << at;
        masks[3] |= equal(curly, b'}') << at;
    }
    masks
}

fn commas(block: &[u8; BLOCK_BYTES]) -> u64 {
    words(block).fold(0, |mask, (at, word)| mask | equal(word, b',') << at)
}

/// Eight bytes each, with the number of the first.
fn words(block: &[u8; BLOCK_BYTES]) -> impl Iterator<Item = (usize, u64)> {
    let (words, _) = block.as_chunks::<8>();
    words.iter().enumerate().map(|(at, it)| (at * 8, u64::from_le_bytes(*it)))
}

/// A bit for each of eight bytes that is `byte`.
#[inline]
fn equal(word: u64, byte: u8) -> u64 {
    let other = word ^ (ONES * u64::from(byte));
    // The high bit of a byte is set where it is not 0; no carry leaves a byte.
    let zero = !(((other & !HIGH) + !HIGH) | other) & HIGH;
    // The product has the high bits side by side in its top byte.
    (zero >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

/// The bits from each first quote to before its second.
fn between(mut quotes: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        quotes ^= quotes << shift;
    }
    quotes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn split(text: &str) -> Result<Vec<&str>, JsonError> {
        Elements::new(text).unwrap().map(|it| it.map(|it| &text[it])).collect()
    }

    #[test]
    fn elements_are_found_as_they_are_written() {
        assert_eq!(split("[]"), Ok(vec![]));
        assert_eq!(split(" [ ] \n"), Ok(vec![]));
        assert_eq!(
            split(r#"[ 1 , "a,]\"" ,{"k": [1, 2]} ]"#),
            Ok(vec!["1", r#""a,]\"""#, r#"{"k": [1, 2]}"#])
        );
        assert!(Elements::new("{}").is_none() && Elements::new("").is_none());
    }

    #[test]
    fn what_is_not_closed_missing_or_too_much_is_an_error() {
        for (text, problem, at) in [
            ("[1, 2", END, 5),
            ("[\"a]", END, 4),
            ("[{\"a\":1]", END, 8),
            ("[1,]", "invalid character looking for beginning of value", 3),
            ("[,1]", "invalid character looking for beginning of value", 1),
            ("[1] x", "invalid character after top-level value", 4),
        ] {
            assert_eq!(split(text), Err(JsonError { problem, at }), "{text}");
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let text = r#"[a-z"\\\[\]{}, \u{e4}]{0,70}"#;
        let leaf = prop_oneof![
            any::<i32>().prop_map(|it| json!(it)),
            text.prop_map(Value::from),
            Just(Value::Null)
        ];
        leaf.prop_recursive(4, 40, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::hash_map(text, inner, 0..6)
                    .prop_map(|it| it.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_array_is_split_into_what_it_was_made_of(
            all in prop::collection::vec(value(), 0..8),
            pretty: bool,
        ) {
            let write = if pretty { serde_json::to_string_pretty } else { serde_json::to_string };
            let text = write(&all).unwrap();
            let parts = split(&text).unwrap();
            let read: Vec<Value> = parts.iter().map(|it| serde_json::from_str(it).unwrap()).collect();
            prop_assert_eq!(read, all);
        }

        #[test]
        fn no_text_makes_it_panic(text in r#"[\[\]{}",\\a :]{0,200}"#) {
            Elements::new(&text).into_iter().flatten().for_each(drop);
        }
    }
}
