//! What stands behind a scheme: files, variables, text in place, the web. Each place is read once.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::code;
use crate::diagnostic::{Diagnostic, Severity};
use crate::document;
use crate::doubt;
use crate::environment::Environment;
use crate::redact::hide_in_addresses;
use crate::source::{Origin, Source, SourceKind};
use crate::suggest::closest;
use crate::tree::{Data, Node, Notice};
use crate::web;
use crate::yaml::{TEXT_BYTES_MAX, YamlError};

/// Longest time that all downloads of one configuration may take.
const DOWNLOADS_TIME_MAX: Duration = Duration::from_secs(30);

/// Most names of a folder that are looked at for the one that was meant.
const FILES_MAX: usize = 1000;

/// Who answers for a scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Provider {
    File,
    Environment,
    Yaml,
    Web,
}

impl Provider {
    pub(crate) fn of(scheme: &str) -> Option<Self> {
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
    pub(crate) invalid: Option<Arc<YamlError>>,
}

/// Why a location or reference leads to nothing.
#[derive(Debug, Clone)]
pub(crate) struct Refused {
    pub(crate) code: &'static str,
    /// In the Collector's words.
    pub(crate) text: String,
    /// What is wrong inside the place that was read.
    pub(crate) inside: Option<Box<Diagnostic>>,
}

impl Refused {
    pub(crate) fn new(code: &'static str, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), inside: None }
    }
}

/// Reads what schemes lead to, each place once.
pub(crate) struct Reader<'a> {
    environment: &'a Environment,
    seen: BTreeMap<String, Result<Retrieved, Refused>>,
    /// What is legal in the texts and probably wrong.
    pub(crate) doubts: Vec<Diagnostic>,
    /// When downloads have to be done, from the first one on.
    deadline: Option<Instant>,
}

/// Splits `scheme:rest`: `[A-Za-z][A-Za-z0-9+.-]+:.*`.
pub(crate) fn split_uri(uri: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = uri.split_once(':')?;
    let right = |it: u8| it.is_ascii_alphanumeric() || b"+.-".contains(&it);
    let first = scheme.bytes().next().is_some_and(|it| it.is_ascii_alphabetic());
    (first && scheme.len() > 1 && scheme.bytes().all(right)).then_some((scheme, rest))
}

impl<'a> Reader<'a> {
    pub(crate) fn new(environment: &'a Environment) -> Self {
        Self { environment, seen: BTreeMap::new(), doubts: Vec::new(), deadline: None }
    }

    /// The files that were asked for.
    pub(crate) fn files(&self) -> BTreeSet<PathBuf> {
        self.seen.keys().filter_map(|it| it.strip_prefix("file:")).map(PathBuf::from).collect()
    }

    /// What `${uri}` leads to; without a scheme, a variable.
    ///
    /// # Errors
    /// The Collector's text.
    pub(crate) fn reference(&mut self, uri: &str) -> Result<Retrieved, Refused> {
        let with_scheme = if uri.contains(':') { uri.to_owned() } else { format!("env:{uri}") };
        let Some((scheme, rest)) = split_uri(&with_scheme) else {
            return Err(Refused::new(code::REFERENCE, format!("invalid uri: {with_scheme:?}")));
        };
        let Some(provider) = Provider::of(scheme) else {
            let text = format!("scheme {scheme:?} is not supported for uri {with_scheme:?}");
            return Err(Refused::new(code::SCHEME, text));
        };
        if let Some(seen) = self.seen.get(&with_scheme) {
            return seen.clone();
        }
        let retrieved = self.retrieve(provider, &with_scheme, rest);
        if let Ok(Retrieved { source: Some(source), .. }) = &retrieved {
            self.doubts.extend(doubt::further_document(source));
        }
        self.seen.insert(with_scheme, retrieved.clone());
        retrieved
    }

    fn retrieve(
        &mut self,
        provider: Provider,
        uri: &str,
        rest: &str,
    ) -> Result<Retrieved, Refused> {
        match provider {
            Provider::File => {
                let text = read_file(rest)?;
                Ok(retrieved(Some(Source::new(SourceKind::File, rest, text))))
            }
            Provider::Yaml => Ok(retrieved(Some(Source::new(SourceKind::Yaml, "yaml:", rest)))),
            Provider::Environment => self.variable(rest),
            Provider::Web => self.download(uri).map_err(|text| {
                let problem = Diagnostic::new(code::UNREADABLE, text.clone()).help(
                    "check the address, and that its server can be reached from this machine",
                );
                let inside = Some(Box::new(problem));
                Refused { inside, ..Refused::new(code::UNREADABLE, text) }
            }),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "it reads before there is a runtime")]
    fn download(&mut self, uri: &str) -> Result<Retrieved, String> {
        let deadline = *self.deadline.get_or_insert_with(|| Instant::now() + DOWNLOADS_TIME_MAX);
        let time = web::LIMITS.time.min(deadline.saturating_duration_since(Instant::now()));
        let bytes = web::get(uri, web::Limits { time, ..web::LIMITS })?;
        let name = hide_in_addresses(uri);
        let text = decoded(bytes)
            .map_err(|it| format!("the answer of {name:?} is not UTF-8 at byte {}", it.at))?;
        Ok(retrieved(Some(Source::new(SourceKind::Web, name, text))))
    }

    fn variable(&self, rest: &str) -> Result<Retrieved, Refused> {
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
            return Err(Refused::new(code::VARIABLE_NAME, text));
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
    let (node, invalid) = match document::parse(&source) {
        Ok(Node { data: Data::String(_), original: None, .. }) => (verbatim(), None),
        Ok(node) => (node, None),
        Err(error) => (verbatim(), Some(Arc::new(error))),
    };
    Retrieved { node, text, source: Some(source), notice: None, invalid }
}

fn read_file(path: &str) -> Result<String, Refused> {
    let fail = |verb: &str, why: &str| {
        let text = format!("unable to read the file file:{path}: {verb} {path}: {why}");
        let cause = format!("the file `{path}` cannot be read: {why}");
        let problem = Diagnostic::new(code::UNREADABLE, cause);
        let help = meant_file(path).unwrap_or_else(|| {
            let from = if path.starts_with('/') {
                ""
            } else {
                ", which is seen from the folder where sluice was started"
            };
            format!("check the path{from}, and that the user that runs sluice may read the file")
        });
        let problem = problem.help(help);
        Refused { inside: Some(Box::new(problem)), ..Refused::new(code::UNREADABLE, text) }
    };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|it| fail("open", &reason(&it)))?;
    file.take(TEXT_BYTES_MAX as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|it| fail("read", &reason(&it)))?;
    if bytes.len() > TEXT_BYTES_MAX {
        return Err(fail("read", &format!("file is larger than {TEXT_BYTES_MAX} bytes")));
    }
    decoded(bytes).map_err(|wrong| {
        let inside = Some(Box::new(wrong.diagnostic(path)));
        Refused { inside, ..fail("read", &format!("not UTF-8 at byte {}", wrong.at)) }
    })
}

/// What a path that cannot be read was probably meant to be.
fn meant_file(path: &str) -> Option<String> {
    let whole = Path::new(path);
    if whole.is_dir() {
        return Some("name a file in this folder".to_owned());
    }
    if path.contains([',', '*', '?']) {
        return Some("pass each file with a `--config` of its own".to_owned());
    }
    let folder = whole.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = whole.file_name()?.to_str()?;
    let entries = std::fs::read_dir(folder).ok()?.take(FILES_MAX).flatten();
    let names: Vec<String> =
        entries.filter_map(|it| it.file_name().to_str().map(str::to_owned)).collect();
    let near = closest(name, names.iter().map(String::as_str))?;
    Some(format!("did you mean `{}`?", whole.with_file_name(near).display()))
}

/// Bytes that are no text.
struct NotText {
    /// Where the first of them is.
    at: usize,
    bytes: Vec<u8>,
}

impl NotText {
    /// The place of the first bad byte in a file, in characters.
    fn diagnostic(&self, path: &str) -> Diagnostic {
        let before = String::from_utf8_lossy(self.bytes.get(..self.at).unwrap_or_default());
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let text = String::from_utf8_lossy(&self.bytes);
        let byte = self.bytes.get(self.at).copied().unwrap_or_default();
        let source = Source::new(SourceKind::File, path, text);
        Diagnostic::new(code::UNREADABLE, format!("the byte 0x{byte:02X} here is not UTF-8"))
            .at(Origin::new(source, line, column, 1), "")
            .help("save the file as UTF-8")
    }
}

/// The text without a byte-order mark, which may say that it is UTF-16.
fn decoded(bytes: Vec<u8>) -> Result<String, NotText> {
    let wide = |read: fn([u8; 2]) -> u16| {
        let units = bytes[2..].chunks_exact(2).map(|it| read([it[0], it[1]]));
        let text: Result<String, _> = char::decode_utf16(units).collect();
        text.ok()
    };
    let text = match bytes.as_slice() {
        [0xff, 0xfe, ..] => wide(u16::from_le_bytes),
        [0xfe, 0xff, ..] => wide(u16::from_be_bytes),
        _ => {
            let text = String::from_utf8(bytes);
            return text.map(without_mark).map_err(|it| NotText {
                at: it.utf8_error().valid_up_to(),
                bytes: it.into_bytes(),
            });
        }
    };
    text.ok_or(NotText { at: 2, bytes })
}

fn without_mark(text: String) -> String {
    text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)
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
