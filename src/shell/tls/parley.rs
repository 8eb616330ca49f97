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

#[cfg(test)]
pub(super) mod tests {
    use rustls::crypto::ring::{Ticketer, default_provider};
    use rustls::version::{TLS12, TLS13};
    use rustls::{HandshakeKind, ServerConfig, ServerConnection, SupportedProtocolVersion};

    use super::*;
    use crate::config::TlsPair;
    use crate::shell::clock::Wall;
    use crate::shell::tls::certificates::{Certificates, load};
    use crate::shell::tls::own_pair::OwnPair;
    use crate::shell::tls::trust::trust;

    /// A server of 127.0.0.1, and who trusts it.
    pub(crate) fn rig(version: &'static SupportedProtocolVersion) -> (Arc<ServerConfig>, Trust) {
        let pair = OwnPair::make().expect("a certificate");
        let path = pair.path_of_tests();
        let files = TlsPair { certificate: path.clone(), key: path };
        let loaded = load(&files, &default_provider(), Wall::look().unix_s).expect("a pair");
        assert_eq!(loaded.warnings, Vec::<String>::new());
        let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()));
        let builder = builder.with_protocol_versions(&[version]).expect("a version");
        let certificates = Certificates::new(vec![loaded.pair]);
        let mut settings = builder.with_no_client_auth().with_cert_resolver(Arc::new(certificates));
        settings.ticketer = Ticketer::new().expect("random bits");
        let trust = trust("127.0.0.1:1", Some(&pair.certificate)).expect("a certificate");
        (Arc::new(settings), trust)
    }

    /// Says `hello` to a server that answers `welcome`, both in pieces of so many bytes. How hands
    /// were shaken.
    fn talk(server: &Arc<ServerConfig>, trust: &Trust, piece: usize) -> HandshakeKind {
        let mut server = ServerConnection::new(Arc::clone(server)).expect("settings");
        let mut parley = Parley::new(trust).expect("settings");
        let mut to_server = parley.encipher(b"hello");
        let (mut asked, mut plain) = (Vec::new(), Vec::new());
        while plain != b"welcome" {
            for mut bytes in to_server.chunks(piece) {
                server.read_tls(&mut bytes).expect("room");
                server.process_new_packets().expect("sound records");
            }
            to_server.clear();
            let had = asked.len();
            let _ = server.reader().read_to_end(&mut asked); // Until it would block.
            if asked.len() > had && asked == b"hello" {
                server.writer().write_all(b"welcome").expect("room");
            }
            let mut to_client = Vec::new();
            while server.wants_write() {
                server.write_tls(&mut to_client).expect("a vector");
            }
            for bytes in to_client.chunks(piece) {
                parley.decipher(bytes, &mut plain, &mut to_server).expect("sound records");
            }
        }
        assert!(parley.is_open() && asked == b"hello");
        let goodbye = [to_server, parley.close()].concat();
        server.read_tls(&mut &goodbye[..]).expect("room");
        let state = server.process_new_packets().expect("sound records");
        assert!(state.peer_has_closed());
        server.handshake_kind().expect("it is over")
    }

    #[test]
    fn bytes_in_pieces_say_the_same_and_each_client_takes_up_its_own_session() {
        for version in [&TLS13, &TLS12] {
            let (server, trust) = rig(version);
            let (one, other) = (trust.of_another(), trust.of_another());
            for piece in [1, 7, 100_000] {
                let _ = talk(&server, &trust, piece);
            }
            assert_eq!(talk(&server, &one, 100_000), HandshakeKind::Full, "{version:?}");
            assert_eq!(talk(&server, &one, 100_000), HandshakeKind::Resumed, "{version:?}");
            assert_eq!(talk(&server, &other, 100_000), HandshakeKind::Full, "{version:?}");
            assert_eq!(talk(&server, &one, 100_000), HandshakeKind::Resumed, "{version:?}");
        }
    }

    #[test]
    fn who_is_not_trusted_is_told_so_and_an_end_is_an_end() {
        let ((server, _), (_, other)) = (rig(&TLS13), rig(&TLS13));
        let mut server = ServerConnection::new(server).expect("settings");
        let mut parley = Parley::new(&other).expect("settings");
        server.read_tls(&mut &parley.encipher(b"hello")[..]).expect("room");
        server.process_new_packets().expect("a sound greeting");
        let mut records = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut records).expect("a vector");
        }
        let (mut plain, mut alert) = (Vec::new(), Vec::new());
        let why = parley.decipher(&records, &mut plain, &mut alert).expect_err("it is foreign");
        assert!(why.contains("give --tls-ca FILE") && plain.is_empty(), "{why}");
        server.read_tls(&mut &alert[..]).expect("room");
        assert!(server.process_new_packets().is_err(), "an alert");
    }
}
