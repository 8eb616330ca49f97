//! What an assembler holds, and what of it came over the wire.
//!
//! Came from: `conn`, which charges bytes to those who caused them, and whoever counts memory. Goes
//! to: the ledger. Absent on purpose: anything that changes.

use super::{Assembler, Stage, Unfinished};
use crate::wire::deflate::{Inflater, Output};

impl Assembler {
    /// Whether a message has begun and not ended.
    pub fn mid_message(&self) -> bool {
        let unfinished = self.unfinished.as_ref();
        unfinished.is_some_and(|unfinished| !matches!(unfinished.stage, Stage::Lent))
    }

    /// Bytes held of the unfinished message, or of the lent one; inflated, if it was compressed.
    pub fn buffered(&self) -> usize {
        self.unfinished.as_ref().map_or(0, |unfinished| unfinished.kept.taken())
    }

    /// Payload bytes of that message as they were sent.
    pub fn taken(&self) -> usize {
        let unfinished = self.unfinished.as_ref();
        unfinished.map_or(0, |u| u.deflated.unwrap_or(u.kept.taken()))
    }

    /// How many of those carried `length` bytes of a lent message: their share, if it was
    /// compressed.
    pub fn share(&self, length: usize) -> usize {
        let unfinished = self.unfinished.as_ref();
        let deflated = unfinished.and_then(|u| Some((u.deflated? as u128, u.kept.taken() as u128)));
        match deflated {
            // The cast is exact: a share is at most the whole.
            Some((taken, held @ 1..)) => (length as u128 * taken / held) as usize,
            Some((_, 0)) | None => length,
        }
    }

    /// Bytes of memory held beside the assembler itself.
    pub fn memory(&self) -> usize {
        let unfinished = self.unfinished.as_ref();
        let inflater = self.inflater.as_ref();
        unfinished.map_or(0, |u| size_of::<Unfinished>() + u.kept.capacity())
            + inflater.map_or(0, |i| size_of::<Inflater>() + i.memory())
    }
}
