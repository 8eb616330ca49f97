//! The connection of an attempt: made to one address after another, lost, and left.
//!
//! Came from: `attempt`. Goes to: a server's sockets. Absent on purpose: two addresses at a time.
//! The one that worked is tried first, so that one which does not is waited for once.

use std::io::{self, ErrorKind, Read, Write};
use std::mem;

use mio::net::TcpStream;
use mio::{Interest, Registry};

use super::{Attempt, READ_BYTES, ReadPlan};
use crate::client::setback::Setback;
use crate::client::traffic::Traffic;
use crate::shell::tls::channel::Channel;
use crate::technique::Technique;

impl Attempt {
    /// Connects to the next of the addresses.
    pub(super) fn connect(
        &mut self,
        plan: &ReadPlan,
        registry: &Registry,
        now: u64,
    ) -> Result<(), Setback> {
        loop {
            let next = self.address.unwrap_or(0);
            let address = self.addresses[next];
            self.address = Some(next + 1);
            self.reading.connected();
            let both = Interest::READABLE | Interest::WRITABLE;
            let connected = TcpStream::connect(address).and_then(|mut socket| {
                registry.register(&mut socket, self.token, both)?;
                Channel::new(socket, plan.server.trust.as_ref())
            });
            match connected {
                Ok(socket) => {
                    self.socket = Some(socket);
                    // An answer may be withheld; a connection is there soon, or not at all.
                    self.wait_for(plan.timings.grace_ms, now);
                    return Ok(());
                }
                Err(_) if next + 1 < self.addresses.len() => {}
                Err(error) => return Err(no_connection(&error, plan)),
            }
        }
    }

    /// Once the connection is made, it is the answer that is waited for.
    pub(super) fn is_connected(&mut self, now: u64) {
        let is_made = self.socket.as_ref().is_some_and(Channel::has_sent);
        if let Some(answer_ms) = self.answer_ms.take_if(|_| is_made) {
            self.wait_for(answer_ms, now);
        }
    }

    /// Something has come: the address that was tried last is the first to be tried next time.
    pub(super) fn address_works(&mut self) {
        if let Some(next) = self.address.take() {
            self.addresses[..next].rotate_right(1);
        }
    }

    /// No connection was made, and there is an address that was not tried.
    pub(super) fn has_another(&self) -> bool {
        let is_made = self.socket.as_ref().is_some_and(Channel::has_sent);
        !is_made && self.address.is_some_and(|next| next < self.addresses.len())
    }

    /// Asks the same of the next of the addresses.
    pub(super) fn try_another(
        &mut self,
        plan: &ReadPlan,
        registry: &Registry,
        now: u64,
    ) -> Result<(), Setback> {
        self.unsent.clone_from(&self.request);
        self.connect(plan, registry, now)
    }

    /// The connection failed. If it was not even made, the next address may do better.
    pub(super) fn lost(
        &mut self,
        error: &io::Error,
        plan: &ReadPlan,
        registry: &Registry,
        now: u64,
    ) -> Result<(), Setback> {
        let has_another = self.has_another();
        self.socket = None;
        if self.asks_anew(now) {
            return Ok(());
        }
        if has_another {
            return self.try_another(plan, registry, now);
        }
        Err(no_connection(error, plan))
    }

    /// Ends it, and says what it has cost. A WebSocket is closed, as far as its socket takes what
    /// that needs at once: nobody waits for an answer.
    pub fn leave(mut self) -> Traffic {
        self.reading.leave(&mut self.unsent);
        let unsent = mem::take(&mut self.unsent);
        if let Some(socket) =
            self.socket.as_mut().filter(|_| self.technique == Technique::WebSocket)
            && socket.write_all(&unsent).is_ok()
        {
            // What is left unread would have the kernel reset the connection, and the peer lose
            // what it was just sent. It has a bound: a server may not stop.
            let mut scratch = [0; READ_BYTES];
            for _ in 0..READS_OF_LEAVING {
                if !matches!(socket.read(&mut scratch), Ok(1..)) {
                    break;
                }
            }
        }
        self.reading.take_traffic()
    }
}

/// In words, with the address. Where nobody listens, another technique would not be heard either.
fn no_connection(error: &io::Error, plan: &ReadPlan) -> Setback {
    let host = &plan.server.endpoint.host;
    let what = match error.kind() {
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => return Setback::new("was cut"),
        // TLS: another technique would be told the same.
        ErrorKind::InvalidData => {
            let what = format!("cannot be had of {host}: {error}");
            return Setback { is_final: true, ..Setback::new(what) };
        }
        ErrorKind::ConnectionRefused => format!("was not connected: nobody listens at {host}"),
        _ => format!("was not connected to {host}: {error}"),
    };
    Setback { retry_after_ms: Some(0), ..Setback::new(what) }
}

/// So many reads, of [`READ_BYTES`] each, before a socket is left.
const READS_OF_LEAVING: usize = 16;
