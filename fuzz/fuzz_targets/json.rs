//! Runs `bodies::json`: `cargo +nightly fuzz run json`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| bodies::json::check(input));
