//! Runs `bodies::utf8`: `cargo +nightly fuzz run utf8`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| bodies::utf8::check(input));
