//! The open connections of a thread, by id.
//!
//! Came from: `broker`. Goes to: `conn`. Absent on purpose: anything but finding one. An id of a
//! connection that is gone finds nothing, whoever has its slot now.

use slab::Slab;

use crate::conn::Conn;
use crate::conn::state::State;
use crate::ids::{ConnId, KeptMillis, Neighbours};
use crate::spare::Spare;

/// The connections. Invariant: an id that was handed out names that connection or nothing.
#[derive(Debug, Default)]
pub(super) struct Conns {
    slots: Slab<Conn>,
    /// The generation of the newest connection. It counts every connection of the thread, whatever
    /// its slot, and begins anew after [`ConnId::GENERATION_MAX`]: two connections of one slot have
    /// one generation only if that many came between them.
    generation: u32,
}

impl Conns {
    /// Enters a connection.
    pub(super) fn insert(&mut self, mut conn: Conn) -> ConnId {
        let generation = match self.generation {
            ConnId::GENERATION_MAX => 0,
            newest => newest + 1,
        };
        self.generation = generation;
        conn.generation = generation;
        // Exact: a process cannot have 4 G descriptors.
        let slot = self.slots.insert(conn) as u32;
        ConnId { slot, generation }
    }

    /// The connection of that id.
    pub(super) fn get(&self, id: ConnId) -> Option<&Conn> {
        let conn = self.slots.get(id.slot as usize)?;
        (conn.generation == id.generation).then_some(conn)
    }

    /// The connection of that id, to be changed.
    pub(super) fn get_mut(&mut self, id: ConnId) -> Option<&mut Conn> {
        let conn = self.slots.get_mut(id.slot as usize)?;
        (conn.generation == id.generation).then_some(conn)
    }

    /// The connection in a slot, if it asked to be looked at at that moment.
    pub(super) fn hinted(&self, slot: u32, hint: KeptMillis) -> Option<ConnId> {
        self.slots.get(slot as usize).filter(|conn| conn.timing.hint == hint)?;
        self.at(slot as usize)
    }

    /// Where the one in `slot`, if it waits for a request, notes its neighbours.
    pub(super) fn idle_mut(&mut self, slot: u32) -> Option<&mut Option<Neighbours>> {
        match &mut self.slots.get_mut(slot as usize)?.state {
            State::Head { idle, .. } => Some(idle),
            _ => None,
        }
    }

    /// Takes out the connection of that id.
    pub(super) fn remove(&mut self, id: ConnId) -> Option<Conn> {
        self.get(id)?;
        let conn = self.slots.remove(id.slot as usize);
        self.slots.give_back();
        Some(conn)
    }

    /// The connection in a slot.
    pub(super) fn at(&self, slot: usize) -> Option<ConnId> {
        // Exact, as in `insert`.
        let id = |conn: &Conn| ConnId { slot: slot as u32, generation: conn.generation };
        self.slots.get(slot).map(id)
    }

    /// How many slots there are, in use or not.
    pub(super) fn slots(&self) -> usize {
        self.slots.capacity()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// All connections, and their ids.
    pub(super) fn iter(&self) -> impl Iterator<Item = (ConnId, &Conn)> {
        self.slots.iter().map(|(slot, conn)| {
            // Exact, as in `insert`.
            (ConnId { slot: slot as u32, generation: conn.generation }, conn)
        })
    }

    /// All ids.
    pub(super) fn ids(&self) -> impl Iterator<Item = ConnId> {
        self.iter().map(|(id, _)| id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Millis;

    #[test]
    fn no_connection_gets_the_generation_that_is_kept_for_listening_sockets() {
        let conn = || Conn::new(([127, 0, 0, 1], 1).into(), Millis(0));
        let mut conns = Conns { generation: ConnId::GENERATION_MAX - 1, ..Conns::default() };
        let last = conns.insert(conn());
        let next = conns.insert(conn());
        assert_eq!((last.generation, next.generation), (ConnId::GENERATION_MAX, 0));
        assert!(conns.get(last).is_some() && conns.get(next).is_some());
        assert!(conns.remove(last).is_some() && conns.get(last).is_none());
    }
}
