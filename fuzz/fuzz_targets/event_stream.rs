//! Runs `bodies::event_stream`: `cargo +nightly fuzz run event_stream`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| bodies::event_stream::check(input));
