//! Who has been idle for longest: the one that makes room for a newcomer when all places are taken.
//!
//! A connection is idle when it is kept and has no request: nothing of one has come, and nothing of
//! an answer is still to be sent. It enters at the end of the list when it becomes so, and is taken
//! out when it ceases to be: the order of the list is the order of that moment, and nothing is ever
//! searched for. The list runs through an array with an entry for each connection's slot, so that
//! entering and leaving allocate nothing.
//!
//! Came from: the face, after each visit. Goes to: the same, when a connection comes and there is
//! no place. Absent on purpose: parked polls, streams, sockets and requests. Nobody is served less
//! because somebody else comes.

use crate::ids::ConnId;

/// The list.
#[derive(Debug)]
pub(super) struct Idle {
    /// By slot of a connection.
    links: Vec<Link>,
    first: u32,
    last: u32,
}

/// A connection's entry. Of one that is not in the list it says nothing.
#[derive(Clone, Copy, Debug)]
struct Link {
    before: u32,
    behind: u32,
}

/// No slot: the list ends here.
const END: u32 = u32::MAX;

impl Default for Idle {
    fn default() -> Self {
        Self { links: Vec::new(), first: END, last: END }
    }
}

impl Idle {
    /// The slot of the one that became idle first, of those that are.
    pub(super) fn longest(&self) -> Option<usize> {
        (self.first != END).then_some(self.first as usize)
    }

    /// `id` has become idle.
    pub(super) fn enter(&mut self, id: ConnId) {
        let slot = id.slot as usize;
        if self.links.len() <= slot {
            self.links.resize(slot + 1, Link { before: END, behind: END });
        }
        self.links[slot] = Link { before: self.last, behind: END };
        match self.links.get_mut(self.last as usize) {
            Some(last) => last.behind = id.slot,
            None => self.first = id.slot,
        }
        self.last = id.slot;
    }

    /// `id`, which was idle, is so no longer.
    pub(super) fn leave(&mut self, id: ConnId) {
        let Link { before, behind, .. } = self.links[id.slot as usize];
        match self.links.get_mut(before as usize) {
            Some(link) => link.behind = behind,
            None => self.first = behind,
        }
        match self.links.get_mut(behind as usize) {
            Some(link) => link.before = before,
            None => self.last = before,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(slot: u32) -> ConnId {
        ConnId { slot, generation: slot + 100 }
    }

    #[test]
    fn the_order_is_that_of_becoming_idle_as_a_plain_list_has_it() {
        let (mut idle, mut plain) = (Idle::default(), Vec::<u32>::new());
        let mut random = 1_u64;
        for _ in 0..10_000 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let (slot, is_idle) = ((random % 13) as u32, random & 1 << 20 != 0);
            match plain.iter().position(|&other| other == slot) {
                Some(at) if !is_idle => {
                    plain.remove(at);
                    idle.leave(id(slot));
                }
                None if is_idle => {
                    plain.push(slot);
                    idle.enter(id(slot));
                }
                Some(_) | None => {}
            }
            assert_eq!(idle.longest(), plain.first().map(|&slot| slot as usize));
        }
        while let Some(longest) = idle.longest() {
            let first = plain.remove(0);
            assert_eq!(longest, first as usize);
            idle.leave(id(first));
        }
        assert!(plain.is_empty());
    }
}
