//! Runs `bodies::body`: `cargo +nightly fuzz run body`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| bodies::body::check(input));
