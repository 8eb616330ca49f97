//! The numbers of one connection, small: most connections cost little and there may be a million.
//!
//! Came from: the broker, which charges a connection and its payer's account with the same numbers.
//! Goes to: the table of connections. Absent on purpose: system calls; a row of the table says what
//! went over the wire.

use super::{Bytes, CHARGES, Call, Class};

/// Bytes by class in and out, and messages.
const NUMBERS: usize = 2 * Class::ALL.len() + 1;
const MESSAGES: usize = NUMBERS - 1;

/// Counts thirteen numbers in 16 bits each; what is carried over is kept on the side, by those
/// through which more has passed.
#[derive(Debug, Default)]
pub struct Tally {
    low: [u16; NUMBERS],
    high: Option<Box<[u64; NUMBERS]>>,
}

impl Tally {
    /// Bytes that were understood.
    pub fn came_in(&mut self, bytes: &Bytes) {
        for (class, &n) in bytes.0.iter().enumerate() {
            if n > 0 {
                self.add(class, n);
            }
        }
    }

    /// Bytes that the kernel took.
    pub fn went_out<const N: usize>(&mut self, portions: [(Class, usize); N]) {
        for (class, bytes) in portions {
            self.add(Class::ALL.len() + class as usize, bytes as u64);
        }
    }

    /// A message that the kernel took whole.
    pub fn delivered(&mut self, around: usize, payload: usize) {
        self.went_out([(Class::Framing, around), (Class::Payload, payload)]);
        self.passed(1);
    }

    /// Messages delivered, or taken in over HTTP.
    pub fn passed(&mut self, messages: u64) {
        self.add(MESSAGES, messages);
    }

    /// Bytes that were understood.
    pub fn bytes_in(&self) -> Bytes {
        Bytes(std::array::from_fn(|class| self.number(class)))
    }

    /// Bytes that the kernel took.
    pub fn bytes_out(&self) -> Bytes {
        Bytes(std::array::from_fn(|class| self.number(Class::ALL.len() + class)))
    }

    /// Messages delivered, or taken in over HTTP.
    pub fn messages(&self) -> u64 {
        self.number(MESSAGES)
    }

    /// Bytes of the heap that it holds.
    pub fn heap_bytes(&self) -> usize {
        self.high.as_deref().map_or(0, size_of_val)
    }

    fn add(&mut self, index: usize, n: u64) {
        if !CHARGES {
            return;
        }
        // The low bits; the others are next.
        let (sum, carried) = self.low[index].overflowing_add(n as u16);
        self.low[index] = sum;
        if carried || n >> u16::BITS > 0 {
            self.carry(index, (n >> u16::BITS) + u64::from(carried));
        }
    }

    #[cold]
    fn carry(&mut self, index: usize, n: u64) {
        self.high.get_or_insert_default()[index] += n;
    }

    fn number(&self, index: usize) -> u64 {
        let high = self.high.as_ref().map_or(0, |high| high[index]);
        // Exact: 2^64 bytes are not sent over one connection.
        high << u16::BITS | u64::from(self.low[index])
    }
}

/// System calls whose payer is not known yet: they brought bytes of a request that is still to be
/// understood. A request head comes in a few reads, so that the counts are small; should they be
/// full, the rest is charged to whoever pays now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// `read` calls that brought something.
    pub reads: u16,
    /// `read` calls that found nothing.
    pub would_block_reads: u16,
}

impl Due {
    /// Whether there is nothing.
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }
}

/// What passed over a connection that was not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefusedConnection {
    /// The refusal.
    pub written: Call,
    /// What it had sent, as far as that was read.
    pub read: Call,
    /// Why it was not kept.
    pub refusal: Refusal,
}

/// Why a connection was not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// All places are taken, or there is no descriptor.
    Full,
    /// Its address has as many as it may.
    AddressFull,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_exact_beyond_16_bits() {
        let mut tally = Tally::default();
        for n in 1..=3 {
            tally.went_out([(Class::Framing, usize::from(u16::MAX))]);
            assert_eq!(tally.bytes_out().of(Class::Framing), n * u64::from(u16::MAX));
            assert_eq!(tally.heap_bytes() > 0, n > 1, "what fits is not carried");
        }
        for _ in 0..3 {
            tally.went_out([(Class::Body, 1), (Class::Payload, u32::MAX as usize)]);
        }
        tally.passed(7);
        assert_eq!(tally.bytes_out().of(Class::Payload), 3 * u64::from(u32::MAX));
        assert_eq!(tally.bytes_out().of(Class::Body), 3);
        assert_eq!(tally.bytes_in(), Bytes::default());
        assert_eq!(tally.messages(), 7);
    }

    #[test]
    fn a_tally_is_small() {
        assert!(size_of::<Tally>() <= 40, "{}", size_of::<Tally>());
    }
}
