//! Runs `bodies::differential`: `cargo +nightly fuzz run differential`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| bodies::differential::check(input));
