//! What an HTTP answer means for an alert.

use component::ConsumeError;
use confighttp::client::Reply;

/// Most of an answer that an error shows, in bytes.
const SHOWN_BYTES_MAX: usize = 200;

/// Whether `who` has taken it.
///
/// # Errors
/// 408, 429 and 5xx may pass; all else stays as it is.
pub fn check(reply: &Reply, who: &str) -> Result<(), ConsumeError> {
    if reply.status.is_success() {
        return Ok(());
    }
    let status = reply.status.as_u16();
    let text = String::from_utf8_lossy(&reply.body);
    let text = text.trim();
    let text = text.get(..text.floor_char_boundary(SHOWN_BYTES_MAX)).unwrap_or_default();
    let joint = if text.is_empty() { "" } else { ": " };
    let problem = format!("{who} answered {status}{joint}{text}");
    if !(reply.status.is_server_error() || matches!(status, 408 | 429)) {
        return Err(ConsumeError::permanent(problem));
    }
    Err(reply.retryable(problem))
}
