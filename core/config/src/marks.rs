//! Names of newtypes that tell this crate's serializers and deserializers what kind of value comes: serde has no
//! other way to say it.

/// What they all begin with.
pub(super) const MARK: &str = "$";
/// Marks [`super::Section`] on its way through serde.
pub(super) const SECTION: &str = "$section";
/// Marks [`super::Secret`].
pub(super) const SECRET: &str = "$secret";
/// Marks [`super::MapList`].
pub(super) const HEADERS: &str = "$headers";
/// Marks [`super::Duration`].
pub(super) const DURATION: &str = "$duration";
/// Marks [`super::Value`].
pub(super) const VALUE: &str = "$value";
/// Marks [`crate::Choice`].
pub(crate) const CHOICE: &str = "$choice";
/// Marks [`crate::Together`].
pub(crate) const TOGETHER: &str = "$together";
