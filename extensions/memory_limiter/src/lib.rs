//! Servers that name it in `middlewares` refuse requests while memory is short, before they read them.

use std::sync::Arc;
use std::time::Duration;

use component::{
    BoxError, Capability, Component, Extension, Host, Offers, ServerMiddleware, Settings,
    Stability, async_trait, config::Side,
};
pub use memorylimiter::Config;
use memorylimiter::{Limiter, Plan};

#[cfg(test)]
mod tests;

/// The extension.
pub struct MemoryLimiter {
    limiter: Arc<Limiter>,
}

impl Extension for MemoryLimiter {
    type Config = Plan;
    const TYPE: &'static str = "memory_limiter";
    const STABILITY: Stability = Stability::Alpha;
    const OFFERS: &'static [Offers] =
        &[Offers::Middleware(Side::HttpServer), Offers::Middleware(Side::GrpcServer)];

    fn create(_settings: Settings, plan: Plan) -> Result<Self, BoxError> {
        Ok(Self { limiter: Arc::new(Limiter::new(Arc::new(plan))) })
    }

    fn offers(self: Arc<Self>) -> Vec<Capability> {
        vec![Capability::ServerMiddleware(self)]
    }
}

#[async_trait]
impl Component for MemoryLimiter {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        Arc::clone(&self.limiter).run(host);
        Ok(())
    }
}

impl ServerMiddleware for MemoryLimiter {
    fn must_refuse(&self) -> Option<Duration> {
        // What comes is not known yet; servers count it as it comes.
        self.limiter.must_refuse(0)
    }
}
