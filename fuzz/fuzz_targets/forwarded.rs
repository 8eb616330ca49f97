//! Runs `bodies::forwarded`: `cargo +nightly fuzz run forwarded`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| bodies::forwarded::check(input));
