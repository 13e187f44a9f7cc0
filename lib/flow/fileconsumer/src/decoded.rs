//! A block of a file as UTF-8, for patterns: they are about characters, and what they find has to be found again in
//! the file.

use golang::charset::by_table;

use crate::encoding::Encoding;

/// UTF-8 of one byte in an encoding of the web: at most a character that was wrong and one that follows it.
const UTF8_BYTES_MAX: usize = 16;

/// A block as UTF-8, and where it comes from.
#[derive(Debug)]
pub(crate) struct Decoded {
    text: String,
    /// For each byte of the block how long the text is after it. A character appears with its last byte.
    lengths: Vec<usize>,
}

impl Decoded {
    /// A character that is cut by the end of the block is left out.
    pub(crate) fn new(encoding: Encoding, block: &[u8]) -> Self {
        let text = String::with_capacity(block.len());
        let mut decoded = Self { text, lengths: Vec::with_capacity(block.len()) };
        match encoding {
            Encoding::Utf16Le => decoded.utf16(block, u16::from_le_bytes),
            Encoding::Utf16Be => decoded.utf16(block, u16::from_be_bytes),
            Encoding::Page(table) => {
                for byte in block {
                    decoded.text.push(by_table(table, *byte));
                    decoded.lengths.push(decoded.text.len());
                }
            }
            Encoding::Web(encoding) => {
                decoded.web(block, encoding.new_decoder_without_bom_handling())
            }
            Encoding::Utf8 | Encoding::Utf8Raw | Encoding::Nop => {
                encoding.decode(block, &mut decoded.text);
                decoded.lengths = (1..=block.len()).collect();
            }
        }
        decoded
    }

    fn utf16(&mut self, block: &[u8], unit: fn([u8; 2]) -> u16) {
        let mut first_half = None;
        for pair in block.as_chunks::<2>().0 {
            self.lengths.push(self.text.len());
            let now = unit(*pair);
            let both = first_half.take().map(|it| [it, now]);
            if let Some(Ok(it)) = both.and_then(|it| char::decode_utf16(it).next()) {
                self.text.push(it);
            } else {
                self.text.extend(both.map(|_| char::REPLACEMENT_CHARACTER));
                match now {
                    0xd800..0xdc00 => first_half = Some(now),
                    _ => self
                        .text
                        .push(char::from_u32(now.into()).unwrap_or(char::REPLACEMENT_CHARACTER)),
                }
            }
            self.lengths.push(self.text.len());
        }
    }

    fn web(&mut self, block: &[u8], mut decoder: encoding_rs::Decoder) {
        let mut utf8 = [0; UTF8_BYTES_MAX];
        for byte in block {
            let (_, _, written, _) = decoder.decode_to_utf8(&[*byte], &mut utf8, false);
            let written = utf8.get(..written).unwrap_or_default();
            self.text.push_str(&String::from_utf8_lossy(written));
            self.lengths.push(self.text.len());
        }
    }

    /// The text from an offset on.
    pub(crate) fn from(&self, at: usize) -> &[u8] {
        self.text.as_bytes().get(at..).unwrap_or_default()
    }

    /// The first offset from there on at which a character begins.
    pub(crate) fn whole(&self, at: usize) -> usize {
        (at..self.text.len()).find(|it| self.text.is_char_boundary(*it)).unwrap_or(self.text.len())
    }

    /// How many bytes of the block make so much of the text.
    pub(crate) fn source(&self, at: usize) -> usize {
        if at == 0 { 0 } else { self.lengths.partition_point(|it| *it < at) + 1 }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::encoding::parse;

    #[test]
    fn what_is_found_in_the_text_is_found_again_in_the_file() {
        let check = |name: &str, block: &[u8], text: &str, sources: &[usize]| {
            let decoded = Decoded::new(parse(name).unwrap(), block);
            assert_eq!(decoded.text, text, "{name}");
            let mut at: Vec<usize> = text.char_indices().map(|it| it.0).collect();
            at.push(text.len());
            let got: Vec<usize> = at.into_iter().map(|it| decoded.source(it)).collect();
            assert_eq!(got, sources, "{name}");
        };
        check("utf-16le", b"a\0\x3d\xd8\x00\xdeb\0", "a\u{1f600}b", &[0, 2, 6, 8]);
        check("utf-16be", b"\xd8\x3d\0a\0", "\u{fffd}a", &[0, 4, 4]);
        check("utf-16be", b"\xd8\x3d\xd8\x3d\xde\x00", "\u{fffd}\u{1f600}", &[0, 4, 6]);
        check("gbk", b"a\xc4\xe3b\xba", "a\u{4f60}b", &[0, 1, 3, 4]);
        check("shift_jis", b"\x83\x65\n\x83", "\u{30c6}\n", &[0, 2, 3]);
        check("latin1", b"\xe9a", "\u{e9}a", &[0, 1, 2]);
    }

    proptest! {
        #[test]
        fn a_block_is_the_text_that_its_encoding_makes_of_it(
            bytes in prop::collection::vec(any::<u8>(), 0..60),
            name in prop::sample::select(vec!["utf-16le", "utf-16be", "gb18030", "big5", "euc-kr", "cp850"]),
        ) {
            let encoding = parse(name).unwrap();
            let decoded = Decoded::new(encoding, &bytes);
            let mut whole = String::new();
            encoding.decode(&bytes, &mut whole);
            prop_assert!(whole.starts_with(&decoded.text), "{:?} {:?}", whole, decoded.text);
            prop_assert!(decoded.source(decoded.text.len()) <= bytes.len());
        }
    }
}
