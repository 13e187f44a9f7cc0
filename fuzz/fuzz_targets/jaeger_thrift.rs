//! Datagrams of Jaeger's agent. The first byte says in which protocol of Thrift.
#![no_main]

use wire::thrift::Protocol;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((first, datagram)) = bytes.split_first() else { return };
    let protocol = if first % 2 == 0 { Protocol::Binary } else { Protocol::Compact };
    let _ = jaeger_receiver::read_call(protocol, datagram);
});
