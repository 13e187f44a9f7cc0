//! Log files, followed and parsed.
