//! Sockets that stand in line, to be read or to be written: first in, first out, none twice.
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

impl Queue {
    /// `id` is to be read, if there may be anything.
    pub fn to_read(&mut self, id: ConnId, socket: &mut Socket) {
        if socket.is_readable() && !socket.queued_to_read {
            socket.queued_to_read = true;
            self.0.push_back(id);
        }
    }

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
