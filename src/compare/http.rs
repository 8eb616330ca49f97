//! A kept-alive HTTP connection on which one request is sent and its response waited for.
//!
//! A server ends a connection that says nothing for long, and one message may be long after
//! another. So before each request it is looked whether the connection is still there, and if not,
//! another one is opened.
//!
//! Came from: `mod`: the publisher's connection, and the one that asks for costs. Goes to: a
//! server. Absent on purpose: asking again. A request that fails ends the comparison: a message
//! that was published twice would be counted twice.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::figures::TlsHandshakes;
use crate::client::endpoint::BearerToken;
use crate::client::response::{ResponseDecoder, ResponseStep};
use crate::shell::tls::channel::Channel;
use crate::shell::tls::trust::Trust;

/// A connection of ours to the server.
pub struct HttpConnection {
    /// The one of the server's addresses that took the connection.
    pub address: SocketAddr,
    stream: Channel<TcpStream>,
    /// The same socket, to be told whether to wait.
    socket: TcpStream,
    host: String,
    trust: Option<Trust>,
    inbox: Vec<u8>,
    /// Handshakes of connections that were opened anew.
    anew: TlsHandshakes,
}

impl HttpConnection {
    /// Connects to the first of the addresses that takes it, by TLS if there is `trust`. `host` is
    /// what the field `Host` says.
    pub fn open(addresses: &[SocketAddr], host: &str, trust: Option<&Trust>) -> io::Result<Self> {
        let mut last = io::Error::other("it has no address");
        for &address in addresses {
            match connect(address, trust) {
                Ok((stream, socket)) => {
                    return Ok(Self {
                        address,
                        stream,
                        socket,
                        host: host.to_owned(),
                        trust: trust.cloned(),
                        inbox: Vec::new(),
                        anew: TlsHandshakes::default(),
                    });
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// TLS handshakes of its own, beside the first one.
    pub const fn handshakes_anew(&self) -> TlsHandshakes {
        self.anew
    }

    /// The version of TLS that is spoken; `None` in plain words.
    pub fn tls_version(&self) -> Option<&'static str> {
        self.stream.tls_version()
    }

    /// Asks for `path`; gives status and body.
    pub fn get(&mut self, path: &str, token: Option<&BearerToken>) -> io::Result<(u16, Vec<u8>)> {
        let token = BearerToken::field(token);
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n{token}\r\n", self.host);
        self.ask(request.as_bytes())
    }

    /// Publishes `data` on `topic`; gives status and body.
    pub fn post(
        &mut self,
        topic: &str,
        data: &str,
        token: Option<&BearerToken>,
    ) -> io::Result<(u16, Vec<u8>)> {
        let (host, token, length) = (&self.host, BearerToken::field(token), data.len());
        let request = format!(
            "POST /{topic} HTTP/1.1\r\nHost: {host}\r\n{token}Content-Length: {length}\r\n\r\n\
             {data}"
        );
        self.ask(request.as_bytes())
    }

    fn ask(&mut self, request: &[u8]) -> io::Result<(u16, Vec<u8>)> {
        if !self.is_there() {
            (self.stream, self.socket) = connect(self.address, self.trust.as_ref())?;
            self.inbox.clear();
            match self.stream.is_resumed() {
                Some(true) => self.anew.resumed += 1,
                Some(false) => self.anew.full += 1,
                None => {}
            }
        }
        self.exchange(request).map_err(worded)
    }

    /// Whether the server has not ended the connection. One that says something unasked has, or is
    /// about to.
    fn is_there(&mut self) -> bool {
        let mut scratch = [0; 64];
        let looked = self.socket.set_nonblocking(true).and_then(|()| {
            let read = self.stream.read(&mut scratch);
            self.socket.set_nonblocking(false)?;
            read
        });
        looked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }

    fn exchange(&mut self, request: &[u8]) -> io::Result<(u16, Vec<u8>)> {
        self.stream.write_all(request)?;
        let mut decoder = ResponseDecoder::default();
        let (mut status, mut body) = (0, Vec::new());
        loop {
            let step = decoder.decode(&self.inbox);
            let broke = |error| io::Error::other(format!("the server broke HTTP ({error:?})"));
            let step = step.map_err(broke)?;
            let used = match step {
                ResponseStep::Partial => {
                    self.read(&decoder)?;
                    continue;
                }
                ResponseStep::Head { head, used } => {
                    status = head.status;
                    used
                }
                ResponseStep::Body { bytes, used } => {
                    body.extend_from_slice(bytes);
                    used
                }
                ResponseStep::End { used } => {
                    self.inbox.drain(..used);
                    return Ok((status, body));
                }
            };
            self.inbox.drain(..used);
        }
    }

    fn read(&mut self, decoder: &ResponseDecoder) -> io::Result<()> {
        let mut scratch = [0; 16 * 1024];
        let length = self.stream.read(&mut scratch)?;
        if length == 0 {
            // An answer that the end of its connection ends is not one of ours.
            let when = match decoder.ended(&self.inbox) {
                Ok(()) => "before it answered",
                Err(_) => "in the middle of its answer",
            };
            return Err(io::Error::other(format!("the server hung up {when}")));
        }
        self.inbox.extend_from_slice(&scratch[..length]);
        Ok(())
    }
}

fn connect(
    address: SocketAddr,
    trust: Option<&Trust>,
) -> io::Result<(Channel<TcpStream>, TcpStream)> {
    let socket = TcpStream::connect_timeout(&address, PATIENCE)?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    let mut stream = Channel::new(socket.try_clone()?, trust)?;
    stream.shake_hands()?;
    Ok((stream, socket))
}

/// A read that took too long, in words of ours: the system has others.
fn worded(error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => {
            io::Error::new(ErrorKind::TimedOut, "the server does not answer")
        }
        _ => error,
    }
}

/// For connecting, and for each read and write.
const PATIENCE: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn the_next_address_is_tried_when_one_takes_no_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let there = listener.local_addr().expect("it is bound");
        // Loopback as well, and nobody is there.
        let nobody = SocketAddr::from(([127, 0, 0, 2], there.port()));
        let opened = HttpConnection::open(&[nobody, there], "a", None).expect("the second one");
        assert_eq!(opened.address, there);
        assert!(HttpConnection::open(&[nobody], "a", None).is_err());
        assert!(HttpConnection::open(&[], "a", None).is_err());
    }
}
