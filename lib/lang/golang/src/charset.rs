//! Character encodings by the names that the Collector takes (`internal/coreinternal/textutils/encoding.go`, and the IANA
//! register as golang.org/x/text has it).

use std::collections::HashMap;
use std::sync::LazyLock;

/// How characters are written as bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Charset {
    /// UTF-8; whoever makes text of it replaces invalid bytes.
    #[default]
    Utf8,
    /// UTF-8 of which the bytes that make no character are kept: the rest of the character may be in the next line.
    Utf8Raw,
    /// Bytes, not text.
    Nop,
    /// UTF-16, low byte first.
    Utf16Le,
    /// UTF-16, high byte first.
    Utf16Be,
    /// A byte a character, by a table of all bytes, or of those from 80 where the others are ASCII.
    Page(&'static [u16]),
    /// One of several bytes a character.
    Web(&'static encoding_rs::Encoding),
}

/// Names that IANA knows and the Collector has no table for; others may be typing mistakes.
const WITHOUT_TABLE: [&str; 12] = [
    "gb2312",
    "tis-620",
    "utf-7",
    "utf-32",
    "utf-32le",
    "utf-32be",
    "iso-2022-kr",
    "iso-2022-cn",
    "iso-2022-cn-ext",
    "iso-2022-jp-2",
    "ibm500",
    "ibm1026",
];

/// The encodings of the register by their names.
static REGISTER: LazyLock<HashMap<&'static str, Charset>> = LazyLock::new(|| {
    let lines = include_str!("../data/encodings.tsv").lines();
    let rows = lines.filter(|it| !it.starts_with('#')).filter_map(|it| it.split_once('\t'));
    let rows = rows.filter_map(|(names, what)| Some((names, row(what)?)));
    rows.flat_map(|(names, it)| names.split(' ').map(move |name| (name, it))).collect()
});

fn row(what: &'static str) -> Option<Charset> {
    if let Some(label) = what.strip_prefix('=') {
        return Charset::of_web(label);
    }
    let codes = what.split(' ').map(|it| u16::from_str_radix(it, 16));
    let codes: Vec<u16> = codes.collect::<Result<_, _>>().ok()?;
    // The register is made once and lives as long as the process.
    Some(Charset::Page(Vec::leak(codes)))
}

impl Charset {
    /// By a name that the Collector takes.
    ///
    /// # Errors
    /// In the Collector's words.
    pub fn named(name: &str) -> Result<Self, String> {
        let lower = name.trim().to_ascii_lowercase();
        match lower.as_str() {
            "" | "utf-8" | "utf8" | "ascii" | "us-ascii" => Ok(Self::Utf8),
            "utf-8-raw" | "utf8-raw" => Ok(Self::Utf8Raw),
            "nop" => Ok(Self::Nop),
            "utf-16" | "utf16" => Ok(Self::Utf16Le),
            it if WITHOUT_TABLE.contains(&it) => {
                Err(format!("no charmap defined for encoding '{name}'"))
            }
            it => REGISTER.get(it).copied().ok_or_else(|| format!("unsupported encoding '{name}'")),
        }
    }

    /// By a label of the web (`encoding.spec.whatwg.org`).
    pub fn of_web(label: &str) -> Option<Self> {
        let found = encoding_rs::Encoding::for_label(label.as_bytes())?;
        let of_pages_only = [encoding_rs::REPLACEMENT, encoding_rs::X_USER_DEFINED];
        match found {
            it if it == encoding_rs::UTF_8 => Some(Self::Utf8),
            it if it == encoding_rs::UTF_16LE => Some(Self::Utf16Le),
            it if it == encoding_rs::UTF_16BE => Some(Self::Utf16Be),
            it => (!of_pages_only.contains(&it)).then_some(Self::Web(it)),
        }
    }

    /// Bytes of one code unit.
    pub fn unit(self) -> usize {
        match self {
            Self::Utf16Le | Self::Utf16Be => 2,
            _ => 1,
        }
    }

    /// The byte that ends a line. No encoding of several bytes a character has it elsewhere.
    pub fn newline(self) -> u8 {
        match self {
            // EBCDIC has its own.
            Self::Page(table) if table.len() == 256 => 0x25,
            _ => b'\n',
        }
    }

    /// True when the bytes can be handed on as they are.
    pub fn is_plain(self) -> bool {
        matches!(self, Self::Utf8 | Self::Utf8Raw | Self::Nop)
    }

    /// Appends `bytes` as UTF-8. What is no character becomes U+FFFD.
    pub fn decode(self, bytes: &[u8], out: &mut String) {
        match self {
            Self::Utf8 | Self::Utf8Raw | Self::Nop => {
                out.push_str(&String::from_utf8_lossy(bytes));
            }
            Self::Utf16Le => utf16(bytes, u16::from_le_bytes, out),
            Self::Utf16Be => utf16(bytes, u16::from_be_bytes, out),
            Self::Page(table) => out.extend(bytes.iter().map(|it| by_table(table, *it))),
            Self::Web(encoding) => out.push_str(&encoding.decode_without_bom_handling(bytes).0),
        }
    }
}

/// The character of a byte in a [`Charset::Page`].
pub fn by_table(table: &[u16], byte: u8) -> char {
    let first = 256_usize.saturating_sub(table.len());
    let code = usize::from(byte).checked_sub(first).and_then(|at| table.get(at));
    code.map_or(char::from(byte), |it| {
        char::from_u32((*it).into()).unwrap_or(char::REPLACEMENT_CHARACTER)
    })
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16, out: &mut String) {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let decoded = char::decode_utf16(pairs.iter().map(|it| unit(*it)));
    out.extend(decoded.map(|it| it.unwrap_or(char::REPLACEMENT_CHARACTER)));
    if !rest.is_empty() {
        out.push(char::REPLACEMENT_CHARACTER);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, bytes: &[u8], want: &str) {
        let mut text = String::new();
        Charset::named(name).unwrap().decode(bytes, &mut text);
        assert_eq!(text, want, "{name}");
    }

    #[test]
    fn bytes_become_text() {
        check("utf8", b"\xc5", "\u{fffd}");
        check("utf-16be", b"\xd8\x3d\xde\x00", "\u{1f600}");
        check("utf-16le", b"\x3d\xd8\x00\xde", "\u{1f600}");
        check("UTF-16", b"f\0o\0o", "fo\u{fffd}");
        check("iso-8859-1", b"caf\xe9\x80", "caf\u{e9}\u{80}");
        check("ISO-8859-9", b"\xfd\xe9", "\u{131}\u{e9}");
        check("iso-8859-15", b"\xa4", "\u{20ac}");
        check("windows-1252", b"\x80\x9f\xe9\x81", "\u{20ac}\u{178}\u{e9}\u{fffd}");
        check("windows-1251", b"\xcf\xf0", "\u{41f}\u{440}");
        check("KOI8-R", b"\xf0\xd2", "\u{41f}\u{440}");
        check("macintosh", b"\x8e", "\u{e9}");
        check("gbk", b"\xc4\xe3\xba\xc3", "\u{4f60}\u{597d}");
        check("gb18030", b"\xc4\xe3\x94\x39\xda\x33", "\u{4f60}\u{1f4a9}");
        check("Big5", b"\xa7\x41\xa6\x6e", "\u{4f60}\u{597d}");
        check("Shift_JIS", b"\x83\x65\x83\x58\x83\x67", "\u{30c6}\u{30b9}\u{30c8}");
        check("euc-jp", b"\xa5\xc6\xa5\xb9", "\u{30c6}\u{30b9}");
        check("iso-2022-jp", b"\x1b$B%F%9\x1b(B!", "\u{30c6}\u{30b9}!");
        check("EUC-KR", b"\xc7\xd1", "\u{d55c}");
        check("IBM437", b"\x81\xb3", "\u{fc}\u{2502}");
        check("cp850", b"\x81\xd5", "\u{fc}\u{131}");
        check("IBM00858", b"\x81\xd5", "\u{fc}\u{20ac}");
        check("ibm037", b"\xc1\x81\x40\xf1", "Aa 1");
        check("ibm01140", b"\x9f", "\u{20ac}");
        check("csASCII", b"a\xe9", "a\u{fffd}");
    }

    #[test]
    fn an_encoding_has_all_its_names() {
        for names in [
            &["gbk", "CP936", "csGBK", " gbk "][..],
            &["shift_jis", "MS_Kanji", "csShiftJIS"],
            &["iso_8859-1:1987", "latin1", "IBM819"],
            &["windows-1250", "csWindows1250"],
            &["latin8", "iso-celtic", "ISO-8859-14"],
            &["utf-16be", "csUTF16"],
            &["utf8-raw", "UTF-8-RAW"],
        ] {
            let all: Vec<Charset> = names.iter().map(|it| Charset::named(it).unwrap()).collect();
            assert!(all.iter().all(|it| *it == all[0]), "{names:?}");
        }
        assert_ne!(Charset::named("latin1"), Charset::named("windows-1252"));
        assert_eq!(Charset::named("NOP"), Ok(Charset::Nop));
        assert_eq!(Charset::of_web("sjis"), Charset::named("shift_jis").ok());
        assert!(REGISTER.len() > 200);
    }

    #[test]
    fn names_that_are_none_are_refused_in_the_collectors_words() {
        for name in ["klingon", "x-user-defined", "replacement", "sjis"] {
            let text = format!("unsupported encoding '{name}'");
            assert_eq!(Charset::named(name).unwrap_err(), text);
        }
        let without = Charset::named("UTF-7").unwrap_err();
        assert_eq!(without, "no charmap defined for encoding 'UTF-7'");
        assert_eq!(Charset::of_web("replacement"), None);
    }
}
