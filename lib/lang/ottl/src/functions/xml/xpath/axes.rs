//! Which nodes an axis leads to, in its own order.

use super::Found;
use super::parse::{Axis, Test};
use crate::functions::xml::tree::{DOCUMENT, Kind, Tree};

/// The nodes of an axis. Texts of blanks alone are no neighbours, as in github.com/antchfx/xmlquery.
pub(super) fn nodes(tree: &Tree, from: Found, axis: Axis) -> Vec<Found> {
    let node = match from {
        Found::Node(it) | Found::Attribute(it, _) => it,
    };
    let is_attribute = matches!(from, Found::Attribute(..));
    let parent = |it: usize| tree.node(it).and_then(|it| it.parent);
    let ancestors = |it: usize| std::iter::successors(parent(it), move |it| parent(*it));
    let all = |it: Vec<usize>| it.into_iter().map(Found::Node).collect();
    match axis {
        Axis::Itself => vec![from],
        Axis::Parent if is_attribute => vec![Found::Node(node)],
        Axis::Parent => all(parent(node).into_iter().collect()),
        Axis::Ancestor | Axis::AncestorOrSelf => {
            let mut found = if axis == Axis::AncestorOrSelf { vec![from] } else { Vec::new() };
            if is_attribute {
                found.push(Found::Node(node));
            }
            found.extend(ancestors(node).map(Found::Node));
            found
        }
        Axis::DescendantOrSelf if is_attribute => vec![from],
        _ if is_attribute => Vec::new(),
        Axis::Attribute => {
            let element = tree.node(node).filter(|it| matches!(it.kind, Kind::Element(_)));
            let count = element.map_or(0, |it| it.attributes.len());
            (0..count).map(|at| Found::Attribute(node, at)).collect()
        }
        Axis::Child => all(children(tree, node)),
        Axis::Descendant => all(descendants(tree, node)),
        Axis::DescendantOrSelf => {
            let mut found = vec![node];
            found.extend(descendants(tree, node));
            all(found)
        }
        Axis::FollowingSibling => all(siblings(tree, node, true)),
        Axis::PrecedingSibling => all(siblings(tree, node, false)),
        Axis::Following | Axis::Preceding => {
            let forwards = axis == Axis::Following;
            let mut found = Vec::new();
            for at in std::iter::once(node).chain(ancestors(node)) {
                for sibling in siblings(tree, at, forwards) {
                    let mut within = vec![sibling];
                    within.extend(descendants(tree, sibling));
                    if !forwards {
                        within.reverse();
                    }
                    found.extend(within);
                }
            }
            all(found)
        }
    }
}

fn counts(tree: &Tree, node: usize) -> bool {
    !matches!(tree.kind(node), Kind::Text(it) if it.trim().is_empty())
}

fn children(tree: &Tree, node: usize) -> Vec<usize> {
    let all = tree.children(node).into_iter().enumerate();
    all.filter(|(at, it)| *at == 0 || counts(tree, *it)).map(|it| it.1).collect()
}

fn descendants(tree: &Tree, node: usize) -> Vec<usize> {
    let mut found = Vec::new();
    for child in children(tree, node) {
        found.push(child);
        found.extend(descendants(tree, child));
    }
    found
}

fn siblings(tree: &Tree, node: usize, forwards: bool) -> Vec<usize> {
    let next =
        |it: &usize| tree.node(*it).and_then(|it| if forwards { it.next } else { it.previous });
    let all = std::iter::successors(next(&node), next);
    all.filter(|it| counts(tree, *it)).collect()
}

/// Whether a step takes a node.
pub(super) fn fits(tree: &Tree, found: Found, axis: Axis, test: &Test) -> bool {
    let (node, attribute) = match found {
        Found::Node(node) => (node, None),
        Found::Attribute(node, at) => (node, tree.node(node).and_then(|it| it.attributes.get(at))),
    };
    if let Some(attribute) = attribute {
        return match test {
            Test::Any => true,
            Test::Element => axis == Axis::Attribute,
            Test::Name { prefix, local } if axis == Axis::Attribute => {
                attribute.name.prefix == *prefix && attribute.name.local == *local
            }
            _ => false,
        };
    }
    match (test, tree.kind(node)) {
        (Test::Any, _) => axis != Axis::Attribute,
        (Test::Element, Kind::Element(_) | Kind::Instruction { .. }) => true,
        (Test::Text, Kind::Text(_) | Kind::Cdata(_) | Kind::Directive(_)) => true,
        (Test::Comment, Kind::Comment(_)) => true,
        (Test::Instruction, Kind::Instruction { .. }) => true,
        (Test::Name { prefix, local }, Kind::Element(name)) => {
            name.prefix == *prefix && name.local == *local
        }
        (Test::Name { prefix, local }, Kind::Instruction { target, .. }) => {
            prefix.is_empty() && target == local
        }
        _ => false,
    }
}

/// What stands in a node.
pub(super) fn text(tree: &Tree, found: Found) -> String {
    match found {
        Found::Attribute(node, at) => {
            let attribute = tree.node(node).and_then(|it| it.attributes.get(at));
            attribute.map(|it| it.value.clone()).unwrap_or_default()
        }
        Found::Node(DOCUMENT) => String::new(),
        Found::Node(node) => match tree.kind(node) {
            Kind::Text(it) | Kind::Comment(it) => it.clone(),
            Kind::Element(_) => tree.inner_text(node),
            _ => String::new(),
        },
    }
}

/// The name of a node with its prefix.
pub(super) fn name(tree: &Tree, found: Found) -> (String, String) {
    match found {
        Found::Attribute(node, at) => {
            let attribute = tree.node(node).and_then(|it| it.attributes.get(at));
            attribute.map(|it| (it.name.prefix.clone(), it.name.local.clone())).unwrap_or_default()
        }
        Found::Node(node) => match tree.kind(node) {
            Kind::Element(it) => (it.prefix.clone(), it.local.clone()),
            Kind::Instruction { target, .. } => (String::new(), target.clone()),
            _ => Default::default(),
        },
    }
}
