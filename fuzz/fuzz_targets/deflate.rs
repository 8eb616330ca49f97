//! Runs `bodies::deflate`: `cargo +nightly fuzz run deflate`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| bodies::deflate::check(input));
