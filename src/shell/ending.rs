//! The end of all threads: when each is to be done, and who was the last.
//!
//! Came from: `bus`, which all threads share. Goes to: the same. Absent on purpose: what a thread
//! does until then; its broker knows.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use crate::broker::DrainCounts;
use crate::ids::Millis;

/// How far a loop has come with its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndPhase {
    /// Nobody wants it to end.
    Serving,
    /// No more connections come in, and those that there are end.
    Draining,
    /// There is none, and it waits for the other threads: a publish of theirs needs its mailbox.
    Drained,
}

/// What the threads tell each other of the end.
#[derive(Debug)]
pub struct Ending {
    /// When the drain is over, in milliseconds; [`Millis::NEVER`] before it has begun.
    until: AtomicU64,
    /// How many threads are not done, and what the others have counted.
    left: Mutex<(usize, DrainCounts)>,
}

impl Ending {
    /// The end of so many threads, which nobody wants yet.
    pub fn new(threads: usize) -> Self {
        let left = Mutex::new((threads, DrainCounts::default()));
        Self { until: AtomicU64::new(Millis::NEVER.0), left }
    }

    /// Somebody wants it, by `until`.
    pub fn begin(&self, until: Millis) {
        self.until.store(until.0, SeqCst);
    }

    /// When it is to be, if anybody wants it. One atomic load.
    pub fn until(&self) -> Option<Millis> {
        Some(Millis(self.until.load(SeqCst))).filter(|&until| until != Millis::NEVER)
    }

    /// A thread is done. `Some`: it was the last one, and this is what all have counted.
    pub fn one_less(&self, counts: DrainCounts) -> Option<DrainCounts> {
        let mut left = self.left.lock().expect("a thread that panics ends the process");
        let (threads, sum) = &mut *left;
        *threads = threads.saturating_sub(1);
        sum.ended += counts.ended;
        sum.cut += counts.cut;
        (*threads == 0).then_some(*sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_thread_tells_what_all_have_counted() {
        let ending = Ending::new(2);
        assert_eq!(ending.until(), None);
        ending.begin(Millis(7));
        assert_eq!(ending.until(), Some(Millis(7)));
        assert_eq!(ending.one_less(DrainCounts { ended: 3, cut: 1 }), None);
        let sum = ending.one_less(DrainCounts { ended: 4, cut: 0 });
        assert_eq!(sum, Some(DrainCounts { ended: 7, cut: 1 }));
    }
}
