//! Endpoints and listeners with the upstream keys.
