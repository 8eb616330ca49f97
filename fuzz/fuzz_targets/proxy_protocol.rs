//! Runs `bodies::proxy_protocol`: `cargo +nightly fuzz run proxy_protocol`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| bodies::proxy_protocol::check(input));
