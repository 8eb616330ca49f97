//! Whether a peer takes what waits for it: told by what it has acknowledged.
//!
//! A socket whose buffer is full tells nothing of a peer that reads slowly: it has no room until a
//! third of the buffer is free, which takes a reader of 512 bytes a second minutes. What the peer's
//! kernel has acknowledged moves meanwhile. So before a peer is given up the kernel is asked how
//! many bytes it still holds, `LOOKS` times in `--stall-timeout`: one system call each, and only
//! for a connection that nothing could be written to for so long.
//!
//! Came from: `broker::deadline`, with what the kernel holds. Goes to: the same, with a verdict.
//! Absent on purpose: a least speed. A peer that takes a byte in time is alive; what may wait for
//! it is bounded.

use crate::ids::Millis;
use crate::limits::{Limits, PROGRESS_BYTES_MIN};

/// Looks in one `--stall-timeout`. A peer is dropped at most a quarter of it too late.
const LOOKS: u8 = 4;

/// What was seen since the kernel last took bytes of ours. Of almost every connection there is
/// nothing to be seen.
#[derive(Debug, Default)]
pub struct PeerProgress {
    /// What the kernel held at the last look. `None`: nobody has looked yet.
    held: Option<u32>,
    /// When that was. A look that comes late, because the process stood still, is not followed at
    /// once by the next: the peer has to have its time.
    looked_at: Millis,
    /// Looks that have shown no change since.
    quiet: u8,
    /// The kernel was asked and has not answered.
    asked: bool,
}

/// What a look has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The peer acknowledged something since the last look.
    Moved,
    /// Nothing yet: this was the first look.
    Begun,
    /// It did not, and has time left.
    Waits,
    /// It did not for as long as it may.
    Stalled,
}

/// When to look at a connection that took something, or was looked at, at that moment.
pub fn next_look(since: Millis, stall_ms: u64) -> Millis {
    since.plus(stall_ms.div_ceil(u64::from(LOOKS)))
}

impl PeerProgress {
    /// When it was last looked at.
    pub fn looked_at(&self) -> Millis {
        self.looked_at
    }

    /// The kernel is asked. `false`: it was asked already, and has not answered.
    pub fn ask(&mut self) -> bool {
        !std::mem::replace(&mut self.asked, true)
    }

    /// Whether the kernel was asked and has not answered.
    pub fn is_asked(&self) -> bool {
        self.asked
    }

    /// The kernel holds so many bytes that the peer has not acknowledged.
    pub fn look(&mut self, held: u32, now: Millis) -> Verdict {
        self.asked = false;
        self.looked_at = now;
        let verdict = match self.held.replace(held) {
            // Only from here on a change can be seen.
            None => Verdict::Begun,
            Some(before) if held < before => Verdict::Moved,
            Some(_) => Verdict::Waits,
        };
        self.quiet = if verdict == Verdict::Waits { self.quiet + 1 } else { 0 };
        if self.quiet >= LOOKS { Verdict::Stalled } else { verdict }
    }
}

/// When something must be complete that began at `since` and of which `taken` bytes have come.
pub(super) fn due_by_progress(since: Millis, taken: u64, limits: &Limits) -> Millis {
    since.plus(limits.body_ms_max).plus(taken / PROGRESS_BYTES_MIN * 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks whenever it is time, at a kernel that holds what `held` says of the moment.
    fn stalled_at(stall_ms: u64, held: impl Fn(u64) -> u32) -> u64 {
        let (mut progress, mut took_at) = (PeerProgress::default(), Millis(0));
        loop {
            let now = next_look(took_at.max(progress.looked_at()), stall_ms);
            assert!(progress.ask() && !progress.ask(), "it is asked once");
            match progress.look(held(now.0), now) {
                Verdict::Moved => took_at = now,
                Verdict::Begun | Verdict::Waits => {}
                Verdict::Stalled => return now.0,
            }
            assert!(now.0 < 100 * stall_ms, "it never ends");
        }
    }

    #[test]
    fn a_peer_that_takes_nothing_is_given_up_within_a_quarter_too_late() {
        assert_eq!(stalled_at(60_000, |_| 5_000), 75_000);
        assert_eq!(stalled_at(1_000, |_| 0), 1_250);
        assert_eq!(stalled_at(1_003, |_| 0), 5 * 251, "never a moment too early");
    }

    #[test]
    fn a_peer_that_takes_little_is_not_and_its_silence_counts_from_its_last_sign() {
        // It acknowledges for five minutes, 512 bytes a second, and then no more.
        let taken = |ms: u64| 512 * u32::try_from(ms.min(300_000) / 1000).expect("few");
        let end = stalled_at(60_000, |ms| 1_000_000 - taken(ms));
        assert!((360_000..=375_000).contains(&end), "{end}");
    }

    #[test]
    fn a_process_that_stood_still_does_not_take_its_own_silence_for_the_peers() {
        let mut progress = PeerProgress::default();
        let late = Millis(1_000_000);
        assert_eq!(progress.look(5_000, late), Verdict::Begun);
        assert_eq!(next_look(progress.looked_at(), 60_000), late.plus(15_000));
    }

    #[test]
    fn a_peer_that_moves_once_in_each_timeout_is_kept() {
        let taken = |ms: u64| u32::try_from(ms / 59_000).expect("few").min(40);
        let end = stalled_at(60_000, |ms| 50 - taken(ms));
        assert!(end > 40 * 59_000, "{end}");
    }
}
