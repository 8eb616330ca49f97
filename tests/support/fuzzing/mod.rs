//! The bodies of the fuzz targets: what must hold for any input whatever.
//!
//! Each body takes bytes and panics when something does not hold. Three kinds of claims: a decoder
//! gives the same however its input is cut; what we write is read back by a naive reader that knows
//! nothing of our code; what is clever agrees with a twin that is obviously right and slow.
//!
//! Came from: `fuzz/fuzz_targets`, with what libFuzzer grows, and `tests/corpora.rs`, with the
//! committed corpora, their mutations and noise. Goes to: the library. Absent on purpose: libFuzzer
//! and anything else that stable Rust lacks, so that a crash found there is replayed here.

#![allow(dead_code, missing_docs, unreachable_pub)] // Each user takes what it needs.
#![allow(clippy::unwrap_used, clippy::pedantic)] // A twin is plain before it is polished.

#[path = "../dice.rs"]
pub mod dice;
pub mod operations;
#[path = "../readers/mod.rs"]
pub mod readers;

#[path = "../world.rs"]
pub mod world;

pub mod body;
pub mod broker;
pub mod client;
pub mod condition;
pub mod conn;
pub mod deflate;
pub mod differential;
pub mod event_stream;
pub mod forwarded;
pub mod frame;
pub mod handshake;
pub mod head;
pub mod hub;
pub mod json;
pub mod log;
pub mod message;
pub mod outbox;
pub mod proxy_protocol;
pub mod response;
pub mod rights;
pub mod sequencer;
pub mod target;
pub mod timer;
pub mod tls;
pub mod utf8;
pub mod v1;

use std::ops::Range;

/// A fuzz target.
pub struct Target {
    /// Its name: of the file in `fuzz/fuzz_targets`, and of its corpus.
    pub name: &'static str,
    /// What must hold.
    pub body: fn(&[u8]),
    /// Inputs that mean something, to grow from.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// A file in `fuzz/dictionaries` with words that are hard to guess.
    pub dictionary: Option<&'static str>,
    /// How many inputs `cargo test` makes up: fewer where each is a whole server's story.
    pub inputs: u64,
}

macro_rules! targets {
    ($($name:ident $inputs:literal $dictionary:expr;)*) => {
        /// All of them.
        pub const TARGETS: &[Target] = &[$(Target {
            name: stringify!($name),
            body: $name::check,
            seeds: $name::seeds,
            dictionary: $dictionary,
            inputs: $inputs,
        }),*];
    };
}

targets! {
    head 3000 Some("http.dict");
    body 3000 Some("http.dict");
    differential 3000 Some("http.dict");
    target 3000 Some("http.dict");
    condition 3000 Some("http.dict");
    handshake 3000 Some("http.dict");
    response 3000 None;
    forwarded 3000 Some("http.dict");
    proxy_protocol 3000 Some("proxy.dict");
    frame 3000 Some("websocket.dict");
    message 3000 Some("websocket.dict");
    deflate 3000 Some("extension.dict");
    v1 3000 Some("v1.dict");
    rights 3000 None;
    utf8 3000 None;
    client 3000 Some("http.dict");
    json 3000 None;
    event_stream 3000 None;
    outbox 3000 None;
    timer 3000 None;
    log 3000 None;
    hub 3000 None;
    sequencer 3000 None;
    tls 3000 None;
    conn 1500 Some("http.dict");
    broker 2000 None;
}

/// Takes the first byte off, as a choice that the input makes; 0 when there is none.
pub fn choice(input: &[u8]) -> (u8, &[u8]) {
    match input.split_first() {
        Some((&first, rest)) => (first, rest),
        None => (0, input),
    }
}

/// Ways to cut `length` bytes: whole, byte by byte, and at places that `seed` tells.
pub fn cuts(seed: u8, length: usize) -> [Vec<Range<usize>>; 3] {
    let mut dice = dice::Dice(seed.into());
    let longest = 1 + dice.below(40);
    [pieces(length, || length), pieces(length, || 1), pieces(length, || 1 + dice.below(longest))]
}

fn pieces(length: usize, mut next: impl FnMut() -> usize) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while at < length {
        let end = length.min(at + next().max(1));
        pieces.push(at..end);
        at = end;
    }
    pieces
}
