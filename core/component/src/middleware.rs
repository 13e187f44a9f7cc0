//! What stands before the requests of servers with `middlewares: [{id: <id>}]`.

use std::time::Duration;

/// Lets requests through, or not.
pub trait ServerMiddleware: Send + Sync {
    /// Whether a request that has come now has to be refused: the answer is when it may come again. Called when it is known
    /// who sends it, and before the body is read.
    fn must_refuse(&self) -> Option<Duration>;
}
