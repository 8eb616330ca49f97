//! Runs `bodies::response`: `cargo +nightly fuzz run response`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| bodies::response::check(input));
