//! `middlewares:` of servers and clients: extensions around every request (`config/configmiddleware`, v0.165).

use std::sync::Arc;

use component::config::{Need, Problems, Side};
use component::{BoxError, Host, ServerMiddleware};
use serde::{Deserialize, Serialize};

/// One of `middlewares:`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[config(go = "configmiddleware.Config")]
pub struct MiddlewareConfig {
    /// Id of the extension.
    #[config(go = "struct")]
    pub id: String,
}

/// Says which extensions a section needs; `key` is its place.
pub fn check(all: &[MiddlewareConfig], side: Side, key: &str, problems: &mut Problems) {
    for (at, it) in all.iter().enumerate() {
        let place = format!("{key}::middlewares::{at}::id");
        problems.needs(place, Need::Middleware(side, it.id.clone()));
    }
}

/// The extensions, the outermost first.
///
/// # Errors
/// In the Collector's words, when there is no such extension or it is no middleware.
pub fn find(
    all: &[MiddlewareConfig],
    side: Side,
    host: &Host,
) -> Result<Vec<Arc<dyn ServerMiddleware>>, BoxError> {
    all.iter().map(|it| host.uses_middleware(&it.id, side)).collect()
}
