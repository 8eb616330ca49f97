//! The broker: the whole server without sockets and clocks.
//!
//! Four kinds of methods, and an order to call them in. **Handlers** say what the world did:
//! [`Broker::accepted`], [`received`](Broker::received), [`sent`](Broker::sent), … Each does what
//! follows at once, in bounded time. **Work** is what may take longer and is done in portions:
//! [`resume`](Broker::resume), [`deliver`](Broker::deliver). **Pollers** say what the broker wants
//! of the world: `next_census`, `next_effect`, `next_dirty`, `next_thirsty`, `next_farewell`,
//! `next_deadline`; the caller asks them until they have nothing, after handlers and work. The rest
//! are plain questions. Time is an argument, never later than at the call before.
//!
//! Came from: the shell, a simulator, a fuzzer. Goes to: `conn` with bytes, `hub` with messages;
//! the broker introduces the two. Absent on purpose: sockets, clocks, threads, locks.

mod answer;
mod asset;
mod bill;
mod conns;
mod deadline;
mod depart;
mod dialect;
mod effect;
mod file;
mod poll;
mod pump;
mod read;
mod survey;

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;

use self::conns::Conns;
pub use self::effect::{Effect, Farewell, Letter, Refusal};
pub use self::file::{FileError, FileInfo};
use self::survey::Surveys;
use crate::close::CloseReason;
use crate::conn::Conn;
use crate::conn::origin::Origins;
use crate::conn::outbox::{Outbox, Segment};
use crate::conn::route::House;
use crate::conn::state::{Name, State};
use crate::hub::{Census, Hub, Subscribers};
use crate::ids::{ConnId, Epoch, Micros, Millis, ShardId};
use crate::ledger::{Bytes, Class, Ledger, Row};
use crate::limits::Limits;
use crate::timer::TimerWheel;
use crate::wire::response::CONTINUE;

/// What a broker is made of.
#[derive(Debug)]
pub struct Setup {
    /// Which thread it serves.
    pub shard: ShardId,
    /// Of how many.
    pub threads: u16,
    /// The numbering of messages; the same for all threads.
    pub epoch: Epoch,
    /// The bounds.
    pub limits: Limits,
    /// Who may ask from a browser.
    pub origins: Origins,
    /// `--static` was given.
    pub serves_files: bool,
    /// Where the jitter of `retry:` begins.
    pub seed: u64,
}

/// The server of one thread.
#[derive(Debug)]
pub struct Broker {
    shard: ShardId,
    threads: u16,
    house: House,
    conns: Conns,
    hub: Hub,
    wheel: TimerWheel,
    ledger: Ledger,
    /// Connections that ended not long ago, for the table.
    closed: VecDeque<Row>,
    surveys: Surveys,
    /// The value of the `Date` field.
    date: String,
    jitter: u64,
    effects: VecDeque<Effect>,
    /// Connections whose outbox went from empty to non-empty.
    dirty: VecDeque<ConnId>,
    /// Connections that want bytes again after they did not.
    thirsty: VecDeque<ConnId>,
    /// Connections with bytes behind a request that is answered now.
    resumable: VecDeque<ConnId>,
    farewells: VecDeque<(ConnId, Farewell)>,
}

impl Broker {
    /// A broker without connections.
    pub fn new(setup: Setup) -> Self {
        Self {
            hub: Hub::new(setup.epoch, &setup.limits),
            house: House {
                limits: setup.limits,
                origins: setup.origins,
                serves_files: setup.serves_files,
            },
            conns: Conns::default(),
            wheel: TimerWheel::new(Millis(0)),
            shard: setup.shard,
            threads: setup.threads,
            ledger: Ledger::default(),
            closed: VecDeque::new(),
            surveys: Surveys::default(),
            date: String::new(),
            jitter: setup.seed | 1,
            effects: VecDeque::new(),
            dirty: VecDeque::new(),
            thirsty: VecDeque::new(),
            resumable: VecDeque::new(),
            farewells: VecDeque::new(),
        }
    }

    /// A peer has connected.
    pub fn accepted(&mut self, peer: SocketAddr, now: Millis) -> Result<ConnId, Refusal> {
        if self.conns.len() >= self.house.limits.connections_max {
            return Err(Refusal::Full);
        }
        let id = self.conns.insert(Conn::new(peer, now));
        self.settle(id, now);
        Ok(id)
    }

    /// Bytes have come. They are understood where they lie; what cannot be understood yet is kept.
    pub fn received(&mut self, id: ConnId, bytes: &mut [u8], now: Millis) {
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        if conn.inbox.is_empty() {
            let used = self.digest(id, bytes, now);
            if let Some(conn) = self.conns.get_mut(id) {
                conn.inbox = bytes[used..].to_vec();
            }
        } else {
            conn.inbox.extend_from_slice(bytes);
            self.digest_inbox(id, now);
        }
        self.settle(id, now);
    }

    /// The peer has ended its side: no more bytes will come. It may still be reading.
    pub fn peer_finished(&mut self, id: ConnId, now: Millis) {
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        conn.finished = true;
        match &conn.state {
            // Whoever waits for an answer still gets it. Whether the peer is there at all to read
            // it shows when we write: an interim answer (RFC 9110 §15.2) asks, and a peer that is
            // gone resets. HTTP/1.0 has no interim answers.
            State::Parked(parked) if !parked.reply.http10 => {
                conn.push(Segment::fixed(CONTINUE, Class::Heartbeat));
            }
            State::Lingering { half_closed: true } => self.drop(id, now),
            // `settle` ends those that have nothing more to wait for.
            State::Head { .. } | State::Body(_) | State::Asked(_) | State::Parked(_) => {}
            State::Sending(_) | State::Streaming(_) | State::Open(_) | State::Closing(_) => {}
            State::Lingering { half_closed: false } | State::Closed => {}
        }
        self.settle(id, now);
    }

    /// The kernel took `bytes` of the outbox; 0 when it had no room. `at` is now; it may be later
    /// than the time of the turn, since many are written to in one.
    pub fn sent(&mut self, id: ConnId, bytes: usize, at: Micros) {
        let now = at.millis();
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        let was_high = conn.outbox.is_high();
        bill::went_out(&mut self.ledger, conn, bytes, at);
        if bytes > 0 {
            conn.stuck_since = now;
        }
        let low_again = was_high && !conn.outbox.is_high();
        let empty = conn.outbox.is_empty();
        match conn.state.name() {
            Name::Streaming => conn.since = now,
            Name::Head if empty => conn.since = now, // It has our answer: idle from now on.
            Name::Lingering if empty => self.end_own_side(id, now),
            _ => {}
        }
        if low_again {
            // The log, a file and what the peer has sent meanwhile were waiting for room.
            self.pump(id, now);
            self.feed(id, now);
            self.resumable.push_back(id);
        }
        self.settle(id, now);
    }

    /// Reading or writing failed for good.
    pub fn failed(&mut self, id: ConnId, kind: io::ErrorKind, now: Millis) {
        if let Some(conn) = self.conns.get_mut(id) {
            log::debug!("{}: {kind}", conn.peer);
            conn.leaving.get_or_insert(CloseReason::Reset);
            self.drop(id, now);
        }
    }

    /// The sequencer or a thread has posted something.
    pub fn letter(&mut self, letter: Letter, now: Millis) {
        match letter {
            Letter::Committed { message, receipt } => {
                self.hub.append(message);
                if let Some(receipt) = receipt {
                    self.committed(receipt, now);
                }
            }
            Letter::Repeated(receipt) => self.committed(receipt, now),
            Letter::Refused(conn) => self.not_committed(conn, now),
            Letter::Survey { from, scope } => {
                self.effects.push_back(Effect::Part { to: from, scope });
            }
            Letter::Part(part) => self.part_came(*part, now),
        }
    }

    /// The sequencer has counted the readers of the topic that `id` asked about.
    pub fn counted(&mut self, id: ConnId, subscribers: Subscribers, now: Millis) {
        self.tell_info(id, subscribers, now);
        self.settle(id, now);
    }

    /// The wall clock's second has changed.
    pub fn wall_clock(&mut self, unix_s: u64) {
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(unix_s);
        self.date = httpdate::fmt_http_date(time);
    }

    /// Goes on with requests that stood behind an answered one. `true`: there may be effects.
    pub fn resume(&mut self, now: Millis) -> bool {
        let mut left = self.resumable.len();
        let any = left > 0;
        while left > 0 {
            left -= 1;
            if let Some(id) = self.resumable.pop_front() {
                self.digest_inbox(id, now);
                self.settle(id, now);
            }
        }
        any
    }

    /// Whether bytes of `id` should be read; if not, they stay in the kernel.
    pub fn wants_bytes(&self, id: ConnId) -> bool {
        self.conns.get(id).is_some_and(Conn::wants_bytes)
    }

    /// The next connection that wants bytes again: no new edge will tell of those in the kernel.
    pub fn next_thirsty(&mut self) -> Option<ConnId> {
        self.thirsty.pop_front()
    }

    /// The next change in who reads what, for the sequencer.
    pub fn next_census(&mut self) -> Option<Census> {
        self.hub.next_census()
    }

    /// The next thing to be done outside.
    pub fn next_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// The next connection whose outbox went from empty to non-empty.
    pub fn next_dirty(&mut self) -> Option<ConnId> {
        self.dirty.pop_front()
    }

    /// What `id` has to send; `None` when it is gone.
    pub fn outbox(&self, id: ConnId) -> Option<&Outbox> {
        self.conns.get(id).map(|conn| &conn.outbox)
    }

    /// The next socket to part with.
    pub fn next_farewell(&mut self) -> Option<(ConnId, Farewell)> {
        self.farewells.pop_front()
    }

    /// The earliest moment at which [`Broker::expire`] has something to do; sometimes an earlier
    /// one, never a later.
    pub fn next_deadline(&self) -> Option<Millis> {
        let (wheel, hub) = (self.wheel.next_deadline(), self.hub.next_deadline());
        wheel.into_iter().chain(hub).min()
    }

    /// How many connections are open.
    pub fn connections(&self) -> usize {
        self.conns.len()
    }

    /// The connection of that id, to be looked at by tests and reports.
    pub fn conn(&self, id: ConnId) -> Option<&Conn> {
        self.conns.get(id)
    }

    /// All connections, to be looked at by tests and reports.
    pub fn conn_ids(&self) -> impl Iterator<Item = ConnId> {
        self.conns.ids()
    }

    /// What this thread has counted, to be looked at by tests.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The hub, to be looked at by tests and reports.
    pub fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Understands what lies in the inbox.
    fn digest_inbox(&mut self, id: ConnId, now: Millis) {
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        let mut inbox = std::mem::take(&mut conn.inbox);
        let used = self.digest(id, &mut inbox, now);
        if let Some(conn) = self.conns.get_mut(id)
            && used < inbox.len()
        {
            inbox.drain(..used);
            conn.inbox = inbox;
        }
    }

    /// Understands `bytes`, answering one ask after the other. Tells how many were understood.
    fn digest(&mut self, id: ConnId, bytes: &mut [u8], now: Millis) -> usize {
        let mut used = 0;
        while let Some(conn) = self.conns.get_mut(id) {
            let mut bill = Bytes::default();
            let (n, ask) = conn.next_ask(&mut bytes[used..], now, &self.house, &mut bill);
            let begun = ask.is_some() || conn.state.name() == Name::Body;
            let news = conn.kind != Some(conn.payer) || !conn.owed.is_empty();
            if begun && news {
                self.enter(id);
            }
            self.came_in(id, &bill);
            used += n;
            match ask {
                Some(ask) => self.answer(id, ask, now),
                None => break,
            }
        }
        used
    }

    /// What is due after anything happened to a connection: tell the shell what it must know, and
    /// the timer wheel when to ask next.
    fn settle(&mut self, id: ConnId, now: Millis) {
        self.end_if_finished(id, now);
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        if std::mem::take(&mut conn.fresh_output) {
            conn.stuck_since = now;
            self.dirty.push_back(id);
        }
        let full = !conn.wants_bytes();
        if conn.full && !full {
            self.thirsty.push_back(id);
        }
        conn.full = full;
        if let Some(due) = conn.due(&self.house.limits)
            && due < conn.hint
        {
            conn.hint = due;
            self.wheel.insert(due, id);
        }
    }
}
