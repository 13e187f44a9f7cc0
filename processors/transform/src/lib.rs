//! Changes telemetry with statements of OTTL. Stateless: the statements are compiled once per section, and each
//! group of them is one walk over the payload, in which what does not change is copied in runs.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod config;
mod flat;
mod passes;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use component::{
    Component, ConsumeError, Context, Data, Next, PerSignal, Problems, Processor,
    ProcessorSettings, Signal, Stateless,
};

use ottl::Request;

pub use config::{Config, ContextName, Entry, Group};
pub use passes::Passes;

/// The processor.
pub struct Transform {
    passes: Arc<Passes>,
    signal: Signal,
    /// Each log record has a resource and scope of its own while the statements run.
    flatten: bool,
    next: Next,
}

/// What all instances of a section share.
pub struct Plan {
    passes: PerSignal<Arc<Passes>>,
    flatten: bool,
}

impl Processor for Transform {
    type Config = Config;
    type Plan = Plan;
    const TYPE: &'static str = "transform";

    fn plan(config: Config, found: &mut Problems) -> Option<Plan> {
        let passes = PerSignal::new(|signal| Arc::new(Passes::new(&config, signal, found)));
        Some(Plan { passes, flatten: config.flatten_data })
    }

    fn create(settings: ProcessorSettings, plan: Arc<Plan>, next: Next) -> Self {
        let signal = settings.signal;
        let passes = Arc::clone(plan.passes.get(signal));
        let flatten = plan.flatten && signal == Signal::Logs;
        Self { passes, signal, flatten, next }
    }
}

impl Component for Transform {}

impl Stateless for Transform {
    fn map(&self, ctx: &Context, data: &Data) -> Result<Data, ConsumeError> {
        if self.passes.is_empty() {
            return Ok(data.clone());
        }
        let client = ctx.client.as_deref();
        let request = client.map(|it| {
            let known = it.auth.as_ref().map_or(&[][..], |it| &it.attributes);
            Request::new(it.peer, &it.metadata, it.is_grpc).known_as(known)
        });
        let request = request.unwrap_or_default();
        let changed = if self.flatten {
            self.passes.run(&flat::flattened(data), &request).map(flat::grouped)
        } else {
            self.passes.run(data, &request)
        };
        changed.map_err(|error| {
            tracing::error!(error, "failed processing {}", self.signal);
            ConsumeError::retryable(error)
        })
    }

    fn next(&self) -> &Next {
        &self.next
    }
}
