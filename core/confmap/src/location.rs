//! `--config` locations and `--set` flags, read and merged into one tree.

use std::path::PathBuf;

use crate::code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::document;
use crate::doubt;
use crate::environment::Environment;
use crate::expand;
use crate::merge::{self, Lists};
use crate::provider::{Provider, Reader, Refused, Retrieved, split_uri};
use crate::redact::hide_in_addresses;
use crate::source::{Origin, Source, SourceKind};
use crate::tree::{Conf, Data, Entry, Node};
use crate::yaml::DEPTH_MAX;

/// Most keys in the path of one `--set`.
const SET_KEYS_MAX: usize = 32;

/// Where configuration comes from, as given on the command line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Locations {
    /// `--config`, merged from first to last.
    pub config: Vec<String>,
    /// `--set key.path=value`, merged after all of `config`.
    pub set: Vec<String>,
    /// What becomes of a list over a list.
    pub lists: Lists,
}

impl Locations {
    /// The files among them.
    pub fn files(&self) -> Vec<PathBuf> {
        let (uris, _) = check_arguments(self).unwrap_or_default();
        uris.iter().filter_map(|it| it.strip_prefix("file:")).map(PathBuf::from).collect()
    }
}

/// Collects mistakes; the first decides the Collector's text.
#[derive(Default)]
struct Mistakes {
    headline: Option<String>,
    list: Vec<Diagnostic>,
}

impl Mistakes {
    fn add(&mut self, headline: String, list: impl IntoIterator<Item = Diagnostic>) {
        self.headline.get_or_insert(headline);
        self.list.extend(list);
    }

    fn into_result(self) -> Result<(), Diagnostics> {
        self.headline.map_or(Ok(()), |headline| Err(Diagnostics::new(headline, self.list)))
    }
}

const RESOLVE: &str = "failed to get config: cannot resolve the configuration: ";

pub(crate) fn load_all(
    locations: &Locations,
    environment: &Environment,
) -> Result<Conf, Diagnostics> {
    let mut reader = Reader::new(environment);
    let (uris, sets) = check_arguments(locations)?;
    let mut mistakes = Mistakes::default();
    let mut notices = Vec::new();
    let nowhere = Origin::new(Source::new(SourceKind::Yaml, "yaml:", ""), 1, 1, 1);
    let mut root = Node::new(Data::Null, nowhere);
    let mut first = None;
    for uri in &uris {
        let map = reader.reference(uri).map_err(retrieval).and_then(|found| {
            notices.extend(found.notice.clone());
            first.get_or_insert_with(|| found.node.origin.clone());
            as_map(found, uri)
        });
        let merged = map.and_then(|map| merge_into(&mut root, map, locations.lists));
        match merged.map(|it| reader.doubts.extend(it)) {
            Ok(()) => {}
            Err((text, list)) => mistakes.add(format!("{RESOLVE}{text}"), list),
        }
    }
    for set in &sets {
        let merged = set_node(set).and_then(|it| merge_into(&mut root, Some(it), locations.lists));
        match merged.map(|it| reader.doubts.extend(it)) {
            Ok(()) => {}
            Err((text, list)) => mistakes.add(format!("{RESOLVE}{text}"), list),
        }
    }
    mistakes.into_result()?;
    let expanded = expand::tree(root, &mut reader);
    notices.extend(expanded.notices);
    if let Some(first) = expanded.mistakes.first() {
        let headline = format!("{RESOLVE}{}", first.message);
        return Err(Diagnostics::new(headline, expanded.mistakes));
    }
    let mut root = expanded.root;
    root.origin = first.unwrap_or(root.origin);
    split(&mut root).map_err(|(text, list)| Diagnostics::new(format!("{RESOLVE}{text}"), list))?;
    if root.entries().is_empty() {
        root.data = Data::Null;
    }
    let mut doubts = std::mem::take(&mut reader.doubts);
    doubts.extend(doubt::values(&root));
    Ok(Conf { root, notices, doubts, files: reader.files() })
}

fn retrieval(refused: Refused) -> Refusal {
    let Refused { code, text, inside } = refused;
    let problem = inside.map_or_else(|| Diagnostic::new(code, text.clone()), |it| *it);
    (format!("cannot retrieve the configuration: {text}"), vec![problem])
}

/// Lays a map over what is there; what comes of it that is legal and probably wrong.
fn merge_into(
    root: &mut Node,
    map: Option<Node>,
    lists: Lists,
) -> Result<Vec<Diagnostic>, Refusal> {
    let Some(mut map) = map else { return Ok(Vec::new()) };
    split(&mut map)?;
    if root.data == Data::Null {
        *root = map;
        return Ok(Vec::new());
    }
    let doubts = doubt::dropped_processors(root, &map);
    merge::lay_over(root, map, lists);
    Ok(doubts)
}

/// Splits keys at `::`; what comes of it is not deeper than any other tree.
fn split(root: &mut Node) -> Result<(), Refusal> {
    let refuse = |origin: Origin| {
        let text = format!("too many keys with `::`, or they exceed the max depth of {DEPTH_MAX}");
        (text.clone(), vec![Diagnostic::new(code::LIMIT, text).at(origin, "")])
    };
    let start = root.origin.clone();
    merge::split_keys(root).map_err(refuse)?;
    if root.depth() > DEPTH_MAX { Err(refuse(start)) } else { Ok(()) }
}

/// Every mistake that shows without reading anything.
fn check_arguments(locations: &Locations) -> Result<(Vec<String>, Vec<String>), Diagnostics> {
    let mut mistakes = Mistakes::default();
    for set in locations.set.iter().filter(|it| !it.contains('=')) {
        let text = format!("invalid argument {set:?} for \"--set\" flag: missing equal sign");
        let problem =
            Diagnostic::new(code::BAD_SET, text.clone()).help("write `--set key.path=value`");
        mistakes.add(text, [problem]);
    }
    if locations.config.is_empty() && locations.set.is_empty() {
        let text = "at least one config flag must be provided";
        let problem = Diagnostic::new(code::NO_LOCATION, text).help("pass `--config <file>`");
        mistakes.add(text.to_owned(), [problem]);
    }
    let mut uris = Vec::new();
    for uri in &locations.config {
        let drive = uri.as_bytes().first().is_some_and(u8::is_ascii_alphabetic)
            && uri.as_bytes().get(1) == Some(&b':');
        if drive || !uri.contains(':') {
            uris.push(format!("file:{uri}"));
            continue;
        }
        match split_uri(uri) {
            None => {
                let text = format!("invalid uri: {uri:?}");
                mistakes.add(text.clone(), [Diagnostic::new(code::REFERENCE, text)]);
            }
            Some((scheme, _)) if Provider::of(scheme).is_none() => {
                let text = format!("unsupported scheme on URI {:?}", hide_in_addresses(uri));
                let problem = Diagnostic::new(code::SCHEME, text.clone()).help(
                    "schemes are `file:`, `env:`, `yaml:`, `http:` and `https:`; a path needs none",
                );
                mistakes.add(text, [problem]);
            }
            Some(_) => uris.push(uri.clone()),
        }
    }
    mistakes.into_result()?;
    Ok((uris, locations.set.clone()))
}

type Refusal = (String, Vec<Diagnostic>);

/// A location's content as a map; `None` if it is empty.
fn as_map(found: Retrieved, uri: &str) -> Result<Option<Node>, Refusal> {
    let type_name = match &found.node.data {
        Data::Map(_) => return Ok(Some(found.node)),
        Data::Null => return Ok(None),
        Data::Bool(_) => "bool",
        Data::Int(_) => "int",
        Data::Float(_) => "float64",
        Data::String(_) if found.node.original.is_some() => "time.Time",
        Data::String(_) => "string",
        Data::List(_) => "[]interface {}",
    };
    let text = format!("retrieved value (type={type_name}) cannot be used as a Conf");
    match found.invalid {
        None => {
            let what = if matches!(found.node.data, Data::List(_)) { "a list" } else { "a text" };
            let cause = format!("{uri} holds {what}, not a map of sections");
            let problem = Diagnostic::new(code::NOT_A_MAP, cause)
                .at(found.node.origin, "")
                .help("begin with keys such as `receivers:`");
            Err((text, vec![problem]))
        }
        Some(error) => Err((
            format!(
                "{text}: assuming string type since contents are not valid YAML: {}",
                error.text
            ),
            error.list.clone(),
        )),
    }
}

/// `a.b=value` as a map, in places of the flag.
fn set_node(set: &str) -> Result<Node, Refusal> {
    let (path, text) = set.split_once('=').unwrap_or((set, ""));
    let spaces = text.chars().take_while(|it| it.is_whitespace()).count();
    let before = path.chars().count() + 1 + spaces;
    let flag = Source::new(SourceKind::Set, "--set", set);
    // Spaces instead of the key, so that the value is read at its own column.
    let indent = if text.trim().contains('\n') { 0 } else { before };
    let padded = format!("{}{}", " ".repeat(indent), text.trim());
    let parsed = document::parse(&Source::new(SourceKind::Set, "--set", padded));
    let mut value = parsed.map_err(|mut error| {
        let labels =
            error.list.iter_mut().flat_map(|it| it.primary.iter_mut().chain(&mut it.related));
        labels.for_each(|it| it.origin.source = flag.clone());
        (format!("{NO_CONF}{}", error.text), error.list)
    })?;
    value.rebase(&flag);
    let parts: Vec<&str> = path.trim().split(['.']).flat_map(|it| it.split("::")).collect();
    if parts.len() > SET_KEYS_MAX {
        let text = format!("--set has more than {SET_KEYS_MAX} keys");
        return Err((text.clone(), vec![Diagnostic::new(code::LIMIT, text)]));
    }
    let place = |part: &str| {
        let at = part.as_ptr() as usize - set.as_ptr() as usize;
        let column = set.get(..at).map_or(0, |it| it.chars().count());
        Origin::new(flag.clone(), 1, column + 1, part.chars().count())
    };
    for part in parts.into_iter().rev() {
        let origin = place(part);
        let entry = Entry { key: part.to_owned(), key_origin: origin.clone(), value };
        value = Node::new(Data::Map(vec![entry]), origin);
    }
    Ok(value)
}

const NO_CONF: &str = "retrieved value (type=string) cannot be used as a Conf: assuming string type \
                       since contents are not valid YAML: ";
