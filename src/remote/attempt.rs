//! One technique on a socket of its own: connects, asks, keeps its deadlines, and says what it was
//! told.
//!
//! Came from: `reader`, whose loop says which socket is ready and what time it is. Goes to:
//! `client::reading` with bytes; a server; and back, with what was told. Absent on purpose: which
//! technique to use, and what becomes of messages.

mod connecting;

use std::io::{ErrorKind, Read, Write};
use std::mem;
use std::net::SocketAddr;

use mio::net::TcpStream;
use mio::{Registry, Token};

use super::address::ServerAddress;
use crate::client::ladder::Timings;
use crate::client::reading::Reading;
use crate::client::setback::Setback;
use crate::client::told::Told;
use crate::shell::tls::channel::Channel;
use crate::technique::Technique;

/// A technique at work.
pub struct Attempt {
    /// Which one.
    pub technique: Technique,
    /// When it began to read, in milliseconds.
    pub opened_ms: Option<u64>,
    /// Of the server, at least one: that which worked last, and then the others.
    pub addresses: Vec<SocketAddr>,
    reading: Reading,
    token: Token,
    socket: Option<Channel<TcpStream>>,
    /// The next of the addresses to be tried. `None`: something has come, and what goes
    /// wrong now is no address's fault.
    address: Option<usize>,
    /// What was asked last: an address that does not connect may have swallowed it, by TLS.
    request: Vec<u8>,
    /// Bytes that the socket has not taken.
    unsent: Vec<u8>,
    /// When to ask next. `None`: an answer or a stream is under way.
    ask_ms: Option<u64>,
    /// When was asked last.
    asked_ms: u64,
    /// Seconds that the answer to it may be withheld.
    wait_s: u64,
    /// How long the answer may take, once there is a connection. `None`: there is one; until then
    /// the deadline is for making it.
    answer_ms: Option<u64>,
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
            addresses: plan.server.addresses.clone(),
            reading: Reading::new(technique, &plan.topics, cursor),
            token,
            socket: None,
            address: Some(0),
            request: Vec::new(),
            unsent: Vec::new(),
            ask_ms: Some(now),
            asked_ms: now,
            wait_s: 0,
            answer_ms: None,
            deadline_ms: u64::MAX,
            patience_ms: 0,
            doubted: false,
            reused: false,
            has_more: false,
        }
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
        self.write(plan, registry, now)?;
        self.is_connected(now);
        Ok(())
    }

    /// Sends a request, on a new connection if there is none.
    fn ask(&mut self, plan: &ReadPlan, registry: &Registry, now: u64) -> Result<(), Setback> {
        self.ask_ms = None;
        self.asked_ms = now;
        self.reused = self.socket.is_some();
        // A wait from `latest` that is cut would lose what came meanwhile: first the cursor.
        let may_park = self.technique == Technique::LongPoll && self.opened_ms.is_some();
        self.wait_s = if may_park { plan.wait_s } else { 0 };
        let answer_ms = self.wait_s * 1000 + plan.timings.grace_ms;
        if self.reused {
            self.wait_for(answer_ms, now);
        } else {
            self.address = Some(0);
            self.answer_ms = Some(answer_ms);
            self.connect(plan, registry, now)?;
        }
        self.request = self.reading.request(&plan.server.endpoint, self.wait_s);
        self.unsent.extend_from_slice(&self.request);
        Ok(())
    }

    /// Something is to come within so many milliseconds.
    const fn wait_for(&mut self, ms: u64, now: u64) {
        self.deadline_ms = now + ms;
        self.patience_ms = ms;
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
                // It ends, or says something that nobody asked for, such as 408: either way the
                // next poll goes out on another connection.
                Ok(_) if self.is_idle() => {
                    self.socket = None;
                    return Ok(());
                }
                Ok(0) => {
                    self.socket = None;
                    if self.asks_anew(now) {
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
            let from = told.len();
            self.take(&scratch[..length], plan, now, chance, told)?;
            if told.len() > from {
                self.has_more = self.socket.is_some();
                return Ok(());
            }
        }
        Ok(())
    }

    /// Takes what was read, and gives what follows it another deadline.
    fn take(
        &mut self,
        bytes: &[u8],
        plan: &ReadPlan,
        now: u64,
        chance: u64,
        told: &mut Vec<Told>,
    ) -> Result<(), Setback> {
        self.reused = false;
        self.is_connected(now);
        self.address_works();
        let from = told.len();
        let outcome = self.reading.received(bytes, told, &mut self.unsent);
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
        outcome
    }

    /// What was told makes it open, and may be the answer to a poll.
    fn heard(&mut self, told: &[Told], plan: &ReadPlan, now: u64, chance: u64) {
        let is_empty = !told.iter().any(|told| matches!(told, Told::Message(_)));
        let interval_ms = plan.interval_ms * (900 + chance / 5) / 1000;
        for told in told {
            if *told != Told::Alive {
                self.opened_ms = self.opened_ms.or(Some(now));
            }
            match *told {
                Told::Answered { more, closes, granted_s } => {
                    if closes {
                        self.socket = None;
                    }
                    self.deadline_ms = u64::MAX;
                    let pause_ms = match self.technique {
                        _ if more => 0,
                        Technique::LongPoll if !is_empty => 0,
                        Technique::LongPoll => self.early_ms(interval_ms, now, granted_s),
                        _ => interval_ms,
                    };
                    self.ask_ms = Some(now + pause_ms);
                }
                Told::TimedOut => {
                    self.socket = None;
                    self.unsent.clear();
                    self.ask_ms = Some(now);
                }
                _ => {}
            }
        }
    }

    /// A long poll is answered with nothing: how much too early. Who has hardly waited is asked as
    /// seldom as by short polls: a proxy may have left the wait out. Who grants less than was asked
    /// for and waits for that long has waited.
    fn early_ms(&self, interval_ms: u64, now: u64, granted_s: Option<u64>) -> u64 {
        let granted_s = granted_s.filter(|granted_s| *granted_s > 0).unwrap_or(self.wait_s);
        let wait_ms = granted_s.min(self.wait_s) * 1000;
        interval_ms.min(wait_ms / 2).saturating_sub(now - self.asked_ms)
    }

    /// Between two polls: the server may hang up, and the next one connects anew.
    const fn is_idle(&self) -> bool {
        self.ask_ms.is_some()
    }

    /// A server may end an idle connection in the moment in which the next poll is sent on it. A
    /// poll changes nothing, so it is sent again, once, on a connection of its own: RFC 9110
    /// §9.2.2.
    fn asks_anew(&mut self, now: u64) -> bool {
        let anew = mem::take(&mut self.reused);
        if anew {
            self.unsent.clear();
            self.ask_ms = Some(now);
        }
        anew
    }

    /// Nothing came in time.
    fn expire(&mut self, plan: &ReadPlan, registry: &Registry, now: u64) -> Result<(), Setback> {
        if self.has_another() {
            return self.try_another(plan, registry, now);
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
}

/// What one `read` can bring.
const READ_BYTES: usize = 16 * 1024;

#[cfg(test)]
mod tests;
