//! HTTP server and client sections with the upstream keys.
