//! Runs `bodies::tls`: `cargo +nightly fuzz run tls`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| bodies::tls::check(input));
