//! Sockets that stand in line, to be read or to be written: first in, first out, none twice.
//!
//! To be read, they stand in two lines. Understanding 64 KiB takes a thousand times as long as
//! understanding one request, so in one line whoever asks for little would wait for everyone who
//! sends without end. Whose last read brought little is read first, and in each turn at least one
//! of the others: nobody who sends much is left out, and none of them is in the way.
//!
//! Came from: `event_loop`, when a socket is ready and was not served to the end. Goes to: the
//! same, when its turn comes. Absent on purpose: sockets that are not ready; an edge will tell.

use std::collections::VecDeque;

use super::socket::Socket;
use crate::ids::ConnId;
use crate::spare::Spare;

/// One line. Each socket notes down itself that it stands there.
#[derive(Debug, Default)]
pub struct Queue(VecDeque<ConnId>);

/// The two lines of those to be read.
#[derive(Debug, Default)]
pub struct ReadQueue {
    little: Queue,
    much: Queue,
}

impl ReadQueue {
    /// `id` is to be read, if there may be anything.
    pub fn to_read(&mut self, id: ConnId, socket: &mut Socket) {
        if socket.is_readable() && !socket.queued_to_read {
            socket.queued_to_read = true;
            self.line(socket.brings_much()).0.push_back(id);
        }
    }

    /// The line of those that sent little, or `much`.
    pub fn line(&mut self, much: bool) -> &mut Queue {
        if much { &mut self.much } else { &mut self.little }
    }

    /// Whether nobody stands in either.
    pub fn is_empty(&self) -> bool {
        self.little.is_empty() && self.much.is_empty()
    }
}

impl Queue {
    /// `id` is to be written, if there may be room.
    pub fn to_write(&mut self, id: ConnId, socket: &mut Socket) {
        if socket.is_writable() && !socket.queued_to_write {
            socket.queued_to_write = true;
            self.0.push_back(id);
        }
    }

    /// The first in line. The caller notes down at the socket that it no longer stands there.
    pub fn pop(&mut self) -> Option<ConnId> {
        self.0.give_back();
        self.0.pop_front()
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

    /// Sockets that are readable, each behind a read that brought so many bytes.
    fn sockets(brought: &[usize]) -> Vec<Socket> {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let mut poll = Poll::new().expect("a descriptor");
        let mut events = Events::with_capacity(8);
        let readable = |&bytes: &usize| {
            let mut peer = Peer::connect(address).expect("it listens");
            let (stream, _) = listener.accept().expect("it has come");
            stream.set_nonblocking(true).expect("a socket");
            let mut socket = Socket::new(mio::net::TcpStream::from_std(stream), 0);
            let registry = poll.registry();
            registry.register(socket.stream_mut(), Token(0), Interest::READABLE).expect("watched");
            peer.write_all(&vec![b'x'; bytes + 1]).expect("there is room");
            while !socket.is_readable() {
                poll.poll(&mut events, None).expect("events");
                events.iter().for_each(|event| socket.on_event(event));
            }
            // It was full, so there may be more.
            let mut taken = 0;
            while taken < bytes {
                taken = socket.read(&mut vec![0; bytes]).expect("they have come");
            }
            socket
        };
        brought.iter().map(readable).collect()
    }

    #[test]
    fn who_sends_little_is_not_behind_who_sends_much() {
        let mut queue = ReadQueue::default();
        for (n, socket) in
            sockets(&[MUCH_BYTES, 1, MUCH_BYTES, MUCH_BYTES - 1]).iter_mut().enumerate()
        {
            let id = ConnId { slot: n as u32, generation: 0 };
            queue.to_read(id, socket);
            queue.to_read(id, socket); // It stands there already.
        }
        let mut slots = |much| -> Vec<u32> {
            let line = queue.line(much);
            std::iter::from_fn(|| line.pop()).map(|id| id.slot).collect()
        };
        assert_eq!((slots(false), slots(true)), (vec![1, 3], vec![0, 2]));
        assert!(queue.is_empty());
    }
}
