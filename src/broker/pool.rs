//! The pool of bytes that unfinished input of all connections may take, on all threads.
//!
//! A thread takes from it in grants and gives them back: the one number that all threads share is
//! touched once for a quarter of a megabyte, or a small part of a small pool. What is granted is
//! never more than the pool, so the bound holds over all threads; a thread that has grants left and
//! does not use them keeps two at most.
//!
//! Came from: the shell, one pool for all threads. Goes to: `unfinished`, which asks for room.
//! Absent on purpose: connections, and what happens to one that gets no room.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::limits::{UNFINISHED_GRANT_BYTES, UNFINISHED_GRANTS_MIN, UNFINISHED_SHORT_BYTES};

/// Bytes that no thread has taken. Copies are of the same pool.
#[derive(Clone, Debug)]
pub struct UnfinishedPool {
    left: Arc<AtomicUsize>,
    bytes_max: usize,
    /// A thread takes and gives back so many at a time.
    grant: usize,
}

impl UnfinishedPool {
    /// A pool of so many bytes.
    pub fn new(bytes_max: usize) -> Self {
        let grant = (bytes_max / UNFINISHED_GRANTS_MIN).clamp(1, UNFINISHED_GRANT_BYTES);
        Self { left: Arc::new(AtomicUsize::new(bytes_max)), bytes_max, grant }
    }

    /// Takes `bytes`, if `reserve` are left then. Nothing else is told by this number, so its order
    /// among other memory does not matter.
    fn take(&self, bytes: usize, reserve: usize) -> bool {
        let taken = |left: usize| left.checked_sub(bytes).filter(|left| *left >= reserve);
        self.left.fetch_update(Relaxed, Relaxed, taken).is_ok()
    }

    fn give_back(&self, bytes: usize) {
        self.left.fetch_add(bytes, Relaxed);
    }
}

/// What one thread has of the pool.
#[derive(Debug)]
pub(super) struct Share {
    pool: UnfinishedPool,
    granted: usize,
    used: usize,
}

impl Share {
    pub(super) fn new(pool: UnfinishedPool) -> Self {
        Self { pool, granted: 0, used: 0 }
    }

    /// Bytes that the connections of this thread hold.
    pub(super) fn used(&self) -> usize {
        self.used
    }

    /// A connection that held `before` holds `holds` now. `false`: there is no room for that, and
    /// it counts as before.
    pub(super) fn change(&mut self, before: usize, holds: usize) -> bool {
        let used = self.used - before + holds;
        let reserve = if holds > UNFINISHED_SHORT_BYTES { self.pool.bytes_max / 4 } else { 0 };
        if holds > before && used > self.granted && !self.take(used - self.granted, reserve) {
            return false;
        }
        self.used = used;
        let spare = self.granted - used;
        let grant = self.pool.grant;
        if spare > 2 * grant {
            self.granted = used + grant;
            self.pool.give_back(spare - grant);
        }
        true
    }

    /// A whole number of grants, or what is missing if there is no more.
    fn take(&mut self, missing: usize, reserve: usize) -> bool {
        let whole = missing.next_multiple_of(self.pool.grant);
        let taken = [whole, missing].into_iter().find(|bytes| self.pool.take(*bytes, reserve));
        self.granted += taken.unwrap_or(0);
        taken.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1024 * 1024;

    #[test]
    fn what_is_used_on_all_threads_is_within_the_pool_and_comes_back() {
        let pool = UnfinishedPool::new(8 * MIB);
        let mut shares: Vec<Share> = (0..3).map(|_| Share::new(pool.clone())).collect();
        let mut held = Vec::new();
        for n in 0.. {
            let share = n % 3;
            if !shares[share].change(0, 300_000) {
                break;
            }
            held.push(share);
        }
        let used: usize = shares.iter().map(Share::used).sum();
        assert_eq!(used, held.len() * 300_000);
        assert!((5 * MIB..=6 * MIB).contains(&used), "three quarters: {used}");
        let mut short = 0;
        while shares[short % 3].change(0, UNFINISHED_SHORT_BYTES) {
            short += 1;
        }
        assert!(short > 80, "the last quarter is for short ones: {short}");
        for share in held {
            assert!(shares[share].change(300_000, 0));
        }
        for n in 0..short {
            assert!(shares[n % 3].change(UNFINISHED_SHORT_BYTES, 0));
        }
        assert!(shares.iter().all(|share| share.used == 0));
        let left = pool.left.load(Relaxed);
        assert!(left >= 8 * MIB - 3 * 2 * pool.grant, "{left}");
    }

    #[test]
    fn threads_that_are_done_leave_a_small_pool_to_others() {
        let pool = UnfinishedPool::new(MIB);
        for _ in 0..16 {
            let mut share = Share::new(pool.clone());
            assert!(share.change(0, MIB / 2) && share.change(MIB / 2, 0));
        }
        assert!(Share::new(pool).change(0, MIB / 2));
    }
}
