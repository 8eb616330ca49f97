//! Runs `bodies::rights`: `cargo +nightly fuzz run rights`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| bodies::rights::check(input));
