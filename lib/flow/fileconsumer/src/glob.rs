//! Path patterns in doublestar's syntax: `*`, `?`, `[a-z]`, `{a,b}` and `**` as a path component.
//!
//! Braces are expanded first, so what is left is a list of components, and a walk opens only
//! directories that can hold a match.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Most alternatives that the braces of one pattern may expand to.
const ALTERNATIVES_MAX: usize = 1024;

/// A compiled pattern.
#[derive(Debug, Clone)]
pub struct Glob {
    alternatives: Vec<Vec<Component>>,
}

/// What one path component has to look like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Component {
    /// Exactly this name.
    Literal(String),
    /// A name with wildcards.
    Wild(Vec<Piece>),
    /// `**`: any number of directories.
    Deep,
}

/// A piece of a name with wildcards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Char(char),
    One,
    Many,
    Class { negated: bool, ranges: Vec<(char, char)> },
}

/// The pattern cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadGlob;

impl std::fmt::Display for BadGlob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("parse glob: syntax error in pattern")
    }
}

impl std::error::Error for BadGlob {}

impl Glob {
    /// Reads a pattern.
    ///
    /// # Errors
    /// Brackets or braces that do not close, a backslash at the end, too many alternatives.
    pub fn new(pattern: &str) -> Result<Self, BadGlob> {
        let mut expanded = Vec::new();
        expand(pattern, &mut expanded)?;
        let alternatives = expanded.iter().map(|it| components(it)).collect::<Result<_, _>>()?;
        Ok(Self { alternatives })
    }

    /// True when the whole path matches.
    pub fn matches(&self, path: &Path) -> bool {
        let names = path.as_os_str().as_bytes().split(|it| *it == b'/');
        let names: Vec<&OsStr> = names.map(OsStr::from_bytes).collect();
        self.alternatives.iter().any(|it| match_components(it, &names))
    }

    /// The component lists, one per alternative. An absolute pattern begins with an empty literal.
    pub(crate) fn alternatives(&self) -> &[Vec<Component>] {
        &self.alternatives
    }
}

fn match_components(pattern: &[Component], names: &[&OsStr]) -> bool {
    let Some((first, rest)) = pattern.split_first() else { return names.is_empty() };
    match first {
        Component::Deep => (0..=names.len()).any(|skip| match_components(rest, &names[skip..])),
        other => names
            .split_first()
            .is_some_and(|(name, names)| other.matches(name) && match_components(rest, names)),
    }
}

impl Component {
    /// True when a file or directory of this name fits. `**` fits every name.
    pub(crate) fn matches(&self, name: &OsStr) -> bool {
        match self {
            Component::Literal(it) => name == OsStr::new(it),
            Component::Wild(pieces) => match_pieces(pieces, name),
            Component::Deep => true,
        }
    }
}

/// The characters that a pattern sees. A name may be any bytes; each byte that is no UTF-8 is one U+FFFD, as Go
/// decodes it.
fn characters(name: &OsStr) -> Vec<char> {
    let chunks = name.as_bytes().utf8_chunks();
    let invalid = |bytes: &[u8]| std::iter::repeat_n(char::REPLACEMENT_CHARACTER, bytes.len());
    chunks.flat_map(|it| it.valid().chars().chain(invalid(it.invalid()))).collect()
}

/// Backtracks to the last `*` only, so the cost is at most the product of both lengths.
fn match_pieces(pieces: &[Piece], name: &OsStr) -> bool {
    let chars = characters(name);
    let (mut piece, mut at) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while at < chars.len() {
        match pieces.get(piece) {
            Some(Piece::Many) => {
                star = Some((piece + 1, at));
                piece += 1;
            }
            Some(it) if it.fits(chars[at]) => {
                piece += 1;
                at += 1;
            }
            _ => {
                let Some((after, from)) = star else { return false };
                star = Some((after, from + 1));
                (piece, at) = (after, from + 1);
            }
        }
    }
    pieces[piece.min(pieces.len())..].iter().all(|it| *it == Piece::Many)
}

impl Piece {
    fn fits(&self, c: char) -> bool {
        match self {
            Piece::Char(it) => *it == c,
            Piece::One => true,
            Piece::Many => false,
            Piece::Class { negated, ranges } => {
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated
            }
        }
    }
}

/// Replaces the first brace group by each of its alternatives, until none is left.
fn expand(pattern: &str, out: &mut Vec<String>) -> Result<(), BadGlob> {
    let Some((open, close, commas)) = brace_group(pattern)? else {
        if out.len() >= ALTERNATIVES_MAX {
            return Err(BadGlob);
        }
        out.push(pattern.to_owned());
        return Ok(());
    };
    let mut from = open + 1;
    for end in commas.into_iter().chain([close]) {
        let (head, tail) = (&pattern[..open], &pattern[close + 1..]);
        expand(&format!("{head}{}{tail}", &pattern[from..end]), out)?;
        from = end + 1;
    }
    Ok(())
}

type BraceGroup = (usize, usize, Vec<usize>);

/// Positions of the first `{`, its `}` and the commas between them.
fn brace_group(pattern: &str) -> Result<Option<BraceGroup>, BadGlob> {
    let (mut open, mut depth, mut commas) = (None, 0_usize, Vec::new());
    let (mut in_class, mut escaped) = (false, false);
    for (at, c) in pattern.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '[' if !in_class => in_class = true,
            ']' if in_class => in_class = false,
            _ if in_class => {}
            '{' => {
                open.get_or_insert(at);
                depth += 1;
            }
            ',' if depth == 1 => commas.push(at),
            '}' if depth == 1 => return Ok(open.map(|open| (open, at, commas))),
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    if open.is_some() || escaped || in_class { Err(BadGlob) } else { Ok(None) }
}

fn components(pattern: &str) -> Result<Vec<Component>, BadGlob> {
    let mut all: Vec<Component> = Vec::new();
    for (at, part) in pattern.split('/').enumerate() {
        match part {
            "" if at > 0 => {}
            "." if at > 0 => {}
            "**" if all.last() == Some(&Component::Deep) => {}
            "**" => all.push(Component::Deep),
            _ => all.push(component(part)?),
        }
    }
    if all.last() == Some(&Component::Deep) {
        all.push(Component::Wild(vec![Piece::Many]));
    }
    Ok(all)
}

fn component(part: &str) -> Result<Component, BadGlob> {
    let mut pieces = Vec::new();
    let mut chars = part.chars();
    while let Some(c) = chars.next() {
        pieces.push(match c {
            '*' if pieces.last() == Some(&Piece::Many) => continue,
            '*' => Piece::Many,
            '?' => Piece::One,
            '[' => class(&mut chars)?,
            '\\' => Piece::Char(chars.next().ok_or(BadGlob)?),
            c => Piece::Char(c),
        });
    }
    let literal = pieces.iter().map(|it| match it {
        Piece::Char(c) => Some(*c),
        _ => None,
    });
    Ok(match literal.collect::<Option<String>>() {
        Some(name) => Component::Literal(name),
        None => Component::Wild(pieces),
    })
}

fn class(chars: &mut std::str::Chars<'_>) -> Result<Piece, BadGlob> {
    let mut ranges = Vec::new();
    let negated = chars.as_str().starts_with(['!', '^']);
    if negated {
        chars.next();
    }
    loop {
        let low = match chars.next().ok_or(BadGlob)? {
            ']' if !ranges.is_empty() => return Ok(Piece::Class { negated, ranges }),
            ']' | '/' => return Err(BadGlob),
            '\\' => chars.next().ok_or(BadGlob)?,
            c => c,
        };
        let rest = chars.as_str();
        let mut high = low;
        if rest.starts_with('-') && !rest.starts_with("-]") {
            chars.next();
            high = match chars.next().ok_or(BadGlob)? {
                '\\' => chars.next().ok_or(BadGlob)?,
                c => c,
            };
        }
        ranges.push((low, high));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, yes: &[&str], no: &[&str]) {
        let glob = Glob::new(pattern).unwrap();
        yes.iter().for_each(|it| assert!(glob.matches(Path::new(it)), "{pattern} {it}"));
        no.iter().for_each(|it| assert!(!glob.matches(Path::new(it)), "{pattern} {it}"));
    }

    #[test]
    fn a_star_stays_within_a_component() {
        check("/a/*.log", &["/a/x.log", "/a/.log"], &["/a/b/x.log", "/a/x.log.1", "a/x.log"]);
        check("/a/*/*/*.log", &["/a/b/c/0.log"], &["/a/b/0.log", "/a/b/c/0.log.20260101-000000"]);
        check("*b*d", &["bd", "abcd", "abdbd"], &["abdc", "b"]);
    }

    #[test]
    fn two_stars_are_any_number_of_directories() {
        check("/a/**/*.log", &["/a/x.log", "/a/b/x.log", "/a/b/c/x.log"], &["/b/x.log"]);
        check("/a/**", &["/a/x", "/a/b/c"], &["/b"]);
        check("/**/old/*", &["/x/y/old/c.log", "/old/c"], &["/x/old/y/c"]);
    }

    #[test]
    fn classes_question_marks_escapes_and_braces() {
        check("/[a-c]?.log", &["/ax.log", "/c1.log"], &["/dx.log", "/a.log"]);
        check("/[!a]", &["/b"], &["/a"]);
        check("/[^a-]", &["/b"], &["/a", "/-"]);
        check(r"/\*", &["/*"], &["/a"]);
        check("/{a,b/{c,d}}/x", &["/a/x", "/b/c/x", "/b/d/x"], &["/b/x"]);
        check("/x.{log,txt}", &["/x.log", "/x.txt"], &["/x.gz"]);
    }

    #[test]
    fn a_name_that_is_not_utf_8_has_a_character_for_each_byte() {
        let path = |bytes: &[u8]| Path::new(OsStr::from_bytes(bytes)).to_owned();
        let matches = |pattern: &str, name: &[u8]| Glob::new(pattern).unwrap().matches(&path(name));
        // The first two bytes of a character of three: two characters for Go.
        for pattern in ["/a/*.log", "/a/x*.log", "/a/x??.log", "/*/x[!a]?.log", "/**"] {
            assert!(matches(pattern, b"/a/x\xe2\x82.log"), "{pattern}");
        }
        assert!(matches("/*/x.log", b"/\xff/x.log"));
        assert!(!matches("/a/x?.log", b"/a/x\xe2\x82.log"));
        assert!(!matches("/a/\u{fffd}.log", b"/a/\xff.log"));
    }

    #[test]
    fn what_does_not_close_is_refused() {
        for pattern in ["/x/[", "/x/{a", "/x/\\", "/x/[]", "/x/[a", &"{a,b}".repeat(11)] {
            assert!(Glob::new(pattern).is_err(), "{pattern}");
        }
    }
}
