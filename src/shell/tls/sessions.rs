//! The sessions of a thread, by the slot of their connection.
//!
//! They lie beside the sockets, so that a server without TLS has no place for them.
//!
//! Came from: `workbench`, when a connection that speaks TLS has come. Goes to: whoever reads or
//! writes its socket. Absent on purpose: whose a session is. A socket says that it has one, and is
//! found by its id.

use super::session::Session;
use crate::ids::ConnId;
use crate::spare::Spare;

/// All sessions of a thread.
#[derive(Default)]
pub struct Sessions {
    slots: Vec<Option<Box<Session>>>,
}

impl Sessions {
    /// Puts in the session of `id`.
    pub fn put(&mut self, id: ConnId, session: Box<Session>) {
        let slot = id.slot as usize;
        if self.slots.len() <= slot {
            self.slots.resize_with(slot + 1, || None);
        }
        self.slots[slot] = Some(session);
    }

    /// The session of `id`, to be put back.
    pub fn take(&mut self, id: ConnId) -> Option<Box<Session>> {
        self.slots.get_mut(id.slot as usize)?.take()
    }

    /// The session of `id`, where it is.
    pub fn find(&mut self, id: ConnId) -> Option<&mut Session> {
        self.slots.get_mut(id.slot as usize)?.as_deref_mut()
    }

    /// Drops the session of `id`, if it has one.
    pub fn remove(&mut self, id: ConnId) {
        if self.take(id).is_some() {
            let used = self.slots.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
            self.slots.truncate(used);
            self.slots.give_back();
        }
    }
}
