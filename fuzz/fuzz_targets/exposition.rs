//! Pages of metrics. The first byte says in which format.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((first, page)) = bytes.split_first() else { return };
    if first % 3 == 2 {
        let _ = prometheus_receiver::read_protobuf(page);
    } else {
        let _ = prometheus_receiver::read_page(&String::from_utf8_lossy(page), first % 3 == 0);
    }
});
