//! The sessions of a thread, by their connection.
//!
//! They lie beside the sockets, so that a connection without TLS has no place for one, wherever its
//! slot is.
//!
//! Came from: `workbench`, when a connection that speaks TLS has come. Goes to: whoever reads or
//! writes its socket. Absent on purpose: sockets. One that has a session here says so.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::session::Session;
use crate::ids::ConnId;
use crate::spare::Spare;

/// All sessions of a thread.
#[derive(Default)]
pub struct Sessions(HashMap<ConnId, Box<Session>, RandomState>);

impl Sessions {
    /// Puts in the session of `id`.
    pub fn put(&mut self, id: ConnId, session: Box<Session>) {
        self.0.insert(id, session);
    }

    /// The session of `id`, to be put back.
    pub fn take(&mut self, id: ConnId) -> Option<Box<Session>> {
        self.0.remove(&id)
    }

    /// The session of `id`, where it is.
    pub fn find(&mut self, id: ConnId) -> Option<&mut Session> {
        self.0.get_mut(&id).map(|session| &mut **session)
    }

    /// Drops the session of `id`, if it has one.
    pub fn remove(&mut self, id: ConnId) {
        if self.0.remove(&id).is_some() {
            self.0.give_back();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::version::TLS13;

    use super::*;
    use crate::shell::tls::parley::tests::rig;

    #[test]
    fn a_slot_forgets_the_session_of_its_last_tenant() {
        let (server, _) = rig(&TLS13);
        let id = |generation| ConnId { slot: 3, generation };
        let mut sessions = Sessions::default();
        sessions.put(id(1), Box::new(Session::new(Arc::clone(&server))));
        assert!(sessions.find(id(1)).is_some() && sessions.find(id(2)).is_none());
        sessions.put(id(2), Box::new(Session::new(server)));
        sessions.remove(id(1));
        assert!(sessions.take(id(1)).is_none() && sessions.take(id(2)).is_some());
    }
}
