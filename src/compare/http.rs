//! A kept-alive HTTP connection on which one request is sent and its response waited for.
//!
//! Came from: `processes`: the publisher's connection, and the one that asks for costs. Goes to: a
//! server. Absent on purpose: reconnecting. What fails here ends the comparison.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::client::endpoint::BearerToken;
use crate::client::response::{ResponseDecoder, ResponseStep};
use crate::shell::tls::channel::Channel;
use crate::shell::tls::trust::Trust;

/// A connection of ours to the server.
pub struct HttpConnection {
    stream: Channel<TcpStream>,
    host: String,
    inbox: Vec<u8>,
}

impl HttpConnection {
    /// Connects, by TLS if there is `trust`. `host` is what the field `Host` says.
    pub fn open(address: SocketAddr, host: &str, trust: Option<&Trust>) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut stream = Channel::new(stream, trust)?;
        stream.shake_hands()?;
        Ok(Self { stream, host: host.to_owned(), inbox: Vec::new() })
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
        self.stream.write_all(request)?;
        let mut decoder = ResponseDecoder::default();
        let (mut status, mut body) = (0, Vec::new());
        loop {
            let step = decoder.decode(&self.inbox);
            let step =
                step.map_err(|e| io::Error::new(ErrorKind::InvalidData, format!("{e:?}")))?;
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
            let what = format!("the server hung up ({:?})", decoder.ended(&self.inbox));
            return Err(io::Error::new(ErrorKind::UnexpectedEof, what));
        }
        self.inbox.extend_from_slice(&scratch[..length]);
        Ok(())
    }
}

/// For connecting, and for each read and write.
const PATIENCE: Duration = Duration::from_secs(20);
