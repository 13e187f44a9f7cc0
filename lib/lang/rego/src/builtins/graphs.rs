//! `graph.reachable_paths`: there may be more paths than time, and longer ones than the stack has room for.

use std::collections::BTreeSet;

use regorus::Value;
use regorus::value::Object;

use super::args::{Failure, Table, failed, items, object};

/// Most steps along an edge, of all paths together.
const STEPS_MAX: usize = 100_000;
/// Longest path, in nodes: it is a recursion.
const PATH_MAX: usize = 1_000;
/// Most nodes of all paths together: few steps make many long ones, and each is copied.
const NODES_MAX: usize = 1_000_000;

pub const TABLE: Table = &[("graph.reachable_paths", |args| {
    let graph = object(args, 0)?;
    let mut walk = Walk {
        graph,
        path: Vec::new(),
        on_path: BTreeSet::new(),
        found: BTreeSet::new(),
        steps: 0,
        nodes: 0,
    };
    items(args, 1, "one of {array, set}")?.try_for_each(|it| walk.visit(it))?;
    Ok(Value::from(walk.found))
})];

struct Walk<'g> {
    graph: &'g Object,
    path: Vec<Value>,
    on_path: BTreeSet<Value>,
    found: BTreeSet<Value>,
    steps: usize,
    /// Of all paths that were found.
    nodes: usize,
}

impl Walk<'_> {
    /// Goes on with a node: a path ends where there is no edge, and where it would come back to itself.
    fn visit(&mut self, node: &Value) -> Result<(), Failure> {
        self.steps += 1;
        if self.steps > STEPS_MAX || self.path.len() > PATH_MAX {
            return failed(format!(
                "more than {STEPS_MAX} steps, or a path of more than {PATH_MAX} nodes"
            ));
        }
        let neighbours = match (node, self.graph.get(node)) {
            (Value::String(text), _) if text.is_empty() => None,
            (_, it) => it,
        };
        let Some(neighbours) = neighbours else {
            return self.ends();
        };
        if self.on_path.contains(node) {
            return self.ends();
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
            _ => return failed(format!("neighbors for node `{node}` must be array/set.")),
        };
        if count == 0 {
            self.ends()?;
        }
        self.on_path.remove(node);
        self.path.pop();
        Ok(())
    }

    fn ends(&mut self) -> Result<(), Failure> {
        if self.path.is_empty() {
            return Ok(());
        }
        self.nodes += self.path.len();
        if self.nodes > NODES_MAX {
            return failed(format!("paths of more than {NODES_MAX} nodes together"));
        }
        self.found.insert(Value::from(self.path.clone()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A path of so many nodes, whose last one has so many neighbours.
    fn brush(length: usize, ends: usize) -> Value {
        let edges = (0..length + ends).map(|at| {
            let next = match at {
                _ if at + 1 < length => at + 1..at + 2,
                _ if at < length => length..length + ends,
                _ => 0..0,
            };
            let next: Vec<Value> = next.map(|it| it.to_string().into()).collect();
            (at.to_string().into(), next.into())
        });
        Value::from(edges.collect::<std::collections::BTreeMap<Value, Value>>())
    }

    fn paths(graph: Value) -> Result<usize, Failure> {
        let from = vec![Value::from("0")].into();
        (TABLE[0].1)(&[graph, from]).map(|it| it.as_set().unwrap().len())
    }

    #[test]
    fn the_paths_that_are_kept_have_a_limit_together() {
        assert_eq!(paths(brush(3, 2)), Ok(2));
        assert!(paths(brush(900, 2_000)).is_err());
    }
}
