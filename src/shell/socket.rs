//! One socket: what the kernel last said about it, and the two calls that move its bytes.
//!
//! **Readiness is a memory, not a question.** The kernel tells an edge once: bytes came, or room
//! came. From then on we know, until a call finds the opposite. `readiness` and `writable` are that
//! knowledge; events set them, and a read or a write that came up short clears them. So does
//! whatever ends one of the two ways: our shutdown, or an error. Of a connection that was just
//! accepted no event has told, and both are supposed.
//!
//! Coming up short is enough: a read that brings less than it had room for has emptied the
//! socket, a write that places less than it had has filled it (epoll(7), on streams), and what
//! happens after that is a new edge. So one request costs one `read`, not two. Two things come
//! without bytes, so they could hide behind a short read: the peer's end and an error. Both have
//! their own bits in the event, and after them reading goes on to the end.
//!
//! Came from: `event_loop`. Goes to: the kernel. Absent on purpose: buffers. The bytes lie in the
//! thread's scratch on the way in and in the connection's outbox on the way out.

use std::io::{self, ErrorKind, IoSlice};
use std::net::Shutdown;

use mio::event::Event;
use mio::net::TcpStream;
use rustix::io::{Errno, retry_on_intr, writev};
use rustix::net::{RecvFlags, SendFlags, recv, send};

use super::sys;
use crate::ids::ConnId;
use crate::ledger::{Call, Sample};

/// Bytes of one read that take long to understand, and of one write that take long to copy.
pub const MUCH_BYTES: usize = 4 * 1024;

/// What a read would bring, as far as we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Readiness {
    /// Nothing.
    Nothing,
    /// Bytes, perhaps.
    Bytes,
    /// Bytes, perhaps, and behind them the peer's end or an error: a short read is not the last.
    End,
    /// Nothing, ever again: the peer's end was read.
    Finished,
    /// Nothing, ever again: the connection failed.
    Broken,
}

/// A connection's socket.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Socket {
    stream: TcpStream,
    generation: u32,
    /// It has a session among those of the thread.
    pub speaks_tls: bool,
    readiness: Readiness,
    /// The kernel may have room for bytes of ours.
    writable: bool,
    /// The last read brought so much that understanding it took long.
    brings_much: bool,
    /// The last write placed so much that copying it took long.
    takes_much: bool,
    /// It was told that the peer has ended its side behind bytes that nobody reads.
    end_told: bool,
    /// It stands in the loop's queue of sockets to be read.
    pub queued_to_read: bool,
    /// It stands in the loop's queue of sockets to be written.
    pub queued_to_write: bool,
}

impl Socket {
    /// A connection that was just accepted: the send buffer is empty, so there is room.
    pub fn new(stream: TcpStream, generation: u32) -> Self {
        Self {
            stream,
            generation,
            speaks_tls: false,
            readiness: Readiness::Nothing,
            writable: true,
            brings_much: false,
            takes_much: false,
            end_told: false,
            queued_to_read: false,
            queued_to_write: false,
        }
    }

    /// Whether it is that connection's, and not another one's of the same slot.
    pub fn is_of(&self, id: ConnId) -> bool {
        self.generation == id.generation
    }

    /// The stream itself, to be registered.
    pub fn stream_mut(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Whether a read may bring something.
    pub fn is_readable(&self) -> bool {
        matches!(self.readiness, Readiness::Bytes | Readiness::End)
    }

    /// Whether the kernel said that there is an end, or an error, to be read.
    pub fn is_ending(&self) -> bool {
        self.readiness == Readiness::End
    }

    /// Whether the peer's end, or an error, lies behind bytes that are not read. `true` only once.
    pub fn take_end_unread(&mut self) -> bool {
        self.is_ending() && !std::mem::replace(&mut self.end_told, true)
    }

    /// Whether the last read brought [`MUCH_BYTES`] or more.
    pub fn brings_much(&self) -> bool {
        self.brings_much
    }

    /// Whether the last write placed [`MUCH_BYTES`] or more.
    pub fn takes_much(&self) -> bool {
        self.takes_much
    }

    /// Whether a write may place something.
    pub fn is_writable(&self) -> bool {
        self.writable
    }

    /// The peer may have said something already, and no event has told of it.
    pub fn may_have_spoken(&mut self) {
        self.readiness = Readiness::Bytes;
    }

    /// Remembers what an event says. An event tells all that is true when it is fetched, not only
    /// what is new, so that much of it is known already.
    pub fn on_event(&mut self, event: &Event) {
        self.writable |= event.is_writable();
        let ends = event.is_read_closed() || event.is_error();
        self.readiness = match self.readiness {
            Readiness::Nothing | Readiness::Bytes if ends => Readiness::End,
            Readiness::Nothing if event.is_readable() => Readiness::Bytes,
            known => known,
        };
    }

    /// Reads once. `Ok(0)`: the peer ended its side, which is told only once.
    pub fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let room = into.len();
        let result = uninterrupted(|| Ok(recv(&self.stream, &mut *into, RecvFlags::empty())?.0));
        self.brings_much = matches!(result, Ok(bytes) if bytes >= MUCH_BYTES);
        match &result {
            Ok(0) => self.readiness = Readiness::Finished,
            Ok(n) if *n < room && self.readiness == Readiness::Bytes => {
                self.readiness = Readiness::Nothing;
            }
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.readiness = Readiness::Nothing;
            }
            Err(_) => self.give_up(),
        }
        result
    }

    /// Writes one piece, once. A short write, or none, means that there is no room. It costs the
    /// kernel less than a list of one.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = uninterrupted(|| send(&self.stream, bytes, SendFlags::NOSIGNAL));
        self.wrote(result, bytes.len())
    }

    /// Writes once, all pieces together.
    pub fn write_gathered(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let offered = slices.iter().map(|slice| slice.len()).sum();
        let result = uninterrupted(|| writev(&self.stream, slices));
        self.wrote(result, offered)
    }

    fn wrote(&mut self, result: io::Result<usize>, offered: usize) -> io::Result<usize> {
        self.takes_much = matches!(result, Ok(bytes) if bytes >= MUCH_BYTES);
        match &result {
            Ok(n) => self.writable = *n == offered,
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.writable = false,
            Err(_) => self.give_up(),
        }
        result
    }

    /// The error that lies in the socket, if any: for a connection that is not to be read now.
    /// Costs a system call.
    pub fn take_error(&mut self) -> Option<ErrorKind> {
        let error = self.stream.take_error().unwrap_or_else(Some)?;
        self.give_up();
        Some(error.kind())
    }

    /// What the kernel has counted. `None` where it does not say. Costs a system call.
    pub fn sample(&self) -> Option<Sample> {
        let at_end = self.readiness == Readiness::Finished;
        sys::tcp_sample(&self.stream, at_end).ok()
    }

    /// Bytes that the peer has not acknowledged; 0 where the kernel does not say. Costs a system
    /// call.
    pub fn unacknowledged(&self) -> u32 {
        sys::unacknowledged(&self.stream).unwrap_or_default()
    }

    /// What the kernel's buffers hold for it, in bytes. Costs a system call.
    pub fn kernel_bytes(&self) -> u32 {
        sys::socket_memory(&self.stream).unwrap_or_default()
    }

    /// Ends our side: the peer reads to the end and no further.
    pub fn half_close(&mut self) {
        self.writable = false;
        // It fails when the peer is gone already, which the next read or event tells.
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Closing it will drop what the kernel has for the peer, and reset the peer. Costs a system
    /// call.
    pub fn reset_on_close(&self) {
        // Without it the socket is closed all the same, and the kernel tries for longer.
        let _ = sys::reset_on_close(&self.stream);
    }

    fn give_up(&mut self) {
        self.readiness = Readiness::Broken;
        self.writable = false;
    }
}

/// What a `read` has cost.
pub fn read_call(result: &io::Result<usize>) -> Call {
    match result {
        Ok(bytes) => Call::Read { bytes: *bytes },
        Err(error) if error.kind() == ErrorKind::WouldBlock => Call::ReadWouldBlock,
        Err(_) => Call::Read { bytes: 0 },
    }
}

/// Makes a call until no signal gets in its way. It goes to the kernel without the C library, which
/// would note before and after it whether the thread may be cancelled there.
fn uninterrupted(call: impl FnMut() -> Result<usize, Errno>) -> io::Result<usize> {
    Ok(retry_on_intr(call)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mio::{Events, Interest, Poll, Token};
    use std::io::{Read, Write};
    use std::net::{Shutdown, TcpListener, TcpStream as Peer};
    use std::time::Duration;

    /// A socket, registered as the loop registers it or not yet, and its peer.
    struct Pair {
        poll: Poll,
        socket: Socket,
        peer: Peer,
    }

    impl Pair {
        fn new() -> Self {
            let mut pair = Self::unwatched();
            pair.watch();
            pair.events_until(Socket::is_writable);
            pair
        }

        fn unwatched() -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            let peer = Peer::connect(listener.local_addr().expect("bound")).expect("it listens");
            let (stream, _) = listener.accept().expect("it has come");
            stream.set_nonblocking(true).expect("a socket");
            let poll = Poll::new().expect("a descriptor");
            Self { poll, socket: Socket::new(TcpStream::from_std(stream), 0), peer }
        }

        fn watch(&mut self) {
            let both = Interest::READABLE | Interest::WRITABLE;
            let registry = self.poll.registry();
            registry.register(self.socket.stream_mut(), Token(0), both).expect("it is watched");
        }

        /// Takes in events until the socket is as expected.
        fn events_until(&mut self, expected: impl Fn(&Socket) -> bool) {
            let mut events = Events::with_capacity(4);
            for _ in 0..100 {
                self.poll.poll(&mut events, Some(Duration::from_millis(50))).expect("a poll");
                events.iter().for_each(|event| self.socket.on_event(event));
                if expected(&self.socket) {
                    return;
                }
            }
            panic!("no event made {:?} what was expected", self.socket);
        }
    }

    #[test]
    fn a_short_read_is_the_last_until_the_next_edge() {
        let mut pair = Pair::new();
        let mut scratch = [0; 8];
        pair.peer.write_all(b"0123456789").expect("room");
        pair.events_until(Socket::is_readable);
        assert_eq!(pair.socket.read(&mut scratch).expect("bytes"), 8);
        assert!(pair.socket.is_readable(), "two bytes are left, and no edge will tell of them");
        assert_eq!(pair.socket.read(&mut scratch).expect("bytes"), 2);
        assert!(!pair.socket.is_readable());
        pair.peer.write_all(b"!").expect("room");
        pair.events_until(Socket::is_readable);
    }

    #[test]
    fn what_comes_before_it_is_registered_is_told_of_then() {
        for ends in [false, true] {
            let mut pair = Pair::unwatched();
            let mut scratch = [0; 8];
            pair.peer.write_all(b"x").expect("room");
            pair.socket.may_have_spoken();
            while pair.socket.read(&mut scratch).is_err() {
                pair.socket.may_have_spoken();
            }
            assert!(!pair.socket.is_readable(), "as far as we know");
            pair.peer.write_all(b"y").expect("room");
            if ends {
                pair.peer.shutdown(Shutdown::Write).expect("connected");
            }
            pair.watch();
            pair.events_until(if ends { Socket::is_ending } else { Socket::is_readable });
            assert_eq!(pair.socket.read(&mut scratch).expect("bytes"), 1);
            assert_eq!(pair.socket.is_readable(), ends);
        }
    }

    #[test]
    fn an_end_behind_bytes_is_read_without_another_edge() {
        let mut pair = Pair::new();
        let mut scratch = [0; 8];
        pair.peer.write_all(b"bye").expect("room");
        pair.peer.shutdown(Shutdown::Write).expect("connected");
        pair.events_until(Socket::is_ending);
        assert_eq!(pair.socket.read(&mut scratch).expect("bytes"), 3);
        assert!(pair.socket.is_readable(), "the end is still to be read");
        assert_eq!(pair.socket.read(&mut scratch).expect("the end"), 0);
        assert!(!pair.socket.is_readable());
        // Every later event says again that the peer's side is closed: it is news only once.
        drop(pair.peer);
        let mut events = Events::with_capacity(4);
        pair.poll.poll(&mut events, Some(Duration::from_millis(50))).expect("a poll");
        events.iter().for_each(|event| pair.socket.on_event(event));
        assert!(!pair.socket.is_readable());
    }

    #[test]
    fn a_short_write_waits_for_the_edge_that_tells_of_room() {
        let mut pair = Pair::new();
        let much = vec![b'x'; 16 * 1024 * 1024];
        let mut sent = 0;
        while pair.socket.is_writable() {
            match pair.socket.write(&much) {
                Ok(bytes) => sent += bytes,
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
        assert!(sent > 0);
        let mut taken = vec![0; sent];
        pair.peer.read_exact(&mut taken).expect("they were sent");
        pair.events_until(Socket::is_writable);
    }

    #[test]
    fn an_error_is_found_without_reading() {
        let mut pair = Pair::new();
        assert_eq!(pair.socket.take_error(), None);
        // Unread bytes make the peer's close a reset.
        pair.socket.write(b"unread").expect("room");
        pair.peer.peek(&mut [0; 1]).expect("it comes");
        drop(pair.peer);
        let mut events = Events::with_capacity(4);
        pair.poll.poll(&mut events, Some(Duration::from_secs(5))).expect("a poll");
        assert_eq!(pair.socket.take_error(), Some(ErrorKind::ConnectionReset));
        assert!(!pair.socket.is_readable() && !pair.socket.is_writable());
    }
}
