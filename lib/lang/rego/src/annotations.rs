//! `# METADATA` comments, for `rego.metadata.rule` and `rego.metadata.chain`.

use serde_json::{Map, Value, json};

use crate::error::{Error, code};
use crate::syntax::{Lines, Module};

/// What the annotations of a package's modules say, seen from one module.
#[derive(Debug, Clone, Default)]
pub struct Annotated {
    rules: Vec<Option<Metadata>>,
}

/// What the two builtins answer within a rule, as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// `rego.metadata.rule()`.
    pub rule: String,
    /// `rego.metadata.chain()`.
    pub chain: String,
}

impl Annotated {
    /// Of the rule at this place in the module.
    pub fn of_rule(&self, index: usize) -> Option<Metadata> {
        self.rules.get(index).cloned().flatten()
    }
}

/// One comment block.
#[derive(Debug, Clone)]
pub struct Annotation {
    /// `rule`, `document`, `package` or `subpackages`.
    pub scope: String,
    /// What it is about: parts of a package or of a rule's path.
    pub path: Vec<String>,
    /// The rule behind it, by its place in the module.
    pub rule: Option<usize>,
    /// All of it, with the scope.
    pub value: Value,
}

/// The annotations of a module.
///
/// # Errors
/// `rego_parse_error` for a block that is no YAML, or that annotates nothing.
pub fn of_module(file: &str, text: &str, module: &Module) -> Result<Vec<Annotation>, Error> {
    let lines = Lines::new(file, text);
    let row = |at: usize| lines.location(at).row;
    let mut found = Vec::new();
    let mut comments = module.comments.iter().peekable();
    while let Some(first) = comments.next() {
        let content = text.get(first.clone()).unwrap_or_default().trim_start_matches('#').trim();
        if content != "METADATA" {
            continue;
        }
        let mut yaml = String::new();
        let mut last = row(first.start);
        let mut end = first.end;
        while let Some(next) = comments.next_if(|it| row(it.start) == last + 1) {
            let line = text.get(next.clone()).unwrap_or_default();
            yaml.push_str(line.strip_prefix('#').unwrap_or(line));
            yaml.push('\n');
            last += 1;
            end = next.end;
        }
        let bad = |message: String| lines.error(text, first.start, code::PARSE, message);
        let parsed =
            regorus::Value::from_yaml_str(&yaml).map_err(|it| bad(format!("yaml: {it}")))?;
        let parsed = serde_json::to_value(&parsed).map_err(|it| bad(it.to_string()))?;
        let Value::Object(fields) = parsed else {
            return Err(bad("expected METADATA block, found whitespace".into()));
        };
        found.extend(attach(module, end, fields));
    }
    Ok(found)
}

/// To the statement that follows the block.
fn attach(module: &Module, end: usize, fields: Map<String, Value>) -> Option<Annotation> {
    let given = fields.get("scope").and_then(Value::as_str).map(str::to_owned);
    if module.package_span.start >= end {
        let scope = given.unwrap_or_else(|| "package".into());
        let path = module.package.clone();
        return Some(Annotation { value: normal(fields, &scope), scope, path, rule: None });
    }
    let (index, rule) = module.rules.iter().enumerate().find(|(_, it)| it.span.start >= end)?;
    if module.imports.iter().any(|it| it.span.start >= end && it.span.start < rule.span.start) {
        return None;
    }
    let scope = given.unwrap_or_else(|| {
        let is_entry = fields.get("entrypoint") == Some(&Value::Bool(true));
        if is_entry { "document".into() } else { "rule".into() }
    });
    let path = match scope.as_str() {
        "package" | "subpackages" => module.package.clone(),
        _ => rule_path(module, rule.head.path()),
    };
    Some(Annotation { value: normal(fields, &scope), scope, path, rule: Some(index) })
}

fn rule_path(module: &Module, name: Vec<&str>) -> Vec<String> {
    module.package.iter().cloned().chain(name.into_iter().map(str::to_owned)).collect()
}

/// Short forms written out, as OPA prints them.
fn normal(mut fields: Map<String, Value>, scope: &str) -> Value {
    if let Some(Value::Array(authors)) = fields.get_mut("authors") {
        for author in authors {
            if let Value::String(text) = author {
                *author = person(text);
            }
        }
    }
    if let Some(Value::Array(resources)) = fields.get_mut("related_resources") {
        for resource in resources {
            if let Value::String(text) = resource {
                *resource = json!({"ref": text});
            }
        }
    }
    fields.insert("scope".into(), scope.into());
    fields.sort_keys();
    Value::Object(fields)
}

/// `Jane Doe <jane@example.com>`.
fn person(text: &str) -> Value {
    let (name, email) = match text.rsplit_once('<') {
        Some((name, rest)) => (name.trim(), rest.trim_end_matches('>').trim()),
        None => (text.trim(), ""),
    };
    let mut person = Map::new();
    if !name.is_empty() {
        person.insert("name".into(), name.into());
    }
    if !email.is_empty() {
        person.insert("email".into(), email.into());
    }
    Value::Object(person)
}

/// What the builtins answer in each rule of `module`; `all` are the annotations of all modules.
pub fn chains(module: &Module, own: &[Annotation], all: &[Annotation]) -> Annotated {
    let of_rule = |(index, rule): (usize, &crate::syntax::Rule)| {
        let path = rule_path(module, rule.head.path());
        let full = || -> Vec<&str> {
            std::iter::once("data").chain(path.iter().map(String::as_str)).skip(1).collect()
        };
        let direct = own.iter().find(|it| it.rule == Some(index) && it.scope == "rule");
        let mut chain = vec![link(direct, &full())];
        let document = all.iter().filter(|it| it.scope == "document" && it.path == path);
        chain.extend(document.map(|it| link(Some(it), &full())));
        let package = all.iter().filter(|it| it.scope == "package" && it.path == module.package);
        chain.extend(package.map(|it| link(Some(it), &parts(&it.path))));
        let mut above: Vec<&Annotation> = (all.iter())
            .filter(|it| it.scope == "subpackages" && module.package.starts_with(&it.path))
            .collect();
        above.sort_by_key(|it| std::cmp::Reverse(it.path.len()));
        chain.extend(above.into_iter().map(|it| link(Some(it), &parts(&it.path))));
        let rule = direct.map_or_else(|| json!({}), |it| it.value.clone());
        Some(Metadata { rule: rule.to_string(), chain: Value::Array(chain).to_string() })
    };
    Annotated { rules: module.rules.iter().enumerate().map(of_rule).collect() }
}

fn parts(path: &[String]) -> Vec<&str> {
    path.iter().map(String::as_str).collect()
}

fn link(annotation: Option<&Annotation>, path: &[&str]) -> Value {
    match annotation {
        Some(it) => json!({"annotations": it.value, "path": path}),
        None => json!({"path": path}),
    }
}
