//! One client of a swarm, with its connection: what it says goes through TLS, if there is TLS, and
//! over the distance to the socket; what comes takes the same way back.
//!
//! ```text
//! subscriber ── plain ──► cipher ── bytes ──► line ── when due ──► unsent ──► socket
//! ```
//!
//! Came from: the swarm, which says what time it is. Goes to: a socket. Absent on purpose: when
//! somebody asks, and what was heard.

use std::io::{self, ErrorKind, Write};

use mio::net::TcpStream;

use crate::client::checklist::Checklist;
use crate::client::cipher::Cipher;
use crate::client::delay::DelayLine;
use crate::client::subscriber::Subscriber;

pub(super) struct Client {
    pub(super) subscriber: Subscriber,
    pub(super) socket: Option<TcpStream>,
    /// `None`: what is said goes over the connection as it is.
    pub(super) cipher: Option<Box<dyn Cipher>>,
    pub(super) line: DelayLine,
    /// Bytes that are to leave and that the kernel has not taken.
    pub(super) unsent: Vec<u8>,
    /// When to ask next. `None`: an answer or a stream is under way.
    pub(super) ask_us: Option<u64>,
    pub(super) wake_us: Option<u64>,
    pub(super) checklist: Checklist,
    /// Why it no longer takes part.
    pub(super) fault: Option<String>,
}

impl Client {
    /// Says something, as soon as the distance allows.
    pub(super) fn say(&mut self, now: u64, plain: Vec<u8>) {
        let bytes = match &mut self.cipher {
            Some(cipher) => cipher.encipher(&plain),
            None => plain,
        };
        if !bytes.is_empty() {
            self.line.written(now, bytes);
        }
    }

    /// What bytes of the connection say. TLS may have to answer them.
    pub(super) fn hear(&mut self, now: u64, bytes: Vec<u8>) -> Result<Vec<u8>, String> {
        let Some(cipher) = &mut self.cipher else {
            return Ok(bytes);
        };
        let (mut plain, mut reply) = (Vec::new(), Vec::new());
        let understood = cipher.decipher(&bytes, &mut plain, &mut reply);
        if !reply.is_empty() {
            self.line.written(now, reply);
        }
        understood.map_err(|error| format!("could not connect by TLS: {error}"))?;
        Ok(plain)
    }

    /// Everything that was said has left.
    pub(super) fn has_left(&self) -> bool {
        let is_open = self.cipher.as_ref().is_none_or(|cipher| cipher.is_open());
        is_open && self.unsent.is_empty() && self.line.next_due_us().is_none()
    }

    /// Ends the connection, if there is one. As with TCP's own end, the distance does not matter to
    /// a client that has left.
    pub(super) fn hang_up(&mut self) {
        let cipher = self.cipher.take();
        if let (Some(mut cipher), Some(mut socket)) = (cipher, self.socket.take()) {
            // Nobody is left to be told that it failed.
            let _ = socket.write(&cipher.close());
        }
        self.socket = None;
    }

    /// Writes what is to leave, as far as the kernel takes it.
    pub(super) fn write(&mut self) -> io::Result<()> {
        while let Some(socket) = &mut self.socket
            && !self.unsent.is_empty()
        {
            match socket.write(&self.unsent) {
                Ok(length) => drop(self.unsent.drain(..length)),
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    // The writable edge brings us back.
                    ErrorKind::WouldBlock | ErrorKind::NotConnected => return Ok(()),
                    _ => return Err(error),
                },
            }
        }
        Ok(())
    }
}
