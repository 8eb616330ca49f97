//! The first thing in a turn: connections that have come are taken in, or refused.
//!
//! Came from: the acceptor. Goes to: the broker, which keeps a connection or does not, and the
//! thread's sockets. Absent on purpose: reading; a connection that has come has said nothing yet.

use std::net::SocketAddr;

use mio::Interest;
use mio::net::TcpStream;

use super::{EventLoop, Source};
use crate::ledger::SharedCall;
use crate::limits::ACCEPTS_PER_TURN;
use crate::shell::acceptor::{self, Accepted};

impl EventLoop {
    /// Accepts a turn's worth of connections.
    pub(super) fn accept(&mut self) {
        for n in 0..ACCEPTS_PER_TURN {
            if n > 0 && !self.budget.has_left() {
                break; // The acceptor knows that there may be more.
            }
            match self.acceptor.next_accepted(self.now) {
                Some(Accepted::Kept(stream, peer)) => self.admit(stream, peer),
                Some(Accepted::Refused(refused)) => self.broker.refused_unseen(refused),
                None => break,
            }
        }
        let would_blocks = self.acceptor.take_would_blocks();
        self.broker.charge_shared(SharedCall::AcceptWouldBlock, would_blocks);
    }

    fn admit(&mut self, stream: TcpStream, peer: SocketAddr) {
        let Some(id) = self.broker.accepted(peer, self.now) else {
            return self.broker.refused_unseen(acceptor::refuse(&stream));
        };
        let socket = self.sockets.insert(id, stream);
        let both = Interest::READABLE | Interest::WRITABLE;
        let token = Source::Socket(id).token();
        let registered = (self.poll.registry()).register(socket.stream_mut(), token, both);
        self.broker.charge_shared(SharedCall::Control, 1);
        if let Err(error) = registered {
            // The kernel's bound on watched descriptors: as hopeless as a connection that failed.
            log::warn!("a connection cannot be watched: {error}");
            self.broker.failed(id, error.kind(), self.now);
        }
    }
}
