//! What was probably meant where a text is not YAML: small edits near the mistake, tried until one
//! makes the whole text YAML.

use std::sync::Arc;

use crate::diagnostic::Fix;
use crate::source::{Origin, Source};
use crate::yaml;

/// Longest text that edits are tried on, in bytes.
const TEXT_BYTES_MAX: usize = 64 << 10;
/// Most edits tried on one text.
const TRIALS_MAX: usize = 80;
/// Signs that cannot begin a plain text, or mean something else there.
const RESERVED: [char; 8] = ['@', '`', '%', '*', '&', '!', '|', '>'];

/// Keys at the top of a configuration.
const SECTIONS: [&str; 6] =
    ["receivers", "processors", "exporters", "connectors", "extensions", "service"];

/// An edit, what it puts right, and how to say it.
pub(crate) struct Mend {
    pub(crate) fix: Fix,
    /// What is wrong, as a sentence.
    pub(crate) cause: &'static str,
    pub(crate) help: String,
}

/// The first edit that helps; `lines` are the places to look at, most likely first, and `failed` is the line at which
/// the text stops to be YAML.
pub(crate) fn find(source: &Arc<Source>, lines: &[usize], failed: usize) -> Option<Mend> {
    if source.text.len() > TEXT_BYTES_MAX {
        return None;
    }
    let mut all = tabs(source);
    // Small mistakes first: what a person would look for before reading closely.
    for make in [colons, ends, dashes, quotes, brackets, values, indentation] {
        for number in lines {
            if let Some(text) = source.line(*number) {
                make(&Line { source, number: *number, text }, &mut all);
            }
        }
    }
    all.truncate(TRIALS_MAX);
    // Where there is another mistake below, the right edit is the one that gets the parser past this one.
    let (mut best, mut at) = (failed + 1, None);
    for (number, mend) in all.iter().enumerate() {
        let reached = apply(&mend.fix).map_or(0, |it| reach(&it));
        if reached > best {
            (best, at) = (reached, Some(number));
        }
        if best == usize::MAX {
            break;
        }
    }
    Some(all.swap_remove(at?))
}

/// The line at which a text stops to be YAML; beyond all lines if it is.
fn reach(text: &str) -> usize {
    yaml::first_mistake(text).unwrap_or(usize::MAX)
}

/// The text of a fix's source, edited.
fn apply(fix: &Fix) -> Option<String> {
    let text = &fix.place.source.text;
    let line_start: usize = text.split_inclusive('\n').take(fix.place.line - 1).map(str::len).sum();
    let byte = |chars: usize| {
        let rest = text.get(line_start..)?;
        Some(line_start + rest.char_indices().nth(chars).map_or(rest.len(), |it| it.0))
    };
    let from = byte(fix.place.column - 1)?;
    let to = byte(fix.place.column - 1 + fix.place.length)?;
    Some([text.get(..from)?, &fix.replacement, text.get(to..)?].concat())
}

type Cause = &'static str;

const NO_COLON: Cause = "the colon after a key is missing";
const NO_SPACE: Cause = "the space after a colon is missing";
const NO_QUOTE: Cause = "a quote has no partner";
const NO_BRACKET: Cause = "a bracket has no partner";
const NO_QUOTES: Cause = "this text needs quotes";
const TABS: Cause = "YAML is indented with spaces, and here is a tab";
const LEFT_OVER: Cause = "there is something left over at the end of the value";
const SPACE_INSIDE: Cause = "a reference has spaces inside";
const INDENTED: Cause = "the line is indented differently from its neighbours";

struct Line<'a> {
    source: &'a Arc<Source>,
    number: usize,
    text: &'a str,
}

impl Line<'_> {
    /// `length` characters from byte `at` on, replaced.
    fn edit(&self, at: usize, length: usize, replacement: &str, cause: Cause, help: &str) -> Mend {
        let column = self.text[..at].chars().count() + 1;
        let place = Origin::new(self.source.clone(), self.number, column, length);
        let fix = Fix { place: Origin { length, ..place }, replacement: replacement.to_owned() };
        Mend { fix, cause, help: help.to_owned() }
    }

    fn insert(&self, at: usize, text: &str, cause: Cause, help: &str) -> Mend {
        self.edit(at, 0, text, cause, help)
    }

    /// Bytes of spaces in front, also behind the dashes of a list.
    fn content(&self) -> usize {
        let mut rest = self.text.trim_start();
        while let Some(inner) = rest.strip_prefix("- ") {
            rest = inner.trim_start();
        }
        self.text.len() - rest.len()
    }

    /// Where the content ends: before a comment and the spaces at the end.
    fn end(&self) -> usize {
        let end = self.text.find(" #").unwrap_or(self.text.len());
        self.text[..end].trim_end().len()
    }
}

/// Tabs in front of lines, all of them in one edit.
fn tabs(source: &Arc<Source>) -> Vec<Mend> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let lines: Vec<&str> = source.text.lines().collect();
    let tabbed = |line: &&str| line[..indent(line)].contains('\t');
    let Some(first) = lines.iter().position(tabbed) else { return Vec::new() };
    let last = lines.iter().rposition(tabbed).unwrap_or(first);
    // Behind a key that ends its line stands something deeper.
    let above = lines[..first].iter().rev().find(|it| !it.trim().is_empty());
    let deeper = above.filter(|it| it.trim_end().ends_with(':')).map(|it| indent(it));
    let depth = |width: usize| {
        let spaces = &lines[first][..indent(lines[first])];
        spaces.replace('\t', &" ".repeat(width)).len()
    };
    let mut widths = [2, 4, 8];
    widths.sort_by_key(|it| deeper.is_some_and(|above| depth(*it) <= above));
    let mends = widths.into_iter().map(|width| {
        let whole: Vec<String> = lines[first..=last]
            .iter()
            .map(|line| {
                let (spaces, rest) = line.split_at(indent(line));
                spaces.replace('\t', &" ".repeat(width)) + rest
            })
            .collect();
        // One line keeps its content out of the edit.
        let single = first == last;
        let (length, replacement) = if single {
            let spaces = &lines[first][..indent(lines[first])];
            (spaces.len(), spaces.replace('\t', &" ".repeat(width)))
        } else {
            let length = lines[first..=last].iter().map(|it| it.chars().count() + 1).sum::<usize>();
            (length - 1, whole.join("\n"))
        };
        let place = Origin::new(source.clone(), first + 1, 1, length);
        let help = "use spaces, not tabs".to_owned();
        Mend { fix: Fix { place, replacement }, cause: TABS, help }
    });
    mends.collect()
}

/// What an anchor can be called.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|it| it.is_ascii_alphanumeric() || b"_-".contains(&it))
}

fn is_key(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|it| it.is_ascii_alphanumeric() || b"_-./".contains(&it))
}

/// `key` and `key value` without a colon, `key:value` without a space.
fn colons(line: &Line<'_>, out: &mut Vec<Mend>) {
    let (from, to) = (line.content(), line.end());
    let Some(content) = line.text.get(from..to) else { return };
    if is_key(content) {
        out.push(line.insert(to, ":", NO_COLON, &format!("write a colon: `{content}:`")));
    }
    if let Some((key, _)) = content.split_once(':').filter(|it| is_key(it.0)) {
        let at = from + key.len() + 1;
        if !line.text[at..].starts_with([' ', '\t']) {
            let help = format!("write a space after the colon: `{key}: ...`");
            out.push(line.insert(at, " ", NO_SPACE, &help));
        }
    }
    if let Some((key, _)) = content.split_once('=').filter(|it| is_key(it.0.trim())) {
        let at = from + key.trim_end().len();
        let length = line.text[at..].chars().take_while(|it| " =".contains(*it)).count();
        let help = format!("write a colon: `{}: ...`", key.trim());
        out.push(line.edit(at, length, ": ", NO_COLON, &help));
    }
    if let Some((key, _)) = content.split_once(' ').filter(|it| is_key(it.0)) {
        let help = format!("write a colon: `{key}: ...`");
        out.push(line.insert(from + key.len(), ":", NO_COLON, &help));
    }
}

/// Signs behind a value that is complete, as in JSON and in programs: `[a],`, `[a]:`, `"a";`; and two commas.
fn ends(line: &Line<'_>, out: &mut Vec<Mend>) {
    let end = line.end();
    if let Some((at, last)) = line.text[..end].char_indices().next_back()
        && matches!(last, ',' | ';' | ':')
        && line.text[..at].ends_with([']', '}', '"', '\''])
    {
        out.push(line.edit(at, 1, "", LEFT_OVER, &format!("remove the `{last}`")));
    }
    if let Some(at) = line.text[..end].find(",,") {
        out.push(line.edit(at, 1, "", "there are two commas", "remove one of the commas"));
    }
}

/// An item without its dash, among others that have one.
fn dashes(line: &Line<'_>, out: &mut Vec<Mend>) {
    let indent = |text: &str| text.len() - text.trim_start().len();
    let own = indent(line.text);
    let above = line.source.line(line.number.saturating_sub(1)).unwrap_or_default();
    let is_item = |it: &str| it.trim_start().starts_with("- ");
    if is_item(above) && indent(above) == own && !is_item(line.text) && !line.text.trim().is_empty()
    {
        let cause = "the dash of a list item is missing";
        out.push(line.insert(own, "- ", cause, "write `- ` in front of it"));
    }
}

/// A quote without its partner.
fn quotes(line: &Line<'_>, out: &mut Vec<Mend>) {
    for quote in ['"', '\''] {
        if line.text.matches(quote).count() % 2 == 0 {
            continue;
        }
        let help = format!("close the quotes: `{quote}`");
        let end = line.end();
        let Some(open) = line.text.rfind(quote) else { continue };
        let closers = [end, line.text[..end].trim_end_matches([']', '}', ' ']).len()];
        let sign = quote.to_string();
        out.extend(closers.iter().map(|at| line.insert(*at, &sign, NO_QUOTE, &help)));
        if let Some(comma) = line.text[open..].find(',') {
            out.push(line.insert(open + comma, &sign, NO_QUOTE, &help));
        }
        // The other end may be missing instead.
        if let Some(colon) = line.text[..open].rfind(": ") {
            out.push(line.insert(colon + 2, &sign, NO_QUOTE, &help));
        }
    }
}

/// A bracket without its partner.
fn brackets(line: &Line<'_>, out: &mut Vec<Mend>) {
    for (open, close) in [('[', ']'), ('{', '}')] {
        let count = |it: char| line.text.matches(it).count();
        let end = line.end();
        if count(open) > count(close) {
            let help = format!("close with `{close}`");
            let sign = close.to_string();
            out.push(line.insert(end, &sign, NO_BRACKET, &help));
            let inner = line.text[..end].trim_end_matches(['}', ']']).len();
            out.push(line.insert(inner, &sign, NO_BRACKET, &help));
        }
        if count(close) > count(open)
            && let Some(at) = line.text.rfind(close)
        {
            out.push(line.edit(at, 1, "", NO_BRACKET, &format!("remove the `{close}`")));
            if let Some(colon) = line.text.find(": ") {
                let help = format!("open with `{open}`");
                out.push(line.insert(colon + 2, &open.to_string(), NO_BRACKET, &help));
            }
        }
    }
}

/// Texts that need quotes: reserved first signs, `: ` inside, references in brackets, backslashes.
fn values(line: &Line<'_>, out: &mut Vec<Mend>) {
    let (from, to) = (line.content(), line.end());
    if let Some(start) = line.text.find("${")
        && let Some(end) = line.text[start..].find('}').map(|it| start + it + 1)
    {
        let reference = &line.text[start..end];
        if reference.contains(' ') {
            let tight = reference.replace(' ', "");
            let help = format!("write `{tight}`");
            let length = reference.chars().count();
            out.push(line.edit(start, length, &tight, SPACE_INSIDE, &help));
        }
        let more = line.text[end..].find([',', ']', ' ', '}']).unwrap_or(line.text.len() - end);
        let first = line.text[..start].rfind([' ', '[', ',', '{']).map_or(0, |it| it + 1);
        out.push(quoted(line, first, end + more, "quote references inside brackets and braces"));
    }
    let start = line.text.find(": ").map_or(from, |it| it + 2);
    if let Some(value) = line.text.get(start..to) {
        // `'it's'`: other quotes around it.
        let inner = value.strip_prefix('\'').and_then(|it| it.strip_suffix('\''));
        if let Some(inner) = inner.filter(|it| it.contains('\'') && !it.contains(['"', '\\'])) {
            let cause = "a quote inside single quotes ends the text";
            let help = "use double quotes around it";
            let text = format!("\"{inner}\"");
            out.push(line.edit(start, value.chars().count(), &text, cause, help));
        }
        // `["C:\\logs"]`: the quoted part alone.
        let part = value.match_indices('"').map(|it| it.0).collect::<Vec<_>>();
        for pair in part.chunks_exact(2).filter(|it| value[it[0]..it[1]].contains('\\')) {
            let (from, to) = (start + pair[0], start + pair[1] + 1);
            let text = format!("'{}'", line.text[from + 1..to - 1].replace('\'', "''"));
            let cause = "a backslash in double quotes begins an escape";
            let help = "use single quotes: a backslash means nothing in them";
            let length = line.text[from..to].chars().count();
            out.push(line.edit(from, length, &text, cause, help));
        }
        if value.starts_with('"') && value.ends_with('"') && value.contains('\\') {
            let inner = value.trim_matches('"').replace('\'', "''");
            let help = "use single quotes: a backslash means nothing in them";
            let text = format!("'{inner}'");
            let cause = "a backslash in double quotes begins an escape";
            out.push(line.edit(start, value.chars().count(), &text, cause, help));
        }
        // An anchor that is not there was meant as one.
        let anchor = value.strip_prefix(['*', '&']).is_some_and(is_name);
        if value.starts_with(RESERVED) && !anchor {
            out.push(quoted(line, start, to, "quote a text that begins with this sign"));
        }
        // `timeout: 5s size: 10`: two keys on one line.
        if let Some((first, second)) = value.split_once(": ").and_then(|it| it.0.rsplit_once(' '))
            && is_key(second)
            && !first.contains(' ')
        {
            let at = start + first.trim_end().len();
            let length = value[first.trim_end().len()..].len()
                - value[first.trim_end().len()..].trim_start().len();
            let line_break = format!("\n{}", " ".repeat(from));
            let help = format!("write `{second}` on a line of its own");
            out.push(line.edit(at, length, &line_break, "two keys stand on one line", &help));
        }
        if value.contains(": ") || value.ends_with(':') || value.starts_with(['"', '\'', '[', '{'])
        {
            out.push(quoted(line, start, to, "quote the whole text"));
        }
    }
}

fn quoted(line: &Line<'_>, from: usize, to: usize, help: &str) -> Mend {
    let value = &line.text[from..to];
    let text = format!("'{}'", value.replace('\'', "''"));
    line.edit(from, value.chars().count(), &text, NO_QUOTES, help)
}

/// As deep as a neighbour, or one step deeper.
fn indentation(line: &Line<'_>, out: &mut Vec<Mend>) {
    let indent = |text: &str| text.len() - text.trim_start().len();
    let own = indent(line.text);
    let lines: Vec<&str> = line.source.text.lines().collect();
    let full = |it: &&&str| !it.trim().is_empty();
    let above = lines[..line.number - 1].iter().rev().filter(full).take(4);
    let below = lines.iter().skip(line.number).filter(full).take(1);
    let mut depths: Vec<usize> =
        above.chain(below).flat_map(|it| [indent(it), indent(it) + 2]).collect();
    depths.retain(|it| *it != own);
    // A section stands at the top.
    let key = line.text.trim().split(':').next().unwrap_or_default();
    let at_top = |depth: &usize| SECTIONS.contains(&key) && *depth == 0;
    depths.sort_by_key(|it| (!at_top(it), it.abs_diff(own)));
    depths.dedup();
    for depth in depths {
        let help = format!("indent by {depth} instead of {own} spaces");
        out.push(line.edit(0, own, &" ".repeat(depth), INDENTED, &help));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SourceKind;

    #[track_caller]
    fn check(text: &str, lines: &[usize], want: Option<&str>) {
        let source = Source::new(SourceKind::File, "c.yaml", text);
        let got = find(&source, lines, lines[0]).and_then(|it| apply(&it.fix));
        assert_eq!(got.as_deref(), want, "{text}");
    }

    #[test]
    fn what_was_forgotten_is_added() {
        check("a:\n  b\n  c: 1\n", &[2], Some("a:\n  b:\n  c: 1\n"));
        check("a: 1\nb 2\n", &[2], Some("a: 1\nb: 2\n"));
        check("a: \"x\nb: 1\n", &[1], Some("a: \"x\"\nb: 1\n"));
        check("a: [x, y\nb: 1\n", &[1], Some("a: [x, y]\nb: 1\n"));
        check("a: [${env:A}]\n", &[1], Some("a: ['${env:A}']\n"));
        check("a: @x\n", &[1], Some("a: '@x'\n"));
        check("a: \"\\d\"\n", &[1], Some("a: '\\d'\n"));
    }

    #[test]
    fn layout_is_set_right() {
        check("a:\n\tb: 1\n", &[2], Some("a:\n  b: 1\n"));
        check("a:\n  b: 1\n   c: 2\n", &[3], Some("a:\n  b: 1\n  c: 2\n"));
    }
}
