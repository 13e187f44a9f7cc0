//! Clients of a gRPC server.
#![no_main]

use sluice_fuzz::intake::{Server, http2};

thread_local! {
    static SERVER: Server = Server::http2();
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| SERVER.with(|it| http2(it, bytes)));
