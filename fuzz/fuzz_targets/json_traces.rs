//! OTLP/JSON, traces.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &[u8]| sluice_fuzz::json(pdata::Signal::Traces, text));
