//! `${...}` inside values, innermost first, and `$$`.

use std::sync::Arc;

use crate::code;
use crate::diagnostic::{Diagnostic, Fix};
use crate::doubt;
use crate::edit;
use crate::provider::{Reader, Refused, Retrieved};
use crate::redact::{self, REDACTED};
use crate::source::{Origin, Source};
use crate::suggest::closest;
use crate::tree::{Data, Node, Notice};
use crate::yaml::{Cost, DEPTH_MAX, EXACT_BYTES_MAX, TEXT_BYTES_MAX};

/// Most references that lead from one to the next. `confmap/expand.go`, v0.159.
const CHAIN_MAX: usize = 1000;
/// Most references in one configuration.
const REFERENCES_MAX: usize = 20_000;
/// Most text that references in one configuration may produce, in bytes.
const PRODUCED_BYTES_MAX: usize = 64 << 20;

/// Most mistakes kept.
const MISTAKES_MAX: usize = 100;

/// What came of it.
pub(crate) struct Expanded {
    pub(crate) root: Node,
    pub(crate) notices: Vec<Notice>,
    /// In the order of the tree; each message is the Collector's text.
    pub(crate) mistakes: Vec<Diagnostic>,
}

/// Expands every text of a tree. Keys stay as they are.
pub(crate) fn tree(root: Node, reader: &mut Reader<'_>) -> Expanded {
    let cost = Cost::of(&root);
    let mut expander = Expander {
        reader,
        notices: Vec::new(),
        mistakes: Vec::new(),
        references: 0,
        produced: 0,
        cost,
        exhausted: false,
    };
    let root = expander.node(root, &Place { depth: 0, chain: 0, sensitive: false });
    Expanded { root, notices: expander.notices, mistakes: expander.mistakes }
}

struct Expander<'a, 'e> {
    reader: &'a mut Reader<'e>,
    notices: Vec<Notice>,
    mistakes: Vec<Diagnostic>,
    references: usize,
    produced: usize,
    cost: Cost,
    /// A limit is reached; nothing is expanded any more.
    exhausted: bool,
}

/// Where in the tree a value is.
#[derive(Clone, Copy)]
struct Place {
    depth: usize,
    /// References that led here.
    chain: usize,
    /// Below a key such as `password`: no message may quote the value.
    sensitive: bool,
}

/// A text after expansion.
enum Text {
    /// It is text.
    Plain(String, Vec<Arc<Source>>),
    /// It was one reference and nothing else.
    Whole(Box<Node>),
}

impl Expander<'_, '_> {
    fn node(&mut self, mut node: Node, place: &Place) -> Node {
        if place.depth > DEPTH_MAX {
            let text = if place.chain > 0 {
                "too many recursive expansions".to_owned()
            } else {
                format!("exceeded max depth of {DEPTH_MAX}")
            };
            self.refuse(code::RECURSION, text, &node.origin, place);
            return Node::new(Data::Null, node.origin);
        }
        let below = Place { depth: place.depth + 1, ..*place };
        node.data = match node.data {
            Data::String(text) => match self.text(text, &node.origin, place) {
                Text::Whole(whole) => return *whole,
                Text::Plain(text, parts) => {
                    node.parts.extend(parts);
                    Data::String(text)
                }
            },
            Data::List(items) => {
                Data::List(items.into_iter().map(|it| self.node(it, &below)).collect())
            }
            Data::Map(mut entries) => {
                for entry in &mut entries {
                    let sensitive = place.sensitive || redact::is_sensitive(&entry.key);
                    let null = Node::new(Data::Null, entry.value.origin.clone());
                    let value = std::mem::replace(&mut entry.value, null);
                    entry.value = self.node(value, &Place { sensitive, ..below });
                }
                Data::Map(entries)
            }
            data => data,
        };
        node.original = node.original.map(|text| self.original(&text, &node.origin, place));
        node
    }

    fn text(&mut self, mut text: String, origin: &Origin, place: &Place) -> Text {
        let mut parts = Vec::new();
        if place.chain == 0 {
            self.reader.doubts.extend(doubt::placeholder(&text, origin, place.sensitive));
        }
        for _ in 0..=CHAIN_MAX {
            let Some((start, end)) = find_reference(&text) else {
                return Text::Plain(unescape(&text), parts);
            };
            let uri = text[start + 2..end - 1].to_owned();
            let at = reference_place(origin, &text[start..end]);
            let Some(found) = self.follow(&uri, &at, place) else {
                return Text::Plain(String::new(), parts);
            };
            if (start, end) == (0, text.len()) {
                return self.whole(found, &at, place);
            }
            self.produced += text.len() + found.text.len();
            if text.len() + found.text.len() > TEXT_BYTES_MAX || PRODUCED_BYTES_MAX < self.produced
            {
                let message = format!("expanded text is longer than {TEXT_BYTES_MAX} bytes");
                self.exhausted = true;
                self.refuse(code::LIMIT, message, &at, place);
                return Text::Plain(String::new(), parts);
            }
            parts.extend(found.source);
            text.replace_range(start..end, &found.text);
        }
        self.refuse(code::RECURSION, "too many recursive expansions".to_owned(), origin, place);
        Text::Plain(String::new(), parts)
    }

    /// The value of a text that is one reference and nothing else: it may be of any type.
    fn whole(&mut self, found: Retrieved, at: &Origin, place: &Place) -> Text {
        let mut node = found.node;
        let mut cost = Cost::of(&node);
        cost.bytes += found.text.len();
        if !self.cost.add(cost) {
            self.exhausted = true;
            let text = "references produce too many values".to_owned();
            self.refuse(code::LIMIT, text, at, place);
            return Text::Plain(String::new(), Vec::new());
        }
        match &found.source {
            Some(_) => node = node.via(&Arc::new(at.clone())),
            None => node.move_to(at),
        }
        // YAML shows a time stamp in another form than it was written in. It holds no references.
        let is_time = node.original.is_some();
        node.original = Some(found.text);
        if is_time {
            return Text::Whole(Box::new(node));
        }
        let chain = place.chain + 1;
        if chain > CHAIN_MAX {
            self.refuse(code::RECURSION, "too many recursive expansions".to_owned(), at, place);
            return Text::Plain(String::new(), Vec::new());
        }
        if let Data::String(text) = &node.data {
            // A text that is itself one reference takes the type of what that leads to.
            let text = text.clone();
            return match self.text_in(text, &node.origin, &Place { chain, ..*place }) {
                Text::Whole(inner) => Text::Whole(inner),
                Text::Plain(text, parts) => {
                    node.parts.extend(parts);
                    node.original = Some(text.clone());
                    node.data = Data::String(text);
                    Text::Whole(Box::new(node))
                }
            };
        }
        Text::Whole(Box::new(self.node(node, &Place { chain, ..*place })))
    }

    /// As [`Expander::text`], for the text of a variable or file.
    fn text_in(&mut self, text: String, origin: &Origin, place: &Place) -> Text {
        if CHAIN_MAX.min(DEPTH_MAX * 2) < place.chain {
            self.refuse(code::RECURSION, "too many recursive expansions".to_owned(), origin, place);
            return Text::Plain(String::new(), Vec::new());
        }
        self.text(text, origin, place)
    }

    /// The text that a value of another type was read from, expanded; as it is if that fails, since
    /// the value itself has reported why.
    fn original(&mut self, text: &str, origin: &Origin, place: &Place) -> String {
        if find_reference(text).is_none() {
            return unescape(text);
        }
        let (mistakes, notices) = (self.mistakes.len(), self.notices.len());
        let expanded = match self.text_in(text.to_owned(), origin, place) {
            Text::Plain(text, _) => Some(text),
            Text::Whole(node) => node.original,
        };
        self.mistakes.truncate(mistakes);
        self.notices.truncate(notices);
        expanded.unwrap_or_else(|| unescape(text))
    }

    fn follow(&mut self, uri: &str, at: &Origin, place: &Place) -> Option<Retrieved> {
        self.references += 1;
        if self.exhausted {
            return None;
        }
        if self.references > REFERENCES_MAX {
            self.exhausted = true;
            let text = format!("more than {REFERENCES_MAX} references");
            self.refuse(code::LIMIT, text, at, place);
            return None;
        }
        let found = if uri.contains('$') {
            let uri = if uri.contains(':') { uri.to_owned() } else { format!("env:{uri}") };
            let text = format!("the uri {uri:?} contains unsupported characters ('$')");
            Err(Refused::new(code::REFERENCE, text))
        } else {
            self.reader.reference(uri)
        };
        match found {
            Ok(found) => {
                if let Some(notice) = &found.notice {
                    let notice = Notice { origin: Some(at.clone()), ..notice.clone() };
                    if !self.notices.contains(&notice) {
                        self.notices.push(notice);
                    }
                }
                Some(found)
            }
            Err(refused) => {
                let text = refused.text;
                let text = if place.sensitive { hide(&text) } else { text };
                self.refuse(refused.code, text, at, place);
                // What is known of the file says more than the Collector's text, which stands above.
                if let (Some(inside), Some(last)) = (refused.inside, self.mistakes.last_mut())
                    && !place.sensitive
                {
                    last.help = inside.help.or(last.help.take());
                }
                None
            }
        }
    }

    fn refuse(&mut self, code: &'static str, text: String, origin: &Origin, place: &Place) {
        if self.mistakes.len() >= MISTAKES_MAX {
            return;
        }
        let is_reference = [code::SCHEME, code::REFERENCE, code::VARIABLE_NAME].contains(&code);
        let mut problem = Diagnostic::new(code, text).at(origin.clone(), "");
        if is_reference {
            let written =
                edit::text_at(origin).filter(|it| !place.sensitive && it.starts_with("${"));
            let (help, meant) = meant(written.as_deref().unwrap_or_default());
            problem = problem.help(help).fix(written.and_then(|_| Fix::replace(origin, meant)));
        }
        self.mistakes.push(problem);
    }
}

/// What a reference was probably meant to be, in words and as it is written.
fn meant(written: &str) -> (String, String) {
    let inner = written.trim_start_matches("${").trim_end_matches('}');
    let (first, rest) = inner.split_once(':').unwrap_or((inner, ""));
    if let Some(default) = rest.strip_prefix('-') {
        let meant = format!("${{env:{first}:-{default}}}");
        return (format!("a default needs the scheme: `{meant}`"), meant);
    }
    // `${env.NAME}`, `${env:NAME:=default}`, `${env:NAME=default}`: shells and other programs.
    if let Some(name) = inner.strip_prefix("env.") {
        let meant = format!("${{env:{name}}}");
        return (format!("did you mean `{meant}`?"), meant);
    }
    let is_word = |it: &str| it.bytes().all(|c| c.is_ascii_alphabetic() || b"_-".contains(&c));
    if let Some((name, default)) =
        rest.split_once('-').filter(|it| first == "env" && !is_word(it.1))
        && !name.is_empty()
    {
        let meant = format!("${{env:{}:-{default}}}", name.trim_end_matches(':'));
        return (format!("a default begins with `:-`: `{meant}`"), meant);
    }
    if let Some((name, default)) = rest.split_once('=').filter(|_| first == "env") {
        let meant = format!("${{env:{}:-{default}}}", name.trim_end_matches(':'));
        return (format!("a default begins with `:-`: `{meant}`"), meant);
    }
    if let Some(scheme) = closest(first, ["env", "file", "yaml", "http", "https"]) {
        let meant = format!("${{{scheme}:{rest}}}");
        return (format!("did you mean `{meant}`?"), meant);
    }
    if first == "env" && !rest.contains('$') {
        let name: String =
            rest.chars().map(|it| if it.is_ascii_alphanumeric() { it } else { '_' }).collect();
        let meant = format!("${{env:{name}}}");
        return (format!("did you mean `{meant}`?"), meant);
    }
    ("for a literal `${` write `$${`".to_owned(), format!("${written}"))
}

/// Quoted parts of a message out.
fn hide(text: &str) -> String {
    let parts = text.split('"').enumerate();
    parts.map(|(at, it)| if at % 2 == 1 { REDACTED } else { it }).collect::<Vec<_>>().join("\"")
}

/// The first reference, innermost first; `None` also if that is escaped: then the rest of the text
/// stays as it is. `findURI` in `confmap/expand.go`, v0.159.
fn find_reference(text: &str) -> Option<(usize, usize)> {
    let mut from = 0;
    loop {
        let close = from + text[from..].find('}')?;
        if let Some(open) = text[from..close].rfind("${").map(|it| from + it) {
            let dollars = text[..open].bytes().rev().take_while(|it| *it == b'$').count();
            return (dollars % 2 == 0).then_some((open, close + 1));
        }
        from = close + 1;
    }
}

fn unescape(text: &str) -> String {
    text.replace("$$", "$")
}

/// Where in the text of `origin` a reference stands, if it can be seen there.
fn reference_place(origin: &Origin, reference: &str) -> Origin {
    let line = origin.source.line(origin.line).filter(|it| it.len() <= EXACT_BYTES_MAX);
    let found = line.and_then(|line| {
        let start = line.char_indices().nth(origin.column - 1)?.0;
        let at = start + line[start..].find(reference)?;
        Some(line[..at].chars().count() + 1)
    });
    match found {
        None => origin.clone(),
        Some(column) => Origin { column, length: reference.chars().count(), ..origin.clone() },
    }
}
