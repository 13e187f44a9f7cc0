//! Character encodings of files: their names, what ends a line, and how their bytes become UTF-8.

mod pages;

/// How characters are written in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
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
    /// A byte a character, by a table.
    Page(&'static [u16]),
    /// One of the encodings of the web.
    Web(&'static encoding_rs::Encoding),
}

/// The encodings that people have, for suggestions.
pub const USUAL: [&str; 15] = [
    "utf-8",
    "utf-8-raw",
    "utf-16le",
    "utf-16be",
    "ascii",
    "nop",
    "iso-8859-1",
    "iso-8859-15",
    "windows-1252",
    "gbk",
    "gb18030",
    "big5",
    "shift_jis",
    "euc-jp",
    "euc-kr",
];

/// Encodings of one byte with the names and aliases that IANA gives them.
const PAGES: [(&[u16], &[&str]); 15] = [
    (
        &pages::ISO_8859_1,
        &[
            "iso-8859-1",
            "iso_8859-1",
            "iso_8859-1:1987",
            "iso-ir-100",
            "latin1",
            "l1",
            "ibm819",
            "cp819",
            "csisolatin1",
        ],
    ),
    (
        &pages::ISO_8859_9,
        &[
            "iso-8859-9",
            "iso_8859-9",
            "iso_8859-9:1989",
            "iso-ir-148",
            "latin5",
            "l5",
            "csisolatin5",
        ],
    ),
    (
        &pages::US_ASCII,
        &[
            "ansi_x3.4-1968",
            "ansi_x3.4-1986",
            "iso_646.irv:1991",
            "iso-ir-6",
            "iso646-us",
            "us",
            "ibm367",
            "cp367",
            "csascii",
        ],
    ),
    (&pages::IBM437, &["ibm437", "cp437", "437", "cspc8codepage437"]),
    (&pages::IBM850, &["ibm850", "cp850", "850", "cspc850multilingual"]),
    (&pages::IBM852, &["ibm852", "cp852", "852", "cspcp852"]),
    (&pages::IBM855, &["ibm855", "cp855", "855", "csibm855"]),
    (
        &pages::IBM858,
        &["ibm00858", "ccsid00858", "cp00858", "pc-multilingual-850+euro", "csibm00858"],
    ),
    (&pages::IBM860, &["ibm860", "cp860", "860", "csibm860"]),
    (&pages::IBM862, &["ibm862", "cp862", "862", "cspc862latinhebrew"]),
    (&pages::IBM863, &["ibm863", "cp863", "863", "csibm863"]),
    (&pages::IBM865, &["ibm865", "cp865", "865", "csibm865"]),
    (
        &pages::IBM037,
        &[
            "ibm037",
            "cp037",
            "ebcdic-cp-us",
            "ebcdic-cp-ca",
            "ebcdic-cp-wt",
            "ebcdic-cp-nl",
            "csibm037",
        ],
    ),
    (&pages::IBM1047, &["ibm1047", "ibm-1047", "csibm1047"]),
    (&pages::IBM1140, &["ibm01140", "ccsid01140", "cp01140", "ebcdic-us-37+euro", "csibm01140"]),
];

/// Names of the IANA register that the web does not use, and what the web calls the same encoding.
const ALIASES: [(&str, &[&str]); 12] = [
    ("gbk", &["cp936", "ms936", "windows-936", "csgbk"]),
    ("gb18030", &["csgb18030"]),
    ("euc-jp", &["extended_unix_code_packed_format_for_japanese"]),
    ("koi8-u", &["cskoi8u"]),
    ("iso-8859-6-e", &["iso_8859-6-e"]),
    ("iso-8859-6-i", &["iso_8859-6-i"]),
    ("iso-8859-8-e", &["iso_8859-8-e"]),
    ("iso-8859-8-i", &["iso_8859-8-i"]),
    ("iso-8859-13", &["csiso885913"]),
    ("iso-8859-14", &["iso_8859-14", "iso-ir-199", "latin8", "iso-celtic", "l8", "csiso885914"]),
    ("iso-8859-15", &["latin-9", "csiso885915"]),
    ("iso-8859-16", &["iso_8859-16", "iso-ir-226", "latin10", "l10", "csiso885916"]),
];

/// Names that IANA knows and the Collector has no table for; others may be typing mistakes.
const WITHOUT_TABLE: [&str; 10] = [
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

impl Encoding {
    /// Reads `encoding:`: every name that the Collector takes, and those of the web (`encoding.spec.whatwg.org`).
    ///
    /// # Errors
    /// In the Collector's words, but for one encoding that only the Collector has.
    pub fn parse(name: &str) -> Result<Self, String> {
        let lower = name.trim().to_ascii_lowercase();
        let page = || PAGES.iter().find(|(_, names)| names.contains(&lower.as_str()));
        match lower.as_str() {
            "" | "utf-8" | "utf8" | "csutf8" | "ascii" | "us-ascii" => Ok(Self::Utf8),
            "utf-8-raw" | "utf8-raw" => Ok(Self::Utf8Raw),
            "nop" => Ok(Self::Nop),
            "utf-16" | "utf16" | "utf-16le" | "csutf16le" => Ok(Self::Utf16Le),
            "utf-16be" | "csutf16be" | "csutf16" => Ok(Self::Utf16Be),
            "hz-gb-2312" => Err(format!(
                "encoding '{name}' is not built in; convert the files to gb18030 and use that"
            )),
            it if WITHOUT_TABLE.contains(&it) => {
                Err(format!("no charmap defined for encoding '{name}'"))
            }
            _ => match page() {
                Some((table, _)) => Ok(Self::Page(table)),
                None => web(&lower).ok_or_else(|| format!("unsupported encoding '{name}'")),
            },
        }
    }

    /// Bytes of one code unit.
    pub(crate) fn unit(self) -> usize {
        match self {
            Self::Utf16Le | Self::Utf16Be => 2,
            _ => 1,
        }
    }

    /// The byte that ends a line. No encoding of several bytes a character has it elsewhere.
    pub(crate) fn newline(self) -> u8 {
        match self {
            // EBCDIC has its own.
            Self::Page(table) if table.len() == 256 => 0x25,
            _ => b'\n',
        }
    }

    /// True when the bytes can be handed on as they are.
    pub(crate) fn is_plain(self) -> bool {
        matches!(self, Self::Utf8 | Self::Utf8Raw | Self::Nop)
    }

    /// Appends `bytes` as UTF-8.
    pub(crate) fn decode(self, bytes: &[u8], out: &mut String) {
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

fn web(name: &str) -> Option<Encoding> {
    let alias = ALIASES.iter().find(|(_, names)| names.contains(&name));
    let windows = name.strip_prefix("cswindows").map(|number| format!("windows-{number}"));
    let label = alias.map_or(windows.as_deref().unwrap_or(name), |it| it.0);
    let found = encoding_rs::Encoding::for_label(label.as_bytes())?;
    let made_for_pages =
        [encoding_rs::REPLACEMENT, encoding_rs::X_USER_DEFINED, encoding_rs::UTF_8];
    (!made_for_pages.contains(&found)).then_some(Encoding::Web(found))
}

pub(crate) fn by_table(table: &[u16], byte: u8) -> char {
    let first = 256 - table.len();
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
        Encoding::parse(name).unwrap().decode(bytes, &mut text);
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
        check("windows-1252", b"\x80\x9f\xe9\x81", "\u{20ac}\u{178}\u{e9}\u{81}");
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
            &["shift_jis", "MS_Kanji", "csShiftJIS", "sjis"],
            &["iso_8859-1:1987", "latin1", "IBM819"],
            &["windows-1250", "csWindows1250"],
            &["latin8", "iso-celtic", "ISO-8859-14"],
        ] {
            let all: Vec<Encoding> = names.iter().map(|it| Encoding::parse(it).unwrap()).collect();
            assert!(all.iter().all(|it| *it == all[0]), "{names:?}");
        }
        assert_ne!(Encoding::parse("latin1"), Encoding::parse("windows-1252"));
        assert_eq!(Encoding::parse("NOP"), Ok(Encoding::Nop));
        assert_eq!(Encoding::parse("utf8-raw"), Ok(Encoding::Utf8Raw));
        assert!(USUAL.iter().all(|it| Encoding::parse(it).is_ok()));
    }

    #[test]
    fn names_that_are_none_are_refused_in_the_collectors_words() {
        for name in ["klingon", "x-user-defined", "replacement", "unicode-1-1-utf-8"] {
            let text = format!("unsupported encoding '{name}'");
            assert_eq!(Encoding::parse(name).unwrap_err(), text);
        }
        let without = Encoding::parse("UTF-7").unwrap_err();
        assert_eq!(without, "no charmap defined for encoding 'UTF-7'");
        let missing = Encoding::parse("HZ-GB-2312").unwrap_err();
        assert!(missing.starts_with("encoding 'HZ-GB-2312' is not built in; convert"), "{missing}");
    }
}
