//! Runs `bodies::handshake`: `cargo +nightly fuzz run handshake`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| bodies::handshake::check(input));
