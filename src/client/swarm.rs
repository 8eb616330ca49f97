//! The load generator: a swarm of any number of subscribers in one thread and one `epoll`.
//!
//! Came from: `compare`, in a process of its own. Goes to: a server, over as many sockets as there
//! are clients; and back, as a [`SwarmReport`]. Absent on purpose: a clock and TLS (functions that
//! are given), and anything about a server that a client could not see.
//!
//! Polls keep to a [grid](super::grid). Their first poll, for the cursor, comes at once.

mod client;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, ErrorKind, Read};
use std::net::SocketAddr;
use std::time::Duration;

use mio::event::Source;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use serde::{Deserialize, Serialize};

use self::client::Client;
use super::checklist::Checklist;
use super::cipher::{Ciphers, TlsPlan};
use super::delay::DelayLine;
use super::endpoint::BearerToken;
use super::grid::next_on_grid;
use super::quantiles::Quantiles;
use super::subscriber::{Answered, ReadMode, Subscriber};
use super::trace::{Moment, Trace};

/// What a swarm is to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// The server.
    pub address: SocketAddr,
    /// What the field `Host` says.
    pub host: String,
    /// Whom to trust, if the server speaks TLS. Whoever runs the plan has it spoken.
    pub tls: Option<TlsPlan>,
    /// What is shown with each request, on standard input and not on a command line.
    pub token: Option<BearerToken>,
    /// What is read.
    pub topic: String,
    /// How.
    pub mode: ReadMode,
    /// By how many.
    pub clients: usize,
    /// Messages that each of them is to get.
    pub messages: u64,
    /// Bytes of each message.
    pub size: usize,
    /// Between two short polls of a client.
    pub interval_us: u64,
    /// Held back on each connection, half of it in each direction; see [`DelayLine`].
    pub rtt_us: u64,
    /// Whether the first client is to note what it does and sees.
    pub is_traced: bool,
}

/// What the clients have seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SwarmReport {
    /// Messages that came, of all clients together.
    pub received: u64,
    /// Publishing to receiving, of every message that came.
    pub latency: Quantiles,
    /// What went wrong, a sentence for each client concerned. Empty: every client got every
    /// message, once, in order.
    pub complaints: Vec<String>,
    /// What the first client did and saw, if that was asked for.
    pub trace: Vec<Moment>,
}

/// All clients of one run.
pub struct Swarm {
    poll: Poll,
    plan: Plan,
    clock: fn() -> u64,
    /// Of connections that are to be secure.
    ciphers: Option<Ciphers>,
    started_us: u64,
    clients: Vec<Client>,
    /// When to look at which client. One that no longer agrees with `Client::wake_us` is stale.
    timers: BinaryHeap<Reverse<(u64, usize)>>,
    scratch: Box<[u8]>,
    latencies_us: Vec<u32>,
    trace: Trace,
}

impl Swarm {
    /// Connects nobody yet: that begins with the first [`Self::turn`]. `clock` tells microseconds.
    pub fn new(plan: Plan, clock: fn() -> u64) -> io::Result<Self> {
        let started_us = clock();
        let client = |number: usize| Client {
            subscriber: Subscriber::new(plan.mode, number as u64, &plan.host, &plan.topic)
                .showing(plan.token.as_ref()),
            socket: None,
            cipher: None,
            line: DelayLine::opened(started_us, plan.rtt_us),
            unsent: Vec::new(),
            // One after the other, so that no queue of connections overflows.
            ask_us: Some(started_us + OPEN_EVERY_US * number as u64),
            wake_us: None,
            checklist: Checklist::new(plan.messages, plan.size),
            fault: None,
        };
        let mut swarm = Self {
            poll: Poll::new()?,
            clock,
            ciphers: None,
            started_us,
            clients: (0..plan.clients).map(client).collect(),
            timers: BinaryHeap::new(),
            scratch: vec![0; SCRATCH_BYTES].into(),
            latencies_us: Vec::new(),
            trace: Trace::default(),
            plan,
        };
        for number in 0..swarm.clients.len() {
            swarm.set_timer(number);
        }
        Ok(swarm)
    }

    /// By TLS.
    #[must_use]
    pub fn enciphering(self, ciphers: Ciphers) -> Self {
        Self { ciphers: Some(ciphers), ..self }
    }

    /// Watches something else beside the sockets: [`Self::turn`] says when it can be read.
    pub fn watch(&mut self, source: &mut impl Source) -> io::Result<()> {
        let registry = self.poll.registry();
        registry.register(source, WATCHED, Interest::READABLE)
    }

    /// Waits until something happens, for at most `wait_ms`, and does what there is to do. Tells
    /// whether what is watched can be read.
    pub fn turn(&mut self, events: &mut Events, wait_ms: u64) -> io::Result<bool> {
        let now = (self.clock)();
        let due = self.timers.peek().map(|Reverse((due, _))| *due);
        let until_due = due.map_or(u64::MAX, |due| due.saturating_sub(now));
        let wait = Duration::from_micros(until_due.min(wait_ms * 1000));
        match self.poll.poll(events, Some(wait)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        let mut watched = false;
        for event in events.iter() {
            if event.token() == WATCHED {
                watched = true;
            } else {
                self.read(event.token().0);
                self.serve(event.token().0);
            }
        }
        let now = (self.clock)();
        while let Some(Reverse((due, number))) = self.timers.peek().copied()
            && due <= now
        {
            self.timers.pop();
            if self.clients[number].wake_us == Some(due) {
                self.clients[number].wake_us = None;
                self.serve(number);
            }
        }
        Ok(watched)
    }

    /// All are subscribed, or have failed. Of a long poll: its first request has left.
    pub fn is_ready(&self) -> bool {
        let long = matches!(self.plan.mode, ReadMode::LongPoll { .. });
        self.clients.iter().all(|client| {
            let has_left = client.ask_us.is_none() && client.has_left();
            client.fault.is_some() || client.subscriber.is_subscribed() || (long && has_left)
        })
    }

    /// All have got the last message, or have failed.
    pub fn is_over(&self) -> bool {
        let over = |client: &Client| client.fault.is_some() || client.checklist.is_over();
        self.clients.iter().all(over)
    }

    /// The account of all clients.
    pub fn report(&self) -> SwarmReport {
        let count = self.clients.len();
        let complaint = |(number, client): (usize, &Client)| {
            let parts = [client.fault.clone(), client.checklist.complaint()];
            let parts: Vec<String> = parts.into_iter().flatten().collect();
            let what = parts.join(", ");
            (!parts.is_empty()).then(|| format!("client {} of {count} {what}", number + 1))
        };
        let complaints = self.clients.iter().enumerate().filter_map(complaint);
        SwarmReport {
            received: self.clients.iter().map(|c| c.checklist.received()).sum(),
            latency: Quantiles::of(self.latencies_us.clone()),
            complaints: complaints.collect(),
            trace: self.trace.moments().to_vec(),
        }
    }

    /// Asks, sees what has arrived, and lets go what is to leave, as far as the time has come.
    fn serve(&mut self, number: usize) {
        let now = (self.clock)();
        if let Err(fault) = self.advance(number, now) {
            let client = &mut self.clients[number];
            client.fault = Some(fault);
            client.hang_up();
            client.ask_us = None;
            return;
        }
        self.set_timer(number);
    }

    fn advance(&mut self, number: usize, now: u64) -> Result<(), String> {
        if self.clients[number].ask_us.is_some_and(|due| due <= now) {
            self.ask(number, now)?;
        }
        while let Some(bytes) = self.clients[number].line.next_arriving(now) {
            self.arrived(number, bytes, now)?;
        }
        let client = &mut self.clients[number];
        while let Some(bytes) = client.line.next_leaving(now) {
            client.unsent.extend(bytes);
        }
        client.write().map_err(|error| error.to_string())
    }

    /// Sends a request, on a new connection if there is none.
    fn ask(&mut self, number: usize, now: u64) -> Result<(), String> {
        let client = &mut self.clients[number];
        client.ask_us = None;
        if client.socket.is_none() {
            let connect = |error: io::Error| format!("could not connect: {error}");
            let mut socket = TcpStream::connect(self.plan.address).map_err(connect)?;
            let token = Token(number);
            let both = Interest::READABLE | Interest::WRITABLE;
            let registry = self.poll.registry();
            registry.register(&mut socket, token, both).map_err(connect)?;
            client.socket = Some(socket);
            client.cipher = self.ciphers.as_ref().map(|make| make(number)).transpose()?;
            client.line = DelayLine::opened(now, self.plan.rtt_us);
            client.unsent.clear();
            client.subscriber.connected();
        }
        let request = client.subscriber.request();
        if self.plan.is_traced && number == 0 {
            self.trace.asked(now, request.len());
        }
        client.say(now, request);
        Ok(())
    }

    /// Bytes can be seen now; none of them: the connection has ended.
    fn arrived(&mut self, number: usize, bytes: Vec<u8>, now: u64) -> Result<(), String> {
        let client = &mut self.clients[number];
        let latencies_us = &mut self.latencies_us;
        if bytes.is_empty() {
            client.hang_up();
            let ended = client.subscriber.ended(client.ask_us.is_none());
            return ended.map_err(|fault| fault.to_string());
        }
        let bytes = client.hear(now, bytes)?;
        if bytes.is_empty() {
            return Ok(()); // A step of TLS's handshake.
        }
        let checklist = &mut client.checklist;
        let is_traced = self.plan.is_traced && number == 0;
        let mut heard = Vec::new();
        let turn = client.subscriber.received(&bytes, &mut |payload| {
            if let Some(published_us) = checklist.heard(payload) {
                if is_traced {
                    heard.push(published_us);
                }
                let us = now.saturating_sub(published_us);
                latencies_us.push(u32::try_from(us).unwrap_or(u32::MAX));
            }
        });
        let turn = turn.map_err(|fault| fault.to_string())?;
        if is_traced {
            let is_whole = turn.answered.is_some();
            self.trace.came(self.plan.mode, now, bytes.len(), heard, is_whole);
        }
        if !turn.reply.is_empty() {
            client.say(now, turn.reply);
        }
        if let Some(answered) = turn.answered {
            self.answered(number, answered, now)?;
        }
        Ok(())
    }

    fn answered(&mut self, number: usize, answered: Answered, now: u64) -> Result<(), String> {
        let place = (number, self.clients.len());
        let next = next_on_grid(self.started_us, self.plan.interval_us, place, now);
        let client = &mut self.clients[number];
        if answered.closes {
            client.hang_up();
            client.line = DelayLine::opened(now, self.plan.rtt_us);
        }
        client.ask_us = Some(match self.plan.mode {
            ReadMode::ShortPoll { .. } if !answered.more => next,
            _ => now,
        });
        if client.ask_us == Some(now) {
            return self.ask(number, now);
        }
        Ok(())
    }

    /// Reads all that the kernel has: an edge is told once.
    fn read(&mut self, number: usize) {
        let client = &mut self.clients[number];
        while let Some(socket) = &mut client.socket {
            let now = (self.clock)();
            match socket.read(&mut self.scratch) {
                Ok(0) => {
                    client.line.read(now, Vec::new());
                    return;
                }
                Ok(length) => client.line.read(now, self.scratch[..length].to_vec()),
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    // Linux says the latter of a socket that is still connecting.
                    ErrorKind::WouldBlock | ErrorKind::NotConnected => return,
                    _ => {
                        client.line.read(now, Vec::new());
                        return;
                    }
                },
            }
        }
    }

    /// Sees to it that [`Self::turn`] looks at this client when it has something to do.
    fn set_timer(&mut self, number: usize) {
        let client = &mut self.clients[number];
        let due = [client.ask_us, client.line.next_due_us()];
        let Some(due) = due.into_iter().flatten().min() else {
            return;
        };
        if client.wake_us.is_none_or(|wake| due < wake) {
            client.wake_us = Some(due);
            self.timers.push(Reverse((due, number)));
        }
    }
}

const WATCHED: Token = Token(usize::MAX - 1);
/// What one `read` can bring.
const SCRATCH_BYTES: usize = 64 * 1024;
/// Between the first connections of two clients: 20,000 a second.
const OPEN_EVERY_US: u64 = 50;
