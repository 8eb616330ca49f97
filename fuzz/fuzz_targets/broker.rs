//! Runs `bodies::broker`: `cargo +nightly fuzz run broker`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| bodies::broker::check(input));
