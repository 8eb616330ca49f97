//! All readers of a run: connected a few at a time, each with an account of what it gets.
//!
//! Came from: `load`, with events of their sockets. Goes to: `client::subscriber` for what is said,
//! `messages` for what is heard. Absent on purpose: reading on after a connection broke. A run that
//! mends faults hides them; the reader is lost, and counted.
//!
//! This is not `client::swarm`: that one emulates a distance, at the price of copying every read,
//! and knows one topic and how many messages there will be.

mod churn;
mod visit;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;

use hdrhistogram::Histogram;
use mio::event::Event;
use mio::{Registry, Token};

use self::visit::{Churn, ReaderVisit};
use super::check::{DeliveryCheck, Faults};
use super::in_flight::SentOutcome;
use super::link::{Came, LoadLink};
use super::messages::Messages;
use crate::client::frames;
use crate::client::grid::next_on_grid;
use crate::client::setback::printable;
use crate::client::subscriber::{Answered, ReadMode, Subscriber};
use crate::shell::clock;
use crate::shell::tls::trust::Trust;
use crate::wire::frame::Opcode;

/// All readers.
pub struct Readers {
    all: Vec<LoadReader>,
    setup: ReaderSetup,
    registry: Registry,
    scratch: Box<[u8]>,
    started_us: u64,
    /// Those before this one have begun to connect.
    next: usize,
    subscribed: usize,
    /// When to poll again, and whose turn it is.
    timers: BinaryHeap<Reverse<(u64, usize)>>,
    /// Of readers that leave and come back.
    churn: Option<Churn>,
    /// What readers did.
    pub counts: ReaderCounts,
}

/// What all readers have in common.
#[derive(Clone, Debug)]
pub struct ReaderSetup {
    /// The server.
    pub address: SocketAddr,
    /// By whom it is believed, if it speaks TLS.
    pub trust: Option<Trust>,
    /// How they read.
    pub mode: ReadMode,
    /// Between two short polls of a reader; 0 is at once.
    pub interval_us: u64,
}

/// What readers did.
#[derive(Clone, Debug, Default)]
pub struct ReaderCounts {
    /// Connections that were opened.
    pub connections: u64,
    /// Requests that were sent.
    pub requests: u64,
    /// Readers that were lost.
    pub lost: u64,
    /// Why, of the first few.
    pub complaints: Vec<String>,
    /// Times that a reader left and came back.
    pub reconnects: u64,
    /// From when it was to leave until it was back.
    pub reconnect_us: Option<Histogram<u64>>,
}

struct LoadReader {
    subscriber: Subscriber,
    topic: u32,
    /// Its own, so that it takes up its own sessions when it connects anew, as a browser does.
    trust: Option<Trust>,
    link: Option<LoadLink>,
    account: DeliveryCheck,
    /// A request or a stream is under way.
    asks: bool,
    is_lost: bool,
    visit: ReaderVisit,
}

impl Readers {
    /// Connects nobody yet. Subscribers and their topics, in the order of their tokens.
    pub fn new(all: Vec<(Subscriber, u32)>, setup: ReaderSetup, registry: Registry) -> Self {
        let reader = |(subscriber, topic)| LoadReader {
            subscriber,
            topic,
            trust: setup.trust.as_ref().map(Trust::of_another),
            link: None,
            account: DeliveryCheck::new(1),
            asks: false,
            is_lost: false,
            visit: ReaderVisit::Stays,
        };
        Self {
            all: all.into_iter().map(reader).collect(),
            setup,
            registry,
            scratch: vec![0; SCRATCH_BYTES].into(),
            started_us: clock::shared_us(),
            next: 0,
            subscribed: 0,
            timers: BinaryHeap::new(),
            churn: None,
            counts: ReaderCounts::default(),
        }
    }

    /// Begins to connect, so many at a time that no server's queue overflows.
    pub fn connect_some(&mut self, messages: &mut Messages) {
        while self.next < self.all.len()
            && self.next - self.subscribed - (self.counts.lost as usize) < CONNECTING_MAX
        {
            let number = self.next;
            self.next += 1;
            self.doing(number, messages, |readers, _| readers.ask(number));
        }
    }

    /// Every reader that is not lost has subscribed.
    pub fn are_subscribed(&self) -> bool {
        self.subscribed + self.counts.lost as usize >= self.all.len()
    }

    /// Readers that have subscribed.
    pub const fn subscribed(&self) -> usize {
        self.subscribed
    }

    /// Whether none is left.
    pub fn are_lost(&self) -> bool {
        self.counts.lost as usize == self.all.len()
    }

    /// Something happened to a reader's socket.
    pub fn ready(&mut self, event: &Event, messages: &mut Messages) {
        let number = event.token().0;
        // An edge is told once. A read that leaves room has brought all there was, but for an end.
        let to_end = event.is_read_closed() || event.is_error();
        let is_writable = event.is_writable();
        self.doing(number, messages, |readers, messages| {
            if is_writable && let Some(link) = &mut readers.all[number].link {
                link.flush()?;
            }
            readers.read(number, to_end, messages)
        });
    }

    /// When somebody is to poll.
    pub fn next_due_us(&self) -> Option<u64> {
        self.timers.peek().map(|Reverse((due, _))| *due)
    }

    /// Polls that are due.
    pub fn poll(&mut self, now: u64, messages: &mut Messages) {
        while let Some(Reverse((due, number))) = self.timers.peek().copied()
            && due <= now
        {
            self.timers.pop();
            self.doing(number, messages, |readers, _| readers.ask(number));
        }
    }

    /// Whether a reader's own socket takes more.
    pub fn has_room(&self, number: usize) -> bool {
        self.all[number].link.as_ref().is_some_and(|link| link.unsent() < UNSENT_BYTES_MAX)
    }

    /// Publishes by a reader's own WebSocket, which has room. The clock is looked at when the frame
    /// is ready: each is a system call, and with many readers the last one is sent much later.
    pub fn publish(
        &mut self,
        number: usize,
        due_us: Option<u64>,
        messages: &mut Messages,
        clock: impl Fn() -> u64,
    ) {
        let LoadReader { link: Some(link), topic, .. } = &mut self.all[number] else {
            return; // It is lost, and has been counted.
        };
        // A raw WebSocket answers nothing: what comes back is the answer.
        let (message, payload) = messages.publish(*topic, due_us, SentOutcome::Accepted);
        let mut frame = Vec::with_capacity(payload.len() + 14);
        frames::encode(Opcode::Text, payload, MASK, &mut frame);
        link.push(&frame);
        messages.sent(*topic, message, clock());
        if let Err(why) = link.flush() {
            self.lose(number, &why, messages);
        }
    }

    /// A reader whose socket failed.
    pub fn lose(&mut self, number: usize, why: &str, messages: &mut Messages) {
        let count = self.all.len();
        let reader = &mut self.all[number];
        if std::mem::replace(&mut reader.is_lost, true) {
            return;
        }
        reader.link = None;
        if reader.subscriber.is_subscribed() {
            self.subscribed -= 1;
        }
        messages.left(reader.topic, &reader.account);
        self.counts.lost += 1;
        if self.counts.complaints.len() < COMPLAINTS_MAX {
            // A server's own words may be in it.
            let why = printable(why);
            self.counts.complaints.push(format!("reader {} of {count} {why}", number + 1));
        }
    }

    /// Readers that have passed a message are told that they lack nothing.
    pub fn forgive(&mut self, topic: u32, number: u64) {
        for reader in self.all.iter_mut().filter(|reader| reader.topic == topic) {
            reader.account.forgive(number);
        }
    }

    /// No more comes, or, if the run is cut off, no more is waited for: what is wrong, of all of
    /// them, and of the first few in words.
    pub fn close(&mut self, messages: &mut Messages, is_cut: bool) -> Faults {
        let count = self.all.len();
        let mut all = Faults::default();
        for (number, reader) in self.all.iter_mut().enumerate() {
            let faults = if reader.is_lost {
                reader.account.faults()
            } else if is_cut {
                reader.account.cut()
            } else {
                reader.account.close(messages.topic(reader.topic))
            };
            all += faults;
            if faults.total() > 0 && self.counts.complaints.len() < COMPLAINTS_MAX {
                self.counts.complaints.push(format!("reader {} of {count} {faults}", number + 1));
            }
        }
        all
    }

    /// Does something for a reader, who is lost if that fails.
    fn doing(
        &mut self,
        number: usize,
        messages: &mut Messages,
        what: impl FnOnce(&mut Self, &mut Messages) -> Result<(), String>,
    ) {
        if let Err(why) = what(self, messages) {
            self.lose(number, &why, messages);
        }
    }

    /// Sends a request, on a new connection if there is none.
    fn ask(&mut self, number: usize) -> Result<(), String> {
        let reader = &mut self.all[number];
        if reader.is_lost {
            return Ok(());
        }
        if reader.link.is_none() {
            let (address, trust) = (self.setup.address, reader.trust.as_ref());
            let link = LoadLink::open(address, trust, &self.registry, Token(number), NO_PORT)?;
            reader.link = Some(link);
            reader.subscriber.connected();
            self.counts.connections += 1;
        }
        let link = reader.link.as_mut().expect("it was opened just now");
        link.push(&reader.subscriber.request());
        reader.asks = true;
        self.counts.requests += 1;
        link.flush()
    }

    fn read(&mut self, number: usize, to_end: bool, messages: &mut Messages) -> Result<(), String> {
        loop {
            let LoadReader { link, subscriber, account, topic, asks, visit, .. } =
                &mut self.all[number];
            let Some(open) = link else {
                return Ok(());
            };
            let length = match open.read(&mut self.scratch)? {
                Came::Nothing => return Ok(()),
                Came::Bytes(length) => length,
                Came::End => {
                    *link = None;
                    if let ReaderVisit::Leaves(due_us) = *visit {
                        *visit = ReaderVisit::Returns(due_us);
                        return self.ask(number);
                    }
                    return subscriber.ended(*asks).map_err(|fault| fault.to_string());
                }
            };
            if let ReaderVisit::Leaves(_) = visit {
                continue; // Its Close is being answered, and the end comes behind that.
            }
            let now = clock::shared_us();
            let was_subscribed = subscriber.is_subscribed();
            let turn = subscriber.received(&self.scratch[..length], &mut |payload| {
                messages.heard(*topic, account, payload, now);
            });
            let turn = turn.map_err(|fault| fault.to_string())?;
            if !turn.reply.is_empty() {
                open.push(&turn.reply);
                open.flush()?;
            }
            if !was_subscribed && subscriber.is_subscribed() {
                self.subscribed += 1;
                self.came_back(number, now);
            }
            if let Some(answered) = turn.answered {
                self.answered(number, answered, now)?;
            }
            let open = self.all[number].link.as_ref();
            let may_have_more =
                open.is_some_and(|open| open.may_have_more(length, self.scratch.len()));
            if !may_have_more && !to_end {
                return Ok(());
            }
        }
    }

    /// A poll is over. Short polls keep to a grid.
    fn answered(&mut self, number: usize, answered: Answered, now: u64) -> Result<(), String> {
        let reader = &mut self.all[number];
        reader.asks = false;
        if answered.closes {
            reader.link = None;
        }
        let interval = self.setup.interval_us;
        let at_once = interval == 0
            || answered.more
            || !matches!(self.setup.mode, ReadMode::ShortPoll { .. });
        if at_once {
            return self.ask(number);
        }
        let next = next_on_grid(self.started_us, interval, (number, self.all.len()), now);
        self.timers.push(Reverse((next, number)));
        Ok(())
    }
}

/// What one `read` can bring.
const SCRATCH_BYTES: usize = 64 * 1024;
/// What helps when there are more connections of readers than ports.
const NO_PORT: &str =
    "give fewer --readers, a lower --rate of churn, or of short polls a longer --interval";
/// Readers that are connecting at once: fewer than the shortest backlog that is usual.
const CONNECTING_MAX: usize = 100;
/// Complaints that are told in words; all are counted.
const COMPLAINTS_MAX: usize = 5;
/// Bytes that a socket has not taken, from which on nothing is added.
const UNSENT_BYTES_MAX: usize = 256 * 1024;
/// The secrecy of a mask protects proxies from scripts, and a load generator runs none.
const MASK: [u8; 4] = *b"toll";

#[cfg(test)]
mod tests;
