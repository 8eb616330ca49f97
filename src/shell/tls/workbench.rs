//! Where a thread works on connections that speak TLS: one read is deciphered whole, and one write
//! is put together.
//!
//! The rules of the loop hold as they stand. What a read brought is deciphered as far as it goes
//! and handed to the broker, so nothing lies on our side of the kernel that no edge would tell of
//! but the beginning of a record. What is to be sent is enciphered when the kernel had room for all
//! before it, a portion at a time.
//!
//! Came from: `event_loop`, with a socket that has a session. Goes to: `session`, and the broker.
//! Absent on purpose: TLS itself.

use std::io::{self, ErrorKind};
use std::sync::Arc;

use rustls::ServerConfig;

use super::session::Session;
use super::sessions::Sessions;
use crate::broker::{Broker, Deciphered, Preface};
use crate::ids::{ConnId, Millis};
use crate::limits::{READ_BYTES, SLICES_MAX, TLS_KEPT_BYTES_MAX, TLS_PORTION_BYTES};
use crate::shell::effects::Effects;
use crate::shell::socket::{self, Socket};

// What was kept leaves room for a read.
const _: () = assert!(TLS_KEPT_BYTES_MAX < READ_BYTES);

/// What a thread has for its connections that speak TLS.
pub struct TlsScratch {
    settings: Arc<ServerConfig>,
    /// Those that there are.
    pub sessions: Sessions,
    /// Deciphered, or to be enciphered: the room is kept, and what is in it is not.
    plain: Vec<u8>,
    /// Enciphered, likewise.
    pub records: Vec<u8>,
}

impl TlsScratch {
    /// For connections with these settings.
    pub fn new(settings: Arc<ServerConfig>) -> Self {
        let sessions = Sessions::default();
        Self { settings, sessions, plain: Vec::new(), records: Vec::new() }
    }

    /// A connection has just come.
    pub fn begin(&mut self, id: ConnId) {
        self.sessions.put(id, Box::new(Session::new(Arc::clone(&self.settings))));
    }

    /// Whether something enciphered waits for the kernel.
    pub fn waits(&mut self, id: ConnId) -> bool {
        self.sessions.find(id).is_some_and(|session| !session.out().0.is_empty())
    }
}

/// What reading takes, beside the socket.
pub struct Workbench<'l> {
    /// Is told.
    pub broker: &'l mut Broker,
    /// Has the letters that are read before.
    pub effects: &'l mut Effects,
    /// Room to work.
    pub tls: &'l mut TlsScratch,
    /// The time of the turn.
    pub now: Millis,
}

impl Workbench<'_> {
    /// Reads once. Tells how many bytes came.
    pub fn read(&mut self, id: ConnId, socket: &mut Socket, scratch: &mut [u8]) -> usize {
        let Some(mut session) = self.tls.sessions.take(id) else {
            debug_assert!(false, "a socket that speaks TLS has a session");
            self.broker.failed(id, ErrorKind::InvalidData, self.now);
            return 0;
        };
        let kept = session.take_kept();
        scratch[..kept.len()].copy_from_slice(&kept);
        let read = socket.read(&mut scratch[kept.len()..]);
        self.broker.charge(id, socket::read_call(&read));
        let bytes = match read {
            Ok(0) => {
                session.keep(&kept);
                if session.may_end() {
                    self.broker.peer_finished(id, self.now);
                } else {
                    self.broker.truncated(id, self.now);
                }
                0
            }
            Ok(bytes) => {
                self.effects.open_letters(self.broker, self.now);
                let came = &mut scratch[..kept.len() + bytes];
                if !self.understand(id, &mut session, came) {
                    socket.speaks_tls = false; // It goes on in plain words, without a session.
                    return bytes;
                }
                bytes
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                session.keep(&kept);
                0
            }
            Err(error) => {
                self.broker.failed(id, error.kind(), self.now);
                0
            }
        };
        self.tls.sessions.put(id, session);
        bytes
    }

    /// Deciphers what has come, and tells the broker. `false`: it was no TLS.
    fn understand(&mut self, id: ConnId, session: &mut Session, mut came: &mut [u8]) -> bool {
        let now = self.now;
        if session.is_new() {
            match self.broker.preface(id, came) {
                Preface::Bytes(0) => {}
                Preface::Bytes(bytes) => {
                    let (header, behind) = came.split_at_mut(bytes);
                    self.broker.deciphered(id, Deciphered::default(), now);
                    self.broker.received(id, header, now);
                    came = behind;
                }
                Preface::Partial => {
                    session.keep(came);
                    let kept = Deciphered { kept: came.len(), ..Deciphered::default() };
                    self.broker.deciphered(id, kept, now);
                    return true;
                }
            }
            match came.first() {
                None => return true,
                // Every method of HTTP begins with a letter, and no record does. RFC 9112 §3.
                Some(first) if first.is_ascii_alphabetic() => {
                    self.broker.spoke_plainly(id, came.len(), now);
                    return false;
                }
                Some(_) => {}
            }
        }
        let plain = &mut self.tls.plain;
        plain.clear();
        let all = came.len();
        let came = session.received(came, plain);
        let records = Deciphered { records: came.used, plain: plain.len(), kept: all - came.used };
        if !self.broker.deciphered(id, records, now) {
            return true;
        }
        if let Some(resumed) = came.shook_hands {
            self.broker.shook_hands(id, resumed, now);
        }
        if !plain.is_empty() {
            self.broker.received(id, plain, now);
        }
        if came.finished {
            self.broker.peer_finished(id, now);
        }
        if let Some(reason) = came.fault {
            self.broker.tls_failed(id, reason, now);
        }
        true
    }
}

/// Puts together what is to be written: what was enciphered before, the next portion if all of the
/// last one is with the kernel, and that it was the last, if it was. Tells how many bytes of the
/// outbox are in it. `None`: the keys are used up.
pub fn compose(
    broker: &Broker,
    id: ConnId,
    session: &mut Session,
    tls: &mut TlsScratch,
) -> Option<usize> {
    let TlsScratch { plain, records, .. } = tls;
    let (out, enciphered) = session.out();
    records.clear();
    records.extend_from_slice(out);
    let Some(outbox) = broker.outbox(id).filter(|outbox| !outbox.is_empty()) else {
        return Some(enciphered);
    };
    if enciphered > 0 || !session.is_ready() {
        return Some(enciphered);
    }
    let portion: &[u8] = if let Some(bytes) = outbox.only_slice() {
        &bytes[..bytes.len().min(TLS_PORTION_BYTES)]
    } else {
        let mut slices = [io::IoSlice::new(&[]); SLICES_MAX];
        let filled = outbox.slices(&mut slices);
        plain.clear();
        for slice in &slices[..filled] {
            let room = TLS_PORTION_BYTES - plain.len();
            plain.extend_from_slice(&slice[..slice.len().min(room)]);
        }
        plain
    };
    session.encipher(portion, records).ok()?;
    let bytes = portion.len();
    if bytes == outbox.bytes() && broker.says_its_last(id) {
        session.say_all(records);
    }
    plain.clear();
    Some(bytes)
}
