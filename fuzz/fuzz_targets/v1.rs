//! Runs `bodies::v1`: `cargo +nightly fuzz run v1`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| bodies::v1::check(input));
