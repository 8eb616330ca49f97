//! TLS: however records are cut, what comes out of them is what was said, in both directions; and
//! of records that were damaged on the way, what comes out is the beginning of it, and no panic.
//!
//! Came from: bytes; the first two choose the version, damage and cuts, the others are said. Goes
//! to: `shell::tls::session`; what comes out is what the broker gets. The client is `rustls` by its
//! usual interface, with buffers. Keys are drawn anew each time, so that an input is not the same
//! bytes on the wire twice; what must hold does not depend on them.

use std::io::{Read, Write};
use std::sync::{Arc, LazyLock};

use rcgen::{CertificateParams, KeyPair};
use rustls::crypto::ring::{Ticketer, default_provider};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig};
use tollway::close::CloseReason;
use tollway::shell::tls::session::Session;

use super::choice;
use super::dice::Dice;

/// A certificate of nobody's, and the server that shows it.
static SERVER: LazyLock<(CertificateDer<'static>, Arc<ServerConfig>)> = LazyLock::new(|| {
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap().der().clone();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder.with_protocol_versions(&[&TLS12, &TLS13]).unwrap();
    let builder = builder.with_no_client_auth();
    let mut settings = builder.with_single_cert(vec![certificate.clone()], key).unwrap();
    settings.ticketer = Ticketer::new().unwrap();
    (certificate, Arc::new(settings))
});

/// By version: sessions are taken up again, which is quicker.
static CLIENTS: LazyLock<[Arc<ClientConfig>; 2]> = LazyLock::new(|| {
    [&TLS12, &TLS13].map(|version| {
        let mut roots = RootCertStore::empty();
        roots.add(SERVER.0.clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
        let builder = builder.with_protocol_versions(&[version]).unwrap();
        Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
    })
});

/// Both ends, and what lies between.
struct Line {
    client: ClientConnection,
    session: Session,
    dice: Dice,
    /// Which byte of the client's is damaged, counted from here.
    damaged: Option<usize>,
    /// What the server made of what the client said.
    got: Vec<u8>,
    finished: bool,
    fault: Option<CloseReason>,
}

impl Line {
    fn new(version: u8, seed: u8, damaged: Option<usize>) -> Self {
        let settings = Arc::clone(&CLIENTS[usize::from(version % 2)]);
        let name = ServerName::try_from("localhost").unwrap();
        Self {
            client: ClientConnection::new(settings, name).unwrap(),
            session: Session::new(Arc::clone(&SERVER.1)),
            dice: Dice(seed.into()),
            damaged,
            got: Vec::new(),
            finished: false,
            fault: None,
        }
    }

    /// Carries records to and fro until nothing more moves. `false`: the client has found fault.
    fn settle(&mut self) -> bool {
        loop {
            let mut records = Vec::new();
            while self.client.wants_write() {
                self.client.write_tls(&mut records).unwrap();
            }
            let moved = !records.is_empty();
            self.carry(&records);
            let out = self.session.out().0.to_vec();
            self.session.leave(&[]);
            if !self.hear(&out) {
                return false;
            }
            if !moved && out.is_empty() {
                return true;
            }
        }
    }

    /// The client's records, cut.
    fn carry(&mut self, mut records: &[u8]) {
        let longest = 1 + self.dice.below(1 + records.len().min(2000));
        while !records.is_empty() {
            let length = records.len().min(1 + self.dice.below(longest));
            let (piece, rest) = records.split_at(length);
            let mut piece = piece.to_vec();
            if let Some(at) = &mut self.damaged {
                match piece.get_mut(*at) {
                    Some(byte) => {
                        *byte ^= 1 + self.dice.below(255) as u8;
                        *at = usize::MAX;
                    }
                    None => *at = at.saturating_sub(piece.len()),
                }
            }
            let mut bytes = self.session.take_kept();
            bytes.append(&mut piece);
            let understood = self.session.received(&mut bytes, &mut self.got);
            assert!(understood.used <= bytes.len());
            assert_ne!(understood.fault, Some(CloseReason::Panicked));
            self.finished |= understood.finished;
            self.fault = self.fault.or(understood.fault);
            records = rest;
        }
    }

    fn hear(&mut self, mut records: &[u8]) -> bool {
        while !records.is_empty() {
            if self.client.read_tls(&mut records).is_err()
                || self.client.process_new_packets().is_err()
            {
                return false;
            }
        }
        true
    }
}

pub fn check(input: &[u8]) {
    let (how, input) = choice(input);
    let (seed, said) = choice(input);
    let damaged = (how & 2 != 0).then(|| usize::from(how >> 2) * 37 + usize::from(seed));
    let mut line = Line::new(how, seed, damaged);
    let mut sound = line.settle();
    // In records of any length.
    let mut rest = said;
    while sound && !rest.is_empty() {
        let length = rest.len().min(1 + line.dice.below(rest.len()));
        line.client.writer().write_all(&rest[..length]).unwrap();
        rest = &rest[length..];
        sound = line.settle();
    }
    assert!(said.starts_with(&line.got), "what comes out was said");
    if line.damaged.is_some() {
        return; // Whoever finds fault first; the other hears an alert.
    }
    assert!(sound && line.fault.is_none() && line.got == said);
    // And back, a portion after the other.
    let mut rest = said;
    let mut new_keys = usize::from(how % 2) * 8;
    while !rest.is_empty() {
        let length = rest.len().min(1 + line.dice.below(rest.len()));
        if new_keys > 0 && line.dice.below(4) == 0 {
            // RFC 8446 §4.6.3: with new keys of its own the client asks for new ones of ours.
            line.client.refresh_traffic_keys().unwrap();
            line.settle();
            new_keys -= 1;
        }
        let mut records = Vec::new();
        line.session.encipher(&rest[..length], &mut records).unwrap();
        assert_eq!(line.session.out().1, length);
        line.session.leave(&[]);
        assert!(line.hear(&records));
        rest = &rest[length..];
    }
    let mut end = Vec::new();
    line.session.say_all(&mut end);
    assert!(line.hear(&end));
    let mut heard = Vec::new();
    line.client.reader().read_to_end(&mut heard).expect("its end is said");
    assert!(heard == said);
    line.client.send_close_notify();
    line.settle();
    assert!(line.finished && line.session.may_end());
}

pub fn seeds() -> Vec<Vec<u8>> {
    let request = b"GET /chat/poll HTTP/1.1\r\nHost: tollway.example\r\n\r\n";
    let mut seeds = Vec::new();
    for how in [0, 1, 2, 3, 0x42, 0x43, 0xfe, 0xff] {
        for seed in [0, 1, 200] {
            seeds.push([&[how, seed][..], request].concat());
        }
    }
    seeds.push([&[1, 7][..], &[b'x'; 3000]].concat());
    seeds.push(vec![0, 9]);
    seeds
}
