//! YAML of a configuration, with references and merges.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| sluice_fuzz::config(text));
