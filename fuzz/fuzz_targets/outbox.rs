//! Runs `bodies::outbox`: `cargo +nightly fuzz run outbox`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| bodies::outbox::check(input));
