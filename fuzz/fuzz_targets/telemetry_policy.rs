//! Documents with telemetry policies.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| sluice_fuzz::telemetry_policy(text));
