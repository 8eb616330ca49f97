//! Runs `bodies::log`: `cargo +nightly fuzz run log`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| bodies::log::check(input));
