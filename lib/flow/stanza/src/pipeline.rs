//! The operators of one receiver, for all its threads.

use std::sync::Arc;

use config::{Fault, Value};

use crate::graph::{Graph, INPUT, Options};
use crate::worker::Worker;

/// The compiled operators of one receiver. Cloning counts a reference.
#[derive(Debug, Clone)]
pub struct Pipeline {
    graph: Arc<Graph>,
    /// Where records enter.
    first: Arc<[usize]>,
}

impl Pipeline {
    /// Compiles the list.
    ///
    /// # Errors
    /// Every operator that cannot be read, or else the first mistake; by their places in the list.
    pub fn new(operators: &[Value], options: Options) -> Result<Self, Vec<Fault>> {
        let graph = Arc::new(Graph::new(operators, options)?);
        Ok(Self { graph, first: [0].into() })
    }

    /// The same with the receiver's `output:`: records enter at these operators, not at the first.
    ///
    /// # Errors
    /// A name that no operator has.
    pub fn entered_at(self, ids: &[String]) -> Result<Self, Fault> {
        if ids.is_empty() {
            return Ok(self);
        }
        let place = |id: &String| {
            let found = self.graph.nodes.iter().position(|it| it.id == *id);
            found.ok_or_else(|| Fault::create(format!("operator '{id}' does not exist: {INPUT}")))
        };
        let first = ids.iter().map(place).collect::<Result<_, Fault>>()?;
        Ok(Self { first, ..self })
    }

    /// State for one thread.
    pub fn worker(&self) -> Worker {
        Worker::new(Arc::clone(&self.graph), Arc::clone(&self.first))
    }
}
