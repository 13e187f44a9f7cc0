//! OTLP protobuf, traces.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sluice_fuzz::otlp(pdata::Signal::Traces, bytes));
