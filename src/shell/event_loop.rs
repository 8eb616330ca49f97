//! The event loop: one thread's whole life, one `turn` after another.
//!
//! ```text
//!  wait ─► take_in ─► run_effects ─► expire ─► answer ─► deliver ─► sample ─► …
//!          accept,    letters,       what is   who has   log to     the kernel's
//!          read       lock, files    due       asked     readers    counts
//!
//!  … ─► run_effects ─► write_out ─► run_effects ─► close_sockets ─► watch_newcomers ─► wait
//!                      one write
//!                      for each
//! ```
//!
//! The loop owns the sockets and the time, and decides nothing: the [`Broker`] is told what the
//! world did, and asked what it wants of the world. Three rules make it correct, and two cheap.
//!
//! **An edge is remembered.** `epoll` is used edge-triggered: it says *once* that bytes came, and
//! is silent about what is left of them. So a socket that could not be served to the end in this
//! turn stands in a queue, `again` to be read or `outgoing` to be written, and as long as one
//! stands there the loop waits with a timeout of zero. What a socket last said is kept beside it
//! (see [`Socket`]), until a call finds the opposite. Two kinds of socket are ready and yet in no
//! queue, because somebody else will say so: one whose connection wants no bytes now
//! (`Broker::next_resumed` brings it back), and one whose outbox is empty (`Broker::next_dirty`
//! does).
//!
//! **Nobody is served for ever.** A turn has a [`Budget`] of time, looked at between small steps:
//! one read, one portion of deliveries, one write. The queues are first in, first out; a socket
//! that is not finished goes to the end, and one that was not reached is the first in the next
//! turn. Those who send or read much stand behind those who need little (see [`Queue`]).
//!
//! **What was acknowledged has been seen.** A request may have been sent because a publish was
//! acknowledged, on whatever thread; by then its message lies in our mailbox. So after every `read`
//! and before its bytes are judged, the mailbox is looked into: one atomic load.
//!
//! **One registration.** A socket is registered once for both directions, when the turn in which it
//! came is over and it stays. Edge-triggered, an interest that is not needed now costs nothing, and
//! no `epoll_ctl` is ever needed again. A newcomer is read before that, in the turn in which it
//! came: whoever wants one short answer may have it by then, be gone, and never be registered.
//!
//! **One write.** Everything a connection is to be told in a turn is gathered and handed over in
//! one call at its end, after all reading and all timers. A request on a kept-alive connection
//! costs `epoll_wait`, `read` and a write, and under load the first is shared. Readers to whom a
//! round has brought messages, and who had nothing else to hear, are written to portion by portion,
//! while what they are told is at hand; what comes in meanwhile goes to the rest of them as well.
//! So whoever reads nothing has its answer before a round goes on, and may say more meanwhile.
//!
//! Came from: `mod`, which puts the parts together. Goes to: `broker`, and with what that wants of
//! other threads and of files to `effects`. Absent on purpose: HTTP, topics, deadlines, and every
//! other reason for doing anything.

mod arrivals;
mod drain;
mod rest;
mod secure;
mod writing;

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use mio::{Events, Poll};
use rustls::ServerConfig;
use signal_hook_mio::v1_0::Signals;

use super::acceptor::Acceptor;
use super::budget::{Budget, Phase};
use super::clock::{Clock, Wall};
use super::effects::Effects;
use super::ending::EndPhase;
use super::freed::Freed;
use super::queue::Queue;
use super::sampling::Sampling;
use super::socket::{self, Socket};
use super::sockets::Sockets;
use super::tls::workbench::{TlsScratch, Workbench};
use super::token::Source;
use crate::broker::{Broker, Effect, Setup};
use crate::ids::{ConnId, Millis, WallSecond};
use crate::ledger::SharedCall;
use crate::limits::{EFFECTS_PER_PORTION, EVENTS_PER_TURN, READ_BYTES, READ_BYTES_PER_TURN};

/// Until it is tried again to commit what could not be.
const HELD_BACK: Duration = Duration::from_millis(1);

/// What a thread needs to run a loop. It can be sent to another thread; the loop itself cannot.
pub struct LoopSetup {
    /// Has the waker, and the acceptor's sockets, registered.
    pub poll: Poll,
    /// How connections come in.
    pub acceptor: Acceptor,
    /// How other threads and files are reached.
    pub effects: Effects,
    /// On one thread of the server: how an operator is heard.
    pub signals: Option<Signals>,
    /// The server's time.
    pub clock: Clock,
    /// What connections have in common that speak TLS, if any do.
    pub tls: Option<Arc<ServerConfig>>,
    /// What the broker is made of.
    pub setup: Setup,
}

/// A thread's sockets, its broker, and what stands in between.
pub struct EventLoop {
    poll: Poll,
    events: Events,
    acceptor: Acceptor,
    effects: Effects,
    sampling: Sampling,
    freed: Freed,
    signals: Option<Signals>,
    end_phase: EndPhase,
    drain_ms: u64,
    budget: Budget,
    broker: Broker,
    sockets: Sockets,
    /// Accepted in this turn, and not watched yet.
    newcomers: Vec<ConnId>,
    /// Sockets to be read.
    again: Queue,
    /// Sockets to be written.
    outgoing: Queue,
    /// The broker has work left over from this turn.
    more: bool,
    /// The time of this turn.
    now: Millis,
    /// When the second on the wall changes.
    next_second: Millis,
    /// Where bytes are read to. One for the thread: an idle connection owns no buffer.
    scratch: Box<[u8]>,
    /// TLS, if any address speaks it.
    tls: Option<TlsScratch>,
}

impl EventLoop {
    /// A loop with no connections yet. To be called on the thread that will run it.
    pub fn new(setup: LoopSetup) -> Self {
        Self {
            poll: setup.poll,
            events: Events::with_capacity(EVENTS_PER_TURN),
            acceptor: setup.acceptor,
            effects: setup.effects,
            sampling: Sampling::default(),
            freed: Freed::default(),
            signals: setup.signals,
            end_phase: EndPhase::Serving,
            drain_ms: setup.setup.limits.drain_ms,
            budget: Budget::new(setup.clock),
            broker: Broker::new(setup.setup),
            sockets: Sockets::default(),
            newcomers: Vec::new(),
            again: Queue::default(),
            outgoing: Queue::default(),
            more: false,
            now: setup.clock.now(),
            next_second: Millis(0),
            scratch: vec![0; READ_BYTES].into_boxed_slice(),
            tls: setup.tls.map(TlsScratch::new),
        }
    }

    /// Turns until the server is told to stop.
    pub fn run(mut self) -> io::Result<()> {
        self.expire(); // What a store has kept may be too old by now.
        while !self.effects.bus().is_closed() {
            self.wait()?;
            self.drain(); // Whoever is answered in this turn is told that the server ends.
            self.turn();
            self.drain(); // Nobody may be left, and then there is nothing to wait for.
        }
        Ok(())
    }

    fn turn(&mut self) {
        self.take_in();
        self.run_effects();
        self.expire();
        self.answer();
        self.deliver();
        self.sample();
        // A reader that was greeted must be counted before it reads its greeting: one that has seen
        // its greeting is among the subscribers of the next publish.
        self.more = self.run_effects();
        self.write_out();
        // What was written made room: the next piece of a file, the next request of a pipeline.
        self.more |= self.run_effects();
        self.close_sockets();
        self.watch_newcomers();
    }

    fn wait(&mut self) -> io::Result<()> {
        self.queue_dirty();
        let patience = self.patience();
        match self.poll.poll(&mut self.events, patience) {
            // A signal; the events are none.
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => result?,
        }
        self.effects.wake_up();
        self.now = self.budget.begin_now(Phase::Accept);
        self.broker.charge_shared(SharedCall::Wait, 1);
        if self.now >= self.next_second {
            let wall = Wall::look();
            self.next_second = self.now.plus(wall.changes_in_ms);
            self.broker.wall_clock(WallSecond { unix_s: wall.unix_s, ends: self.next_second });
        }
        Ok(())
    }

    fn take_in(&mut self) {
        self.on_events();
        self.accept();
        self.budget.begin(Phase::TakeIn);
        for (much, standing) in self.again.standing() {
            for n in 0..standing {
                if n > 0 && !self.budget.has_left() || !self.broker.takes_input() {
                    break;
                }
                if let Some(id) = self.again.line(much).pop() {
                    self.read(id);
                }
            }
        }
    }

    /// Notes down what the kernel says, and does nothing about it yet.
    fn on_events(&mut self) {
        let mut signalled = false;
        for event in &self.events {
            let id = match Source::of(event.token()) {
                Source::Socket(id) => id,
                Source::ListeningSocket(index) => {
                    self.acceptor.on_event(index);
                    continue;
                }
                Source::Waker => continue, // Letters are looked for in any case.
                Source::Signals => {
                    signalled = true;
                    continue;
                }
            };
            let Some(socket) = self.sockets.find(id) else {
                continue; // Closed since; its slot may have another connection.
            };
            let was_full = !socket.is_writable();
            socket.on_event(event);
            self.again.to_read(id, socket);
            let waits = |tls: &mut TlsScratch| tls.waits(id);
            if was_full && (self.broker.has_output(id) || self.tls.as_mut().is_some_and(waits)) {
                self.outgoing.to_write(id, socket);
            }
            if event.is_error() && !socket.is_readable() {
                // It has been read to its end, so no read will find the error.
                report_error(&mut self.broker, id, socket, self.now);
            }
        }
        if signalled {
            self.on_signals();
        }
    }

    /// Reads what a socket holds, until it is empty, unwanted, or has had its share of the turn.
    fn read(&mut self, id: ConnId) {
        let Some(socket) = self.sockets.find(id) else {
            return;
        };
        socket.queued_to_read = false;
        let mut share = READ_BYTES_PER_TURN;
        while socket.is_readable() {
            if !self.broker.wants_bytes(id) {
                if socket.is_ending() {
                    report_error(&mut self.broker, id, socket, self.now);
                    if socket.take_end_unread() {
                        self.broker.peer_finishing(id, self.now);
                    }
                }
                return; // It stays readable; the broker says when it wants the bytes.
            }
            let went_on = share < READ_BYTES_PER_TURN;
            let full = !self.broker.takes_input();
            if share == 0 || full || went_on && !self.budget.has_left() {
                self.again.to_read(id, socket);
                return;
            }
            if let Some(tls) = self.tls.as_mut().filter(|_| socket.speaks_tls) {
                let (broker, effects) = (&mut self.broker, &mut self.effects);
                let mut bench = Workbench { broker, effects, tls, now: self.now };
                share = share.saturating_sub(bench.read(id, socket, &mut self.scratch));
                self.budget.look_soon(); // A handshake takes as long as a hundred requests.
                // What is to be said may have waited for the end of the handshake.
                if bench.tls.waits(id) || self.broker.has_output(id) {
                    self.outgoing.to_write(id, socket);
                }
                continue;
            }
            let read = socket.read(&mut self.scratch);
            self.broker.charge(id, socket::read_call(&read));
            match read {
                Ok(0) => self.broker.peer_finished(id, self.now),
                Ok(bytes) => {
                    share = share.saturating_sub(bytes);
                    if socket.brings_much() {
                        self.budget.look_soon();
                    }
                    self.effects.open_letters(&mut self.broker, self.now);
                    self.broker.received(id, &mut self.scratch[..bytes], self.now);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => self.broker.failed(id, error.kind(), self.now),
            }
        }
    }

    /// Does what the broker asks for, until it asks for nothing more or the time is over. `true`:
    /// something happened.
    fn run_effects(&mut self) -> bool {
        if self.effects.are_none(&self.broker) {
            return false; // As two of three times in most turns.
        }
        let mut busy = false;
        self.budget.begin(Phase::Effects);
        while self.carry_out() {
            busy = true;
            self.budget.look_soon();
            if self.effects.are_none(&self.broker) || !self.budget.has_left() {
                break;
            }
        }
        while let Some(id) = self.broker.next_resumed() {
            if let Some(socket) = self.sockets.find(id) {
                self.again.to_read(id, socket);
            }
        }
        busy
    }

    /// Reads letters, goes on with requests, and carries out a portion of the effects. `true`:
    /// something happened, which may lead to more.
    fn carry_out(&mut self) -> bool {
        let mut stirred = self.effects.open_letters(&mut self.broker, self.now);
        stirred |= self.broker.go_on(self.now);
        // Last, so that a subscriber that has just come is counted when the turn goes on.
        for _ in 0..EFFECTS_PER_PORTION {
            let Some(effect) = self.broker.next_effect() else {
                break;
            };
            stirred = true;
            match effect {
                Effect::Sample { conn, payer } => {
                    if let Some(socket) = self.sockets.find(conn) {
                        self.broker.charge_shared(SharedCall::Sample, 1); // Also when it fails.
                        if let Some(sample) = socket.sample() {
                            self.broker.sampled(conn, payer, sample);
                        }
                    }
                }
                Effect::CountUnacknowledged { conn } => {
                    if let Some(bytes) = self.sockets.find(conn).map(|s| s.unacknowledged()) {
                        self.broker.charge_shared(SharedCall::Sample, 1);
                        self.broker.unacknowledged(conn, bytes, self.now);
                    }
                }
                Effect::ShardReport { to, scope } if self.sampling.want(to, scope) => self.sample(),
                Effect::ShardReport { .. } => {} // It waits for the one before it.
                effect => self.effects.carry_out(&mut self.broker, effect, self.now),
            }
        }
        self.effects.use_the_bus(&mut self.broker, self.now);
        stirred
    }

    /// Goes on with a report that may need more samples of sockets than fit into a turn.
    fn sample(&mut self) {
        let (broker, sockets) = (&mut self.broker, &mut self.sockets);
        if let Some((to, report)) = self.sampling.step(broker, sockets, self.now) {
            self.effects.send_report(broker, to, report);
        }
    }

    fn expire(&mut self) {
        if self.broker.next_deadline().is_some_and(|at| at <= self.now) {
            // Nobody takes leave before it has what was acknowledged by now.
            self.effects.open_letters(&mut self.broker, self.now);
            self.broker.expire(self.now);
        }
    }
}

/// Tells of an error that no read would find, because nobody reads.
fn report_error(broker: &mut Broker, id: ConnId, socket: &mut Socket, now: Millis) {
    if let Some(kind) = socket.take_error() {
        broker.failed(id, kind, now);
    }
}
