//! Runs `bodies::timer`: `cargo +nightly fuzz run timer`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| bodies::timer::check(input));
