//! One connection to the server, which never waits: bytes that it does not take yet are kept.
//!
//! Came from: `readers` and `publisher`. Goes to: a socket. Absent on purpose: what is said over
//! it, and connecting again.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use crate::shell::tls::channel::Channel;
use crate::shell::tls::trust::Trust;

/// A connection.
#[derive(Debug)]
pub struct LoadLink {
    socket: Channel<TcpStream>,
    unsent: Vec<u8>,
}

/// What a read has brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    /// So many bytes.
    Bytes(usize),
    /// Nothing for now.
    Nothing,
    /// The server has ended the connection.
    End,
}

impl LoadLink {
    /// Begins to connect, by TLS if there is `trust`. Events carry `token`; `no_port` says what
    /// helps when this machine has no port left for it.
    pub fn open(
        address: SocketAddr,
        trust: Option<&Trust>,
        registry: &Registry,
        token: Token,
        no_port: &str,
    ) -> Result<Self, String> {
        let failed = |error| why_not_connected(&error);
        let mut socket = TcpStream::connect(address).map_err(|error| match error.kind() {
            ErrorKind::AddrNotAvailable => without_port(no_port),
            _ => failed(error),
        })?;
        // What is sent is whole: nothing is gained by waiting for more.
        let _ = socket.set_nodelay(true);
        let both = Interest::READABLE | Interest::WRITABLE;
        registry.register(&mut socket, token, both).map_err(failed)?;
        let socket = Channel::new(socket, trust).map_err(failed)?;
        Ok(Self { socket, unsent: Vec::new() })
    }

    /// Bytes that the kernel has not taken.
    pub fn unsent(&self) -> usize {
        self.unsent.len()
    }

    /// Whether the kernel may have more when a read has brought so many bytes and had `room` for
    /// others. TLS brings what a few records hold; without it, what leaves room was all.
    pub fn may_have_more(&self, length: usize, room: usize) -> bool {
        length == room || self.socket.is_secure()
    }

    /// Puts bytes behind what is to be sent; [`Self::flush`] sends them.
    pub fn push(&mut self, bytes: &[u8]) {
        self.unsent.extend_from_slice(bytes);
    }

    /// Sends as much as the kernel takes.
    pub fn flush(&mut self) -> Result<(), String> {
        let mut sent = 0;
        while sent < self.unsent.len() {
            match self.socket.write(&self.unsent[sent..]) {
                Ok(length) => sent += length,
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    // The writable edge brings us back.
                    ErrorKind::WouldBlock | ErrorKind::NotConnected => break,
                    _ => return Err(why_not_connected(&error)),
                },
            }
        }
        self.unsent.drain(..sent);
        Ok(())
    }

    /// Reads once.
    pub fn read(&mut self, scratch: &mut [u8]) -> Result<Came, String> {
        loop {
            return match self.socket.read(scratch) {
                Ok(0) => Ok(Came::End),
                Ok(length) => Ok(Came::Bytes(length)),
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => continue,
                    // Linux says the latter of a socket that is still connecting.
                    ErrorKind::WouldBlock | ErrorKind::NotConnected => Ok(Came::Nothing),
                    ErrorKind::ConnectionReset => Ok(Came::End),
                    _ => Err(why_not_connected(&error)),
                },
            };
        }
    }
}

/// What happened to a connection, and what helps.
fn why_not_connected(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::ConnectionRefused => {
            "could not connect: nobody listens there any more; look at the server's log".to_owned()
        }
        _ if is_out_of_descriptors(error) => {
            "could not connect: this process has no descriptor left; `ulimit -n` allows more"
                .to_owned()
        }
        // TLS, in words.
        ErrorKind::InvalidData => format!("could not connect by TLS: {error}"),
        ErrorKind::BrokenPipe => "lost its connection".to_owned(),
        _ => format!("lost its connection: {error}"),
    }
}

fn without_port(remedy: &str) -> String {
    format!(
        "could not connect: this machine has no port left for it; connections that were closed \
         keep theirs for a minute: {remedy}, or widen net.ipv4.ip_local_port_range"
    )
}

/// EMFILE or ENFILE, which `ErrorKind` has no name for: errno(3).
fn is_out_of_descriptors(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(23 | 24))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remedy_is_that_of_whoever_connects() {
        let says = without_port("give fewer --readers");
        assert!(says.contains("no port left for it") && says.contains("give fewer --readers, or"));
        assert!(!says.contains("--rate"));
    }
}
