//! XML: to maps, and to other XML.

mod token;
mod tree;
mod xpath;

use token::{Attribute, Name, Token, Tokens};
use tree::{DOCUMENT, Kind as NodeKind, Tree};
use xpath::Found;
pub(crate) use xpath::XPath;

use super::{Env, Function, Kind, Slot, State, constant_text, function, may_take, takes, text};
use crate::value::{List, Map, Value};

const TARGET: super::Parameter = takes("target", Kind::Text);
const XPATH: super::Parameter = takes("xpath", Kind::TheText);

pub(super) const ALL: &[Function] = &[
    function("ParseXML", &[TARGET], parse_xml).says(
        "A map of an XML document: each element with its `tag`, `attributes`, `content` and \
         `children`.",
        "ParseXML(\"<a b=\\\"1\\\">x</a>\") == \
         {\"tag\": \"a\", \"attributes\": {\"b\": \"1\"}, \"content\": \"x\"}",
    ),
    function("ParseSimplifiedXML", &[TARGET], |_, it| {
        let tree = Tree::parse(text(it, 0))?;
        Ok(Value::Map(Map::own(simplified(&tree, DOCUMENT))))
    })
    .says(
        "A map of the elements of an XML document by their names, without attributes and mixed text.",
        "ParseSimplifiedXML(\"<a><b>1</b><b>2</b></a>\") == {\"a\": {\"b\": [\"1\", \"2\"]}}",
    ),
    function("GetXML", &[TARGET, XPATH], get_xml).prepared(path).says(
        "What an XPath selects in an XML document, as XML.",
        "GetXML(\"<a><b>1</b></a>\", \"/a/b\") == \"<b>1</b>\"",
    ),
    function("InsertXML", &[TARGET, XPATH, takes("sub_document", Kind::Text)], insert_xml)
        .prepared(path)
        .says(
            "An XML document with another one within each element that an XPath selects.",
            "InsertXML(\"<a></a>\", \"/a\", \"<b/>\") == \"<a><b></b></a>\"",
        ),
    function("RemoveXML", &[TARGET, XPATH], remove_xml).prepared(path).says(
        "An XML document without what an XPath selects.",
        "RemoveXML(\"<a><b/></a>\", \"/a/b\") == \"<a></a>\"",
    ),
    function(
        "ConvertAttributesToElementsXML",
        &[TARGET, may_take("xpath", Kind::TheText)],
        attributes_to_elements,
    )
    .prepared(|slots| xpath_or(slots, "//@*"))
    .says(
        "An XML document where attributes, all or those that an XPath selects, have become elements.",
        "ConvertAttributesToElementsXML(\"<a b=\\\"1\\\"/>\") == \"<a><b>1</b></a>\"",
    ),
    function(
        "ConvertTextToElementsXML",
        &[
            TARGET,
            may_take("xpath", Kind::TheText),
            may_take("element_name", Kind::TheText),
        ],
        text_to_elements,
    )
    .prepared(|slots| xpath_or(slots, "/"))
    .says(
        "An XML document where text beside elements, everywhere or below what an XPath selects, has \
         become elements.",
        "ConvertTextToElementsXML(\"<a>x<b/></a>\") == \"<a><value>x</value><b></b></a>\"",
    ),
];

fn path(slots: &[Slot]) -> Result<State, String> {
    xpath_or(slots, "")
}

fn xpath_or(slots: &[Slot], default: &str) -> Result<State, String> {
    let given = constant_text(slots, 1).filter(|it| !it.is_empty()).unwrap_or(default);
    let path = XPath::parse(given).map_err(|it| format!("invalid xpath: {it}"))?;
    Ok(State::XPath(Box::new(path)))
}

/// What the prepared path selects.
fn selected(env: &Env<'_, '_>, tree: &Tree) -> Result<Vec<Found>, String> {
    match env.state {
        State::XPath(path) => path.select(tree),
        _ => Ok(Vec::new()),
    }
}

/// An element while it is read.
#[derive(Default)]
struct Element {
    tag: String,
    attributes: Vec<Attribute>,
    content: String,
    children: Vec<Value<'static>>,
}

impl Element {
    fn into_map(self) -> Value<'static> {
        let mut entries = vec![("tag".into(), self.tag.into())];
        if !self.content.is_empty() {
            entries.push(("content".into(), self.content.into()));
        }
        let mut attributes: Vec<(std::borrow::Cow<'static, str>, Value<'static>)> = Vec::new();
        for Attribute { name, value } in self.attributes {
            match attributes.iter_mut().find(|it| it.0 == name.local) {
                Some(entry) => entry.1 = value.into(),
                None => attributes.push((name.local.into(), value.into())),
            }
        }
        if !attributes.is_empty() {
            entries.push(("attributes".into(), Value::Map(Map::own(attributes))));
        }
        if !self.children.is_empty() {
            entries.push(("children".into(), Value::List(List::own(self.children))));
        }
        Value::Map(Map::own(entries))
    }
}

fn parse_xml<'a>(_: &Env<'_, 'a>, values: &mut [Value<'a>]) -> Result<Value<'a>, String> {
    let target = text(values, 0);
    let mut tokens = Tokens::new(target);
    let mut open: Vec<Element> = Vec::new();
    loop {
        let token = tokens.next().map_err(|it| {
            let inside = if open.is_empty() { "" } else { "decode next token: " };
            format!("unmarshal xml: {inside}{it}")
        })?;
        let Some(token) = token else { return Err("unmarshal xml: EOF".to_owned()) };
        match token {
            Token::Start(Name { local, .. }, attributes) => {
                open.push(Element { tag: local, attributes, ..Element::default() });
            }
            Token::Text(it) | Token::Cdata(it) => {
                if let Some(element) = open.last_mut() {
                    element.content.push_str(it.trim());
                }
            }
            Token::End => {
                let Some(element) = open.pop() else { continue };
                let map = element.into_map();
                match open.last_mut() {
                    Some(parent) => parent.children.push(map),
                    None if tokens.offset() == target.len() => return Ok(map),
                    None => return Err("trailing bytes after parsing xml".to_owned()),
                }
            }
            Token::Instruction { target, content } if target == "xml" => {
                let encoding = token::declared(&content, "encoding");
                if !encoding.is_empty() && !encoding.eq_ignore_ascii_case("utf-8") {
                    return Err(format!(
                        "unmarshal xml: xml: encoding {encoding:?} declared but \
                         Decoder.CharsetReader is nil"
                    ));
                }
            }
            _ => {}
        }
    }
}

type Entries<'a> = Vec<(std::borrow::Cow<'a, str>, Value<'a>)>;

/// The elements within a node by their names; of several with one name a list.
fn simplified<'a>(tree: &Tree, node: usize) -> Entries<'a> {
    let mut entries: Vec<(String, Vec<Value<'a>>, bool)> = Vec::new();
    let children = tree.children(node);
    let name = |it: usize| match tree.kind(it) {
        NodeKind::Element(name) => Some(name.local.as_str()),
        _ => None,
    };
    for child in &children {
        let Some(tag) = name(*child) else { continue };
        if tree.children(*child).is_empty() {
            continue;
        }
        let several = children.iter().filter(|it| name(**it) == Some(tag)).count() > 1;
        let leaf = leaf(tree, *child);
        let value = if leaf.is_empty() {
            Value::Map(Map::own(simplified(tree, *child)))
        } else {
            leaf.into()
        };
        let at = entries.iter().position(|it| it.0 == tag);
        let at = at.unwrap_or_else(|| {
            entries.push((tag.to_owned(), Vec::new(), several));
            entries.len() - 1
        });
        let empty = matches!(&value, Value::Map(it) if it.len() == 0);
        if let Some(entry) = entries.get_mut(at).filter(|_| !empty) {
            entry.1.push(value);
        }
    }
    let entries = entries.into_iter().filter_map(|(tag, mut values, several)| {
        let value = if several { Value::List(List::own(values)) } else { values.pop()? };
        Some((tag.into(), value))
    });
    entries.collect()
}

/// The first text of an element without elements.
fn leaf(tree: &Tree, node: usize) -> String {
    let children = tree.children(node);
    if children.iter().any(|it| matches!(tree.kind(*it), NodeKind::Element(_))) {
        return String::new();
    }
    let text = children.into_iter().find_map(|it| match tree.kind(it) {
        NodeKind::Text(it) | NodeKind::Cdata(it) => Some(it.clone()),
        _ => None,
    });
    text.unwrap_or_default()
}

fn get_xml<'a>(env: &Env<'_, 'a>, values: &mut [Value<'a>]) -> Result<Value<'a>, String> {
    let target = text(values, 0);
    if target.is_empty() {
        return Ok("".into());
    }
    let mut tree = Tree::parse(target)?;
    let found = selected(env, &tree)?;
    let result = tree.nodes.len();
    tree.nodes.push(tree::Node::document());
    for it in found {
        match it {
            Found::Node(node) => match tree.kind(node) {
                NodeKind::Element(_) | NodeKind::Text(_) => tree.append(result, node),
                NodeKind::Cdata(content) => {
                    let content = content.clone();
                    tree.add(result, NodeKind::Text(content));
                }
                _ => {}
            },
            Found::Attribute(node, at) => {
                let value = tree.node(node).and_then(|it| it.attributes.get(at));
                let value = value.map(|it| it.value.clone()).unwrap_or_default();
                tree.add(result, NodeKind::Text(value));
            }
        }
    }
    tree.written(result).map(Value::from)
}

fn insert_xml<'a>(env: &Env<'_, 'a>, values: &mut [Value<'a>]) -> Result<Value<'a>, String> {
    let target = text(values, 0);
    let mut tree = if target.is_empty() { Tree::empty() } else { Tree::parse(target)? };
    let part = Tree::parse(text(values, 2))?;
    let mut problems = Vec::new();
    for it in selected(env, &tree)? {
        let shown = match it {
            Found::Node(node) => match tree.kind(node) {
                NodeKind::Element(_) | NodeKind::Document => {
                    for child in part.children(DOCUMENT) {
                        tree.copy(node, &part, child);
                    }
                    continue;
                }
                NodeKind::Text(it) | NodeKind::Cdata(it) | NodeKind::Comment(it) => it.clone(),
                _ => String::new(),
            },
            Found::Attribute(node, at) => {
                let name = tree.node(node).and_then(|it| it.attributes.get(at));
                name.map(|it| it.name.local.clone()).unwrap_or_default()
            }
        };
        problems.push(format!("InsertXML XPath selected non-element: {shown:?}"));
    }
    if problems.is_empty() {
        tree.written(DOCUMENT).map(Value::from)
    } else {
        Err(problems.join("\n"))
    }
}

fn remove_xml<'a>(env: &Env<'_, 'a>, values: &mut [Value<'a>]) -> Result<Value<'a>, String> {
    let target = text(values, 0);
    if target.is_empty() {
        return Ok("".into());
    }
    let mut tree = Tree::parse(target)?;
    for it in named(&tree, selected(env, &tree)?) {
        match it {
            (Found::Node(node), _) => match tree.kind(node) {
                NodeKind::Element(_)
                | NodeKind::Text(_)
                | NodeKind::Comment(_)
                | NodeKind::Cdata(_) => tree.remove(node),
                _ => {}
            },
            (Found::Attribute(node, _), name) => tree.remove_attribute(node, &name),
        }
    }
    tree.written(DOCUMENT).map(Value::from)
}

/// What was found, with the names of attributes: their positions change when others go.
fn named(tree: &Tree, found: Vec<Found>) -> Vec<(Found, String)> {
    let name = |it: &Found| match it {
        Found::Attribute(node, at) => {
            let attribute = tree.node(*node).and_then(|it| it.attributes.get(*at));
            attribute.map(|it| it.name.local.clone()).unwrap_or_default()
        }
        Found::Node(_) => String::new(),
    };
    found.into_iter().map(|it| (it, name(&it))).collect()
}

fn attributes_to_elements<'a>(
    env: &Env<'_, 'a>,
    values: &mut [Value<'a>],
) -> Result<Value<'a>, String> {
    let mut tree = Tree::parse(text(values, 0))?;
    let found = selected(env, &tree)?;
    let values: Vec<String> = found
        .iter()
        .map(|it| match it {
            Found::Attribute(node, at) => {
                let attribute = tree.node(*node).and_then(|it| it.attributes.get(*at));
                attribute.map(|it| it.value.clone()).unwrap_or_default()
            }
            Found::Node(_) => String::new(),
        })
        .collect();
    for ((it, name), value) in named(&tree, found).into_iter().zip(values) {
        let Found::Attribute(node, _) = it else { continue };
        tree.remove_attribute(node, &name);
        let element = Name { prefix: String::new(), local: name };
        let element = tree.add(node, NodeKind::Element(element));
        tree.add(element, NodeKind::Text(value));
    }
    tree.written(DOCUMENT).map(Value::from)
}

fn text_to_elements<'a>(env: &Env<'_, 'a>, values: &mut [Value<'a>]) -> Result<Value<'a>, String> {
    let mut tree = Tree::parse(text(values, 0))?;
    let name = match text(values, 2) {
        "" => "value",
        it => it,
    };
    for it in selected(env, &tree)? {
        if let Found::Node(node) = it {
            wrap_text(&mut tree, node, name);
        }
    }
    tree.written(DOCUMENT).map(Value::from)
}

/// A text that is not alone in its element becomes an element.
fn wrap_text(tree: &mut Tree, node: usize, name: &str) {
    if !matches!(tree.kind(node), NodeKind::Element(_) | NodeKind::Document) {
        return;
    }
    let (mut texts, mut elements) = (Vec::new(), 0);
    for child in tree.children(node) {
        match tree.kind(child) {
            NodeKind::Element(_) => {
                wrap_text(tree, child, name);
                elements += 1;
            }
            NodeKind::Text(_) => texts.push(child),
            _ => {}
        }
    }
    if elements + texts.len() <= 1 {
        return;
    }
    for child in texts {
        let element = NodeKind::Element(Name { prefix: String::new(), local: name.to_owned() });
        let Some(node) = tree.nodes.get_mut(child) else { continue };
        let content = std::mem::replace(&mut node.kind, element);
        tree.add(child, content);
    }
}
