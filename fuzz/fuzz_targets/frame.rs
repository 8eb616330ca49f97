//! Runs `bodies::frame`: `cargo +nightly fuzz run frame`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| bodies::frame::check(input));
