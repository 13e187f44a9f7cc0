//! `graph.reachable_paths`: there may be more paths than time, and longer ones than the stack has room for.

use std::collections::BTreeSet;

use regorus::Value;
use regorus::value::Object;

use super::args::{Failure, Table, object, wrong};

/// Most steps along an edge, of all paths together.
const STEPS_MAX: usize = 100_000;
/// Longest path, in nodes: it is a recursion.
const PATH_MAX: usize = 1_000;

pub const TABLE: Table = &[("graph.reachable_paths", |args| {
    let graph = object(args, 0)?;
    let mut walk = Walk {
        graph,
        path: Vec::new(),
        on_path: BTreeSet::new(),
        found: BTreeSet::new(),
        steps: 0,
    };
    match args.get(1) {
        Some(Value::Array(nodes)) => nodes.iter().try_for_each(|it| walk.visit(it))?,
        Some(Value::Set(nodes)) => nodes.iter().try_for_each(|it| walk.visit(it))?,
        _ => return wrong(args, 1, "one of {array, set}"),
    }
    Ok(Value::from(walk.found))
})];

struct Walk<'g> {
    graph: &'g Object,
    path: Vec<Value>,
    on_path: BTreeSet<Value>,
    found: BTreeSet<Value>,
    steps: usize,
}

impl Walk<'_> {
    /// Goes on with a node: a path ends where there is no edge, and where it would come back to itself.
    fn visit(&mut self, node: &Value) -> Result<(), Failure> {
        self.steps += 1;
        if self.steps > STEPS_MAX || self.path.len() > PATH_MAX {
            let text =
                format!("more than {STEPS_MAX} steps, or a path of more than {PATH_MAX} nodes");
            return Err(Failure::Failed(text));
        }
        let neighbours = match (node, self.graph.get(node)) {
            (Value::String(text), _) if text.is_empty() => None,
            (_, it) => it,
        };
        let Some(neighbours) = neighbours else {
            self.ends();
            return Ok(());
        };
        if self.on_path.contains(node) {
            self.ends();
            return Ok(());
        }
        self.path.push(node.clone());
        self.on_path.insert(node.clone());
        let count = match neighbours {
            Value::Array(nodes) => {
                nodes.iter().try_for_each(|it| self.visit(it))?;
                nodes.len()
            }
            Value::Set(nodes) => {
                nodes.iter().try_for_each(|it| self.visit(it))?;
                nodes.len()
            }
            Value::Null => 0,
            _ => {
                let text = format!("neighbors for node `{node}` must be array/set.");
                return Err(Failure::Failed(text));
            }
        };
        if count == 0 {
            self.ends();
        }
        self.on_path.remove(node);
        self.path.pop();
        Ok(())
    }

    fn ends(&mut self) {
        if !self.path.is_empty() {
            self.found.insert(Value::from(self.path.clone()));
        }
    }
}
