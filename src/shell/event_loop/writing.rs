//! The second half of a turn: readers are served, what is to be sent is written, and sockets are
//! closed.
//!
//! Came from: the broker's outboxes, and what it says of them. Goes to: sockets, and back to the
//! broker with how far each got. Absent on purpose: a socket that is full. An edge brings it back.

use std::io::{ErrorKind, IoSlice};

use super::{EventLoop, Phase};
use crate::broker::Teardown;
use crate::ids::{ConnId, Micros};
use crate::ledger::{CHARGES, Call, SharedCall};
use crate::limits::SLICES_MAX;

impl EventLoop {
    /// Writes to everyone who stands in line now, once each: those who took little first.
    pub(super) fn write_out(&mut self) {
        self.now = self.budget.begin_now(Phase::Write);
        self.queue_dirty();
        for (much, standing) in self.outgoing.standing() {
            for n in 0..standing {
                if n > 0 && !self.budget.has_left() {
                    break;
                }
                if let Some(id) = self.outgoing.line(much).pop() {
                    self.write_by_tls_or_not(id);
                }
            }
        }
        self.now = self.budget.at().millis(); // The broker was told of writes at that time.
    }

    /// Writes, before a crowd is served, to those who were answered and read no topic: whoever has
    /// published may go on, and what it publishes next joins the round. Whoever takes much stands
    /// in line, and so does a subscriber, for what the round brings goes in the same write.
    pub(super) fn answer(&mut self) {
        self.broker.read_portion(self.now);
        if !self.broker.has_rounds() {
            return; // Nothing comes between an answer and its write.
        }
        self.queue_dirty();
        self.budget.begin(Phase::Answer);
        for _ in 0..self.outgoing.line(false).len() {
            if !self.budget.has_left() {
                break;
            }
            match self.outgoing.line(false).pop() {
                Some(id) if self.broker.is_subscribed(id) => self.outgoing.line(false).push(id),
                Some(id) => self.write_by_tls_or_not(id),
                None => break,
            }
        }
        self.now = self.budget.at().millis(); // The broker was told of writes at that time.
    }

    /// Serves readers, a portion of a round after the other, as long as there is time.
    pub(super) fn deliver(&mut self) {
        self.budget.begin(Phase::Deliver);
        loop {
            let more = self.broker.deliver(self.now);
            self.write_served();
            if !more || !self.budget.has_left() {
                break;
            }
        }
        self.effects.count_unread(&self.broker);
    }

    /// Writes to those whom a portion of a round has just served, while they are in the caches: of
    /// a large crowd, nobody is when all of it has been served. Those who take much stand in line.
    fn write_served(&mut self) {
        self.budget.look_soon();
        while let Some(id) = self.broker.next_served() {
            let Some(socket) = self.sockets.find(id) else {
                continue;
            };
            // Over TLS one may stand in line already, with what is no part of its outbox.
            let waits = socket.queued_to_write || socket.takes_much() || !socket.is_writable();
            if waits || !self.budget.has_left() {
                self.outgoing.to_write(id, socket);
            } else {
                self.write_by_tls_or_not(id);
            }
        }
        self.now = self.budget.at().millis(); // The broker was told of writes at that time.
    }

    /// Moves those whose outbox is no longer empty into the queue. Those whose sockets are full
    /// are left out: the edge that tells of room brings them back.
    pub(super) fn queue_dirty(&mut self) {
        while let Some(id) = self.broker.next_dirty() {
            if let Some(socket) = self.sockets.find(id) {
                self.outgoing.to_write(id, socket);
            }
        }
    }

    fn write_by_tls_or_not(&mut self, id: ConnId) {
        let at = self.budget.at();
        if self.tls.is_some()
            && let Some(socket) = self.sockets.find(id).filter(|socket| socket.speaks_tls)
        {
            socket.queued_to_write = false;
            return self.write_securely(id, at);
        }
        self.write(id, at);
    }

    fn write(&mut self, id: ConnId, at: Micros) {
        let (Some(socket), Some(outbox)) = (self.sockets.find(id), self.broker.outbox(id)) else {
            return;
        };
        socket.queued_to_write = false;
        let written = match outbox.only_slice() {
            Some([]) => return, // It was emptied since: its connection is about to be dropped.
            Some(bytes) => socket.write(bytes),
            None => {
                let mut slices = [IoSlice::new(&[]); SLICES_MAX];
                let filled = outbox.slices(&mut slices);
                socket.write_gathered(&slices[..filled])
            }
        };
        match written {
            Ok(bytes) => {
                // More than one `writev` gathers, or the log had more: at the end of the queue.
                if self.broker.sent(id, bytes, at) {
                    self.outgoing.to_write(id, socket);
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.broker.sent(id, 0, at);
            }
            Err(error) => {
                self.broker.charge(id, Call::Write { bytes: 0 });
                self.broker.failed(id, error.kind(), at.millis());
            }
        }
    }

    pub(super) fn close_sockets(&mut self) {
        let mut first = true;
        self.budget.begin(Phase::Close);
        while std::mem::take(&mut first) || self.budget.has_left() {
            let Some((id, teardown)) = self.broker.next_teardown() else {
                break;
            };
            self.tear_down(id, teardown);
        }
    }

    /// Ends one socket, or our side of it.
    pub(super) fn tear_down(&mut self, id: ConnId, teardown: Teardown) {
        match teardown {
            Teardown::HalfClose => {
                if self.says_all(id)
                    && let Some(socket) = self.sockets.find(id)
                {
                    // Closing over bytes that were not read would reset what we have answered; and
                    // of a peer that speaks TLS, its own farewell is still to come.
                    let is_empty = !socket.is_readable() && !socket.speaks_tls;
                    if !(is_empty && self.broker.let_go(id, self.now)) {
                        socket.half_close();
                        self.broker.charge(id, Call::End);
                    }
                }
            }
            Teardown::Close(_) | Teardown::Reset(_) => {
                if matches!(teardown, Teardown::Close(_)) {
                    self.takes_leave(id);
                }
                let socket = self.sockets.find(id);
                if let (Some(socket), Teardown::Reset(_)) = (&socket, teardown) {
                    socket.reset_on_close();
                }
                let sample = socket.filter(|_| CHARGES).map(|socket| socket.sample());
                self.broker.charge_shared(SharedCall::Sample, sample.is_some().into());
                let sample = sample.flatten();
                if let (true, Some(tls)) = (self.sockets.remove(id), &mut self.tls) {
                    tls.sessions.remove(id);
                }
                self.freed.note_end();
                self.effects.forget(id);
                if let Some(network) = self.broker.socket_closed(id, sample, self.now) {
                    self.effects.bus().free_place(network);
                }
            }
        }
    }
}
