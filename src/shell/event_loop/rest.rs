//! Between two turns: how long to wait, and what is done when there is nothing to do.
//!
//! Came from: `wait`. Goes to: the poll, as a timeout, and the allocator. Absent on purpose: what
//! may end the waiting; the kernel knows.

use std::time::Duration;

use super::{EventLoop, HELD_BACK};
use crate::ids::Millis;
use crate::shell::sys;

impl EventLoop {
    /// How long to wait. `None`: until something happens.
    pub(super) fn patience(&mut self) -> Option<Duration> {
        self.freed.note_held(self.broker.held_bytes());
        self.freed.note_room(self.sockets.room());
        let standing = !self.again.is_empty() || !self.outgoing.is_empty();
        let busy = self.more || standing || !self.sampling.is_empty() || self.broker.has_work();
        if busy || !self.effects.fall_asleep() {
            return Some(Duration::ZERO);
        }
        if self.effects.is_held_back() {
            return Some(HELD_BACK); // Nobody tells us when another thread has read its letters.
        }
        let give_back = self.give_back();
        let deadlines = [self.broker.next_deadline(), self.acceptor.next_look(), give_back];
        let next = deadlines.into_iter().flatten().min()?;
        Some(Duration::from_millis(next.since(self.now)))
    }

    /// Gives memory back to the system, if it is time for that; tells when it will be.
    fn give_back(&mut self) -> Option<Millis> {
        let held = self.broker.held_bytes();
        let due = self.freed.due(held)?;
        if due > self.now {
            return Some(due);
        }
        self.broker.forget_renditions();
        sys::give_back_memory();
        let held = self.broker.held_bytes();
        self.freed.begin_anew(held, self.now);
        None
    }
}
