//! How long to wait before something is tried again: longer each time, and never quite the same, so
//! that the nodes of a cluster do not come back all at once.
//!
//! A try that goes well proves little: it may be the next step that cannot be done. So pauses begin
//! small again only when it has gone well for as long as the longest of them.
//!
//! Came from: both threads. Goes to: the same. Absent on purpose: a clock, and chance.

use crate::ids::Millis;
use crate::limits::{STORE_RETRY_MS_MAX, STORE_RETRY_MS_MIN};

/// The next pause.
#[derive(Debug, Default)]
pub(super) struct Pause {
    /// How often something has failed, without going well for long in between.
    failures: u32,
    /// Since when it goes well again.
    well_since: Option<Millis>,
}

impl Pause {
    /// Whether nothing has failed since.
    pub(super) fn is_fresh(&self) -> bool {
        self.failures == 0
    }

    /// Whether what has failed last had gone well for long.
    pub(super) fn is_first(&self) -> bool {
        self.failures == 1
    }

    /// It has gone well.
    pub(super) fn went_well(&mut self, now: Millis) {
        self.well_since.get_or_insert(now);
    }

    /// Something has failed: how many milliseconds to wait, by half at most less than it could be.
    pub(super) fn next_ms(&mut self, now: Millis, random: u64) -> u64 {
        let well_since = self.well_since.take();
        if well_since.is_some_and(|since| now.since(since) >= STORE_RETRY_MS_MAX) {
            self.failures = 0;
        }
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
                let ms = pause.next_ms(Millis(0), random);
                assert!((most / 2..=most).contains(&ms), "{n}: {ms}");
            }
            assert!(!pause.is_fresh());
            pause = Pause::default();
        }
        assert_ne!(Pause::default().next_ms(Millis(0), 1), Pause::default().next_ms(Millis(0), 2));
    }

    #[test]
    fn pauses_begin_small_again_only_when_it_has_gone_well_for_long() {
        let mut pause = Pause::default();
        let mut next = |well_since: Option<u64>, now: u64| {
            if let Some(at) = well_since {
                pause.went_well(Millis(at));
            }
            let ms = pause.next_ms(Millis(now), STORE_RETRY_MS_MIN / 2);
            (ms / STORE_RETRY_MS_MIN, pause.is_first())
        };
        assert_eq!(next(None, 0), (1, true));
        assert_eq!(next(None, 100), (1, false));
        assert_eq!(next(Some(300), 300), (2, false), "a moment proves nothing");
        assert_eq!(next(Some(700), 700 + STORE_RETRY_MS_MAX - 1), (4, false));
        assert_eq!(next(None, 60_000), (8, false), "it did not go well meanwhile");
        pause.went_well(Millis(70_000));
        pause.went_well(Millis(70_000 + STORE_RETRY_MS_MAX));
        let ms = pause.next_ms(Millis(70_000 + STORE_RETRY_MS_MAX), 0);
        assert_eq!((ms, pause.is_first()), (STORE_RETRY_MS_MIN / 2, true), "since the first time");
    }
}
