//! A moment that is kept with each connection, small: there may be a million, with several each.
//!
//! Came from: whatever happens to a connection. Goes to: its deadlines. Absent on purpose:
//! arithmetic; a moment is [`Millis`] when something is done with it.

use std::fmt;

use super::Millis;
use crate::limits::STORE_AHEAD_MS_MAX;

/// A moment in five bytes: 34 years of milliseconds of the server's clock, which begins at its
/// start, or with a store up to ten years before. What is later than that is never.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeptMillis {
    /// 32 bits, which lie anywhere.
    low: [u8; 4],
    high: u8,
}

impl KeptMillis {
    /// No moment: later than all.
    pub const NEVER: Self = Self { low: [u8::MAX; 4], high: u8::MAX };

    /// The moment itself.
    #[inline]
    #[must_use]
    pub fn millis(self) -> Millis {
        match u64::from(self.high) << 32 | u64::from(u32::from_le_bytes(self.low)) {
            Self::MS_NEVER => Millis::NEVER,
            ms => Millis(ms),
        }
    }

    /// This moment, or `now` if it is none.
    #[must_use]
    pub fn or(self, now: Millis) -> Self {
        if self == Self::NEVER { now.into() } else { self }
    }

    const MS_NEVER: u64 = (1 << 40) - 1;
}

// A server that begins with the oldest messages has two decades left.
const _: () = assert!(STORE_AHEAD_MS_MAX < KeptMillis::MS_NEVER / 3);

impl From<Millis> for KeptMillis {
    #[inline]
    fn from(Millis(ms): Millis) -> Self {
        let ms = ms.min(Self::MS_NEVER);
        Self { low: (ms as u32).to_le_bytes(), high: (ms >> 32) as u8 }
    }
}

impl fmt::Debug for KeptMillis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.millis().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_kept_to_the_millisecond_for_34_years_and_what_is_later_is_never() {
        let year_ms = 365 * 24 * 60 * 60 * 1000;
        for ms in [0, 1, 255, 256, u64::from(u32::MAX), 1 << 32, 34 * year_ms, (1 << 40) - 2] {
            assert_eq!(KeptMillis::from(Millis(ms)).millis(), Millis(ms));
        }
        for ms in [(1 << 40) - 1, 1 << 40, u64::MAX - 1, u64::MAX] {
            assert_eq!(KeptMillis::from(Millis(ms)), KeptMillis::NEVER);
        }
        assert_eq!(KeptMillis::NEVER.millis(), Millis::NEVER);
        assert_eq!(size_of::<KeptMillis>(), 5);
    }
}
