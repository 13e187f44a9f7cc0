//! Go's `text/template` as far as policies use it: fields, variables of `range`, `range`, `if`, `else`, `end`, trimming.

use regorus::Value;

use super::print::go_value;

/// Deepest nesting of blocks.
const DEPTH_MAX: usize = 50;
/// Longest text that comes out, in bytes.
const OUTPUT_BYTES_MAX: usize = 4 * 1024 * 1024;

#[derive(Debug, Clone)]
enum Node {
    Text(String),
    Field(String),
    Range { variables: Vec<String>, over: String, body: Vec<Node>, otherwise: Vec<Node> },
    If { condition: String, body: Vec<Node>, otherwise: Vec<Node> },
}

type Variables = Vec<(String, Value)>;

/// A template.
#[derive(Debug, Clone)]
pub struct Template(Vec<Node>);

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(template: &str) -> Result<Self, String> {
        let mut actions = split(template)?.into_iter();
        let (nodes, end) = parse(&mut actions, 0)?;
        if !end.is_empty() {
            return Err(format!("template: unexpected {{{{{end}}}}}"));
        }
        Ok(Self(nodes))
    }

    /// The text that it makes of an object. What the object has not is empty.
    ///
    /// # Errors
    /// It becomes too long.
    pub fn render(&self, values: &Value) -> Result<String, String> {
        self.written(values, Missing::IsEmpty)
    }

    fn written(&self, values: &Value, missing: Missing) -> Result<String, String> {
        let mut text = String::new();
        write(&self.0, (values, missing), &mut Vec::new(), &mut text)?;
        Ok(text)
    }
}

/// What a field becomes that is not there.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Missing {
    IsEmpty,
    IsAnError,
}

/// The text that a template makes of an object, with a field that is not there as an error.
pub fn render(template: &str, values: &Value) -> Result<String, String> {
    Template::new(template)?.written(values, Missing::IsAnError)
}

enum Piece {
    Text(String),
    Action(String),
}

fn split(template: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = template;
    let mut trim_next = false;
    while let Some((before, behind)) = rest.split_once("{{") {
        let Some((action, behind)) = behind.split_once("}}") else {
            return Err("template: unclosed action".into());
        };
        let before = if trim_next { before.trim_start() } else { before };
        let left = action.strip_prefix("- ");
        let before = if left.is_some() { before.trim_end() } else { before };
        let action = left.unwrap_or(action);
        trim_next = action.ends_with(" -");
        let action = action.strip_suffix(" -").unwrap_or(action);
        pieces.push(Piece::Text(before.to_owned()));
        pieces.push(Piece::Action(action.trim().to_owned()));
        rest = behind;
    }
    pieces.push(Piece::Text(if trim_next { rest.trim_start() } else { rest }.to_owned()));
    Ok(pieces)
}

/// Nodes up to `end` or `else`, and that word.
fn parse(
    pieces: &mut std::vec::IntoIter<Piece>,
    depth: usize,
) -> Result<(Vec<Node>, String), String> {
    if depth > DEPTH_MAX {
        return Err("template: blocks are nested too deeply".into());
    }
    let mut nodes = Vec::new();
    while let Some(piece) = pieces.next() {
        let action = match piece {
            Piece::Text(text) => {
                nodes.push(Node::Text(text));
                continue;
            }
            Piece::Action(action) => action,
        };
        if action == "end" || action == "else" {
            return Ok((nodes, action));
        }
        if let Some(rest) = action.strip_prefix("range ") {
            let (names, over) = rest.split_once(":=").unwrap_or(("", rest));
            let variables = names.split(',').map(str::trim).filter(|it| !it.is_empty());
            let variables = variables.map(str::to_owned).collect();
            let over = over.trim().to_owned();
            let (body, otherwise) = block(pieces, depth)?;
            nodes.push(Node::Range { variables, over, body, otherwise });
        } else if let Some(rest) = action.strip_prefix("if ") {
            let condition = rest.trim().to_owned();
            let (body, otherwise) = block(pieces, depth)?;
            nodes.push(Node::If { condition, body, otherwise });
        } else if action.starts_with('.') || action.starts_with('$') {
            nodes.push(Node::Field(action));
        } else if !action.starts_with("/*") {
            return Err(format!("template: function {action:?} not defined"));
        }
    }
    Ok((nodes, String::new()))
}

fn block(
    pieces: &mut std::vec::IntoIter<Piece>,
    depth: usize,
) -> Result<(Vec<Node>, Vec<Node>), String> {
    let (body, mut end) = parse(pieces, depth + 1)?;
    let mut otherwise = Vec::new();
    if end == "else" {
        (otherwise, end) = parse(pieces, depth + 1)?;
    }
    if end == "end" { Ok((body, otherwise)) } else { Err("template: unexpected EOF".into()) }
}

fn write(
    nodes: &[Node],
    (dot, missing): (&Value, Missing),
    variables: &mut Variables,
    text: &mut String,
) -> Result<(), String> {
    for node in nodes {
        if text.len() > OUTPUT_BYTES_MAX {
            return Err(format!("template: more than {OUTPUT_BYTES_MAX} bytes"));
        }
        match node {
            Node::Text(it) => text.push_str(it),
            Node::Field(path) => match lookup(path, dot, variables) {
                Value::Undefined if missing == Missing::IsEmpty => {}
                Value::Undefined => {
                    return Err(format!("template: map has no entry for key {path:?}"));
                }
                value => text.push_str(&go_value(&value)),
            },
            Node::If { condition, body, otherwise } => {
                let branch =
                    if is_true(&lookup(condition, dot, variables)) { body } else { otherwise };
                write(branch, (dot, missing), variables, text)?;
            }
            Node::Range { variables: names, over, body, otherwise } => {
                let entries: Vec<(Value, Value)> = match lookup(over, dot, variables) {
                    Value::Array(items) => items
                        .iter()
                        .enumerate()
                        .map(|(at, it)| (Value::from(at), it.clone()))
                        .collect(),
                    Value::Object(it) => {
                        it.iter_sorted().map(|(k, v)| (k.clone(), v.clone())).collect()
                    }
                    _ => Vec::new(),
                };
                if entries.is_empty() {
                    write(otherwise, (dot, missing), variables, text)?;
                }
                for (key, value) in entries {
                    let depth = variables.len();
                    match names.as_slice() {
                        [one] => variables.push((one.clone(), value.clone())),
                        [first, second] => {
                            variables.push((first.clone(), key));
                            variables.push((second.clone(), value.clone()));
                        }
                        _ => {}
                    }
                    write(body, (&value, missing), variables, text)?;
                    variables.truncate(depth);
                }
            }
        }
    }
    Ok(())
}

fn lookup(path: &str, dot: &Value, variables: &Variables) -> Value {
    let (head, rest) = path.split_once('.').unwrap_or((path, ""));
    let mut value = match head {
        "" => dot.clone(),
        name => {
            let found = variables.iter().rev().find(|(it, _)| it == name);
            found.map_or(Value::Undefined, |(_, it)| it.clone())
        }
    };
    for part in rest.split('.').filter(|it| !it.is_empty()) {
        value = match &value {
            Value::Object(entries) => {
                entries.get(&Value::from(part)).cloned().unwrap_or(Value::Undefined)
            }
            _ => Value::Undefined,
        };
    }
    value
}

fn is_true(value: &Value) -> bool {
    match value {
        Value::Null | Value::Undefined => false,
        Value::Bool(it) => *it,
        Value::Number(it) => it.as_f64() != Some(0.0),
        Value::String(it) => !it.is_empty(),
        Value::Array(it) => !it.is_empty(),
        Value::Set(it) => !it.is_empty(),
        Value::Object(it) => !it.is_empty(),
    }
}
