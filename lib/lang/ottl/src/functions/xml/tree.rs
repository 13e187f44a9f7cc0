//! Documents as trees, and trees as text again: what github.com/antchfx/xmlquery makes of them. Nodes are
//! linked as there, because a selection moves nodes to where it is put together.

use std::fmt::Write as _;

use super::token::{Attribute, Name, Token, Tokens};

/// The document itself.
pub(super) const DOCUMENT: usize = 0;
/// Longest text that a tree is written to, in bytes: nodes that were selected twice hold one another.
const WRITTEN_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Nesting that is written, in levels. An element that was put into one that it holds would have no end; the
/// Collector's process ends there.
const WRITTEN_DEPTH_MAX: usize = 512;

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Document,
    Element(Name),
    Text(String),
    Cdata(String),
    Comment(String),
    /// `<?xml version="1.0"?>`
    Declaration,
    Instruction {
        target: String,
        content: String,
    },
    Directive(String),
}

/// A node with its neighbours.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) attributes: Vec<Attribute>,
    pub(super) parent: Option<usize>,
    pub(super) first: Option<usize>,
    pub(super) last: Option<usize>,
    pub(super) previous: Option<usize>,
    pub(super) next: Option<usize>,
}

impl Node {
    /// A document of its own.
    pub(super) fn document() -> Self {
        Self::new(Kind::Document)
    }

    fn new(kind: Kind) -> Self {
        let none = None;
        Self {
            kind,
            attributes: Vec::new(),
            parent: none,
            first: none,
            last: none,
            previous: none,
            next: none,
        }
    }
}

/// A document. Nodes have the numbers in which they were read, which is the order of the document.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    pub(super) nodes: Vec<Node>,
}

impl Tree {
    /// Nothing but a document.
    pub(super) fn empty() -> Self {
        Self { nodes: vec![Node::new(Kind::Document)] }
    }

    /// Reads a document. A declaration that is not there is left out.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut tree = Self::empty();
        let mut tokens = Tokens::new(text);
        let mut open = vec![DOCUMENT];
        let mut prefixes = vec!["xml".to_owned()];
        // What comes before the first element or instruction is lost.
        let mut begun = false;
        while let Some(token) = tokens.next().map_err(|it| format!("parse xml: {it}"))? {
            let parent = open.last().copied().unwrap_or(DOCUMENT);
            let kind = match token {
                Token::Start(name, attributes) => {
                    for it in &attributes {
                        if it.name.prefix == "xmlns" {
                            prefixes.push(it.name.local.clone());
                        }
                    }
                    if !name.prefix.is_empty() && !prefixes.contains(&name.prefix) {
                        return Err(format!(
                            "parse xml: xmlquery: invalid XML document, namespace {} is missing",
                            name.prefix
                        ));
                    }
                    let node = tree.add(parent, Kind::Element(name));
                    if let Some(node) = tree.nodes.get_mut(node) {
                        node.attributes = attributes;
                    }
                    open.push(node);
                    begun = true;
                    continue;
                }
                Token::End => {
                    open.pop();
                    continue;
                }
                Token::Instruction { target, content } if target == "xml" => {
                    let node = tree.add(parent, Kind::Declaration);
                    if let Some(node) = tree.nodes.get_mut(node) {
                        node.attributes = pairs(&content);
                    }
                    begun = true;
                    continue;
                }
                Token::Instruction { target, content } => {
                    let content = content.trim().to_owned();
                    let node = tree.add(parent, Kind::Instruction { target, content });
                    // The first one stands where the declaration is looked for.
                    if !begun {
                        tree.remove(node);
                    }
                    begun = true;
                    continue;
                }
                Token::Text(it) => Kind::Text(it),
                Token::Cdata(it) => Kind::Cdata(it),
                Token::Comment(it) => Kind::Comment(it),
                Token::Directive(it) => Kind::Directive(it),
            };
            if begun {
                tree.add(parent, kind);
            }
        }
        let top = tree.children(DOCUMENT);
        if !top.iter().any(|it| matches!(tree.kind(*it), Kind::Element(_))) {
            return Err("parse xml: xmlquery: invalid XML document".to_owned());
        }
        if !text.starts_with("<?xml")
            && let Some(first) = top.first().filter(|it| *tree.kind(**it) == Kind::Declaration)
        {
            tree.remove(*first);
        }
        Ok(tree)
    }

    pub(super) fn kind(&self, node: usize) -> &Kind {
        self.nodes.get(node).map_or(&Kind::Document, |it| &it.kind)
    }

    pub(super) fn node(&self, node: usize) -> Option<&Node> {
        self.nodes.get(node)
    }

    /// The nodes within a node, in order.
    pub(super) fn children(&self, node: usize) -> Vec<usize> {
        let first = self.node(node).and_then(|it| it.first);
        let next = |it: &usize| self.node(*it).and_then(|it| it.next);
        std::iter::successors(first, next).take(self.nodes.len()).collect()
    }

    /// A new node at the end of another.
    pub(super) fn add(&mut self, parent: usize, kind: Kind) -> usize {
        let node = self.nodes.len();
        self.nodes.push(Node::new(kind));
        self.append(parent, node);
        node
    }

    /// Puts a node at the end of another, wherever it was: those around it keep their links to it.
    pub(super) fn append(&mut self, parent: usize, node: usize) {
        let last = self.nodes.get(parent).and_then(|it| it.first.and(it.last));
        if let Some(it) = self.nodes.get_mut(node) {
            (it.parent, it.next, it.previous) = (Some(parent), None, last);
        }
        if let Some(last) = last.and_then(|it| self.nodes.get_mut(it)) {
            last.next = Some(node);
        }
        if let Some(it) = self.nodes.get_mut(parent) {
            it.first = it.first.or(Some(node));
            it.last = Some(node);
        }
    }

    /// Takes a node out of the tree.
    pub(super) fn remove(&mut self, node: usize) {
        let Some(Node { parent: Some(parent), previous, next, .. }) = self.node(node).cloned()
        else {
            return;
        };
        if let Some(it) = previous.and_then(|it| self.nodes.get_mut(it)) {
            it.next = next;
        } else if let Some(it) = self.nodes.get_mut(parent) {
            it.first = next;
        }
        if let Some(it) = next.and_then(|it| self.nodes.get_mut(it)) {
            it.previous = previous;
        } else if let Some(it) = self.nodes.get_mut(parent) {
            it.last = previous;
        }
        if let Some(it) = self.nodes.get_mut(node) {
            (it.parent, it.previous, it.next) = (None, None, None);
        }
    }

    /// Puts a copy of a node of another tree at the end of a node.
    pub(super) fn copy(&mut self, parent: usize, from: &Tree, node: usize) {
        let copied = self.add(parent, from.kind(node).clone());
        if let (Some(to), Some(from)) = (self.nodes.get_mut(copied), from.node(node)) {
            to.attributes.clone_from(&from.attributes);
        }
        for child in from.children(node) {
            self.copy(copied, from, child);
        }
    }

    /// Takes an attribute without a prefix out of an element.
    pub(super) fn remove_attribute(&mut self, node: usize, name: &str) {
        let Some(node) = self.nodes.get_mut(node) else { return };
        let it = |it: &Attribute| it.name.prefix.is_empty() && it.name.local == name;
        if let Some(at) = node.attributes.iter().position(it) {
            node.attributes.remove(at);
        }
    }

    /// All text within a node.
    pub(super) fn inner_text(&self, node: usize) -> String {
        match self.kind(node) {
            Kind::Text(it) | Kind::Cdata(it) => it.clone(),
            Kind::Comment(_) => String::new(),
            _ => self.children(node).into_iter().map(|it| self.inner_text(it)).collect(),
        }
    }

    /// What is within a node, as text.
    pub(super) fn written(&self, node: usize) -> Result<String, String> {
        let mut out = String::new();
        for child in self.children(node) {
            self.write(&mut out, child, 0)?;
        }
        Ok(out)
    }

    fn write(&self, out: &mut String, node: usize, depth: usize) -> Result<(), String> {
        if depth > WRITTEN_DEPTH_MAX {
            return Err("a selected element holds itself".to_owned());
        }
        if out.len() > WRITTEN_BYTES_MAX {
            return Err(format!("more than {WRITTEN_BYTES_MAX} bytes of XML"));
        }
        let name = match self.kind(node) {
            Kind::Text(it) => {
                out.push_str(&escaped(it));
                return Ok(());
            }
            Kind::Cdata(it) => {
                let _ = write!(out, "<![CDATA[{it}]]>");
                return Ok(());
            }
            Kind::Comment(it) => {
                let _ = write!(out, "<!--{it}-->");
                return Ok(());
            }
            Kind::Directive(it) => {
                let _ = write!(out, "<!{it}>");
                return Ok(());
            }
            Kind::Instruction { target, content } => {
                let blank = if content.is_empty() { "" } else { " " };
                let _ = write!(out, "<?{target}{blank}{content}?>");
                return Ok(());
            }
            Kind::Declaration => {
                out.push_str("<?xml");
                self.write_attributes(out, node);
                out.push_str("?>");
                return Ok(());
            }
            Kind::Element(Name { prefix, local }) if prefix.is_empty() => local.clone(),
            Kind::Element(Name { prefix, local }) => format!("{prefix}:{local}"),
            Kind::Document => String::new(),
        };
        let _ = write!(out, "<{name}");
        self.write_attributes(out, node);
        out.push('>');
        for child in self.children(node) {
            self.write(out, child, depth + 1)?;
        }
        let _ = write!(out, "</{name}>");
        Ok(())
    }

    fn write_attributes(&self, out: &mut String, node: usize) {
        for it in self.node(node).map_or(&[][..], |it| &it.attributes) {
            let Name { prefix, local } = &it.name;
            let colon = if prefix.is_empty() { "" } else { ":" };
            let _ = write!(out, " {prefix}{colon}{local}=\"{}\"", escaped(&it.value));
        }
    }
}

/// As Go's `html.EscapeString`.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\'' => out.push_str("&#39;"),
            '"' => out.push_str("&#34;"),
            other => out.push(other),
        }
    }
    out
}

/// What a declaration says, roughly: parts between blanks that have a `=`.
fn pairs(content: &str) -> Vec<Attribute> {
    let mut all: Vec<Attribute> = Vec::new();
    for part in content.split(' ') {
        if let Some((name, value)) = part.trim().split_once('=').filter(|it| !it.0.is_empty()) {
            let name = Name { prefix: String::new(), local: name.to_owned() };
            if !all.iter().any(|it| it.name == name) {
                let value = value.trim_matches(['"', '\'']).to_owned();
                all.push(Attribute { name, value });
            }
        }
    }
    all
}
