//! One technique on a socket of its own: connects, asks, keeps its deadlines, and says what it was
//! told.
//!
//! Came from: `reader`, whose loop says which socket is ready and what time it is. Goes to:
//! `client::reading` with bytes; a server; and back, with what was told. Absent on purpose: which
//! technique to use, and what becomes of messages.

use std::io::{self, ErrorKind, Read, Write};

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use super::address::ServerAddress;
use crate::client::ladder::Timings;
use crate::client::reading::Reading;
use crate::client::setback::Setback;
use crate::client::told::Told;
use crate::client::traffic::Traffic;
use crate::shell::tls::channel::Channel;
use crate::technique::Technique;

/// A technique at work.
pub struct Attempt {
    /// Which one.
    pub technique: Technique,
    /// When it began to read, in milliseconds.
    pub opened_ms: Option<u64>,
    reading: Reading,
    token: Token,
    socket: Option<Channel<TcpStream>>,
    /// The next of the server's addresses to be tried. `None`: something has come, and what goes
    /// wrong now is no address's fault.
    address: Option<usize>,
    /// What was asked last: an address that does not connect may have swallowed it, by TLS.
    request: Vec<u8>,
    /// Bytes that the socket has not taken.
    unsent: Vec<u8>,
    /// When to ask next. `None`: an answer or a stream is under way.
    ask_ms: Option<u64>,
    /// When something must have come.
    deadline_ms: u64,
    /// How long nothing will have come by then.
    patience_ms: u64,
    /// A Ping is out, and has to be answered by the deadline.
    doubted: bool,
    /// The request under way went out on a connection that has carried an answer before, and
    /// nothing has come for it: if that connection ends, it may have been idle for too long.
    reused: bool,
    /// The kernel may have more than was read: no edge will tell.
    has_more: bool,
}

/// What does not change from attempt to attempt.
#[derive(Clone, Debug)]
pub struct ReadPlan {
    /// The server.
    pub server: ServerAddress,
    /// Names of topics, at least one.
    pub topics: Vec<String>,
    /// Seconds that a long poll may be withheld.
    pub wait_s: u64,
    /// Milliseconds between two short polls.
    pub interval_ms: u64,
    /// Deadlines.
    pub timings: Timings,
}

impl Attempt {
    /// Begins with the next [`Self::advance`]. `cursor`: where to read from.
    pub fn new(
        technique: Technique,
        plan: &ReadPlan,
        cursor: &str,
        token: Token,
        now: u64,
    ) -> Self {
        Self {
            technique,
            opened_ms: None,
            reading: Reading::new(technique, &plan.topics, cursor),
            token,
            socket: None,
            address: Some(0),
            request: Vec::new(),
            unsent: Vec::new(),
            ask_ms: Some(now),
            deadline_ms: u64::MAX,
            patience_ms: 0,
            doubted: false,
            reused: false,
            has_more: false,
        }
    }

    /// What it has cost since it was last asked.
    pub fn take_traffic(&mut self) -> Traffic {
        self.reading.take_traffic()
    }

    /// When [`Self::advance`] has something to do, ready or not.
    pub fn due_ms(&self) -> u64 {
        if self.has_more {
            return 0;
        }
        self.ask_ms.unwrap_or(u64::MAX).min(self.deadline_ms)
    }

    /// Does what the time, or a socket that is ready, allows. `chance` is of 0 to 1,000.
    pub fn advance(
        &mut self,
        plan: &ReadPlan,
        registry: &Registry,
        now: u64,
        chance: u64,
        told: &mut Vec<Told>,
    ) -> Result<(), Setback> {
        if self.ask_ms.is_some_and(|due| due <= now) {
            self.ask(plan, registry, now)?;
        }
        self.read(plan, registry, now, chance, told)?;
        if self.ask_ms.is_none() && self.deadline_ms <= now {
            self.expire(plan, registry, now)?;
        }
        self.write(plan, registry, now)
    }

    /// Sends a request, on a new connection if there is none.
    fn ask(&mut self, plan: &ReadPlan, registry: &Registry, now: u64) -> Result<(), Setback> {
        self.ask_ms = None;
        self.reused = self.socket.is_some();
        if self.socket.is_none() {
            self.address = Some(0);
            self.connect(plan, registry)?;
        }
        // A wait from `latest` that is cut would lose what came meanwhile: first the cursor.
        let may_park = self.technique == Technique::LongPoll && self.opened_ms.is_some();
        let wait_s = if may_park { plan.wait_s } else { 0 };
        self.request = self.reading.request(&plan.server.endpoint, wait_s);
        self.unsent.extend_from_slice(&self.request);
        self.wait_for(wait_s * 1000 + plan.timings.grace_ms, now);
        Ok(())
    }

    /// Something is to come within so many milliseconds.
    const fn wait_for(&mut self, ms: u64, now: u64) {
        self.deadline_ms = now + ms;
        self.patience_ms = ms;
    }

    /// Connects to the next of the addresses.
    fn connect(&mut self, plan: &ReadPlan, registry: &Registry) -> Result<(), Setback> {
        let addresses = &plan.server.addresses;
        loop {
            let next = self.address.unwrap_or(0);
            let address = addresses[next];
            self.address = Some(next + 1);
            self.reading.connected();
            let both = Interest::READABLE | Interest::WRITABLE;
            let connected = TcpStream::connect(address).and_then(|mut socket| {
                registry.register(&mut socket, self.token, both)?;
                Channel::new(socket, plan.server.trust.as_ref())
            });
            match connected {
                Ok(socket) => {
                    self.socket = Some(socket);
                    return Ok(());
                }
                Err(_) if next + 1 < addresses.len() => {}
                Err(error) => return Err(no_connection(&error, plan)),
            }
        }
    }

    /// No connection was made, and there is an address that was not tried.
    fn has_another(&self, plan: &ReadPlan) -> bool {
        let is_made = self.socket.as_ref().is_some_and(Channel::has_sent);
        !is_made && self.address.is_some_and(|next| next < plan.server.addresses.len())
    }

    /// Asks the same of the next of the addresses.
    fn try_another(&mut self, plan: &ReadPlan, registry: &Registry) -> Result<(), Setback> {
        self.unsent.clone_from(&self.request);
        self.connect(plan, registry)
    }

    /// Reads what the kernel has, up to something that is to be shown first.
    fn read(
        &mut self,
        plan: &ReadPlan,
        registry: &Registry,
        now: u64,
        chance: u64,
        told: &mut Vec<Told>,
    ) -> Result<(), Setback> {
        let mut scratch = [0; READ_BYTES];
        self.has_more = false;
        while let Some(socket) = &mut self.socket {
            let length = match socket.read(&mut scratch) {
                Ok(0) => {
                    self.socket = None;
                    if self.is_idle() || self.asks_anew(now) {
                        return Ok(());
                    }
                    let from = told.len();
                    self.reading.ended(told)?;
                    self.heard(&told[from..], plan, now, chance);
                    return Ok(());
                }
                Ok(length) => length,
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => continue,
                    // Linux says the latter of a socket that is still connecting.
                    ErrorKind::WouldBlock | ErrorKind::NotConnected => return Ok(()),
                    _ if self.is_idle() => {
                        self.socket = None;
                        return Ok(());
                    }
                    _ => {
                        self.lost(&error, plan, registry, now)?;
                        continue;
                    }
                },
            };
            self.reused = false;
            self.address = None;
            let from = told.len();
            let reply = self.reading.received(&scratch[..length], told);
            // What came before an error in the same read has come.
            self.heard(&told[from..], plan, now, chance);
            let polls = matches!(self.technique, Technique::ShortPoll | Technique::LongPoll);
            if !polls && self.opened_ms.is_some() {
                self.wait_for(plan.timings.silence_ms, now);
                self.doubted = false;
            } else if polls && !self.is_idle() {
                // An answer that comes slowly comes. Never less than was waited for already.
                let rest = self.deadline_ms.saturating_sub(now);
                self.wait_for(rest.max(plan.timings.grace_ms), now);
            }
            self.unsent.extend(reply?);
            if told.len() > from {
                self.has_more = self.socket.is_some();
                return Ok(());
            }
        }
        Ok(())
    }

    /// What was told makes it open, and may be the answer to a poll.
    fn heard(&mut self, told: &[Told], plan: &ReadPlan, now: u64, chance: u64) {
        for told in told {
            if *told != Told::Alive {
                self.opened_ms = self.opened_ms.or(Some(now));
            }
            if let Told::Answered { more, closes } = *told {
                self.answered(plan, now, chance, more, closes);
            }
        }
    }

    /// Between two polls: the server may hang up, and the next one connects anew.
    const fn is_idle(&self) -> bool {
        self.ask_ms.is_some()
    }

    /// A server may end an idle connection in the moment in which the next poll is sent on it. A
    /// poll changes nothing, so it is sent again, once, on a connection of its own: RFC 9110
    /// §9.2.2.
    fn asks_anew(&mut self, now: u64) -> bool {
        let anew = std::mem::take(&mut self.reused);
        if anew {
            self.unsent.clear();
            self.ask_ms = Some(now);
        }
        anew
    }

    /// A poll is answered: when to ask again.
    fn answered(&mut self, plan: &ReadPlan, now: u64, chance: u64, more: bool, closes: bool) {
        self.deadline_ms = u64::MAX;
        if closes {
            self.socket = None;
        }
        let pause = if more || self.technique == Technique::LongPoll {
            0
        } else {
            plan.interval_ms * (900 + chance / 5) / 1000
        };
        self.ask_ms = Some(now + pause);
    }

    /// Nothing came in time.
    fn expire(&mut self, plan: &ReadPlan, registry: &Registry, now: u64) -> Result<(), Setback> {
        if self.has_another(plan) {
            self.wait_for(plan.timings.grace_ms, now);
            return self.try_another(plan, registry);
        }
        let is_open = self.opened_ms.is_some();
        if self.technique == Technique::WebSocket && is_open && !self.doubted {
            let ping = self.reading.ping();
            self.unsent.extend(ping);
            self.doubted = true;
            self.deadline_ms = now + plan.timings.grace_ms;
            self.patience_ms += plan.timings.grace_ms;
            return Ok(());
        }
        Err(Setback::new(format!("said nothing for {} ms", self.patience_ms)))
    }

    fn write(&mut self, plan: &ReadPlan, registry: &Registry, now: u64) -> Result<(), Setback> {
        while let Some(socket) = &mut self.socket
            && !self.unsent.is_empty()
        {
            match socket.write(&self.unsent) {
                Ok(length) => drop(self.unsent.drain(..length)),
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    // The writable edge brings us back.
                    ErrorKind::WouldBlock | ErrorKind::NotConnected => return Ok(()),
                    _ => self.lost(&error, plan, registry, now)?,
                },
            }
        }
        Ok(())
    }

    /// The connection failed. If it was not even made, the next address may do better.
    fn lost(
        &mut self,
        error: &io::Error,
        plan: &ReadPlan,
        registry: &Registry,
        now: u64,
    ) -> Result<(), Setback> {
        let has_another = self.has_another(plan);
        self.socket = None;
        if self.asks_anew(now) {
            return Ok(());
        }
        if has_another {
            return self.try_another(plan, registry);
        }
        Err(no_connection(error, plan))
    }
}

/// In words, with the address. Where nobody listens, another technique would not be heard either.
fn no_connection(error: &io::Error, plan: &ReadPlan) -> Setback {
    let host = &plan.server.endpoint.host;
    let what = match error.kind() {
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => return Setback::new("was cut"),
        // TLS: another technique would be told the same.
        ErrorKind::InvalidData => {
            let what = format!("cannot be had of {host}: {error}");
            return Setback { is_final: true, ..Setback::new(what) };
        }
        ErrorKind::ConnectionRefused => format!("was not connected: nobody listens at {host}"),
        _ => format!("was not connected to {host}: {error}"),
    };
    Setback { retry_after_ms: Some(0), ..Setback::new(what) }
}

/// What one `read` can bring.
const READ_BYTES: usize = 16 * 1024;

#[cfg(test)]
mod tests;
