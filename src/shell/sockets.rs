//! The sockets of a thread, by the slot of their connection.
//!
//! Came from: `event_loop`. Goes to: the same, one at a time. Absent on purpose: anything but
//! finding one. An id of a connection that is gone finds nothing, whoever has its slot now.

use mio::net::TcpStream;

use super::socket::Socket;
use crate::ids::ConnId;
use crate::spare::Spare;

/// All sockets of a thread, by the slot of their connection.
#[derive(Debug, Default)]
pub struct Sockets {
    slots: Vec<Option<Socket>>,
}

impl Sockets {
    /// Puts in the socket of `id`.
    pub fn insert(&mut self, id: ConnId, stream: TcpStream) -> &mut Socket {
        let slot = id.slot as usize;
        if self.slots.len() <= slot {
            self.slots.resize_with(slot + 1, || None);
        }
        debug_assert!(self.slots[slot].is_none(), "the last one was dropped");
        self.slots[slot].insert(Socket::new(stream, id.generation))
    }

    /// The socket of `id`, unless that is gone: then its slot is empty or has another generation.
    pub fn find(&mut self, id: ConnId) -> Option<&mut Socket> {
        let socket = self.slots.get_mut(id.slot as usize)?.as_mut()?;
        socket.is_of(id).then_some(socket)
    }

    /// For how many there is room.
    pub fn room(&self) -> usize {
        self.slots.capacity()
    }

    /// Closes the socket of `id`. Closing takes it out of the poll as well. Tells whether it was
    /// there.
    pub fn remove(&mut self, id: ConnId) -> bool {
        let is_there = self.find(id).is_some();
        if is_there {
            self.slots[id.slot as usize] = None;
            let used = self.slots.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
            self.slots.truncate(used);
            self.slots.give_back();
        }
        is_there
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mio::net::TcpListener;

    #[test]
    fn a_slot_forgets_its_last_tenant() {
        let stream = || {
            let listener = TcpListener::bind("127.0.0.1:0".parse().expect("an address"));
            TcpStream::connect(listener.and_then(|l| l.local_addr()).expect("bound"))
        };
        let id = |generation| ConnId { slot: 3, generation };
        let mut sockets = Sockets::default();
        sockets.insert(id(1), stream().expect("a socket"));
        sockets.remove(id(1));
        sockets.insert(id(2), stream().expect("a socket"));
        sockets.remove(id(1));
        assert!(sockets.find(id(1)).is_none() && sockets.find(id(2)).is_some());
    }
}
