//! One client's TLS without its socket: records in, plain bytes out, and back.
//!
//! `channel` has the socket in it. Here the bytes go where the caller has them, who may hold them
//! back for a while, as an emulated distance does.
//!
//! Came from: `compare`, for each connection of its clients. Goes to: the same. Absent on purpose:
//! bounds of memory, as in `channel`.

use std::io::{Read, Write};
use std::sync::Arc;

use rustls::ClientConnection;

use super::channel::worded;
use super::trust::Trust;

/// What a client says by TLS on one connection, and what it is told.
#[derive(Debug)]
pub struct Parley(Box<ClientConnection>);

impl Parley {
    /// With whom `trust` is for. The handshake begins with the first [`Self::encipher`].
    pub fn new(trust: &Trust) -> Result<Self, String> {
        let tls = ClientConnection::new(Arc::clone(&trust.settings), trust.name.clone());
        let mut tls = tls.map_err(|error| worded(&error))?;
        // What is said before the handshake is over waits here, as much as it is.
        tls.set_buffer_limit(None);
        Ok(Self(Box::new(tls)))
    }

    /// Whether the handshake is over.
    pub fn is_open(&self) -> bool {
        !self.0.is_handshaking()
    }

    /// Records that say `plain`, behind those that have to come before. While hands are shaken it
    /// waits, and goes out with what [`Self::decipher`] answers.
    pub fn encipher(&mut self, plain: &[u8]) -> Vec<u8> {
        let mut records = Vec::new();
        self.0.writer().write_all(plain).expect("its buffer has no bound");
        self.give(&mut records);
        records
    }

    /// What `records` say goes behind `plain`, and what they have to be answered behind `reply`,
    /// which is to be sent even when there is an error.
    pub fn decipher(
        &mut self,
        mut records: &[u8],
        plain: &mut Vec<u8>,
        reply: &mut Vec<u8>,
    ) -> Result<(), String> {
        while !records.is_empty() {
            let taken = self.0.read_tls(&mut records).map_err(|error| error.to_string())?;
            let understood = self.0.process_new_packets();
            self.give(reply);
            let length = understood.map_err(|error| worded(&error))?.plaintext_bytes_to_read();
            let from = plain.len();
            plain.resize(from + length, 0);
            let read = self.0.reader().read_exact(&mut plain[from..]);
            read.map_err(|error| error.to_string())?;
            if taken == 0 {
                return Ok(()); // Behind the end that the other side has announced.
            }
        }
        Ok(())
    }

    /// Records that say that nothing more comes.
    pub fn close(&mut self) -> Vec<u8> {
        let mut records = Vec::new();
        self.0.send_close_notify();
        self.give(&mut records);
        records
    }

    fn give(&mut self, into: &mut Vec<u8>) {
        while self.0.wants_write() {
            self.0.write_tls(into).expect("a vector takes everything");
        }
    }
}
