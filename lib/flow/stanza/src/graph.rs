//! From the `operators:` list to something that can run.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use config::{Fault, Stage, Type, Value, Wanted};

use crate::ops::{Build, Built, OPERATORS, Operator};
use crate::section::Section;
use expr::{Program, Template};

/// What the receiver itself adds to every record.
#[derive(Debug, Default)]
pub struct Options {
    /// The receiver's `attributes:`.
    pub attributes: Additions,
    /// The receiver's `resource:`.
    pub resource: Additions,
    /// What bodies are made of.
    pub body: Body,
}

/// Texts by their names, compiled: they may hold `EXPR(...)`.
#[derive(Debug, Default)]
pub struct Additions(Vec<(String, Template)>);

impl Additions {
    /// Compiles.
    ///
    /// # Errors
    /// An expression that does not compile, with the Collector's text, by its name.
    pub fn new<'t>(texts: impl IntoIterator<Item = (&'t str, &'t str)>) -> Result<Self, Fault> {
        let compile = |(name, text): (&'t str, &'t str)| match Template::new(text) {
            Ok(template) => Ok((name.to_owned(), template)),
            Err(problem) => Err(Fault::create(format!("{problem}: {INPUT}")).within_key(name)),
        };
        texts.into_iter().map(compile).collect::<Result<_, _>>().map(Self)
    }
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

/// What happens with a record that an operator fails on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnError {
    Send,
    SendQuiet,
    Drop,
    DropQuiet,
}

impl OnError {
    const ALL: [OnError; 4] =
        [OnError::Send, OnError::Drop, OnError::SendQuiet, OnError::DropQuiet];

    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "" | "send" => OnError::Send,
            "send_quiet" => OnError::SendQuiet,
            "drop" => OnError::Drop,
            "drop_quiet" => OnError::DropQuiet,
            _ => return None,
        })
    }

    /// As written.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            OnError::Send => "send",
            OnError::SendQuiet => "send_quiet",
            OnError::Drop => "drop",
            OnError::DropQuiet => "drop_quiet",
        }
    }
}

/// An operator before it is connected.
struct Loose {
    node: Node,
    /// The id was not written, so it may be numbered.
    implicit: bool,
    outputs: Vec<String>,
    routes: Vec<Vec<String>>,
    is_router: bool,
}

impl Graph {
    /// Compiles and connects.
    pub(crate) fn new(operators: &[Value], options: Options) -> Result<Self, Vec<Fault>> {
        let made: Vec<Result<Loose, Fault>> = operators.iter().map(make).collect();
        // The Collector reads all sections, then validates, then builds.
        let mut loose: Vec<Loose> = Vec::with_capacity(made.len());
        let mut faults: Vec<Fault> = Vec::new();
        for (at, it) in made.into_iter().enumerate() {
            match it {
                Ok(it) => loose.push(it),
                Err(fault) => faults.push(placed(fault, at)),
            }
        }
        faults.sort_by_key(|it| it.stage);
        if let Some(first) = faults.first() {
            let unread = faults.iter().take_while(|it| it.stage == Stage::Read).count();
            let shown = if first.stage == Stage::Read { unread } else { 1 };
            faults.truncate(shown);
            return Err(faults);
        }
        number_ids(&mut loose);
        let nodes = connect(loose).map_err(|it| vec![it])?;
        let Options { attributes: Additions(attributes), resource: Additions(resource), body } =
            options;
        let resource_is_fixed = resource.iter().all(|(_, it)| it.fixed().is_some());
        let base = resource.iter().filter(|_| resource_is_fixed);
        let base = base.map(|(key, it)| (key.clone(), it.fixed().unwrap_or_default().to_owned()));
        let resource_base = base.collect();
        Ok(Self { nodes, attributes, resource, resource_is_fixed, resource_base, body })
    }
}

/// The fault of the operator `at` as seen from outside the list. A broken rule is that of upstream's builder.
fn placed(fault: Fault, at: usize) -> Fault {
    match fault.stage {
        Stage::Check => fault.within_key("builder").within_item(at),
        Stage::Read | Stage::Create => fault.within_item(at),
    }
}

fn make(value: &Value) -> Result<Loose, Fault> {
    let kind = match value.get("type") {
        None | Some(Value::Null) => {
            let mut fault = Fault::read("missing required field 'type'");
            fault.require("type", "noop");
            return Err(fault);
        }
        Some(kind) => kind.as_str().ok_or_else(|| {
            let mut fault = Fault::read("non-string type for field 'type'");
            fault.about("type").wanted = Some(Wanted::Type(Type::Text));
            fault
        })?,
    };
    let found: Option<&(&'static str, Build)> = OPERATORS.iter().find(|(name, _)| *name == kind);
    let Some((kind, build)) = found else {
        let mut fault = Fault::read(format!("unsupported type '{kind}'"));
        let known: Vec<&str> = OPERATORS.iter().map(|it| it.0).collect();
        fault.one_of("type", &known);
        return Err(fault);
    };
    let mut section = Section::new(value);
    let id = section.text("id").filter(|it| !it.is_empty());
    let outputs = section.texts("output");
    let on_error = section.text("on_error").unwrap_or_default();
    let condition = section.text("if").unwrap_or_default();
    let in_kind = |fault: Fault| match fault.stage {
        Stage::Read => Fault { text: format!("unmarshal to {kind}: {}", fault.text), ..fault },
        Stage::Check | Stage::Create => fault,
    };
    section.check().map_err(in_kind)?;
    let built = match build(&mut section) {
        // The common part is built before the rest.
        Err(fault) if fault.stage != Stage::Create => return Err(in_kind(fault)),
        built => built,
    };
    let common = common(on_error, condition);
    let Built { operator, transformer, routes } = match (common, built) {
        (Err(fault), Ok(Built { transformer: true, .. }) | Err(_)) => return Err(fault),
        (_, built) => built?,
    };
    let (on_error, condition) =
        if transformer { self::common(on_error, condition)? } else { (OnError::Send, None) };
    let node = Node {
        id: id.unwrap_or(kind).to_owned(),
        kind,
        operator,
        condition,
        on_error,
        outputs: Vec::new(),
        routes: Vec::new(),
    };
    let (implicit, is_router) = (id.is_none_or(|it| it == *kind), *kind == "router");
    Ok(Loose { node, implicit, outputs, routes, is_router })
}

fn common(on_error: &str, condition: &str) -> Result<(OnError, Option<Program>), Fault> {
    let action = OnError::parse(on_error).ok_or_else(|| {
        let text = "operator config has an invalid `on_error` field.";
        let mut fault = Fault::create(format!("{text}: {{\"on_error\":\"{on_error}\"}}"));
        fault.one_of("on_error", &OnError::ALL.map(OnError::name));
        fault
    })?;
    if condition.is_empty() {
        return Ok((action, None));
    }
    let program = Program::condition(condition).map_err(|problem| {
        let text = format!("failed to compile expression '{condition}': {problem}");
        let mut fault = Fault::create(text);
        fault.about("if");
        fault
    })?;
    Ok((action, Some(program)))
}

/// The second operator of a type without an id of its own gets a number, and so on.
fn number_ids(loose: &mut [Loose]) {
    let mut taken: HashSet<String> = HashSet::new();
    let mut counts: HashMap<&'static str, usize> = HashMap::new();
    let explicit: Vec<String> =
        loose.iter().filter(|it| !it.implicit).map(|it| it.node.id.clone()).collect();
    for it in loose.iter_mut().filter(|it| it.implicit) {
        let count = counts.entry(it.node.kind).or_insert(0);
        while *count > 0 && explicit.contains(&format!("{}{count}", it.node.kind)) {
            *count += 1;
        }
        if *count > 0 {
            it.node.id = format!("{}{count}", it.node.kind);
        }
        *count += 1;
        taken.insert(it.node.id.clone());
    }
}

/// Resolves outputs to positions.
fn connect(loose: Vec<Loose>) -> Result<Vec<Node>, Fault> {
    let end = loose.len();
    let mut at: HashMap<String, usize> = HashMap::new();
    for (i, it) in loose.iter().enumerate() {
        if at.insert(it.node.id.clone(), i).is_some() {
            let text = format!("operator with id '{}' already exists in pipeline", it.node.id);
            return Err(Fault::create(text).within_item(i));
        }
    }
    let mut nodes = Vec::with_capacity(end);
    for (i, it) in loose.into_iter().enumerate() {
        let Loose { mut node, outputs, routes, is_router, .. } = it;
        let id = node.id.clone();
        let resolve = |names: &[String]| -> Result<Vec<usize>, Fault> {
            let all = names.iter().map(|name| {
                at.get(name).copied().ok_or_else(|| {
                    let text =
                        format!("operator '{name}' does not exist: {{\"operator_id\":\"{id}\"}}");
                    Fault::create(text).within_item(i)
                })
            });
            all.collect()
        };
        node.outputs = match outputs.as_slice() {
            [] if is_router => Vec::new(),
            [] => vec![i + 1],
            names => resolve(names)?,
        };
        node.routes = routes.iter().map(|it| resolve(it)).collect::<Result<_, _>>()?;
        nodes.push(node);
    }
    refuse_cycles(&nodes)?;
    Ok(nodes)
}

fn refuse_cycles(nodes: &[Node]) -> Result<(), Fault> {
    // Peels off what only leads to what was peeled off before; a cycle is what remains.
    let mut done = vec![false; nodes.len()];
    loop {
        let mut progress = false;
        for (i, node) in nodes.iter().enumerate() {
            let mut targets = node.outputs.iter().chain(node.routes.iter().flatten());
            if !done[i] && targets.all(|it| *it == nodes.len() || done[*it]) {
                done[i] = true;
                progress = true;
            }
        }
        if !progress {
            break;
        }
    }
    match done.iter().position(|it| !it) {
        None => Ok(()),
        Some(i) => Err(Fault::create(format!(
            "pipeline has a circular dependency: {{\"operator_id\":\"{}\"}}",
            nodes[i].id
        ))),
    }
}
