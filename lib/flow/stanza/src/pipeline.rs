//! The operators of one receiver, for all its threads.

use std::sync::Arc;

use config::{Fault, Value};

use crate::graph::{Graph, Options};
use crate::worker::Worker;

/// The compiled operators of one receiver. Cloning counts a reference.
#[derive(Debug, Clone)]
pub struct Pipeline {
    graph: Arc<Graph>,
}

impl Pipeline {
    /// Compiles the list.
    ///
    /// # Errors
    /// Every operator that cannot be read, or else the first mistake; by their places in the list.
    pub fn new(operators: &[Value], options: Options) -> Result<Self, Vec<Fault>> {
        let graph = Arc::new(Graph::new(operators, options)?);
        Ok(Self { graph })
    }

    /// State for one thread.
    pub fn worker(&self) -> Worker {
        Worker::new(Arc::clone(&self.graph))
    }
}
