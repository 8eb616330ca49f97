//! A queue whose entries may be over before their turn, and are swept out a few at a time.
//!
//! Whoever keeps messages has such a queue, the oldest first, whatever its topic. A message that
//! falls off by its topic's own bounds leaves its entry behind, in the middle. Once a quarter of
//! the entries is like that, each call goes through a block of them: a queue of millions has no
//! moment at which all of it is gone through.
//!
//! ```text
//!       seen: what of it is not over       to_see
//!       ┌──────┬──────┬──                  ┌──────┬──────┬──────┬──
//! pop ◄─│      │      │         ◄─ sweep ─ │      │      │      │      ◄─ push
//!       └──────┴──────┴──                  └──────┴──────┴──────┴──
//! ```
//!
//! When a pass has seen all but the last block, all of it is to be seen again. In blocks, because
//! one long ring would be copied whole whenever it grows.
//!
//! Came from: `hub` and `store`, with what is appended. Goes to: both, which ask for the oldest.
//! Absent on purpose: knowing what is over; whoever has the messages says so.

use std::collections::VecDeque;

use crate::limits::{SWEPT_BLOCK, SWEPT_SLACK};
use crate::spare::Spare;

/// Up to [`SWEPT_BLOCK`] entries. In a queue none is empty.
type Block<T> = VecDeque<T>;

/// Enough for a queue of which as much goes as comes: it allocates nothing.
const SPARE_BLOCKS: usize = 2;

/// The queue.
#[derive(Debug)]
pub(crate) struct SweptQueue<T> {
    /// The older part: entries that the pass has seen.
    seen: VecDeque<Block<T>>,
    /// The newer part: those that it has not.
    to_see: VecDeque<Block<T>>,
    len: usize,
    /// Blocks that were emptied, for what comes next: up to [`SPARE_BLOCKS`].
    spare: Vec<Block<T>>,
}

impl<T> Default for SweptQueue<T> {
    fn default() -> Self {
        let (seen, to_see, spare) = Default::default();
        Self { seen, to_see, len: 0, spare }
    }
}

impl<T> SweptQueue<T> {
    /// Adds the newest.
    pub(crate) fn push(&mut self, entry: T) {
        add(&mut self.to_see, &mut self.spare, entry);
        self.len += 1;
    }

    /// The oldest.
    pub(crate) fn front(&self) -> Option<&T> {
        self.seen.front().or(self.to_see.front())?.front()
    }

    /// Takes the oldest out.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let part = if self.seen.is_empty() { &mut self.to_see } else { &mut self.seen };
        let block = part.front_mut()?;
        let entry = block.pop_front();
        if block.is_empty() {
            let block = part.pop_front();
            part.give_back();
            self.keep(block.unwrap_or_default());
        }
        self.len -= usize::from(entry.is_some());
        entry
    }

    /// To be called when an entry may be over, of which `held` are not: keeps the queue within a
    /// third more than those and [`SWEPT_SLACK`]. Looks at one block, if at any.
    pub(crate) fn sweep(&mut self, held: usize, is_held: impl Fn(&T) -> bool) {
        if self.len <= held + held / 4 + SWEPT_SLACK {
            return;
        }
        if self.to_see.len() <= 1 {
            // What is being filled is for the next pass: entries come as fast as steps.
            self.seen.append(&mut self.to_see);
            std::mem::swap(&mut self.seen, &mut self.to_see);
        }
        let Some(mut block) = self.to_see.pop_front() else {
            return;
        };
        self.to_see.give_back();
        while let Some(entry) = block.pop_front() {
            if is_held(&entry) {
                add(&mut self.seen, &mut self.spare, entry);
            } else {
                self.len -= 1;
            }
        }
        self.keep(block);
    }

    /// Keeps an empty block, if there are few.
    fn keep(&mut self, block: Block<T>) {
        if self.spare.len() < SPARE_BLOCKS {
            self.spare.push(block);
        }
    }
}

fn add<T>(blocks: &mut VecDeque<Block<T>>, spare: &mut Vec<Block<T>>, entry: T) {
    if let Some(block) = blocks.back_mut().filter(|block| block.len() < SWEPT_BLOCK) {
        block.push_back(entry);
    } else {
        let mut block = spare.pop().unwrap_or_default();
        block.push_back(entry);
        blocks.push_back(block);
    }
}

#[cfg(test)]
impl<T> SweptQueue<T> {
    /// How many entries it has, of which some may be over.
    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::dice::Dice;

    #[test]
    fn what_is_held_stays_in_its_order_and_what_is_over_goes_block_by_block() {
        let (mut dice, mut queue) = (Dice::new(1), SweptQueue::default());
        let mut held = VecDeque::new(); // What has to come out, beside what is over.
        let (mut most, mut longest) = (0, 0);
        for number in 0..60_000_u64 {
            queue.push(number);
            held.push_back(number);
            if held.len() > 3_000 {
                // From anywhere: only now and then is it the oldest.
                let over = dice.below(held.len());
                held.remove(over);
            }
            if dice.below(50) == 0 {
                let oldest = queue.pop().expect("one was pushed");
                if held.front() == Some(&oldest) {
                    held.pop_front();
                }
            }
            let looked = Cell::new(0);
            queue.sweep(held.len(), |number| {
                looked.set(looked.get() + 1);
                held.binary_search(number).is_ok()
            });
            (most, longest) = (looked.get().max(most), queue.len().max(longest));
        }
        assert_eq!(most, SWEPT_BLOCK, "of one call");
        assert!(longest <= 3_000 * 4 / 3 + SWEPT_SLACK, "{longest}");
        let mut left: Vec<u64> = std::iter::from_fn(|| queue.pop()).collect();
        assert!(left.is_sorted() && queue.len() == 0 && queue.front().is_none());
        left.retain(|number| held.binary_search(number).is_ok());
        assert_eq!(left, Vec::from(held));
    }

    #[test]
    fn a_short_queue_is_not_swept_and_a_long_one_that_is_held_loses_nothing() {
        let mut queue = SweptQueue::default();
        (0..SWEPT_SLACK as u64).for_each(|number| queue.push(number));
        queue.sweep(0, |_| false);
        assert_eq!((queue.len(), queue.front()), (SWEPT_SLACK, Some(&0)));
        (0..10_000).for_each(|number| queue.push(number));
        (0..10_000).for_each(|_| queue.sweep(0, |_| true));
        assert_eq!((queue.len(), queue.front()), (SWEPT_SLACK + 10_000, Some(&0)));
        (0..10_000).for_each(|_| queue.sweep(0, |_| false));
        assert!(queue.len() <= SWEPT_SLACK);
    }
}
