//! Character encodings of files: what ends a line and how its bytes become UTF-8.

use std::fmt::Write as _;

/// The encodings that are built in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    /// UTF-8; whoever makes text of it replaces invalid bytes.
    #[default]
    Utf8,
    /// Bytes, not text.
    Nop,
    /// UTF-16, low byte first.
    Utf16Le,
    /// UTF-16, high byte first.
    Utf16Be,
    /// ISO 8859-1: each byte is the code point of that number.
    Latin1,
    /// Windows code page 1252: ISO 8859-1 with printable characters at 80 to 9f.
    Windows1252,
}

/// What `windows-1252` has at 80 to 9f. The encoding standard, index windows-1252.
const WINDOWS_1252: [u16; 32] = [
    0x20ac, 0x81, 0x201a, 0x192, 0x201e, 0x2026, 0x2020, 0x2021, 0x2c6, 0x2030, 0x160, 0x2039,
    0x152, 0x8d, 0x17d, 0x8f, 0x90, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x2dc,
    0x2122, 0x161, 0x203a, 0x153, 0x9d, 0x17e, 0x178,
];

/// Names that the Collector reads through the IANA register and that are not built in yet.
const KNOWN_ELSEWHERE: [&str; 10] = [
    "gbk",
    "gb2312",
    "gb18030",
    "big5",
    "shift_jis",
    "euc-jp",
    "euc-kr",
    "iso-2022-jp",
    "hz-gb-2312",
    "macintosh",
];

impl Encoding {
    /// Reads `encoding:`.
    ///
    /// # Errors
    /// In the Collector's words for unknown names; in ours for those that it knows and this program does not.
    pub fn parse(name: &str) -> Result<Self, String> {
        match name.to_ascii_lowercase().as_str() {
            "" | "utf-8" | "utf8" | "ascii" | "us-ascii" | "utf-8-raw" => Ok(Self::Utf8),
            "nop" => Ok(Self::Nop),
            "utf-16" | "utf16" | "utf-16le" => Ok(Self::Utf16Le),
            "utf-16be" => Ok(Self::Utf16Be),
            "iso-8859-1" | "iso_8859-1" | "latin1" | "l1" => Ok(Self::Latin1),
            "windows-1252" => Ok(Self::Windows1252),
            other if is_known_elsewhere(other) => Err(format!(
                "encoding '{name}' is not built in; use utf-8, utf-16le, utf-16be, iso-8859-1, \
                 windows-1252 or nop, or convert the files"
            )),
            _ => Err(format!("unsupported encoding '{name}'")),
        }
    }

    /// Bytes of one code unit.
    pub(crate) fn unit(self) -> usize {
        match self {
            Self::Utf16Le | Self::Utf16Be => 2,
            _ => 1,
        }
    }

    /// True when the bytes can be handed on as they are.
    pub(crate) fn is_plain(self) -> bool {
        matches!(self, Self::Utf8 | Self::Nop)
    }

    /// Appends `bytes` as UTF-8.
    pub(crate) fn decode(self, bytes: &[u8], out: &mut String) {
        match self {
            Self::Utf8 | Self::Nop => out.push_str(&String::from_utf8_lossy(bytes)),
            Self::Utf16Le => utf16(bytes, u16::from_le_bytes, out),
            Self::Utf16Be => utf16(bytes, u16::from_be_bytes, out),
            Self::Latin1 => out.extend(bytes.iter().map(|it| char::from(*it))),
            Self::Windows1252 => out.extend(bytes.iter().map(|it| match it {
                0x80..=0x9f => {
                    let code = WINDOWS_1252[usize::from(it - 0x80)];
                    char::from_u32(u32::from(code)).unwrap_or(char::REPLACEMENT_CHARACTER)
                }
                other => char::from(*other),
            })),
        }
    }
}

fn is_known_elsewhere(name: &str) -> bool {
    KNOWN_ELSEWHERE.contains(&name)
        || ["iso-8859-", "windows-", "ibm", "koi8-"].iter().any(|it| name.starts_with(it))
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16, out: &mut String) {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let decoded = char::decode_utf16(pairs.iter().map(|it| unit(*it)));
    out.extend(decoded.map(|it| it.unwrap_or(char::REPLACEMENT_CHARACTER)));
    if !rest.is_empty() {
        let _ = out.write_char(char::REPLACEMENT_CHARACTER);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, bytes: &[u8], want: &str) {
        let mut text = String::new();
        Encoding::parse(name).unwrap().decode(bytes, &mut text);
        assert_eq!(text, want, "{name}");
    }

    #[test]
    fn bytes_become_text() {
        check("utf8", b"\xc5", "\u{fffd}");
        check("utf-16be", b"\xd8\x3d\xde\x00", "\u{1f600}");
        check("utf-16le", b"\x3d\xd8\x00\xde", "\u{1f600}");
        check("UTF-16", b"f\0o\0o", "fo\u{fffd}");
        check("iso-8859-1", b"caf\xe9", "caf\u{e9}");
        check("windows-1252", b"\x80\x9f\xe9", "\u{20ac}\u{178}\u{e9}");
    }

    #[test]
    fn unknown_and_missing_encodings_are_told_apart() {
        assert_eq!(Encoding::parse("klingon").unwrap_err(), "unsupported encoding 'klingon'");
        let missing = Encoding::parse("Shift_JIS").unwrap_err();
        assert!(missing.starts_with("encoding 'Shift_JIS' is not built in; use"), "{missing}");
    }
}
