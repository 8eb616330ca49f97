//! Sockets that stand in line, to be read or to be written: first in, first out, none twice.
//!
//! Either way they stand in two lines. Understanding 64 KiB takes a thousand times as long as
//! understanding one request, and writing them a dozen times as long as writing one answer. So in
//! one line whoever needs little would wait for everyone who sends or reads without end. Whose last
//! read or write moved little comes first, and in each turn at least one of the others, unless
//! nobody is read at all: nobody who moves much is left out, and none of them is in the way.
//!
//! Came from: `event_loop`, when a socket is ready and was not served to the end, or was just
//! accepted and may be. Goes to: the same, when its turn comes. Absent on purpose: sockets that are
//! known not to be ready; an edge will tell.

use std::collections::VecDeque;

use super::socket::Socket;
use crate::ids::ConnId;
use crate::spare::Spare;

/// One line. Each socket notes down itself that it stands there.
#[derive(Debug, Default)]
pub struct Fifo(VecDeque<ConnId>);

/// The two lines.
#[derive(Debug, Default)]
pub struct Queue {
    little: Fifo,
    much: Fifo,
}

impl Queue {
    /// `id` is to be read, if there may be anything.
    pub fn to_read(&mut self, id: ConnId, socket: &mut Socket) {
        if socket.is_readable() && !socket.queued_to_read {
            socket.queued_to_read = true;
            self.line(socket.brings_much()).0.push_back(id);
        }
    }

    /// `id` is to be written, if there may be room.
    pub fn to_write(&mut self, id: ConnId, socket: &mut Socket) {
        if socket.is_writable() && !socket.queued_to_write {
            socket.queued_to_write = true;
            self.line(socket.takes_much()).0.push_back(id);
        }
    }

    /// The line of those that moved little, or `much`.
    pub fn line(&mut self, much: bool) -> &mut Fifo {
        if much { &mut self.much } else { &mut self.little }
    }

    /// Those to be served in this turn: how many stand in each line now, the line of little first.
    /// Who joins a line meanwhile has its next turn there.
    pub fn standing(&self) -> [(bool, usize); 2] {
        [(false, self.little.len()), (true, self.much.len())]
    }

    /// Whether nobody stands in either.
    pub fn is_empty(&self) -> bool {
        self.little.is_empty() && self.much.is_empty()
    }
}

impl Fifo {
    /// The first in line. The caller notes down at the socket that it no longer stands there.
    pub fn pop(&mut self) -> Option<ConnId> {
        self.0.give_back();
        self.0.pop_front()
    }

    /// Puts one that was popped at the end of the line. It stands there, as its socket says.
    pub fn push(&mut self, id: ConnId) {
        self.0.push_back(id);
    }

    /// How many stand in line.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nobody does.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{TcpListener, TcpStream as Peer};

    use mio::{Events, Interest, Poll, Token};

    use super::*;
    use crate::shell::socket::MUCH_BYTES;

    /// Sockets that are readable and writable, each behind a read and a write of so many bytes.
    fn sockets(moved: &[(usize, usize)]) -> Vec<(Socket, Peer)> {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let mut poll = Poll::new().expect("a descriptor");
        let mut events = Events::with_capacity(8);
        let ready = |&(brought, took): &(usize, usize)| {
            let mut peer = Peer::connect(address).expect("it listens");
            let (stream, _) = listener.accept().expect("it has come");
            stream.set_nonblocking(true).expect("a socket");
            let mut socket = Socket::new(mio::net::TcpStream::from_std(stream), 0);
            let registry = poll.registry();
            registry.register(socket.stream_mut(), Token(0), Interest::READABLE).expect("watched");
            peer.write_all(&vec![b'x'; brought + 1]).expect("there is room");
            while !socket.is_readable() {
                poll.poll(&mut events, None).expect("events");
                events.iter().for_each(|event| socket.on_event(event));
            }
            // It was full, so there may be more.
            let mut taken = 0;
            while taken < brought {
                taken = socket.read(&mut vec![0; brought]).expect("they have come");
            }
            assert_eq!(socket.write(&vec![b'x'; took]).expect("there is room"), took);
            (socket, peer)
        };
        moved.iter().map(ready).collect()
    }

    fn slots(line: &mut Fifo) -> Vec<u32> {
        std::iter::from_fn(|| line.pop()).map(|id| id.slot).collect()
    }

    #[test]
    fn who_moves_little_is_not_behind_who_moves_much() {
        let (mut again, mut outgoing) = (Queue::default(), Queue::default());
        let (much, little) = (MUCH_BYTES, MUCH_BYTES - 1);
        let mut sockets = sockets(&[(much, 1), (1, much), (much, little), (little, much)]);
        for (n, (socket, _)) in sockets.iter_mut().enumerate() {
            let id = ConnId { slot: n as u32, generation: 0 };
            for _ in 0..2 {
                again.to_read(id, socket); // The second time it stands there already.
                outgoing.to_write(id, socket);
            }
        }
        assert_eq!((slots(again.line(false)), slots(again.line(true))), (vec![1, 3], vec![0, 2]));
        let lines = (slots(outgoing.line(false)), slots(outgoing.line(true)));
        assert_eq!(lines, (vec![0, 2], vec![1, 3]));
        assert!(again.is_empty() && outgoing.is_empty());
    }
}
