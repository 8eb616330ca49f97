//! Runs `bodies::condition`: `cargo +nightly fuzz run condition`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| bodies::condition::check(input));
