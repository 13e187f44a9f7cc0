//! What a section keeps for each pipeline that it is used in.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};

use component::PipelineId;

use crate::lock;

/// A state for each pipeline, as a part of a plan: so a reload that makes the pipeline anew goes on with it. It lives as
/// long as somebody uses it.
#[derive(Debug)]
pub struct PerPipeline<S>(Mutex<HashMap<PipelineId, Weak<S>>>);

impl<S> Default for PerPipeline<S> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<S> PerPipeline<S> {
    /// That of a pipeline, which `make` makes for the first who asks.
    pub fn of(&self, pipeline: &PipelineId, make: impl FnOnce() -> S) -> Arc<S> {
        let mut all = lock(&self.0);
        all.retain(|_, it| it.strong_count() > 0);
        if let Some(known) = all.get(pipeline).and_then(Weak::upgrade) {
            return known;
        }
        let new = Arc::new(make());
        all.insert(pipeline.clone(), Arc::downgrade(&new));
        new
    }
}
