//! What Go writes where it has nothing.

use serde::{Deserialize, Deserializer};

/// Reads `null` as the default.
///
/// # Errors
/// What is neither `null` nor a `T`.
pub fn null_is_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
