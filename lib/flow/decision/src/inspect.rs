//! What authors of policies ask: the input document of each record, and which paths a policy reads that no record can have.

use std::collections::BTreeMap;

use component::{Data, Signal};
use pdata::{Depth, Empty, Keep};
use rego::syntax::visit::{self, Visitor};
use rego::syntax::{Expr, ExprKind, Lines, Module};
use rego::{Error, Value};

use crate::layout::{Leaf, rows};
use crate::project::{Around, Projection};
use crate::reads::Reads;

/// The code of a path that is not there.
const UNKNOWN_PATH: &str = "unknown_input_path";

/// The input document of each record, with all that it has.
pub fn documents(data: &Data) -> Vec<Value> {
    let projection = Projection::new(data.signal(), &Reads::All, &[]);
    let around = Around { client: None, pipeline: "", component: "" };
    let mut all = Vec::new();
    let same = data.edit_with(Depth::of_items(data.signal()), Empty::Keep, |place| {
        if place.is_counted() {
            let shared = projection.around(place, &around);
            all.push(projection.document(&shared, place, &around));
        }
        Keep::Enter
    });
    drop(same);
    all
}

/// The record at a place in a payload, alone.
pub fn only(data: &Data, wanted: usize) -> Data {
    let mut at = 0;
    data.edit_with(Depth::of_items(data.signal()), Empty::Drop, |place| {
        if !place.is_counted() {
            return Keep::Enter;
        }
        at += 1;
        if at == wanted + 1 { Keep::Whole } else { Keep::Drop }
    })
}

/// A path of `input` that no record can have.
#[derive(Debug)]
pub struct Unknown {
    /// Where, and what is wrong.
    pub error: Error,
    /// The name that is not there.
    pub name: String,
    /// What is there instead.
    pub known: Vec<String>,
}

/// What the document can have at a path.
#[derive(Default)]
struct Known {
    /// Anything may stand below.
    is_open: bool,
    names: BTreeMap<&'static str, Known>,
}

impl Known {
    fn all() -> Self {
        let mut root = Self::default();
        for (row, leaf) in Signal::ALL.into_iter().flat_map(rows) {
            let mut at = &mut root;
            for name in row {
                at = at.names.entry(name).or_default();
            }
            // Of the others nothing can be read but themselves.
            at.is_open = !matches!(
                leaf,
                Leaf::Plain(_)
                    | Leaf::Hex(_)
                    | Leaf::Nanos(_)
                    | Leaf::Time(_)
                    | Leaf::Level
                    | Leaf::Service
            );
        }
        root
    }
}

/// Paths that no record can have, in policies that read telemetry at all. `modules` are their names, texts and trees.
pub fn unknown_paths<'m>(
    modules: impl Iterator<Item = (&'m str, &'m str, &'m Module)> + Clone,
) -> Vec<Unknown> {
    let reads = Reads::of(modules.clone().map(|it| it.2));
    if !["log", "span", "metric"].iter().any(|it| reads != Reads::All && reads.below(it).is_some())
    {
        return Vec::new();
    }
    let (known, mut found) = (Known::all(), Vec::new());
    for (file, text, module) in modules {
        let aliases =
            module.imports.iter().filter(|it| it.path.first().is_some_and(|it| it == "input"));
        let names = aliases.filter_map(|it| Some((it.name()?.to_owned(), it.path.clone())));
        let mut pass = Pass {
            lines: Lines::new(file, text),
            text,
            known: &known,
            names: names.chain([("input".to_owned(), vec!["input".to_owned()])]).collect(),
            found: &mut found,
        };
        module.rules.iter().for_each(|rule| visit::rule(rule, &mut pass));
    }
    found
}

struct Pass<'a> {
    lines: Lines,
    text: &'a str,
    known: &'a Known,
    /// Names that stand for `input` or a part of it.
    names: BTreeMap<String, Vec<String>>,
    found: &'a mut Vec<Unknown>,
}

impl Visitor for Pass<'_> {
    fn expr(&mut self, expr: &Expr) -> bool {
        let ExprKind::Ref(_, keys) = &expr.kind else { return true };
        let path = expr.constant_path();
        if let Some((first, rest)) = path.split_first()
            && let Some(base) = self.names.get(*first)
        {
            let base = base.iter().skip(1).map(String::as_str);
            let whole: Vec<&str> = base.chain(rest.iter().copied()).collect();
            if let Some((name, known)) = missing(self.known, &whole) {
                let path = whole.join(".");
                let message = format!("no record has input.{path}: there is no {name:?}");
                let start = expr.span.start;
                let error = self.lines.error(self.text, start, UNKNOWN_PATH, message);
                self.found.push(Unknown { error, name, known });
            }
        }
        keys.iter().for_each(|it| visit::expr(it, self));
        false
    }
}

/// The first name that is not there, and what is.
fn missing(known: &Known, path: &[&str]) -> Option<(String, Vec<String>)> {
    let mut at = known;
    for name in path {
        if at.is_open {
            return None;
        }
        let Some(below) = at.names.get(name) else {
            let names = at.names.keys().map(|it| (*it).to_owned()).collect();
            return Some(((*name).to_owned(), names));
        };
        at = below;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rules: &str, want: &[&str]) {
        let text = format!("package p\nimport input.log.attributes as own\n{rules}");
        let module = rego::syntax::module("p.rego", &text, rego::Version::V1).unwrap();
        let found = unknown_paths(std::iter::once(("p.rego", text.as_str(), &module)));
        let names: Vec<&str> = found.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, want, "{rules}");
    }

    #[test]
    fn paths_that_no_record_has_are_told() {
        check("x if input.log.sevrity_text == \"ERROR\"", &["sevrity_text"]);
        check("x if input.lgo.body == input.log.body", &["lgo"]);
        check("x if input.log.level.name == input.metric.data_point.valeu", &["name", "valeu"]);
        check("x if { some e in input.span.evnts; e.name == \"a\" }", &["evnts"]);
    }

    #[test]
    fn paths_that_a_record_may_have_are_not() {
        check("x if input.log.attributes[\"a.b\"].c == own.whatever", &[]);
        check("x if input.log.body.user == input.log.json.a[0]", &[]);
        check("x if input.span.events[_].attributes.a == input.client.metadata[\"x\"][0]", &[]);
        check("x if input.log[input.log.level]", &[]);
    }

    #[test]
    fn policies_on_other_things_are_left_alone() {
        check("x if input.user.name == \"a\"", &[]);
        check("x if input.request.method == \"GET\"", &[]);
    }

    #[test]
    fn records_have_their_documents_and_can_be_taken_out() {
        let data = componenttest::logs(3);
        assert_eq!(documents(&data).len(), 3);
        let second = only(&data, 1);
        assert_eq!((second.items(), &documents(&second)[0]), (1, &documents(&data)[1]));
    }
}
