//! The operators of one receiver, for all its threads.

use std::sync::Arc;

use config::Value;

use crate::graph::{Error, Graph, Options};
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
    /// The first mistake, with the Collector's text.
    pub fn new(operators: &[Value], options: Options) -> Result<Self, Error> {
        let graph = Arc::new(Graph::new(operators, options)?);
        Ok(Self { graph })
    }

    /// State for one thread.
    pub fn worker(&self) -> Worker {
        Worker::new(Arc::clone(&self.graph))
    }
}
