//! gRPC over h2 with the upstream keys: messages are bytes.
