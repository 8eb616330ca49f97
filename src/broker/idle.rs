//! Who has been idle for longest: the one that makes room for a newcomer when all places are taken.
//!
//! A connection is idle when it is kept and has no request: nothing of one has come, and nothing of
//! an answer is still to be sent. It enters at the end of the list when it becomes so, and is taken
//! out when it ceases to be: the order of the list is the order of that moment, and nothing is ever
//! searched for. The list runs through the states of the connections in it
//! ([`State::Head`](crate::conn::state::State::Head)): entering and leaving allocate nothing, and
//! a reader that stays has no room for it.
//!
//! Came from: the face, after each visit. Goes to: the same, when a connection comes and there is
//! no place. Absent on purpose: parked polls, streams, sockets and requests. Nobody is served less
//! because somebody else comes.

use super::conns::Conns;
use crate::ids::Neighbours;

/// The list.
#[derive(Debug)]
pub(super) struct Idle {
    first: u32,
    last: u32,
}

/// No slot: the list ends here.
const END: u32 = u32::MAX;

impl Default for Idle {
    fn default() -> Self {
        Self { first: END, last: END }
    }
}

impl Idle {
    /// The slot of the one that became idle first, of those that are.
    pub(super) fn longest(&self) -> Option<usize> {
        (self.first != END).then_some(self.first as usize)
    }

    /// The slots of all of them, as they stand; ends where a link is wrong.
    pub(super) fn slots(&self, conns: &Conns) -> Vec<usize> {
        let (mut slots, mut before, mut next) = (Vec::new(), END, self.first);
        while let Some(id) = conns.at(next as usize).filter(|_| slots.len() < conns.len()) {
            let stands = conns.get(id).and_then(|conn| conn.state.neighbours());
            let Some(stands) = stands.filter(|stands| stands.before == before) else {
                break;
            };
            slots.push(next as usize);
            (before, next) = (next, stands.behind);
        }
        slots
    }

    /// The one in `slot` has become idle.
    pub(super) fn enter(&mut self, conns: &mut Conns, slot: u32) {
        let before = std::mem::replace(&mut self.last, slot);
        if let Some(idle) = conns.idle_mut(slot) {
            *idle = Some(Neighbours { before, behind: END });
        }
        match neighbours(conns, before) {
            Some(last) => last.behind = slot,
            None => self.first = slot,
        }
    }

    /// The one in `slot`, which was idle and stood between these, is so no longer.
    pub(super) fn leave(&mut self, conns: &mut Conns, slot: u32, stood: Neighbours) {
        let Neighbours { before, behind } = stood;
        match neighbours(conns, before) {
            Some(one) => one.behind = behind,
            None => self.first = behind,
        }
        match neighbours(conns, behind) {
            Some(one) => one.before = before,
            None => self.last = before,
        }
        // A request of it has begun to come, if it has not gone on to another state.
        if let Some(idle) = conns.idle_mut(slot) {
            *idle = None;
        }
    }
}

/// Those of the one in `slot`; `None` of no slot.
fn neighbours(conns: &mut Conns, slot: u32) -> Option<&mut Neighbours> {
    let neighbours = conns.idle_mut(slot).and_then(Option::as_mut);
    debug_assert_eq!(neighbours.is_none(), slot == END, "who stands in the list is idle");
    neighbours
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conn::Conn;
    use crate::conn::state::State;
    use crate::ids::{ConnId, Millis};

    /// Connections that are idle or not, and a plain list of those that are.
    struct Bench {
        conns: Conns,
        ids: Vec<ConnId>,
        idle: Idle,
        plain: Vec<u32>,
    }

    impl Bench {
        fn leave(&mut self, place: usize) {
            let slot = self.plain.remove(place);
            let conn = self.conns.get_mut(self.ids[slot as usize]).expect("it is there");
            let stood = conn.state.neighbours().expect("it is idle");
            // Half of them have gone on when the list is told.
            if slot.is_multiple_of(2) {
                conn.state = State::Closed;
            }
            self.idle.leave(&mut self.conns, slot, stood);
            let conn = self.conns.get_mut(self.ids[slot as usize]).expect("it is there");
            assert!(conn.state.neighbours().is_none());
            conn.state = State::idle();
        }
    }

    #[test]
    fn the_order_is_that_of_becoming_idle_as_a_plain_list_has_it() {
        let mut conns = Conns::default();
        let conn = || Conn::new(([127, 0, 0, 1], 1).into(), Millis(0));
        let ids = (0..13).map(|_| conns.insert(conn())).collect();
        let mut bench = Bench { conns, ids, idle: Idle::default(), plain: Vec::new() };
        let mut random = 1_u64;
        for _ in 0..10_000 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let (slot, is_idle) = ((random % 13) as u32, random & 1 << 20 != 0);
            match bench.plain.iter().position(|&other| other == slot) {
                Some(place) if !is_idle => bench.leave(place),
                None if is_idle => {
                    bench.plain.push(slot);
                    bench.idle.enter(&mut bench.conns, slot);
                }
                Some(_) | None => {}
            }
            let first = bench.plain.first().map(|&slot| slot as usize);
            assert_eq!(bench.idle.longest(), first);
        }
        while !bench.plain.is_empty() {
            assert_eq!(bench.idle.longest(), Some(bench.plain[0] as usize));
            bench.leave(0);
        }
        assert_eq!(bench.idle.longest(), None);
    }
}
