//! Runs `bodies::message`: `cargo +nightly fuzz run message`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| bodies::message::check(input));
