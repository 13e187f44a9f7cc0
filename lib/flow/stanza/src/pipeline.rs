//! The operators of one receiver, for all its threads.

use std::sync::Arc;

use config::{Problems, Tagged};

use crate::graph::{Graph, INPUT, Options};
use crate::ops::OperatorConfig;
use crate::worker::Worker;

/// The compiled operators of one receiver. Cloning counts a reference.
#[derive(Debug, Clone)]
pub struct Pipeline {
    graph: Arc<Graph>,
    /// Where records enter.
    first: Arc<[usize]>,
}

impl Pipeline {
    /// Compiles the list. What is wrong or has no effect is found by its place in the list.
    pub fn plan(
        operators: &[Tagged<OperatorConfig>],
        options: Options,
        found: &mut Problems,
    ) -> Option<Self> {
        let graph = Arc::new(Graph::new(operators, options, found)?);
        Some(Self { graph, first: [0].into() })
    }

    /// The same with the receiver's `output:`: records enter at these operators, not at the first. A name that no operator
    /// has is found at its place in the list.
    pub fn entered_at(self, ids: &[String], found: &mut Problems) -> Option<Self> {
        if ids.is_empty() {
            return Some(self);
        }
        let known: Vec<&str> = self.graph.nodes.iter().map(|it| it.id.as_str()).collect();
        let mut first = Some(Vec::with_capacity(ids.len()));
        for (item, id) in ids.iter().enumerate() {
            match (known.iter().position(|it| it == id), &mut first) {
                (Some(at), Some(first)) => first.push(at),
                (Some(_), None) => {}
                (None, _) => {
                    let text = format!("operator '{id}' does not exist: {INPUT}");
                    found.late("", text).one_of(&item.to_string(), &known);
                    first = None;
                }
            }
        }
        let first = first?.into();
        Some(Self { first, ..self })
    }

    /// State for one thread.
    pub fn worker(&self) -> Worker {
        Worker::new(Arc::clone(&self.graph), Arc::clone(&self.first))
    }
}
