//! Documents to policies. A policy with a mistake is left out and the others stay; each mistake has its place.

mod fields;
mod matchers;
mod targets;

use std::collections::HashMap;
use std::fmt;

use confmap::{Bounds, Data, Diagnostic, Diagnostics, Node, Origin, Source, SourceKind};
use pdata::Signal;
use regex::{Regex, RegexBuilder};

use crate::model::{Policy, Target};

/// How large a document may be: 100,000 policies of the usual size.
const BOUNDS: Bounds = Bounds { text_bytes: 64 << 20, nodes: 4_000_000, tree_bytes: 64 << 20 };
/// Most policies of all documents together.
const POLICIES_MAX: usize = 100_000;
/// Most matchers, and most changes, of one policy.
const PARTS_MAX: usize = 100;
/// Largest compiled pattern, in bytes.
const REGEX_BYTES_MAX: usize = 1 << 20;
/// The code of mistakes in policies: a value that breaks a rule.
const CODE: &str = confmap::code::RULE;

/// What documents hold.
#[derive(Debug, Default)]
pub struct Policies {
    /// Those that can be applied, by id.
    pub list: Vec<Policy>,
    /// How many are switched off.
    pub disabled: usize,
    /// What is wrong with the others.
    pub mistakes: Vec<Mistake>,
}

/// Something wrong with a policy, or with a whole document.
#[derive(Debug, Clone)]
pub struct Mistake {
    /// Id of the policy; empty if it is not known.
    pub policy: String,
    /// Where in the policy and what: `log: match[0]: invalid regex "(["`. The words of the conformance suite.
    pub text: String,
    /// With the place, an excerpt and what to do.
    diagnostic: Box<Diagnostic>,
    /// Whether the whole document cannot be read.
    pub is_document: bool,
}

impl Mistake {
    /// File, line and column; `None` for what has no place.
    pub fn place(&self) -> Option<String> {
        self.diagnostic.primary.as_ref().map(|it| it.origin.to_string())
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one = Diagnostics::new("", vec![Diagnostic::clone(&self.diagnostic)]);
        write!(f, "{one}")
    }
}

impl Policies {
    /// Reads texts, each with the name of its file. A text is YAML or JSON: one policy, a list of them, or a map with
    /// `policies`; several documents one after the other.
    pub fn read<'d>(texts: impl IntoIterator<Item = (&'d str, &'d str)>) -> Self {
        let mut reader = Reader::default();
        for (name, text) in texts {
            match nodes(name, text) {
                Ok(nodes) => nodes.iter().for_each(|it| reader.document(it)),
                Err(problems) => reader.broken(problems),
            }
        }
        let Reader { mut policies, mistakes, disabled, .. } = reader;
        policies.sort_by(|a, b| a.id.cmp(&b.id));
        Self { list: policies, disabled, mistakes }
    }
}

/// The documents of a text. JSON is YAML but for a few escapes, so the parser that knows places comes first.
fn nodes(name: &str, text: &str) -> Result<Vec<Node>, Diagnostics> {
    let source = Source::new(SourceKind::File, name, text);
    let error = match confmap::documents(&source, BOUNDS) {
        Ok(nodes) => return Ok(nodes),
        Err(error) => error,
    };
    if text.len() > BOUNDS.text_bytes || !text.trim_start().starts_with(['{', '[']) {
        return Err(error);
    }
    let value = serde_json::from_str::<serde_json::Value>(text).map_err(|_| error)?;
    Ok(vec![from_json(value, &Origin::new(source, 1, 1, 1))])
}

fn from_json(value: serde_json::Value, origin: &Origin) -> Node {
    use serde_json::Value;
    let data = match value {
        Value::Null => Data::Null,
        Value::Bool(it) => Data::Bool(it),
        Value::Number(it) => match it.as_i128() {
            Some(it) => Data::Int(it),
            None => Data::Float(it.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(it) => Data::String(it),
        Value::Array(it) => Data::List(it.into_iter().map(|it| from_json(it, origin)).collect()),
        Value::Object(it) => Data::Map(
            it.into_iter()
                .map(|(key, value)| confmap::Entry {
                    key,
                    key_origin: origin.clone(),
                    value: from_json(value, origin),
                })
                .collect(),
        ),
    };
    Node::new(data, origin.clone())
}

/// What is known while documents are read.
#[derive(Default)]
struct Reader {
    policies: Vec<Policy>,
    /// Where each id stands.
    ids: HashMap<String, Origin>,
    mistakes: Vec<Mistake>,
    disabled: usize,
    /// Of the policy that is being read.
    id: String,
    regexes: HashMap<String, Regex>,
}

/// A part of a policy is wrong, and the mistake is noted.
struct Wrong;

type Read<T> = Result<T, Wrong>;

impl Reader {
    /// Notes a mistake; `text` says where in the policy.
    fn wrong(&mut self, origin: &Origin, text: impl Into<String>, help: &str) -> Wrong {
        let text = text.into();
        let message = match self.id.as_str() {
            "" => text.clone(),
            id => format!("policy {id:?}: {text}"),
        };
        let mut diagnostic = Diagnostic::new(CODE, message).at(origin.clone(), "");
        if !help.is_empty() {
            diagnostic = diagnostic.help(help);
        }
        let policy = self.id.clone();
        let diagnostic = Box::new(diagnostic);
        self.mistakes.push(Mistake { policy, text, diagnostic, is_document: false });
        Wrong
    }

    /// Notes that a document cannot be read.
    fn broken(&mut self, problems: Diagnostics) {
        for problem in problems.list {
            let text = problem.message.clone();
            let diagnostic = Box::new(problem);
            let policy = String::new();
            self.mistakes.push(Mistake { policy, text, diagnostic, is_document: true });
        }
    }

    fn document(&mut self, root: &Node) {
        let list = match &root.data {
            Data::List(items) => items.as_slice(),
            Data::Map(_) => match root.get("policies") {
                Some(list) if matches!(list.data, Data::Null) => &[],
                Some(list) if matches!(list.data, Data::List(_)) => list.items(),
                Some(other) => {
                    self.wrong(
                        &other.origin,
                        "policies must be a list",
                        "write each one after a `-`",
                    );
                    return;
                }
                None => std::slice::from_ref(root),
            },
            _ => {
                let help = "write a map with the key `policies`, a list of policies, or one policy";
                self.wrong(&root.origin, "the document holds no policies", help);
                return;
            }
        };
        for node in list {
            if self.ids.len() + self.disabled >= POLICIES_MAX {
                let text = format!("there are more than {POLICIES_MAX} policies");
                self.wrong(&node.origin, text, "those behind this place are not used");
                return;
            }
            self.id.clear();
            // What is wrong is noted; the policy is left out.
            if let Ok(Some(policy)) = self.policy(node) {
                self.policies.push(policy);
            }
            self.id.clear();
        }
    }

    /// A policy, or none if it is switched off.
    fn policy(&mut self, node: &Node) -> Read<Option<Policy>> {
        let before = self.mistakes.len();
        let Data::Map(entries) = &node.data else {
            return Err(self.wrong(
                &node.origin,
                "a policy must be a map",
                "write id:, name: and log:",
            ));
        };
        node.get("id").and_then(Node::text).unwrap_or_default().clone_into(&mut self.id);
        if self.id.is_empty() {
            return Err(self.wrong(&node.origin, "id is required", "give the policy an id"));
        }
        let mut enabled = true;
        let mut targets = Vec::new();
        let mut name = None;
        for entry in entries {
            let value = &entry.value;
            match snake(&entry.key).as_str() {
                "id"
                | "description"
                | "created_at_unix_nano"
                | "modified_at_unix_nano"
                | "labels"
                | "extensions" => {}
                "name" => name = value.text().filter(|it| !it.is_empty()),
                "enabled" => enabled = self.boolean(value, "enabled").unwrap_or(false),
                "log" => targets.push((Signal::Logs, value)),
                "metric" => targets.push((Signal::Metrics, value)),
                "trace" => targets.push((Signal::Traces, value)),
                _ => {
                    self.unknown(entry, "", POLICY_KEYS);
                }
            }
        }
        if name.is_none() {
            self.wrong(&node.origin, "name is required", "give the policy a name");
        }
        self.once(node)?;
        if !enabled && self.mistakes.len() == before {
            self.disabled += 1;
            return Ok(None);
        }
        let target = match targets.as_slice() {
            [(signal, value)] => self.target(*signal, value),
            [] => {
                Err(self.wrong(&node.origin, "no target set", "write one of log:, metric:, trace:"))
            }
            _ => {
                let help = "write one policy for each of log:, metric: and trace:";
                Err(self.wrong(&node.origin, "more than one target set", help))
            }
        };
        let target: Target = target?;
        if self.mistakes.len() > before {
            return Err(Wrong);
        }
        let name = name.unwrap_or_default().to_owned();
        Ok(Some(Policy { id: self.id.clone(), name, target }))
    }

    /// An id stands for one policy.
    fn once(&mut self, node: &Node) -> Read<()> {
        let id = node.entry("id").map_or(&node.origin, |it| &it.value.origin).clone();
        if let Some(first) = self.ids.get(&self.id) {
            let text = format!("the id is already that of the policy at {first}");
            return Err(self.wrong(&id, text, "give each policy an id of its own"));
        }
        self.ids.insert(self.id.clone(), id);
        Ok(())
    }

    fn boolean(&mut self, node: &Node, at: &str) -> Read<bool> {
        match node.data {
            Data::Bool(it) => Ok(it),
            _ => Err(self.wrong(&node.origin, format!("{at} must be true or false"), "")),
        }
    }

    fn text<'n>(&mut self, node: &'n Node, at: &str) -> Read<&'n str> {
        node.text().ok_or_else(|| {
            self.wrong(&node.origin, format!("{at} must be a text"), "write it in quotes")
        })
    }

    fn list<'n>(&mut self, node: &'n Node, at: &str) -> Read<&'n [Node]> {
        let Data::List(items) = &node.data else {
            return Err(self.wrong(
                &node.origin,
                format!("{at} must be a list"),
                "write each one after a `-`",
            ));
        };
        if items.len() > PARTS_MAX {
            let text = format!("{at} has {} entries, at most {PARTS_MAX}", items.len());
            return Err(self.wrong(&node.origin, text, "make several policies of it"));
        }
        Ok(items)
    }

    fn unknown(&mut self, entry: &confmap::Entry, at: &str, known: &[&str]) -> Wrong {
        let help = match confmap::closest(&snake(&entry.key), known.iter().copied()) {
            Some(meant) => format!("did you mean {meant}?"),
            None => format!("the keys are {}", known.join(", ")),
        };
        let colon = if at.is_empty() { "" } else { ": " };
        self.wrong(&entry.key_origin, format!("{at}{colon}unknown key {:?}", entry.key), &help)
    }

    /// A pattern of RE2, compiled once however often it is used.
    fn regex(&mut self, node: &Node, at: &str, ignore_case: bool) -> Read<(String, Regex)> {
        let pattern = self.text(node, &format!("{at}: regex"))?;
        let whole = if ignore_case { format!("(?i:{pattern})") } else { pattern.to_owned() };
        if let Some(it) = self.regexes.get(&whole) {
            return Ok((pattern.to_owned(), it.clone()));
        }
        let build = |text: &str| RegexBuilder::new(text).size_limit(REGEX_BYTES_MAX).build();
        // On its own first, so that what closes a group too many does not close ours.
        let built = golang::go_regex(pattern, build).and_then(|_| golang::go_regex(&whole, build));
        match built {
            Ok(regex) => {
                self.regexes.insert(whole, regex.clone());
                Ok((pattern.to_owned(), regex))
            }
            Err(why) => {
                Err(self.wrong(&node.origin, format!("{at}: invalid regex {pattern:?}"), &why))
            }
        }
    }
}

const POLICY_KEYS: &[&str] = &[
    "id",
    "name",
    "description",
    "enabled",
    "created_at_unix_nano",
    "modified_at_unix_nano",
    "labels",
    "extensions",
    "log",
    "metric",
    "trace",
];

/// The name of a key as protobuf has it, of one as JSON has it: `logField`.
fn snake(key: &str) -> String {
    let mut out = String::with_capacity(key.len() + 2);
    for c in key.chars() {
        if c.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}
