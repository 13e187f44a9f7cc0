//! The step that everything is made of: whoever has telemetry calls the next one, and gets its answer.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pdata::Data;

use crate::{ConsumeError, Context};

/// An inlet: takes telemetry and answers for it.
#[async_trait]
pub trait Consumer: Send + Sync + 'static {
    /// `Ok` means the caller may forget the data; with [`crate::Wants::Delivered`] it means that the
    /// data has arrived. Waiting is backpressure; dropping the future withdraws.
    async fn consume(&self, ctx: &Context, data: Data) -> Result<(), ConsumeError>;

    /// Names the exporters behind this step that have taken nothing for so long, although somebody who needs an
    /// answer waits for them. Components need not say: `service` stands between them.
    fn unanswering(&self, _longer_than: Duration) -> Vec<Arc<str>> {
        Vec::new()
    }
}

/// The next step.
pub type Next = Arc<dyn Consumer>;
