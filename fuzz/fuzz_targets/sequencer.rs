//! Runs `bodies::sequencer`: `cargo +nightly fuzz run sequencer`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| bodies::sequencer::check(input));
