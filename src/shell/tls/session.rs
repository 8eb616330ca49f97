//! One connection's TLS: records in, plain bytes out, and back. RFC 8446 §5.
//!
//! No bytes are kept in here that could be handed on. What one read brought is deciphered as far as
//! its records are complete, all of it, so that nothing is left that no edge would tell of; of the
//! last record what has come is kept. What is to be sent is enciphered when the kernel is about to
//! take it: a portion at a time, and the next only when the kernel has all of the last one. So a
//! reader that does not read costs one portion beside its outbox.
//!
//! Came from: `event_loop::secure`, with bytes where they lie. Goes to: the same. Absent on
//! purpose: sockets, so that a fuzzer can cut records wherever it likes.

use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;

use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, EncryptError, UnbufferedStatus,
};
use rustls::{Error, HandshakeKind, ServerConfig};

use crate::close::CloseReason;
use crate::limits::TLS_KEPT_BYTES_MAX;

/// The TLS of one connection.
pub struct Session {
    stage: Stage,
    /// What has come of a record that is not complete.
    kept: Vec<u8>,
    /// Enciphered, and not yet taken by the kernel.
    out: Vec<u8>,
    /// How many bytes of the outbox are in `out`.
    enciphered: usize,
    /// The peer has said that nothing more comes.
    peer_closed: bool,
    /// We have said so, or said by an alert why not.
    said_all: bool,
    /// Our side is to be ended once `out` is empty.
    pub ends: bool,
}

enum Stage {
    /// Nothing has come. Whoever only connects costs no more than without TLS.
    New(Arc<ServerConfig>),
    Running(Box<UnbufferedServerConnection>),
    /// What still comes is dropped.
    Failed,
}

/// What bytes came to.
#[derive(Debug, Default)]
pub struct Understood {
    /// So many were understood; the rest is to be shown again with more behind it.
    pub used: usize,
    /// The handshake is complete since now, and took up an earlier session, or did not.
    pub shook_hands: Option<bool>,
    /// The peer has ended its side since now, in good order.
    pub finished: bool,
    /// It went wrong; an alert is on its way.
    pub fault: Option<CloseReason>,
}

/// No more bytes can be enciphered with these keys.
#[derive(Debug)]
pub struct Exhausted;

impl Session {
    /// Of a connection that was just accepted.
    pub fn new(settings: Arc<ServerConfig>) -> Self {
        Self {
            stage: Stage::New(settings),
            kept: Vec::new(),
            out: Vec::new(),
            enciphered: 0,
            peer_closed: false,
            said_all: false,
            ends: false,
        }
    }

    /// Whether no byte of TLS has come.
    pub fn is_new(&self) -> bool {
        matches!(self.stage, Stage::New(_))
    }

    /// Whether the handshake is complete, and nothing went wrong.
    pub fn is_ready(&self) -> bool {
        matches!(&self.stage, Stage::Running(tls) if !tls.is_handshaking()) && !self.said_all
    }

    /// Whether an end of the connection is expected: nothing has come, or all.
    pub fn may_end(&self) -> bool {
        self.peer_closed || self.is_new() && self.kept.is_empty()
    }

    /// What was kept of what came before.
    pub fn take_kept(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.kept)
    }

    /// Keeps what has come of a record.
    pub fn keep(&mut self, bytes: &[u8]) {
        self.kept = bytes.to_vec();
    }

    /// Understands `bytes`, what was kept in front, and adds what was in them to `plain`. What was
    /// not used is kept.
    pub fn received(&mut self, bytes: &mut [u8], plain: &mut Vec<u8>) -> Understood {
        let mut came = Understood { used: bytes.len(), ..Understood::default() };
        if let Stage::New(settings) = &self.stage {
            // Fails for settings that no handshake could follow; ours were tried.
            self.stage = UnbufferedServerConnection::new(Arc::clone(settings))
                .map_or(Stage::Failed, |tls| Stage::Running(Box::new(tls)));
        }
        let Stage::Running(tls) = &mut self.stage else {
            return came;
        };
        if self.peer_closed {
            return came; // §6.1: what comes behind the end is not looked at.
        }
        let shook_hands = !tls.is_handshaking();
        let (out, before) = (&mut self.out, plain.len());
        // Data from outside: as with what the broker understands, a panic is its sender's end.
        let work = AssertUnwindSafe(|| drive(tls, bytes, out, Some(plain)));
        let Ok((used, end)) = panic::catch_unwind(work) else {
            log::error!("what a peer sent made TLS panic; please report it");
            plain.truncate(before);
            self.fail();
            return Understood { fault: Some(CloseReason::Panicked), ..came };
        };
        came.used = used;
        if !shook_hands && !tls.is_handshaking() {
            came.shook_hands = Some(tls.handshake_kind() == Some(HandshakeKind::Resumed));
        }
        match end {
            Ok(finished) => {
                (came.finished, self.peer_closed) = (finished, finished);
                if finished {
                    came.used = bytes.len();
                } else if bytes.len() - used > TLS_KEPT_BYTES_MAX {
                    log::debug!("TLS: a handshake message that is too long");
                    self.fail();
                    came = Understood {
                        used: bytes.len(),
                        fault: Some(CloseReason::TlsMalformed),
                        ..came
                    };
                }
            }
            Err(error) => {
                log::debug!("TLS: {error}");
                came = Understood { used: bytes.len(), fault: Some(reason(&error)), ..came };
                self.fail();
            }
        }
        self.keep(&bytes[came.used..]);
        came
    }

    /// Enciphers `plain`, of the outbox, behind what `out` has.
    pub fn encipher(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Result<(), Exhausted> {
        let kept = &mut self.kept;
        let Stage::Running(tls) = &mut self.stage else {
            return Err(Exhausted);
        };
        let write =
            |tls: &mut UnbufferedServerConnection, kept: &mut [u8], out: &mut [u8]| match tls
                .process_tls_records(kept)
                .state
            {
                Ok(ConnectionState::WriteTraffic(mut traffic)) => traffic.encrypt(plain, out),
                Ok(_) | Err(_) => Err(EncryptError::EncryptExhausted),
            };
        // Whatever is to be said before, such as an answer to new keys, comes first.
        let (used, end) = drive(tls, kept, out, None);
        kept.drain(..used);
        end.map_err(|_| Exhausted)?;
        let mut from = out.len();
        out.resize(from + plain.len() + RECORD_BYTES_MORE * (1 + plain.len() / RECORD_BYTES), 0);
        loop {
            match write(tls, kept, &mut out[from..]) {
                Ok(written) => {
                    out.truncate(from + written);
                    self.enciphered = plain.len();
                    return Ok(());
                }
                // There is room for records alone. What comes before them was found out only now,
                // as new keys are that the peer has asked for (RFC 8446 §4.6.3): it is said first.
                Err(EncryptError::InsufficientSize(size)) => {
                    out.truncate(from);
                    let (used, end) = drive(tls, kept, out, None);
                    kept.drain(..used);
                    end.map_err(|_| Exhausted)?;
                    from = out.len();
                    out.resize(from + size.required_size, 0);
                }
                Err(EncryptError::EncryptExhausted) => return Err(Exhausted),
            }
        }
    }

    /// Says behind what `out` has that nothing more comes from us, if that can be said and was not.
    pub fn say_all(&mut self, out: &mut Vec<u8>) {
        if !self.is_ready() {
            return;
        }
        self.said_all = true;
        let kept = &mut self.kept;
        if let Stage::Running(tls) = &mut self.stage
            && let Ok(ConnectionState::WriteTraffic(mut traffic)) =
                tls.process_tls_records(kept).state
        {
            let mut alert = [0; ALERT_BYTES_MAX];
            if let Ok(bytes) = traffic.queue_close_notify(&mut alert) {
                out.extend_from_slice(&alert[..bytes]);
            }
            // The alert itself is queued as a message of the handshake would be.
            let (used, _) = drive(tls, kept, out, None);
            kept.drain(..used);
        }
    }

    /// What is enciphered and not yet taken, and how many bytes of the outbox are in it.
    pub fn out(&self) -> (&[u8], usize) {
        (&self.out, self.enciphered)
    }

    /// The kernel took all of `out` up to there, or has no room for what is `left`.
    pub fn leave(&mut self, left: &[u8]) {
        if left.is_empty() {
            self.enciphered = 0;
            self.out = Vec::new();
        } else {
            self.out = left.to_vec();
        }
    }

    /// What was enciphered still goes out, and is nobody's any more: the outbox is dropped.
    fn fail(&mut self) {
        self.stage = Stage::Failed;
        self.said_all = true;
        self.enciphered = 0;
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match self.stage {
            Stage::New(_) => "new",
            Stage::Running(_) => "running",
            Stage::Failed => "failed",
        };
        write!(f, "Session({stage}, {} kept, {} to go)", self.kept.len(), self.out.len())
    }
}

/// Goes through `bytes` as far as they go. Tells how many were used, and whether the peer has ended
/// its side. Without `plain` nothing more is read than what is needed to write.
fn drive(
    tls: &mut UnbufferedServerConnection,
    bytes: &mut [u8],
    out: &mut Vec<u8>,
    mut plain: Option<&mut Vec<u8>>,
) -> (usize, Result<bool, Error>) {
    let (mut used, mut finished) = (0, false);
    let mut failed = None;
    loop {
        let UnbufferedStatus { mut discard, state } = tls.process_tls_records(&mut bytes[used..]);
        let goes_on = match state {
            Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                while let Some(Ok(record)) = traffic.next_record() {
                    discard += record.discard;
                    if let Some(plain) = plain.as_deref_mut() {
                        plain.extend_from_slice(record.payload);
                    }
                }
                true
            }
            Ok(ConnectionState::EncodeTlsData(mut data)) => encode(&mut data, out),
            Ok(ConnectionState::TransmitTlsData(data)) => {
                data.done();
                true
            }
            Ok(ConnectionState::PeerClosed) => {
                finished = true;
                true
            }
            Ok(_) => false, // Ready to write, or more has to come.
            Err(error) => {
                failed = Some(error);
                false
            }
        };
        used += discard;
        if goes_on && failed.is_none() {
            continue;
        }
        // What is still to be said, an alert above all. Without it the next call would find again
        // what is wrong.
        while tls.wants_write()
            && let Ok(ConnectionState::EncodeTlsData(mut data)) =
                tls.process_tls_records(&mut bytes[used..]).state
            && encode(&mut data, out)
        {}
        return (used, failed.map_or(Ok(finished), Err));
    }
}

/// Puts a message of the handshake, or an alert, behind what `out` has.
fn encode<D>(data: &mut EncodeTlsData<'_, D>, out: &mut Vec<u8>) -> bool {
    let from = out.len();
    if let Err(EncodeError::InsufficientSize(size)) = data.encode(&mut []) {
        out.resize(from + size.required_size, 0);
        return data.encode(&mut out[from..]).is_ok();
    }
    true
}

/// What went wrong, as far as it is counted apart.
fn reason(error: &Error) -> CloseReason {
    match error {
        Error::PeerIncompatible(_) | Error::AlertReceived(_) | Error::NoApplicationProtocol => {
            CloseReason::TlsRefused
        }
        _ => CloseReason::TlsMalformed,
    }
}

/// Plain bytes in a record, at most. RFC 8446 §5.1.
const RECORD_BYTES: usize = 16 * 1024;
/// What a record adds, at most: a header, a nonce (in 1.2), a type (in 1.3), a tag.
const RECORD_BYTES_MORE: usize = 5 + 8 + 1 + 16;
/// An alert, enciphered.
const ALERT_BYTES_MAX: usize = 2 + RECORD_BYTES_MORE;
