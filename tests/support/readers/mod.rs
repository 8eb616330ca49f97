//! Readers of what we write, and writers of what we read: naive, and strangers to our code.
//!
//! Each follows its standard step by step, one byte or line at a time, with indices where our code
//! has windows and words, and shares nothing with it. They panic on anything malformed: we wrote
//! it.
//!
//! Came from: the bodies of the fuzz targets, the simulator, and tests that look at bytes. Absent
//! on purpose: everything of the library. The witness has readers of its own: two strangers who
//! agree say more than one.

#![allow(dead_code, missing_docs, unreachable_pub, clippy::pedantic)] // Each user takes its part.

pub mod events;
pub mod frames;
pub mod http;
pub mod json;

/// Where `what`, which is not empty, first stands. By its first byte: a fuzzer watches every
/// comparison of slices, and that costs more than the comparison.
pub fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    (0..bytes.len()).find(|&at| bytes[at] == what[0] && bytes[at..].starts_with(what))
}
