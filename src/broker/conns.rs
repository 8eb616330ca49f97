//! The open connections of a thread, by id.
//!
//! Came from: `broker`. Goes to: `conn`. Absent on purpose: anything but finding one. An id of a
//! connection that is gone finds nothing, whoever has its slot now.

use slab::Slab;

use crate::conn::Conn;
use crate::ids::ConnId;

#[derive(Debug)]
struct Slot {
    generation: u32,
    conn: Conn,
}

/// The connections. Invariant: an id that was handed out names that connection or nothing.
#[derive(Debug, Default)]
pub(super) struct Conns {
    slots: Slab<Slot>,
    /// Counts every connection; two with one slot are 4 G connections apart or differ in it.
    generation: u32,
}

impl Conns {
    /// Enters a connection.
    pub(super) fn insert(&mut self, conn: Conn) -> ConnId {
        self.generation = self.generation.wrapping_add(1);
        let generation = self.generation;
        // Exact: a process cannot have 4 G descriptors.
        let slot = self.slots.insert(Slot { generation, conn }) as u32;
        ConnId { slot, generation }
    }

    /// The connection of that id.
    pub(super) fn get(&self, id: ConnId) -> Option<&Conn> {
        let slot = self.slots.get(id.slot as usize)?;
        (slot.generation == id.generation).then_some(&slot.conn)
    }

    /// The connection of that id, to be changed.
    pub(super) fn get_mut(&mut self, id: ConnId) -> Option<&mut Conn> {
        let slot = self.slots.get_mut(id.slot as usize)?;
        (slot.generation == id.generation).then_some(&mut slot.conn)
    }

    /// Strikes out the connection of that id.
    pub(super) fn remove(&mut self, id: ConnId) -> Option<Conn> {
        self.get(id)?;
        Some(self.slots.remove(id.slot as usize).conn)
    }

    /// Bytes that the slot of one connection takes.
    pub(super) const SLOT_BYTES: usize = size_of::<Slot>();

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// All ids.
    pub(super) fn ids(&self) -> impl Iterator<Item = ConnId> {
        self.slots.iter().map(|(slot, entry)| ConnId {
            // Exact, as in `insert`.
            slot: slot as u32,
            generation: entry.generation,
        })
    }
}
