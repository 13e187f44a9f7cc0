//! `encoding:` of files.

pub use golang::charset::Charset as Encoding;

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

/// Every name that the Collector takes, and those of the web: `sjis`, `gb2312`.
///
/// # Errors
/// In the Collector's words, but for one encoding that only the Collector has.
pub fn parse(name: &str) -> Result<Encoding, String> {
    if name.trim().eq_ignore_ascii_case("hz-gb-2312") {
        let remedy = "convert the files to gb18030 and use that";
        return Err(format!("encoding '{name}' is not built in; {remedy}"));
    }
    Encoding::named(name).or_else(|problem| Encoding::of_web(name).ok_or(problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_collector_and_of_the_web_are_taken() {
        assert!(USUAL.iter().all(|it| parse(it).is_ok()));
        assert_eq!(parse("GB2312"), parse("gbk"));
        assert_eq!(parse("sjis"), parse("shift_jis"));
        assert_eq!(parse("klingon").unwrap_err(), "unsupported encoding 'klingon'");
        assert_eq!(parse("utf-7").unwrap_err(), "no charmap defined for encoding 'utf-7'");
        let missing = parse("HZ-GB-2312").unwrap_err();
        assert!(missing.starts_with("encoding 'HZ-GB-2312' is not built in; convert"), "{missing}");
    }
}
