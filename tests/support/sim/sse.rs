//! Blocks of an event stream, as they come.

#![allow(unreachable_pub)] // Each user takes what it needs.

use super::readers::events::{self, Block};

#[derive(Default)]
pub struct Blocks {
    raw: Vec<u8>,
}

impl Blocks {
    /// Takes in bytes and gives the blocks that are complete.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Block> {
        assert!(!bytes.contains(&b'\r'), "we send LF only");
        self.raw.extend_from_slice(bytes);
        let (blocks, used) = events::blocks(&self.raw);
        self.raw.drain(..used);
        blocks
    }
}
