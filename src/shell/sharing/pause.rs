//! How long to wait before something is tried again: longer each time, and never quite the same, so
//! that the nodes of a cluster do not come back all at once.
//!
//! Came from: both threads. Goes to: the same. Absent on purpose: a clock, and chance.

use crate::limits::{STORE_RETRY_MS_MAX, STORE_RETRY_MS_MIN};

/// The next pause.
#[derive(Debug, Default)]
pub(super) struct Pause {
    /// How often something has failed in a row.
    failures: u32,
}

impl Pause {
    /// Whether nothing has failed since.
    pub(super) fn is_fresh(&self) -> bool {
        self.failures == 0
    }

    /// Something has failed: how many milliseconds to wait, by half at most less than it could be.
    pub(super) fn next_ms(&mut self, random: u64) -> u64 {
        let most = STORE_RETRY_MS_MIN.saturating_mul(1 << self.failures.min(16));
        let most = most.min(STORE_RETRY_MS_MAX);
        self.failures += 1;
        most / 2 + random % (most / 2 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_bound_and_differ() {
        let mut pause = Pause::default();
        assert!(pause.is_fresh());
        for random in [0, 7, u64::MAX] {
            for n in 0..40 {
                let most = (STORE_RETRY_MS_MIN << n.min(20)).min(STORE_RETRY_MS_MAX);
                let ms = pause.next_ms(random);
                assert!((most / 2..=most).contains(&ms), "{n}: {ms}");
            }
            assert!(!pause.is_fresh());
            pause = Pause::default();
        }
        assert_ne!(Pause::default().next_ms(1), Pause::default().next_ms(2));
    }
}
