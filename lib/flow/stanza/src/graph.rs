//! From the `operators:` list to something that can run.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use config::{Caution, Fault, Problems, Remedy, Stage, Tagged};
use expr::{Program, Template};
use golang::fnv::fnv1a_64;

use crate::keys::{OnError, templates};
use crate::ops::{Built, Operator, OperatorConfig};

/// What the receiver itself adds to every record.
#[derive(Debug, Default)]
pub struct Options {
    /// The receiver's `attributes:`.
    attributes: Vec<(String, Template)>,
    /// The receiver's `resource:`.
    resource: Vec<(String, Template)>,
    /// What bodies are made of.
    body: Body,
}

/// How the Collector's texts name the receiver among its operators.
pub(crate) const INPUT: &str = "{\"operator_id\":\"file_input\"}";

/// What becomes of the bytes of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Body {
    /// Text, in which bytes that are no UTF-8 are replaced.
    #[default]
    Text,
    /// Text, in which they are kept until the record has passed all operators: what follows may complete them.
    RawText,
    /// Bytes.
    Bytes,
}

/// The operators and how they are connected.
#[derive(Debug)]
pub(crate) struct Graph {
    /// In the order of the list. An output equal to their number is the end.
    pub(crate) nodes: Vec<Node>,
    /// Added to every record.
    pub(crate) attributes: Vec<(String, Template)>,
    /// Added to the resource of every record, unless it is fixed.
    pub(crate) resource: Vec<(String, Template)>,
    /// No resource attribute depends on the record.
    pub(crate) resource_is_fixed: bool,
    /// The resource of every record, if it is fixed.
    pub(crate) resource_base: Arc<[(String, String)]>,
    /// What bodies are made of.
    pub(crate) body: Body,
}

/// One operator in its place.
#[derive(Debug)]
pub(crate) struct Node {
    /// As other operators name it.
    pub(crate) id: String,
    /// Its type.
    pub(crate) kind: &'static str,
    /// The operator.
    pub(crate) operator: Box<dyn Operator>,
    /// Records for which it is false pass by.
    pub(crate) condition: Option<Program>,
    /// What happens with records that it fails on.
    pub(crate) on_error: OnError,
    /// Where records go.
    pub(crate) outputs: Vec<usize>,
    /// Where [`Flow::To`](crate::ops::Flow::To) sends them.
    pub(crate) routes: Vec<Vec<usize>>,
}

/// An operator before it is connected.
struct Loose {
    id: String,
    kind: &'static str,
    /// The id was not written, so it may be numbered.
    implicit: bool,
    /// The ids that it sends records to, with their keys.
    outputs: Vec<(String, Vec<String>)>,
    /// `None` if there is something wrong with it.
    built: Option<(Built, OnError, Option<Program>)>,
}

impl Options {
    /// The receiver's `attributes:` and `resource:`; mistakes are found below keys of these names.
    pub fn new(
        attributes: &BTreeMap<String, String>,
        resource: &BTreeMap<String, String>,
        body: Body,
        found: &mut Problems,
    ) -> Option<Self> {
        let text = |problem: &expr::Mistake| format!("{problem}: {INPUT}");
        let attributes = templates("attributes", attributes, found, text);
        let resource = templates("resource", resource, found, text);
        Some(Self { attributes: attributes?, resource: resource?, body })
    }
}

impl Graph {
    /// Compiles and connects.
    pub(crate) fn new(
        operators: &[Tagged<OperatorConfig>],
        options: Options,
        found: &mut Problems,
    ) -> Option<Self> {
        let mut loose = Vec::with_capacity(operators.len());
        for (at, entry) in operators.iter().enumerate() {
            let mut own = Problems::default();
            loose.push(make(entry, &mut own));
            if at.checked_sub(1).is_some_and(|before| entry.is_part_of(&operators[before])) {
                own.each(|fault| {
                    fault.remedy = Some(Remedy::Join);
                    fault.about("");
                });
            }
            found.take(own, |fault| placed(fault, at));
        }
        // Of an operator that cannot be read the id is not known: whether others may name it, nobody can say.
        let mut loose = loose.into_iter().collect::<Option<Vec<Loose>>>()?;
        number_ids(&mut loose);
        let nodes = connect(loose, operators, found)?;
        let Options { attributes, resource, body } = options;
        let resource_is_fixed = resource.iter().all(|(_, it)| it.fixed().is_some());
        let base = resource.iter().filter(|_| resource_is_fixed);
        let base = base.map(|(key, it)| (key.clone(), it.fixed().unwrap_or_default().to_owned()));
        let resource_base = base.collect();
        Some(Self { nodes, attributes, resource, resource_is_fixed, resource_base, body })
    }
}

/// The fault of the operator `at` as seen from outside the list. A broken rule is that of upstream's builder.
fn placed(fault: Fault, at: usize) -> Fault {
    match fault.stage {
        Stage::Check => fault.within_key("builder").within_item(at),
        Stage::Read | Stage::Create | Stage::Start => fault.within_item(at),
    }
}

/// Reads and compiles one operator. `None` only if it cannot even be said which one it is.
fn make(entry: &Tagged<OperatorConfig>, found: &mut Problems) -> Option<Loose> {
    let mut loose = None;
    let built = entry.plan(found, |config, found| {
        let keys = config.keys();
        let basic = keys.basic();
        let kind = entry.tag().ok()?.name;
        let implicit = basic.id.is_empty() || basic.id == kind;
        let id = if implicit { kind.to_owned() } else { basic.id.clone() };
        let outputs = keys.outputs().into_iter().map(|(key, ids)| (key, ids.to_vec())).collect();
        loose = Some(Loose { id, kind, implicit, outputs, built: None });
        let (on_error, condition) = keys.common(found);
        let built = keys.plan(found)?;
        if !built.transformer && condition.is_some() {
            let text = format!("`if` has no effect on {kind}, as in the Collector");
            found.warn(Caution::NoEffect, "", text).about("if");
        }
        let condition = condition.filter(|_| built.transformer);
        Some((built, on_error, condition))
    });
    loose.map(|it| Loose { built, ..it })
}

/// The second operator of a type without an id of its own gets a number, and so on.
fn number_ids(loose: &mut [Loose]) {
    let mut counts: HashMap<&'static str, usize> = HashMap::new();
    let explicit: Vec<String> =
        loose.iter().filter(|it| !it.implicit).map(|it| it.id.clone()).collect();
    for it in loose.iter_mut().filter(|it| it.implicit) {
        let count = counts.entry(it.kind).or_insert(0);
        while *count > 0 && explicit.contains(&format!("{}{count}", it.kind)) {
            *count += 1;
        }
        if *count > 0 {
            it.id = format!("{}{count}", it.kind);
        }
        *count += 1;
    }
}

/// Resolves outputs to positions.
fn connect(
    loose: Vec<Loose>,
    operators: &[Tagged<OperatorConfig>],
    found: &mut Problems,
) -> Option<Vec<Node>> {
    let end = loose.len();
    let ids: Vec<String> = loose.iter().map(|it| it.id.clone()).collect();
    let mut nodes = Vec::with_capacity(end);
    for (at, it) in loose.into_iter().enumerate() {
        let Loose { id, kind, outputs, built, .. } = it;
        let mut lists = Vec::with_capacity(outputs.len());
        for (key, names) in &outputs {
            lists.push(resolve(names, &ids, |item, name| {
                let text = if kind == "router" {
                    format!("failed to set outputs on route: operator {name} does not exist")
                } else {
                    format!("operator '{name}' does not exist")
                };
                let fault = Fault::create(format!("{text}: {{\"operator_id\":\"{id}\"}}"));
                let fault = fault.within_item(at);
                let others: Vec<&str> =
                    ids.iter().filter(|it| **it != id).map(String::as_str).collect();
                found.add(fault).one_of(&format!("{key}::{item}"), &others);
            }));
        }
        let (Some((built, on_error, condition)), Some(mut lists)) =
            (built, lists.into_iter().collect::<Option<Vec<_>>>())
        else {
            continue;
        };
        let (outputs, routes) = match lists.pop() {
            Some(only) if !built.router && only.is_empty() => (vec![at + 1], Vec::new()),
            Some(only) if !built.router => (only, Vec::new()),
            last => {
                lists.extend(last);
                (Vec::new(), lists)
            }
        };
        let operator = built.operator;
        nodes.push(Node { id, kind, operator, condition, on_error, outputs, routes });
    }
    refuse_doubles(&ids, operators, found);
    if nodes.len() < end || !found.faults().is_empty() {
        return None;
    }
    refuse_cycles(&nodes, found);
    found.faults().is_empty().then_some(nodes)
}

/// The positions of the operators that are named; `unknown` is told of each name that is none, with its position.
fn resolve(
    names: &[String],
    ids: &[String],
    mut unknown: impl FnMut(usize, &str),
) -> Option<Vec<usize>> {
    let mut all = Some(Vec::with_capacity(names.len()));
    for (item, name) in names.iter().enumerate() {
        match (ids.iter().position(|it| it == name), &mut all) {
            (Some(at), Some(all)) => all.push(at),
            (Some(_), None) => {}
            (None, _) => {
                unknown(item, name);
                all = None;
            }
        }
    }
    all
}

fn refuse_doubles(ids: &[String], operators: &[Tagged<OperatorConfig>], found: &mut Problems) {
    for (at, id) in ids.iter().enumerate() {
        if !ids[..at].contains(id) {
            continue;
        }
        let text = format!("operator with id '{id}' already exists in pipeline");
        let fault = found.add(Fault::create(text).within_item(at));
        if operators.get(at).is_some_and(|it| it.written().get("id").is_some()) {
            // Of so many names one at least is free.
            let others = (2..ids.len() + 3).map(|it| format!("{id}_{it}"));
            let free = others.into_iter().find(|it| !ids.contains(it));
            fault.set("id", free.unwrap_or_default());
        }
    }
}

fn refuse_cycles(nodes: &[Node], found: &mut Problems) {
    // Peels off what only leads to what was peeled off before; what remains leads to a cycle or is in one.
    let targets = |it: &Node| -> Vec<usize> {
        it.outputs.iter().chain(it.routes.iter().flatten()).copied().collect()
    };
    let mut done = vec![false; nodes.len()];
    loop {
        let mut progress = false;
        for (i, node) in nodes.iter().enumerate() {
            if !done[i] && targets(node).iter().all(|it| *it == nodes.len() || done[*it]) {
                done[i] = true;
                progress = true;
            }
        }
        if !progress {
            break;
        }
    }
    let Some(start) = done.iter().position(|it| !it) else { return };
    // From there each step that stays among the rest ends up in a cycle.
    let mut path = vec![start];
    let cycle = loop {
        let here = path[path.len() - 1];
        let next = targets(&nodes[here]).into_iter().find(|it| *it < nodes.len() && !done[*it]);
        let Some(next) = next else { return };
        if let Some(first) = path.iter().position(|it| *it == next) {
            break path.split_off(first);
        }
        path.push(next);
    };
    // The one that leads back is the one to look at.
    let last = cycle.iter().copied().max().unwrap_or(start);
    let mut names: Vec<&str> = cycle.iter().map(|it| nodes[*it].id.as_str()).collect();
    // As the Collector sorts the names of a cycle.
    names.sort_by_key(|it| fnv1a_64(&[it.as_bytes()]).cast_signed());
    let text = format!(
        "pipeline has a circular dependency: {{\"cycles\":\"({} -\\u003e {})\"}}",
        names.join(" -\\u003e "),
        names[0]
    );
    let fault = found.add(Fault::create(text).within_item(last));
    if nodes[last].routes.is_empty() {
        fault.remove("output");
    } else {
        fault.about("routes");
    }
}
