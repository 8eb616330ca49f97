//! A client's socket that speaks TLS, or does not: read and written as a plain one is.
//!
//! It serves sockets that wait and sockets that do not. What a socket does not take at once is kept
//! and goes before whatever is read or written next; what was read is handed over whole before the
//! socket is asked again, so that nothing stays behind that no edge would tell of.
//!
//! Came from: `remote`, `compare` and `bench`, with a socket. Goes to: a server. Absent on purpose:
//! bounds of memory. A client asks for what it gets.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;

use rustls::{CertificateError, ClientConnection, Error, HandshakeKind, ProtocolVersion};

use super::trust::Trust;

/// A socket, with the TLS that is spoken over it.
#[derive(Debug)]
pub struct Channel<S: Read + Write> {
    socket: S,
    tls: Option<Box<ClientConnection>>,
    has_sent: bool,
}

impl<S: Read + Write> Channel<S> {
    /// Over a connected socket, or one that is connecting; in plain words without `trust`.
    pub fn new(socket: S, trust: Option<&Trust>) -> io::Result<Self> {
        let shakes_hands = |trust: &Trust| {
            ClientConnection::new(Arc::clone(&trust.settings), trust.name.clone())
                .map(Box::new)
                .map_err(io::Error::other)
        };
        let tls = trust.map(shakes_hands).transpose()?;
        Ok(Self { socket, tls, has_sent: false })
    }

    /// Whether TLS is spoken.
    pub const fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// Whether the socket has taken anything, and so is connected. What was written does not tell:
    /// until hands are shaken it is kept here.
    pub const fn has_sent(&self) -> bool {
        self.has_sent
    }

    /// The version of TLS that was agreed on. `None`: none yet, or plain words.
    pub fn tls_version(&self) -> Option<&'static str> {
        match self.tls.as_ref()?.protocol_version()? {
            ProtocolVersion::TLSv1_3 => Some("1.3"),
            _ => Some("1.2"), // Nothing else is offered.
        }
    }

    /// Whether the handshake took up an earlier session. `None`: there is none yet, or plain words.
    pub fn is_resumed(&self) -> Option<bool> {
        self.tls.as_ref()?.handshake_kind().map(|kind| kind == HandshakeKind::Resumed)
    }

    /// Completes the handshake, over a socket that waits. In plain words there is none.
    pub fn shake_hands(&mut self) -> io::Result<()> {
        self.push_out()?;
        while self.tls.as_ref().is_some_and(|tls| tls.is_handshaking()) {
            if !self.take_in()? {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(())
    }

    /// Lets go what is ready to go, as far as the socket takes it.
    fn push_out(&mut self) -> io::Result<()> {
        let Some(tls) = &mut self.tls else {
            return Ok(());
        };
        while tls.wants_write() {
            match tls.write_tls(&mut self.socket) {
                Ok(length) => self.has_sent |= length > 0,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Linux says the latter of a socket that is still connecting.
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) =>
                {
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Takes in what the socket has. `false`: it has ended.
    fn take_in(&mut self) -> io::Result<bool> {
        let Some(tls) = &mut self.tls else {
            return Ok(true);
        };
        let came = tls.read_tls(&mut self.socket)? > 0;
        let understood = tls.process_new_packets().map(|_| ());
        self.push_out()?; // The next step of the handshake, or an alert.
        understood.map_err(|error| io::Error::new(ErrorKind::InvalidData, worded(&error)))?;
        Ok(came)
    }
}

impl<S: Read + Write> Read for Channel<S> {
    /// `Ok(0)`: the other side has ended. Whether it has said all is for HTTP to say, where lengths
    /// and last chunks tell.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.push_out()?;
        loop {
            let Some(tls) = &mut self.tls else {
                return self.socket.read(into);
            };
            match tls.reader().read(into) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(0),
                result => return result,
            }
            if !self.take_in()? {
                return Ok(0);
            }
        }
    }
}

impl<S: Read + Write> Write for Channel<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            let Some(tls) = &mut self.tls else {
                let written = self.socket.write(bytes);
                self.has_sent |= matches!(written, Ok(1..));
                return written;
            };
            let taken = tls.writer().write(bytes)?;
            self.push_out()?;
            if taken > 0 || bytes.is_empty() {
                return Ok(taken);
            }
            // What waited is out, and there is room: who gave up now would hear of no more.
            if self.tls.as_ref().is_some_and(|tls| !tls.is_handshaking() && !tls.wants_write()) {
                continue;
            }
            // As much waits as may: for the handshake, or for the socket.
            if !self.take_in()? {
                return Err(ErrorKind::BrokenPipe.into());
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.push_out()
    }
}

impl<S: Read + Write> Drop for Channel<S> {
    fn drop(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            // Nobody is left to be told that it failed.
            let _ = self.push_out();
        }
    }
}

/// What went wrong, with a remedy where there is one.
pub(super) fn worded(error: &Error) -> String {
    match error {
        // The others: somebody has only the name of one whom we trust, and another key, perhaps of
        // another kind.
        Error::InvalidCertificate(
            CertificateError::UnknownIssuer
            | CertificateError::BadSignature
            | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. },
        ) => "nobody vouches for its certificate whom we trust; give --tls-ca FILE with who does"
            .to_owned(),
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "its certificate is for another name".to_owned(),
        Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        ) => "its certificate has run out".to_owned(),
        // The name that webpki has for it, which is not passed on as a value.
        Error::InvalidCertificate(CertificateError::Other(error))
            if error.to_string().contains("CaUsedAsEndEntity") =>
        {
            "its certificate is that of an authority, which no server may show; make one with \
             basicConstraints=critical,CA:FALSE"
                .to_owned()
        }
        Error::InvalidMessage(_) => "it does not speak TLS; try http://".to_owned(),
        error => error.to_string(),
    }
}
