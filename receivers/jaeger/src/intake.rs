//! What all protocols share: spans go to the pipelines, and their answer is counted.

use component::{ConsumeError, Context, Outputs, Received};
use pdata::Traces;

/// The way in over one transport.
pub(crate) struct Intake {
    pub(crate) out: Outputs,
    pub(crate) received: Received,
}

impl Intake {
    /// Hands spans to the pipelines. A batch without spans is answered at once.
    pub(crate) async fn consume(&self, ctx: &Context, traces: Traces) -> Result<(), ConsumeError> {
        let data = pdata::Data::from(traces);
        if data.items() == 0 {
            return Ok(());
        }
        self.received.consume(&self.out, ctx, data).await
    }
}
