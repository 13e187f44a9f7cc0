//! Which context a list of conditions is about, by the paths in it.

use crate::context::Context;
use crate::error::Error;
use crate::tree::{Expr, Node};
use crate::{enums, functions, parse};

/// The context of `texts`, one of `known`: the innermost that they name; if it lacks a function or an enum
/// that they use, the next one that has it.
///
/// # Errors
/// What is wrong, in the Collector's words, and with which of the texts.
pub fn infer(texts: &[String], known: &[Context]) -> Result<Context, (usize, Error)> {
    let mut trees = Vec::new();
    for (at, text) in texts.iter().enumerate() {
        trees.push(parse::condition(text).map_err(|it| (at, it))?);
    }
    let mut named: Option<Context> = None;
    for (at, tree) in trees.iter().enumerate() {
        for (name, span) in prefixes(tree) {
            let Some(context) = Context::named(name).filter(|it| known.contains(it)) else {
                let message = format!(
                    "context {name:?} inferred from the conditions {} is not a supported context: {}",
                    quoted(texts),
                    quoted(&names(known))
                );
                return Err((at, Error::said(span, message).one_of(names(known))));
            };
            let rank = |it: Context| Context::ALL.iter().position(|other| *other == it);
            if named.is_none_or(|it| rank(context) < rank(it)) {
                named = Some(context);
            }
        }
    }
    let Some(named) = named else {
        let message = format!(
            "unable to infer context from conditions, path's first segment must be a valid context \
             name: {}, and at least one context must be capable of parsing all conditions: {}",
            quoted(&names(known)),
            quoted(texts)
        );
        return Err((0, Error::said(0..texts.first().map_or(0, String::len), message)));
    };
    let Some(first) = lacks(named, &trees) else { return Ok(named) };
    let inner = known.iter().filter(|it| **it != named && it.within().contains(&named));
    inner.copied().find(|it| lacks(*it, &trees).is_none()).ok_or(first)
}

/// A list as Go prints it with `%q`.
fn quoted(list: &[impl AsRef<str>]) -> String {
    let list: Vec<String> = list.iter().map(|it| format!("{:?}", it.as_ref())).collect();
    format!("[{}]", list.join(" "))
}

fn names(known: &[Context]) -> Vec<&'static str> {
    let mut names: Vec<&str> = known.iter().map(|it| it.name()).collect();
    names.sort_unstable();
    names
}

/// The first parts of the paths in a tree.
fn prefixes(tree: &Expr) -> Vec<(&str, std::ops::Range<usize>)> {
    let mut found = Vec::new();
    tree.visit(&mut |it| {
        if let Node::Path(path) = &it.node
            && let [first, _, ..] = path.fields.as_slice()
        {
            found.push((first.name.as_str(), first.span.clone()));
        }
    });
    found
}

/// What a context does not have of what is used.
fn lacks(context: Context, trees: &[Expr]) -> Option<(usize, Error)> {
    for (at, tree) in trees.iter().enumerate() {
        let mut missing = None;
        tree.visit(&mut |it| {
            let wrong = match &it.node {
                Node::Call(call) if functions::find(context, &call.name).is_none() => {
                    let what = format!("function \"{}\"", call.name);
                    let wrong = Error::said(call.name_span.clone(), what);
                    wrong.one_of(functions::names(context))
                }
                Node::Enum(name) if enums::number(context, name).is_err() => {
                    Error::said(it.span.clone(), format!("enum symbol \"{name}\""))
                }
                _ => return,
            };
            let message =
                format!("inferred context \"{context}\" does not support the {}", wrong.message);
            missing.get_or_insert(Error { message, ..wrong });
        });
        if let Some(error) = missing {
            return Some((at, error));
        }
    }
    None
}
