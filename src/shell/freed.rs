//! When memory is given back to the system.
//!
//! What is freed goes to the allocator, which keeps most of it: pages between two blocks in use are
//! free and still ours. The allocator can give them back when it is asked to, which takes
//! milliseconds where much is held; so it is asked by a thread that has nothing to do, after
//! much was let go, and not often.
//!
//! Came from: `event_loop`, with what its broker holds, for how many connections there is room, and
//! which end. Goes to: the same, as the moment. Absent on purpose: the allocator, which is `sys`'s.

use crate::ids::Millis;
use crate::limits::{FREED_BYTES_MIN, GIVE_BACK_MS, OUTBOX_BYTES_HIGH};

/// Connections for which lists have room that are worth giving back what they leave.
const ROOM_MIN: usize = 4096;

/// What a thread has let go of since memory was last given back.
#[derive(Debug, Default)]
pub struct Freed {
    /// The most that was held since then.
    peak: usize,
    /// What connections may have held that ended since then.
    ended: usize,
    /// For how many connections its lists have room.
    room: usize,
    /// The same, when memory was last given back.
    room_then: usize,
    /// Not before this moment.
    next: Millis,
}

impl Freed {
    /// A connection has ended.
    pub fn note_end(&mut self) {
        self.ended = self.ended.saturating_add(OUTBOX_BYTES_HIGH);
    }

    /// So many bytes are held between two turns. What is held while a thread rests is less than
    /// what a flood makes it hold, and a flood lets it have no rest.
    pub fn note_held(&mut self, held: usize) {
        self.peak = self.peak.max(held);
    }

    /// The lists of connections have room for so many. A list that grows moves, and leaves as much
    /// free as it had.
    pub fn note_room(&mut self, connections: usize) {
        self.room = connections;
    }

    /// When memory should be given back, if enough was let go of, where `held` bytes are held now.
    pub fn due(&self, held: usize) -> Option<Millis> {
        let much = self.peak.saturating_sub(held) + self.ended >= FREED_BYTES_MIN;
        let moved = self.room >= ROOM_MIN && self.room > self.room_then;
        (much || moved).then_some(self.next)
    }

    /// Memory is given back now.
    pub fn begin_anew(&mut self, held: usize, now: Millis) {
        let next = now.plus(GIVE_BACK_MS);
        *self = Self { peak: held, ended: 0, room_then: self.room, next, ..*self };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_time_when_much_was_let_go_and_not_soon_again() {
        let mut freed = Freed::default();
        freed.note_held(3 * FREED_BYTES_MIN);
        freed.note_held(2 * FREED_BYTES_MIN);
        assert_eq!(freed.due(3 * FREED_BYTES_MIN), None);
        assert_eq!(freed.due(2 * FREED_BYTES_MIN + 1), None);
        assert_eq!(freed.due(2 * FREED_BYTES_MIN), Some(Millis(0)));
        freed.begin_anew(2 * FREED_BYTES_MIN, Millis(50));
        assert_eq!(freed.due(2 * FREED_BYTES_MIN), None);
        (0..FREED_BYTES_MIN / OUTBOX_BYTES_HIGH).for_each(|_| freed.note_end());
        assert_eq!(freed.due(2 * FREED_BYTES_MIN), Some(Millis(50 + GIVE_BACK_MS)));
    }

    #[test]
    fn lists_that_have_moved_have_let_go_of_something() {
        let mut freed = Freed::default();
        for (room, is_due) in [
            (ROOM_MIN - 1, false),
            (ROOM_MIN, true),
            (ROOM_MIN, false),
            (ROOM_MIN / 2, false),
            (4 * ROOM_MIN, true),
            (2 * ROOM_MIN, false),
        ] {
            freed.note_room(room);
            assert_eq!(freed.due(0).is_some(), is_due, "room for {room}");
            if is_due {
                freed.begin_anew(0, Millis(0));
            }
        }
    }
}
