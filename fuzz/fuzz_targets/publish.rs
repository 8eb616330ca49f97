//! Runs `bodies::publish`: `cargo +nightly fuzz run publish`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| bodies::publish::check(input));
