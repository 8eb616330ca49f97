//! Runs `bodies::hub`: `cargo +nightly fuzz run hub`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| bodies::hub::check(input));
