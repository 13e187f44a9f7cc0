//! Conditions of the transformation language.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| sluice_fuzz::ottl(text));
