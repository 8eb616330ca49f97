//! All connections to the server under test, on one thread, and what comes by them.
//!
//! Came from: `work`. Goes to: `line`, one for each connection. Absent on purpose: opening again
//! what has ended.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use tollway::shell::clock;

use super::dialect::Dialect;
use super::line::{Heard, Line};

pub(crate) struct Swarm {
    pub(crate) dialect: Dialect,
    address: SocketAddr,
    poll: Poll,
    events: Events,
    lines: Vec<Option<Line>>,
    free: Vec<usize>,
    scratch: Vec<u8>,
    /// A connection that is read in each turn, see [`Self::attend_to`].
    attended: Option<usize>,
    /// When anything was heard for the last time.
    heard_us: u64,
}

impl Swarm {
    pub(crate) fn new(dialect: Dialect, port: u16) -> Self {
        Self {
            dialect,
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            poll: Poll::new().expect("a poll"),
            events: Events::with_capacity(1024),
            lines: Vec::new(),
            free: Vec::new(),
            scratch: vec![0; 64 * 1024],
            attended: None,
            heard_us: clock::shared_us(),
        }
    }

    /// Begins to connect, and asks; gives the number of the connection.
    pub(crate) fn open(&mut self, request: &[u8]) -> Result<usize, String> {
        let failed = |error: std::io::Error| format!("could not connect: {error}");
        let mut socket = TcpStream::connect(self.address).map_err(failed)?;
        socket.set_nodelay(true).map_err(failed)?;
        let number = self.free.pop().unwrap_or_else(|| {
            self.lines.push(None);
            self.lines.len() - 1
        });
        let both = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut socket, Token(number), both).map_err(failed)?;
        let line = self.lines[number].insert(Line::new(socket));
        line.send(request)?;
        Ok(number)
    }

    pub(crate) fn send(&mut self, number: usize, bytes: &[u8]) -> Result<(), String> {
        self.lines[number].as_mut().ok_or("a connection was ended")?.send(bytes)
    }

    pub(crate) fn close(&mut self, number: usize) {
        if self.lines[number].take().is_some() {
            self.free.push(number);
        }
    }

    /// From now on this connection is read after every few others: whoever publishes by it need not
    /// wait until all readers have been heard, as somebody on a machine of its own would not.
    pub(crate) fn attend_to(&mut self, number: usize) {
        self.attended = Some(number);
        self.events = Events::with_capacity(EVENTS_OF_THE_ATTENTIVE);
    }

    /// Waits, and gives what was heard, by connection. An error: the server has not said anything
    /// for very long. Ended connections are closed, and their numbers are given again.
    pub(crate) fn turn(&mut self, wait: Duration) -> Result<Vec<(usize, Heard)>, String> {
        match self.poll.poll(&mut self.events, Some(wait)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error.to_string()),
            _ => {}
        }
        let mut heard = Vec::new();
        let attended = self.attended.map(|number| (number, false, false));
        let told = self.events.iter().map(|event| {
            let to_end = event.is_read_closed() || event.is_error();
            (event.token().0, event.is_writable(), to_end)
        });
        for (number, is_writable, to_end) in attended.into_iter().chain(told) {
            let Some(line) = &mut self.lines[number] else {
                continue;
            };
            if is_writable {
                line.flush()?;
            }
            let mut has_ended = false;
            line.read(&mut self.scratch, to_end, &mut |what| {
                has_ended |= matches!(what, Heard::Ended);
                heard.push((number, what));
            })?;
            if has_ended {
                self.lines[number] = None;
                self.free.push(number);
            }
        }
        let now = clock::shared_us();
        if !heard.is_empty() {
            self.heard_us = now;
        } else if now - self.heard_us > PATIENCE_US {
            return Err("it says nothing any more".to_owned());
        }
        Ok(heard)
    }

    /// The same, of a crowd that was silent on purpose until now.
    pub(crate) fn begin(&mut self) {
        self.heard_us = clock::shared_us();
    }
}

const EVENTS_OF_THE_ATTENTIVE: usize = 64;
const PATIENCE_US: u64 = 15_000_000;
/// How long a turn waits when nothing else is to be done.
pub(crate) const TURN: Duration = Duration::from_millis(200);
