//! Room to spare: what a queue keeps when a burst is over.
//!
//! A queue that was long once does not own its memory for ever. Asking takes two comparisons, so it
//! is done wherever something is taken out; what is given back is copied once for every three
//! quarters that went.
//!
//! Came from: whoever owns a queue that strangers can make long. Goes to: the allocator. Absent on
//! purpose: bounds. How long a queue may grow is its owner's to say.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, Hash};

use slab::Slab;

use crate::limits::ROOM_KEPT;

/// Gives back room that is not used.
pub(crate) trait Spare {
    /// Gives back what is beyond twice what is used, when less than a quarter is, and more than
    /// [`ROOM_KEPT`].
    fn give_back(&mut self);
}

/// The room to shrink to, if it is time.
#[inline]
fn fitting(len: usize, capacity: usize) -> Option<usize> {
    let spare = capacity > 2 * ROOM_KEPT && len < capacity / 4;
    spare.then(|| (2 * len).max(ROOM_KEPT))
}

impl<T> Spare for Vec<T> {
    #[inline]
    fn give_back(&mut self) {
        if let Some(room) = fitting(self.len(), self.capacity()) {
            self.shrink_to(room);
        }
    }
}

impl<T> Spare for VecDeque<T> {
    #[inline]
    fn give_back(&mut self) {
        if let Some(room) = fitting(self.len(), self.capacity()) {
            self.shrink_to(room);
        }
    }
}

impl<K: Eq + Hash, V, S: BuildHasher> Spare for HashMap<K, V, S> {
    #[inline]
    fn give_back(&mut self) {
        if let Some(room) = fitting(self.len(), self.capacity()) {
            self.shrink_to(room);
        }
    }
}

impl<T: Eq + Hash, S: BuildHasher> Spare for HashSet<T, S> {
    #[inline]
    fn give_back(&mut self) {
        if let Some(room) = fitting(self.len(), self.capacity()) {
            self.shrink_to(room);
        }
    }
}

impl<T> Spare for Slab<T> {
    /// What is in use cannot be moved: room is given back when nothing is.
    fn give_back(&mut self) {
        if self.is_empty() && self.capacity() > 2 * ROOM_KEPT {
            *self = Self::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_leaves_no_room_behind_and_little_use_keeps_its_own() {
        let mut queue: VecDeque<u64> = (0..100_000).collect();
        let mut copies = 0;
        while queue.pop_front().is_some() {
            let before = queue.capacity();
            queue.give_back();
            copies += usize::from(queue.capacity() < before);
            let room = 4 * (queue.len() + 1).max(ROOM_KEPT);
            assert!(queue.capacity() <= room, "{}", queue.len());
        }
        assert!(queue.capacity() <= 2 * ROOM_KEPT && copies <= 8, "{copies}");
        let capacity = queue.capacity();
        queue.give_back();
        assert_eq!(queue.capacity(), capacity, "nothing is gained by less");
    }

    #[test]
    fn a_slab_in_use_keeps_its_places() {
        let mut slab: Slab<u64> = (0..10_000).map(|n| (n, n as u64)).collect();
        slab.retain(|place, _| place == 9_000);
        slab.give_back();
        assert_eq!(slab.get(9_000), Some(&9_000));
        slab.remove(9_000);
        slab.give_back();
        assert_eq!(slab.capacity(), 0);
    }
}
