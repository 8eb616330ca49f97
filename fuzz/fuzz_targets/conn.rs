//! Runs `bodies::conn`: `cargo +nightly fuzz run conn`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| bodies::conn::check(input));
