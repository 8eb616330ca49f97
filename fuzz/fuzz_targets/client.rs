//! Runs `bodies::client`: `cargo +nightly fuzz run client`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| bodies::client::check(input));
