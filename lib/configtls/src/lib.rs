//! TLS sections with the upstream keys.
