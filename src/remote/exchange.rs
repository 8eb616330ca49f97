//! A connection on which one thing is sent and its answer waited for.
//!
//! Came from: `publisher`. Goes to: a server. Whoever sends or asks waits here: a publisher has
//! nothing else to do meanwhile. What the server says while something is sent is read, since it may
//! have so much to say that it reads no more before that. Absent on purpose: trying again, which is
//! for whoever knows what was sent.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

use super::address::ServerAddress;
use crate::client::frames;
use crate::client::response::{ResponseDecoder, ResponseHead, ResponseStep};
use crate::client::setback::Setback;
use crate::client::traffic::Traffic;
use crate::limits::MESSAGE_BYTES_MAX;
use crate::shell::clock;
use crate::shell::tls::channel::Channel;
use crate::wire::Parsed;
use crate::wire::frame::Opcode;

/// A connection to the server.
pub struct Exchange {
    stream: Channel<TcpStream>,
    /// The same socket, to be told how long to wait.
    socket: TcpStream,
    /// Tells that the socket takes, or has, more.
    poll: Poll,
    patience: Duration,
    /// How long a read or write may take at present.
    allowed: Duration,
    inbox: Vec<u8>,
    /// The beginning of a message whose end has not come: its frames, joined, and their bytes.
    begun: Option<(Opcode, Vec<u8>, usize)>,
}

impl Exchange {
    /// Connects to the first of the addresses that takes it. `patience` is for connecting, and for
    /// each read and write.
    pub fn open(server: &ServerAddress, patience: Duration) -> Result<Self, Setback> {
        let mut last = None;
        for address in &server.addresses {
            match TcpStream::connect_timeout(address, patience) {
                Ok(stream) => {
                    let made = Self::over(stream, server, patience);
                    return made.map_err(|error| broken(&error));
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

    fn over(socket: TcpStream, server: &ServerAddress, patience: Duration) -> io::Result<Self> {
        socket.set_nodelay(true)?;
        socket.set_nonblocking(true)?;
        let stream = Channel::new(socket.try_clone()?, server.trust.as_ref())?;
        let poll = Poll::new()?;
        let both = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut SourceFd(&socket.as_raw_fd()), Token(0), both)?;
        let allowed = patience;
        Ok(Self { stream, socket, poll, patience, allowed, inbox: Vec::new(), begun: None })
    }

    /// From now on each read and write may take as long as so many bytes need on a slow way: what
    /// was sent may lie in the kernel for long before the server has all of it.
    pub fn allow(&mut self, bytes: usize) {
        self.allowed = self.patience + Duration::from_millis(slow_ms(bytes));
    }

    /// Completes TLS's handshake, if there is one: whether the server is whom we trust.
    pub fn shake_hands(&mut self) -> Result<(), Setback> {
        let shaken = self.socket.set_read_timeout(Some(self.patience));
        let shaken = shaken.and_then(|()| self.socket.set_write_timeout(Some(self.patience)));
        let shaken = shaken.and_then(|()| self.socket.set_nonblocking(false));
        let shaken = shaken.and_then(|()| self.stream.shake_hands());
        let shaken = shaken.and_then(|()| self.socket.set_nonblocking(true));
        shaken.map_err(|error| broken(&error))
    }

    /// Sends all of it.
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), Setback> {
        self.send_all(bytes).map_err(|error| broken(&error))
    }

    fn send_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            // What TLS keeps goes first: it takes more only when that has made room.
            match self.stream.flush().and_then(|()| self.stream.write(bytes)) {
                Ok(length) => bytes = &bytes[length..],
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    // TLS may also say that what has come is to be read first.
                    ErrorKind::WouldBlock | ErrorKind::Other if self.takes_in() => {}
                    ErrorKind::WouldBlock => self.wait(error)?,
                    _ => return Err(error),
                },
            }
        }
        Ok(())
    }

    /// Reads what has come, as far as there is room. `false`: nothing has, or not any more.
    fn takes_in(&mut self) -> bool {
        let mut scratch = [0; 16 * 1024];
        let before = self.inbox.len();
        while self.inbox.len() < ANSWER_BYTES_MAX
            && let Ok(length @ 1..) = self.stream.read(&mut scratch)
        {
            self.inbox.extend_from_slice(&scratch[..length]);
        }
        self.inbox.len() > before
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

    /// Waits for the next message or control frame, and gives the bytes that it took.
    pub fn frame(&mut self) -> Result<(Opcode, Vec<u8>, usize), Setback> {
        loop {
            if let Some(whole) = self.next_frame()? {
                return Ok(whole);
            }
            if !self.read()? {
                return Err(Setback::new("the server hung up"));
            }
        }
    }

    /// The next message or control frame, if it is here.
    fn next_frame(&mut self) -> Result<Option<(Opcode, Vec<u8>, usize)>, Setback> {
        let offence = |what: &str| Setback::new(format!("the server broke RFC 6455 ({what})"));
        loop {
            let parsed = frames::decode(&self.inbox, ANSWER_BYTES_MAX as u64);
            let parsed = parsed.map_err(|error| offence(&format!("{error:?}")))?;
            let Parsed::Complete { value: frame, used } = parsed else {
                return Ok(None);
            };
            let (fin, opcode, payload) = (frame.fin, frame.opcode, frame.payload.to_vec());
            self.inbox.drain(..used);
            if opcode.is_control() {
                return Ok(Some((opcode, payload, used)));
            }
            // §5.4: the pieces of a message come one behind the other.
            let whole = match (self.begun.take(), opcode) {
                (Some((opcode, mut joined, before)), Opcode::Continuation) => {
                    joined.extend_from_slice(&payload);
                    (opcode, joined, before + used)
                }
                (None, Opcode::Continuation) => return Err(offence("Continuation")),
                (None, _) => (opcode, payload, used),
                (Some(_), _) => return Err(offence("NoContinuation")),
            };
            if whole.1.len() > ANSWER_BYTES_MAX {
                return Err(offence("TooLong"));
            }
            if fin {
                return Ok(Some(whole));
            }
            self.begun = Some(whole);
        }
    }

    /// Says that it ends, by this Close frame, and waits a moment for the server's: who is gone
    /// before leaves a server that cannot tell this from a failure.
    pub fn leave(&mut self, close: &[u8]) {
        let until_us = clock::shared_us() + LEAVE_US_MAX;
        self.allowed = Duration::from_micros(LEAVE_US_MAX);
        let mut is_there = self.send(close).is_ok();
        while is_there {
            match self.next_frame() {
                Ok(Some((Opcode::Close, ..))) | Err(_) => return,
                Ok(Some(_)) => {}
                Ok(None) => {
                    let left_us = until_us.saturating_sub(clock::shared_us());
                    self.allowed = Duration::from_micros(left_us);
                    is_there = self.read().unwrap_or(false);
                }
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
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.wait(error).map_err(|error| broken(&error))?;
                }
                Err(error) => return Err(broken(&error)),
            }
        }
    }

    /// Waits until the socket takes, or has, more. `late`: what it is when that takes too long.
    fn wait(&mut self, late: io::Error) -> io::Result<()> {
        let mut events = Events::with_capacity(1);
        match self.poll.poll(&mut events, Some(self.allowed)) {
            Ok(()) if events.is_empty() => Err(late),
            Err(error) if error.kind() != ErrorKind::Interrupted => Err(error),
            _ => Ok(()),
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

/// How much longer than a short one a message of so many bytes may take, in milliseconds: what the
/// browser's client allows, `src/page/client.js`, and as there no more than 5 minutes.
pub fn slow_ms(bytes: usize) -> u64 {
    (bytes as u64 / SLOW_BYTES_PER_MS).min(SLOW_MS_MAX)
}

/// So slow may a message be sent.
const SLOW_BYTES_PER_MS: u64 = 4;
const SLOW_MS_MAX: u64 = 5 * 60 * 1000;
/// How long a server has for its Close frame.
const LEAVE_US_MAX: u64 = 1_000_000;
/// Bytes of an answer or a message. A publisher over WebSocket reads its topic as well.
const ANSWER_BYTES_MAX: usize = 32 * MESSAGE_BYTES_MAX;
