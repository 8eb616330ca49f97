//! Connections that speak TLS are written to, and ended.
//!
//! Whatever is said in a turn goes out in one call: the end of a handshake, an answer, and the word
//! that it was the last. What is enciphered cannot be taken back, so it counts as sent when the
//! kernel has the whole portion, and until then nothing else is enciphered.
//!
//! Came from: `writing`, with a socket that has a session. Goes to: the socket, and back to the
//! broker with how far it got. Absent on purpose: TLS itself; `tls::workbench` puts together what
//! is written.

use std::io::{self, ErrorKind};

use super::EventLoop;
use crate::broker::Placed;
use crate::ids::{ConnId, Micros};
use crate::ledger::Call;
use crate::shell::tls::session::Session;
use crate::shell::tls::workbench::compose;

impl EventLoop {
    /// Writes once: what was enciphered before, or that and the next portion.
    pub(super) fn write_securely(&mut self, id: ConnId, at: Micros) {
        if self.broker.has_ended(id) {
            return; // Its outbox is dropped, and what was enciphered of it is nobody's any more.
        }
        let (Some(socket), Some(tls)) = (self.sockets.find(id), &mut self.tls) else {
            return;
        };
        let Some(mut session) = tls.sessions.take(id) else {
            return;
        };
        let broker = &mut self.broker;
        let Some(plain) = compose(broker, id, &mut session, tls) else {
            tls.sessions.put(id, session); // Without, what it has to say would go out as it is.
            return broker.failed(id, ErrorKind::InvalidData, at.millis());
        };
        if tls.records.is_empty() {
            tls.sessions.put(id, session);
            return;
        }
        let written = socket.write(&tls.records);
        let left = settle(&mut session, &tls.records, &written);
        let ends = left == 0 && std::mem::take(&mut session.ends);
        tls.sessions.put(id, session);
        match written {
            Err(error) if error.kind() != ErrorKind::WouldBlock => {
                broker.charge(id, Call::Write { bytes: 0 });
                broker.failed(id, error.kind(), self.now);
            }
            Ok(_) | Err(_) => {
                let placed = Placed { records: tls.records.len() - left, plain, whole: left == 0 };
                broker.sent_enciphered(id, placed, at);
                if left == 0 && broker.has_output(id) {
                    self.outgoing.to_write(id, socket);
                }
                if ends {
                    socket.half_close();
                    broker.charge(id, Call::End);
                }
            }
        }
    }

    /// Says that nothing more comes from us, before our side is ended. `true`: that is said, and
    /// with the kernel, or there is nothing to be said.
    pub(super) fn says_all(&mut self, id: ConnId) -> bool {
        let Some(tls) = self.tls.as_mut().filter(|_| self.sockets.find(id).is_some()) else {
            return true;
        };
        let Some(session) = tls.sessions.find(id) else {
            return true;
        };
        let (out, enciphered) = session.out();
        tls.records.clear();
        tls.records.extend_from_slice(out);
        session.say_all(&mut tls.records);
        if tls.records.is_empty() {
            return true;
        }
        debug_assert_eq!(enciphered, 0, "our side ends when the kernel has the outbox");
        session.leave(&tls.records);
        session.ends = true;
        let at = self.budget.at();
        self.write_securely(id, at);
        false // The write ends our side, this one or a later one.
    }

    /// A connection is to be closed: its peer is told so, if that can be done at once.
    pub(super) fn takes_leave(&mut self, id: ConnId) {
        let (Some(socket), Some(tls)) = (self.sockets.find(id), &mut self.tls) else {
            return;
        };
        let is_writable = socket.is_writable();
        let Some(session) = tls.sessions.find(id) else {
            return;
        };
        let (out, enciphered) = session.out();
        if enciphered > 0 || !is_writable {
            return; // Half of a record is on its way: nothing can be said after it.
        }
        tls.records.clear();
        tls.records.extend_from_slice(out);
        session.say_all(&mut tls.records);
        if tls.records.is_empty() {
            return;
        }
        session.leave(&[]);
        let written = socket.write(&tls.records);
        let at = self.budget.at();
        // Whatever it was: nobody can be told anything more.
        let placed = Placed { records: written.unwrap_or_default(), plain: 0, whole: true };
        self.broker.sent_enciphered(id, placed, at);
    }
}

/// Keeps what the kernel did not take. Tells how much that is.
fn settle(session: &mut Session, records: &[u8], written: &io::Result<usize>) -> usize {
    let taken = *written.as_ref().unwrap_or(&0);
    session.leave(&records[taken..]);
    records.len() - taken
}
