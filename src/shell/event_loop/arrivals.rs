//! The first and the last thing in a turn: connections that have come are taken in, or refused; and
//! those that are still there are watched from then on.
//!
//! In between a newcomer is read, for most say at once what they have come for. Whoever wanted one
//! short answer may have it by then and be gone, and the kernel was never told to watch it.
//!
//! Came from: the acceptor. Goes to: the broker, which keeps a connection or does not, the thread's
//! sockets, and the queue of those to be read. Absent on purpose: what a newcomer says.

use std::net::SocketAddr;

use mio::Interest;
use mio::net::TcpStream;

use super::{EventLoop, Source};
use crate::ledger::SharedCall;
use crate::limits::ACCEPTS_PER_TURN;
use crate::shell::acceptor::{self, Accepted, Entrance};

impl EventLoop {
    /// Accepts a turn's worth of connections.
    pub(super) fn accept(&mut self) {
        for n in 0..ACCEPTS_PER_TURN {
            if n > 0 && !self.budget.has_left() {
                break; // The acceptor knows that there may be more.
            }
            match self.acceptor.next_accepted(self.now) {
                Some(Accepted::Kept(stream, peer, entrance)) => self.admit(stream, peer, entrance),
                Some(Accepted::Refused(refused)) => self.broker.refused_unseen(refused),
                None => break,
            }
        }
        let fruitless = self.acceptor.take_fruitless();
        self.broker.charge_shared(SharedCall::AcceptWouldBlock, fruitless);
    }

    fn admit(&mut self, stream: TcpStream, peer: SocketAddr, Entrance { door, tls }: Entrance) {
        let place = self.broker.place_of(peer, door);
        if place.is_some_and(|network| !self.effects.bus().take_place(network)) {
            let refused = acceptor::refuse_address(&stream, tls, self.broker.common_fields());
            let why = "an address has as many as it may (see --max-connections-per-address)";
            self.acceptor.complain(&why, self.now);
            return self.broker.refused_unseen(refused);
        }
        let Some(id) = self.broker.accepted(peer, door, self.now) else {
            if let Some(network) = place {
                self.effects.bus().free_place(network);
            }
            let why = "all places are taken (see --max-connections, and ulimit -n)";
            self.acceptor.complain(&why, self.now);
            return self.broker.refused_unseen(acceptor::refuse(&stream, tls));
        };
        // Somebody may have made room: a descriptor as well.
        while let Some((id, teardown)) = self.broker.next_teardown() {
            self.tear_down(id, teardown);
        }
        let socket = self.sockets.insert(id, stream);
        if let Some(tls) = self.tls.as_mut().filter(|_| tls) {
            socket.speaks_tls = true;
            tls.begin(id);
            self.broker.handshaking(id, self.now);
        }
        socket.may_have_spoken();
        self.again.to_read(id, socket);
        self.newcomers.push(id);
    }

    /// Registers those that came in this turn and stay. An event tells what each is ready for.
    pub(super) fn watch_newcomers(&mut self) {
        for id in self.newcomers.drain(..) {
            let Some(socket) = self.sockets.find(id).filter(|_| !self.broker.has_ended(id)) else {
                continue;
            };
            let both = Interest::READABLE | Interest::WRITABLE;
            let token = Source::Socket(id).token();
            let registered = (self.poll.registry()).register(socket.stream_mut(), token, both);
            self.broker.charge_shared(SharedCall::Control, 1);
            if let Err(error) = registered {
                // The kernel's bound on watched descriptors: as if the connection had failed.
                log::warn!("a connection cannot be watched: {error}");
                self.broker.failed(id, error.kind(), self.now);
            }
        }
    }
}
