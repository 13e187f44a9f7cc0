//! Steps that keep nothing between calls.

use async_trait::async_trait;
use pdata::Data;

use crate::{ConsumeError, Consumer, Context, Next};

/// A step whose output depends on its input alone. It says what it makes of a payload, and is a [`Consumer`].
///
/// The input is dropped before the next step is awaited: while an exporter waits for its backend, this step
/// does not hold a second copy of the telemetry in memory. A payload of which nothing is left ends here.
pub trait Stateless: Send + Sync + 'static {
    /// What goes on.
    ///
    /// # Errors
    /// The whole payload is refused.
    fn map(&self, ctx: &Context, data: &Data) -> Result<Data, ConsumeError>;

    /// The step behind it.
    fn next(&self) -> &Next;
}

#[async_trait]
impl<T: Stateless> Consumer for T {
    async fn consume(&self, ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        let mapped = self.map(ctx, &data)?;
        let emptied = mapped.is_empty() && !data.is_empty();
        drop(data);
        if emptied {
            return Ok(());
        }
        self.next().consume(ctx, mapped).await
    }
}
