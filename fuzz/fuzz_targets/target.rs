//! Runs `bodies::target`: `cargo +nightly fuzz run target`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| bodies::target::check(input));
