//! A connection on which one thing is sent and its answer waited for.
//!
//! Came from: `publisher`. Goes to: a server, over a socket that blocks: a publisher has nothing
//! else to do meanwhile. Absent on purpose: trying again, which is for whoever knows what was sent.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::address::ServerAddress;
use crate::client::frames;
use crate::client::response::{ResponseDecoder, ResponseHead, ResponseStep};
use crate::client::setback::Setback;
use crate::client::traffic::Traffic;
use crate::limits::MESSAGE_BYTES_MAX;
use crate::shell::tls::channel::Channel;
use crate::wire::Parsed;
use crate::wire::frame::Opcode;

/// A connection to the server.
pub struct Exchange {
    stream: Channel<TcpStream>,
    inbox: Vec<u8>,
}

impl Exchange {
    /// Connects to the first of the addresses that takes it. `patience` is for connecting, and for
    /// each read and write.
    pub fn open(server: &ServerAddress, patience: Duration) -> Result<Self, Setback> {
        let mut last = None;
        for address in &server.addresses {
            match TcpStream::connect_timeout(address, patience) {
                Ok(stream) => {
                    let set = stream
                        .set_nodelay(true)
                        .and_then(|()| stream.set_read_timeout(Some(patience)))
                        .and_then(|()| stream.set_write_timeout(Some(patience)));
                    set.map_err(|error| broken(&error))?;
                    let stream = Channel::new(stream, server.trust.as_ref());
                    let stream = stream.map_err(|error| broken(&error))?;
                    return Ok(Self { stream, inbox: Vec::new() });
                }
                Err(error) => last = Some(error),
            }
        }
        let host = &server.endpoint.host;
        Err(Setback::new(match last {
            Some(error) if error.kind() == ErrorKind::ConnectionRefused => {
                format!("nobody listens at {host}; start a server there, or give --url")
            }
            Some(error) => format!("could not connect to {host}: {error}"),
            None => format!("{host} has no address"),
        }))
    }

    /// Completes TLS's handshake, if there is one: whether the server is whom we trust.
    pub fn shake_hands(&mut self) -> Result<(), Setback> {
        self.stream.shake_hands().map_err(|error| broken(&error))
    }

    /// Sends all of it.
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), Setback> {
        self.stream.write_all(bytes).map_err(|error| broken(&error))
    }

    /// Waits for the answer to what was sent: its head, and its body.
    pub fn answer(&mut self, traffic: &mut Traffic) -> Result<(ResponseHead, Vec<u8>), Setback> {
        let mut decoder = ResponseDecoder::default();
        let (mut head, mut body) = (ResponseHead::default(), Vec::new());
        loop {
            let step = decoder.decode(&self.inbox);
            let step = step.map_err(|e| Setback::new(format!("the server broke HTTP ({e:?})")))?;
            let used = match step {
                ResponseStep::Partial => {
                    if self.read()? {
                        continue;
                    }
                    if head.status != 0 && decoder.ended(&self.inbox).is_ok() {
                        return Ok((head, body)); // The end of the connection is that of the body.
                    }
                    return Err(Setback::new("the server hung up"));
                }
                ResponseStep::Head { head: whole, used } => {
                    traffic.bytes_in.head += used as u64;
                    head = whole;
                    // Frames follow this one.
                    if head.status == 101 {
                        self.inbox.drain(..used);
                        return Ok((head, body));
                    }
                    used
                }
                ResponseStep::Body { bytes, used } => {
                    traffic.bytes_in.body += used as u64;
                    body.extend_from_slice(bytes);
                    used
                }
                ResponseStep::End { used } => {
                    traffic.bytes_in.body += used as u64;
                    self.inbox.drain(..used);
                    return Ok((head, body));
                }
            };
            self.inbox.drain(..used);
            if body.len() > ANSWER_BYTES_MAX {
                return Err(Setback::new("the server's answer is longer than this program takes"));
            }
        }
    }

    /// Waits for the next frame.
    pub fn frame(&mut self) -> Result<(Opcode, Vec<u8>, usize), Setback> {
        loop {
            let parsed = frames::decode(&self.inbox, ANSWER_BYTES_MAX as u64);
            let parsed =
                parsed.map_err(|e| Setback::new(format!("the server broke RFC 6455 ({e:?})")))?;
            if let Parsed::Complete { value: frame, used } = parsed {
                let whole = (frame.opcode, frame.payload.to_vec(), used);
                self.inbox.drain(..used);
                return Ok(whole);
            }
            if !self.read()? {
                return Err(Setback::new("the server hung up"));
            }
        }
    }

    /// `false`: the other side has ended.
    fn read(&mut self) -> Result<bool, Setback> {
        let mut scratch = [0; 16 * 1024];
        loop {
            match self.stream.read(&mut scratch) {
                Ok(length) => {
                    self.inbox.extend_from_slice(&scratch[..length]);
                    return Ok(length > 0);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(broken(&error)),
            }
        }
    }
}

fn broken(error: &io::Error) -> Setback {
    if error.kind() == ErrorKind::InvalidData {
        // TLS: it would be told the same again.
        return Setback { is_final: true, ..Setback::new(error.to_string()) };
    }
    Setback::new(match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => "the server does not answer".to_owned(),
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => "the server hung up".to_owned(),
        _ => format!("the connection failed: {error}"),
    })
}

/// Bytes of an answer or a frame. A publisher over WebSocket reads its topic as well.
const ANSWER_BYTES_MAX: usize = 32 * MESSAGE_BYTES_MAX;
