//! Clients of an HTTP/1 server.
#![no_main]

use sluice_fuzz::intake::{Server, http1};

thread_local! {
    static SERVER: Server = Server::http1();
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| SERVER.with(|it| http1(it, bytes)));
