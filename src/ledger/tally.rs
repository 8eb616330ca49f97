//! The numbers of one connection, small: most connections cost little and there may be a million.
//!
//! Came from: the broker, which charges a connection and its payer's account with the same numbers.
//! Goes to: the table of connections. Absent on purpose: system calls; a row of the table says what
//! went over the wire.

use super::{Bytes, CHARGES, Call, Class};

/// Bytes by class in and out, and messages.
const NUMBERS: usize = 2 * Class::ALL.len() + 1;
const MESSAGES: usize = NUMBERS - 1;

/// Counts thirteen numbers in 16 bits each. What is carried over is kept beside it.
#[derive(Debug, Default)]
pub struct Tally([u16; NUMBERS]);

/// What a tally has carried over: nothing, but for those through which more has passed.
#[derive(Debug, Default)]
pub struct Carry(Option<Box<[u64; NUMBERS]>>);

/// What has passed over a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// Bytes that were understood.
    pub bytes_in: Bytes,
    /// Bytes that the kernel took.
    pub bytes_out: Bytes,
    /// Messages delivered, or taken in over HTTP.
    pub messages: u64,
}

impl Tally {
    /// Bytes that were understood.
    pub fn came_in(&mut self, bytes: &Bytes, carry: &mut Carry) {
        for (class, &n) in bytes.0.iter().enumerate() {
            if n > 0 {
                self.add(class, n, carry);
            }
        }
    }

    /// Bytes that the kernel took.
    pub fn went_out<const N: usize>(&mut self, portions: [(Class, usize); N], carry: &mut Carry) {
        for (class, bytes) in portions {
            self.add(Class::ALL.len() + class as usize, bytes as u64, carry);
        }
    }

    /// A message that the kernel took whole.
    pub fn delivered(&mut self, around: usize, payload: usize, carry: &mut Carry) {
        self.went_out([(Class::Framing, around), (Class::Payload, payload)], carry);
        self.passed(1, carry);
    }

    /// Messages delivered, or taken in over HTTP.
    pub fn passed(&mut self, messages: u64, carry: &mut Carry) {
        self.add(MESSAGES, messages, carry);
    }

    /// All that has passed, with what was carried over.
    pub fn sums(&self, carry: &Carry) -> Passed {
        let number = |index: usize| {
            let high = carry.0.as_ref().map_or(0, |high| high[index]);
            // Exact: 2^64 bytes are not sent over one connection.
            high << u16::BITS | u64::from(self.0[index])
        };
        Passed {
            bytes_in: Bytes(std::array::from_fn(number)),
            bytes_out: Bytes(std::array::from_fn(|class| number(Class::ALL.len() + class))),
            messages: number(MESSAGES),
        }
    }

    fn add(&mut self, index: usize, n: u64, carry: &mut Carry) {
        if !CHARGES {
            return;
        }
        // The low bits; the others are next.
        let (sum, overflows) = self.0[index].overflowing_add(n as u16);
        self.0[index] = sum;
        if overflows || n >> u16::BITS > 0 {
            carry.add(index, (n >> u16::BITS) + u64::from(overflows));
        }
    }
}

impl Carry {
    /// Bytes of the heap that it holds.
    pub fn heap_bytes(&self) -> usize {
        self.0.as_deref().map_or(0, size_of_val)
    }

    #[cold]
    fn add(&mut self, index: usize, n: u64) {
        self.0.get_or_insert_default()[index] += n;
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
        let (mut tally, mut carry) = (Tally::default(), Carry::default());
        for n in 1..=3 {
            let much = usize::from(u16::MAX);
            tally.went_out([(Class::Framing, much)], &mut carry);
            let sums = tally.sums(&carry);
            assert_eq!(sums.bytes_out.of(Class::Framing), n * much as u64);
            assert_eq!(carry.heap_bytes() > 0, n > 1, "what fits is not carried");
        }
        for _ in 0..3 {
            let portions = [(Class::Body, 1), (Class::Payload, u32::MAX as usize)];
            tally.went_out(portions, &mut carry);
        }
        tally.passed(7, &mut carry);
        let sums = tally.sums(&carry);
        assert_eq!(sums.bytes_out.of(Class::Payload), 3 * u64::from(u32::MAX));
        assert_eq!(sums.bytes_out.of(Class::Body), 3);
        assert_eq!((sums.bytes_in, sums.messages), (Bytes::default(), 7));
    }

    #[test]
    fn a_tally_is_small() {
        assert!(size_of::<Tally>() <= 26, "{}", size_of::<Tally>());
    }
}
