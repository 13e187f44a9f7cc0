//! `--config` locations and `--set` flags, and what stands behind a scheme.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{ErrorKind, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::code;
use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::environment::Environment;
use crate::expand;
use crate::merge::{self, Lists};
use crate::redact::hide_in_addresses;
use crate::source::{Origin, Source, SourceKind};
use crate::tree::{Conf, Data, Entry, Node, Notice};
use crate::web;
use crate::yaml::{self, DEPTH_MAX, TEXT_BYTES_MAX, YamlError};

/// Most keys in the path of one `--set`.
const SET_KEYS_MAX: usize = 32;

/// Longest time that all downloads of one configuration may take.
const DOWNLOADS_TIME_MAX: Duration = Duration::from_secs(30);

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

/// Who answers for a scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Provider {
    File,
    Environment,
    Yaml,
    Web,
}

impl Provider {
    fn of(scheme: &str) -> Option<Self> {
        match scheme {
            "file" => Some(Self::File),
            "env" => Some(Self::Environment),
            "yaml" => Some(Self::Yaml),
            "http" | "https" => Some(Self::Web),
            _ => None,
        }
    }
}

/// What a location or reference leads to.
#[derive(Clone)]
pub(crate) struct Retrieved {
    /// The content as YAML reads it; text where it is not YAML.
    pub(crate) node: Node,
    /// The content as it is.
    pub(crate) text: String,
    /// Where the text stands; `None` for a default given in the reference.
    pub(crate) source: Option<Arc<Source>>,
    /// A variable that is unset or empty.
    pub(crate) notice: Option<Notice>,
    /// Why the content is not YAML.
    invalid: Option<Arc<YamlError>>,
}

/// Reads what schemes lead to, each place once.
pub(crate) struct Reader<'a> {
    environment: &'a Environment,
    seen: BTreeMap<String, Result<Retrieved, (&'static str, String)>>,
    /// When downloads have to be done, from the first one on.
    deadline: Option<Instant>,
}

/// Splits `scheme:rest`: `[A-Za-z][A-Za-z0-9+.-]+:.*`.
fn split_uri(uri: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = uri.split_once(':')?;
    let right = |it: u8| it.is_ascii_alphanumeric() || b"+.-".contains(&it);
    let first = scheme.bytes().next().is_some_and(|it| it.is_ascii_alphabetic());
    (first && scheme.len() > 1 && scheme.bytes().all(right)).then_some((scheme, rest))
}

impl<'a> Reader<'a> {
    pub(crate) fn new(environment: &'a Environment) -> Self {
        Self { environment, seen: BTreeMap::new(), deadline: None }
    }

    /// The files that were asked for.
    fn files(&self) -> BTreeSet<PathBuf> {
        self.seen.keys().filter_map(|it| it.strip_prefix("file:")).map(PathBuf::from).collect()
    }

    /// What `${uri}` leads to; without a scheme, a variable.
    ///
    /// # Errors
    /// A code and the Collector's text.
    pub(crate) fn reference(&mut self, uri: &str) -> Result<Retrieved, (&'static str, String)> {
        let with_scheme = if uri.contains(':') { uri.to_owned() } else { format!("env:{uri}") };
        let Some((scheme, rest)) = split_uri(&with_scheme) else {
            return Err((code::REFERENCE, format!("invalid uri: {with_scheme:?}")));
        };
        let Some(provider) = Provider::of(scheme) else {
            let text = format!("scheme {scheme:?} is not supported for uri {with_scheme:?}");
            return Err((code::SCHEME, text));
        };
        if let Some(seen) = self.seen.get(&with_scheme) {
            return seen.clone();
        }
        let retrieved = self.retrieve(provider, &with_scheme, rest);
        self.seen.insert(with_scheme, retrieved.clone());
        retrieved
    }

    fn retrieve(
        &mut self,
        provider: Provider,
        uri: &str,
        rest: &str,
    ) -> Result<Retrieved, (&'static str, String)> {
        match provider {
            Provider::File => {
                let text = read_file(rest)?;
                Ok(retrieved(Some(Source::new(SourceKind::File, rest, text))))
            }
            Provider::Yaml => Ok(retrieved(Some(Source::new(SourceKind::Yaml, "yaml:", rest)))),
            Provider::Environment => self.variable(rest),
            Provider::Web => self.download(uri).map_err(|text| (code::UNREADABLE, text)),
        }
    }

    fn download(&mut self, uri: &str) -> Result<Retrieved, String> {
        let deadline = *self.deadline.get_or_insert_with(|| Instant::now() + DOWNLOADS_TIME_MAX);
        let time = web::LIMITS.time.min(deadline.saturating_duration_since(Instant::now()));
        let bytes = web::get(uri, web::Limits { time, ..web::LIMITS })?;
        let name = hide_in_addresses(uri);
        let text = decoded(bytes)
            .map_err(|at| format!("the answer of {name:?} is not UTF-8 at byte {at}"))?;
        Ok(retrieved(Some(Source::new(SourceKind::Web, name, text))))
    }

    fn variable(&self, rest: &str) -> Result<Retrieved, (&'static str, String)> {
        let (name, default) = match rest.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (rest, None),
        };
        let mut bytes = name.bytes();
        let first = bytes.next().is_some_and(|it| it.is_ascii_alphabetic() || it == b'_');
        if !first || !bytes.all(|it| it.is_ascii_alphanumeric() || it == b'_') {
            let text = format!(
                "environment variable {name:?} has invalid name: must match regex ^[a-zA-Z_][a-zA-Z0-9_]*$"
            );
            return Err((code::VARIABLE_NAME, text));
        }
        let notice = |severity, message| {
            Some(Notice { severity, message, name: name.to_owned(), origin: None })
        };
        let value = self.environment.get(name);
        if let (None, Some(default)) = (&value, default) {
            let mut found = retrieved(Some(Source::new(SourceKind::Yaml, name, default)));
            found.source = None;
            return Ok(found);
        }
        let message = match &value {
            None => {
                notice(Severity::Warning, "Configuration references unset environment variable")
            }
            Some(value) if value.is_empty() => {
                notice(Severity::Info, "Configuration references empty environment variable")
            }
            Some(_) => None,
        };
        let source = Source::new(SourceKind::Environment, name, value.unwrap_or_default());
        Ok(Retrieved { notice: message, ..retrieved(Some(source)) })
    }
}

/// Reads YAML; what is not YAML, and what is YAML for text, is the text itself.
fn retrieved(source: Option<Arc<Source>>) -> Retrieved {
    let source = source.unwrap_or_else(|| Source::new(SourceKind::Yaml, "", ""));
    let text = source.text.clone();
    let all = Origin::new(source.clone(), 1, 1, source.line(1).map_or(1, |it| it.chars().count()));
    let verbatim = || Node::new(Data::String(text.clone()), all.clone());
    let (node, invalid) = match yaml::parse(&source) {
        Ok(Node { data: Data::String(_), original: None, .. }) => (verbatim(), None),
        Ok(node) => (node, None),
        Err(error) => (verbatim(), Some(Arc::new(error))),
    };
    Retrieved { node, text, source: Some(source), notice: None, invalid }
}

fn read_file(path: &str) -> Result<String, (&'static str, String)> {
    let fail = |verb: &str, reason: &str| {
        (code::UNREADABLE, format!("unable to read the file file:{path}: {verb} {path}: {reason}"))
    };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|it| fail("open", &reason(&it)))?;
    file.take(TEXT_BYTES_MAX as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|it| fail("read", &reason(&it)))?;
    if bytes.len() > TEXT_BYTES_MAX {
        return Err(fail("read", &format!("file is larger than {TEXT_BYTES_MAX} bytes")));
    }
    decoded(bytes).map_err(|at| fail("read", &format!("not UTF-8 at byte {at}")))
}

/// The text without a byte-order mark, which may say that it is UTF-16; `Err` is the first bad byte.
fn decoded(bytes: Vec<u8>) -> Result<String, usize> {
    let wide = |read: fn([u8; 2]) -> u16| {
        let units = bytes[2..].chunks_exact(2).map(|it| read([it[0], it[1]]));
        let text: Result<String, _> = char::decode_utf16(units).collect();
        text.map_err(|_| 2)
    };
    match bytes.as_slice() {
        [0xff, 0xfe, ..] => return wide(u16::from_le_bytes),
        [0xfe, 0xff, ..] => return wide(u16::from_be_bytes),
        _ => {}
    }
    let text = String::from_utf8(bytes).map_err(|it| it.utf8_error().valid_up_to())?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// The system's words as Go prints them.
fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "no such file or directory".to_owned(),
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        ErrorKind::IsADirectory => "is a directory".to_owned(),
        _ => error.to_string(),
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
    for uri in &uris {
        let map = reader.reference(uri).map_err(retrieval).and_then(|found| {
            notices.extend(found.notice.clone());
            as_map(found, uri)
        });
        match map.and_then(|map| merge_into(&mut root, map, locations.lists)) {
            Ok(()) => {}
            Err((text, list)) => mistakes.add(format!("{RESOLVE}{text}"), list),
        }
    }
    for set in &sets {
        match set_node(set).and_then(|it| merge_into(&mut root, Some(it), locations.lists)) {
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
    split(&mut root).map_err(|(text, list)| Diagnostics::new(format!("{RESOLVE}{text}"), list))?;
    if root.entries().is_empty() {
        root.data = Data::Null;
    }
    Ok(Conf { root, notices, files: reader.files() })
}

fn retrieval((code, text): (&'static str, String)) -> Refusal {
    (format!("cannot retrieve the configuration: {text}"), vec![Diagnostic::new(code, text)])
}

fn merge_into(root: &mut Node, map: Option<Node>, lists: Lists) -> Result<(), Refusal> {
    let Some(mut map) = map else { return Ok(()) };
    split(&mut map)?;
    if root.data == Data::Null {
        *root = map;
    } else {
        merge::lay_over(root, map, lists);
    }
    Ok(())
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
            let problem = Diagnostic::new(code::NOT_A_MAP, format!("{uri} does not hold a map"))
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
    let blanks = text.chars().take_while(|it| it.is_whitespace()).count();
    let before = path.chars().count() + 1 + blanks;
    let flag = Source::new(SourceKind::Set, "--set", set);
    // Blanks instead of the key, so that the value is read at its own column.
    let indent = if text.trim().contains('\n') { 0 } else { before };
    let padded = format!("{}{}", " ".repeat(indent), text.trim());
    let parsed = yaml::parse(&Source::new(SourceKind::Set, "--set", padded));
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
