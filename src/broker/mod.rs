//! The broker: the whole server of one thread, without sockets and clocks.
//!
//! **How to drive it.** Four kinds of methods, and an order to call them in. **Handlers** say what
//! the world did: [`Broker::accepted`], [`received`](Broker::received), [`sent`](Broker::sent), …
//! Each does what follows at once, in bounded time. **Work** is what may take longer and is done in
//! portions: [`go_on`](Broker::go_on), [`deliver`](Broker::deliver),
//! [`expire`](Broker::expire). **Pollers** say what the broker wants of the world, and are asked
//! until they have nothing, after handlers and work:
//!
//! 1. [`next_subscriber_change`](Broker::next_subscriber_change) before what
//!    [`next_effect`](Broker::next_effect) asks to publish is committed: a subscriber that came in
//!    this turn is among those that a publish of this turn is told of. This order is a promise to
//!    clients.
//! 2. `next_effect` before writing: answers to effects are written in the same turn, to save one.
//! 3. [`next_dirty`](Broker::next_dirty), and for each the [`outbox`](Broker::outbox), before
//!    [`next_teardown`](Broker::next_teardown): the last answer leaves before its socket is closed.
//!    The teardowns of a connection come in their own order, and behind `Close` none comes. Some of
//!    those that are dirty may be written to before: [`next_served`](Broker::next_served), and who
//!    [reads no topic](Broker::is_subscribed) before anybody is served.
//! 4. [`next_resumed`](Broker::next_resumed) whenever: no edge will tell of bytes that were left in
//!    the kernel, so the wish for them may come late and must not be lost.
//! 5. [`next_deadline`](Broker::next_deadline) last, before waiting.
//!
//! The rest are plain questions. Time is an argument, never earlier than at the call before.
//!
//! **How it is built.** In layers, and calls go down only; `tests/tidy.rs` draws the line.
//!
//! ```text
//!  face        mod handlers work drain conns  finds the connection, once: a visit
//!                 │
//!  intake      input  deadline                bytes, or none for too long
//!                 │
//!  questions   answer ─▶ read publish file report asset ticket ─▶ poll v1 websocket ─▶ telling
//!                 │
//!  answers     respond  goodbye ─▶ pump       over HTTP, or from the log
//!                 │
//!  ends        teardown ─▶ subscribe          out of the lists, then closed
//!                 │
//!  books       accounting ─▶ visit, letters, pending, effect
//! ```
//!
//! So nothing recurses. Where one thing could lead to another without end, the second is noted and
//! done by the face, after the visit: the request behind an answered one
//! ([`go_on`](Broker::go_on)), so that a pipeline is a loop; a subscriber that sits elsewhere
//! because another one left; the next report that somebody waits for.
//!
//! Came from: the shell, a simulator, a fuzzer. Goes to: `conn` with bytes, `hub` with messages;
//! the broker introduces the two. Absent on purpose: sockets, clocks, threads, locks.

mod accounting;
mod answer;
mod asset;
mod conns;
mod deadline;
mod deciphered;
mod draft;
mod drain;
mod effect;
mod farewells;
mod fence;
mod file;
mod given;
mod goodbye;
mod handlers;
mod idle;
mod input;
mod letters;
mod pending;
mod places;
mod poll;
mod pool;
mod publish;
mod pump;
mod read;
mod report;
mod respond;
mod secure;
mod setup;
mod subscribe;
mod teardown;
mod telling;
mod ticket;
mod uncommitted;
mod unfinished;
mod v1;
mod visit;
mod websocket;
mod work;

use std::collections::VecDeque;

use self::conns::Conns;
pub use self::deciphered::{Deciphered, Placed, Preface};
pub use self::effect::{Effect, Letter, Teardown};
pub use self::farewells::DrainCounts;
use self::farewells::Farewells;
pub use self::file::{FileError, FileInfo};
use self::idle::Idle;
use self::letters::Letters;
use self::pending::PendingReports;
pub use self::places::Places;
use self::pool::Share;
pub use self::pool::UnfinishedPool;
pub use self::setup::Setup;
use self::uncommitted::Uncommitted;
use self::visit::{Shard, Visit};
use crate::conn::Conn;
use crate::conn::familiar::Familiar;
use crate::conn::outbox::Outbox;
use crate::conn::policy::{DrainPhase, Policy};
use crate::hub::{Hub, SubscriberChange};
use crate::ids::{ConnId, Millis, Neighbours, WallSecond};
use crate::ledger::Ledger;
use crate::limits::{EFFECTS_BYTES_MAX, EFFECTS_MAX};
use crate::spare::Spare;
use crate::timer::TimerWheel;
use crate::wire::deflate;
use crate::wire::response::CommonFields;

/// The server of one thread.
#[derive(Debug)]
pub struct Broker {
    conns: Conns,
    /// Those of them that can make room for a newcomer.
    idle: Idle,
    shard: Shard,
    wheel: TimerWheel,
    /// Connections whose outbox went from empty to non-empty.
    dirty: VecDeque<ConnId>,
    /// Connections whose outbox only a round has filled.
    served: VecDeque<ConnId>,
    /// Connections that want bytes again after they did not.
    resumed: VecDeque<ConnId>,
    /// The server is to end.
    drain: Option<Farewells>,
}

impl Broker {
    /// A broker without connections.
    pub fn new(setup: Setup) -> Self {
        let mut hub = Hub::new(setup.epoch, &setup.limits, setup.threads);
        if let Some(past) = &setup.past {
            hub.recall(past);
        }
        Self {
            conns: Conns::default(),
            idle: Idle::default(),
            shard: Shard {
                id: setup.shard,
                threads: setup.threads,
                began: setup.began,
                hub,
                policy: Policy {
                    limits: setup.limits,
                    origins: setup.origins,
                    serves_files: setup.serves_files,
                    drain: DrainPhase::Serving,
                    admin_listens: setup.admin_listens,
                    proxies: setup.proxies,
                    rights: setup.rights,
                    second: WallSecond::default(),
                },
                ledger: Ledger::default(),
                closed: VecDeque::new(),
                reports: PendingReports::default(),
                unix_s: 0,
                common_fields: CommonFields::default(),
                familiar: Familiar::default(),
                given: None,
                random: setup.seed | 1,
                uncommitted: Uncommitted::default(),
                store_fault: None,
                letters: Letters::default(),
                effects: VecDeque::new(),
                effects_bytes: 0,
                unfinished: Share::new(setup.unfinished),
                departing: VecDeque::new(),
                left_behind: VecDeque::new(),
                teardowns: VecDeque::new(),
                reseated: Vec::new(),
            },
            wheel: TimerWheel::new(setup.began),
            dirty: VecDeque::new(),
            served: VecDeque::new(),
            resumed: VecDeque::new(),
            drain: None,
        }
    }

    /// Finds a connection, lets `act` happen to it, and does what is due after anything happened.
    /// A connection that is gone is not visited: a letter or an event meant for it dies here.
    fn visit(&mut self, id: ConnId, now: Millis, act: impl FnOnce(&mut Visit<'_>)) {
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        let stood = conn.state.neighbours();
        let mut visit = Visit { id, conn, shard: &mut self.shard, now };
        act(&mut visit);
        if visit.conn.has_last_bytes() && !visit.conn.is_paused() {
            input::digest_inbox(&mut visit); // What came while it was held was not looked at yet.
        }
        teardown::end_if_finished(&mut visit);
        unfinished::take_note(&mut visit); // Last: whoever has ended in this visit holds nothing.
        self.shard.hub.trim_renditions();
        self.note_wishes(id, now, stood);
        if !self.shard.reseated.is_empty() {
            self.reseat();
        }
    }

    /// What the shell must know of a connection, when the timer wheel is to ask for it next, and
    /// whether it is idle: before it `stood` in the list of those that are, or not.
    fn note_wishes(&mut self, id: ConnId, now: Millis, stood: Option<Neighbours>) {
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        if conn.flow.outbox.take_fresh() {
            conn.took(now);
            self.dirty.push_back(id);
        }
        let is_idle = conn.is_idle();
        if is_idle && let Some(network) = conn.leaves_place(&self.shard.policy) {
            self.shard.effects.push_back(Effect::FreePlace { network });
        }
        let wanted = conn.wants_bytes();
        if conn.flow.resumes_reading(wanted) {
            self.resumed.push_back(id);
        }
        let due = conn.due(&self.shard.policy.limits);
        if conn.timing.hints_at(due) {
            self.wheel.insert(due, id.slot);
        }
        // Whoever was answered in this visit has bytes for the kernel, and is idle behind them.
        debug_assert!(stood.is_none() || !is_idle || conn.state.neighbours().is_some());
        match stood {
            None if is_idle => self.idle.enter(&mut self.conns, id.slot),
            Some(stood) if !is_idle => self.idle.leave(&mut self.conns, id.slot, stood),
            _ => {} // As before.
        }
    }

    /// Tells those whose seat was moved where they sit now.
    #[cold]
    fn reseat(&mut self) {
        for (id, seat) in self.shard.reseated.drain(..) {
            let conn = self.conns.get_mut(id);
            let subscription = conn.and_then(|conn| conn.state.subscription_mut());
            let seats = subscription.into_iter().flat_map(|s| s.seats.as_mut_slice());
            for own in seats {
                if own.topic == seat.topic {
                    own.slot = seat.slot;
                }
            }
        }
    }

    /// Whether bytes of `id` should be read; if not, they stay in the kernel.
    pub fn wants_bytes(&self, id: ConnId) -> bool {
        self.conns.get(id).is_some_and(Conn::wants_bytes)
    }

    /// The next connection that wants bytes again: no new edge will tell of those in the kernel.
    pub fn next_resumed(&mut self) -> Option<ConnId> {
        next_of(&mut self.resumed)
    }

    /// The next change in who reads what, for the sequencer.
    pub fn next_subscriber_change(&mut self) -> Option<SubscriberChange> {
        self.shard.hub.next_subscriber_change()
    }

    /// The next thing to be done outside.
    pub fn next_effect(&mut self) -> Option<Effect> {
        let effect = self.shard.effects.pop_front();
        if let Some(Effect::Publish { draft, .. }) = &effect {
            self.shard.effects_bytes -= draft.weight();
        }
        self.shard.effects.give_back();
        effect
    }

    /// Whether more bytes may be read: not before effects that were asked for are carried out, when
    /// they are many or long.
    pub fn takes_input(&self) -> bool {
        let shard = &self.shard;
        shard.effects.len() < EFFECTS_MAX && shard.effects_bytes < EFFECTS_BYTES_MAX
    }

    /// Lets go of what can be made again: what messages were encoded to, blocks, and compressors.
    pub fn forget_renditions(&mut self) {
        self.shard.hub.hold_renditions(0);
        self.shard.hub.forget_bundles();
        self.shard.hub.forget_blocks();
        self.shard.given = None;
        self.shard.familiar.forget();
        deflate::give_back_compressors();
    }

    /// Bytes that this thread holds of messages and unfinished input.
    pub fn held_bytes(&self) -> usize {
        let Shard { hub, unfinished, letters, .. } = &self.shard;
        hub.cost() + unfinished.used() + letters.bytes()
    }

    /// The next connection whose outbox went from empty to non-empty.
    pub fn next_dirty(&mut self) -> Option<ConnId> {
        self.next_served().or_else(|| next_of(&mut self.dirty))
    }

    /// What `id` has to send; `None` when it is gone.
    pub fn outbox(&self, id: ConnId) -> Option<&Outbox> {
        self.conns.get(id).map(|conn| &conn.flow.outbox)
    }

    /// Whether `id` has something to send.
    pub fn has_output(&self, id: ConnId) -> bool {
        self.outbox(id).is_some_and(|outbox| !outbox.is_empty())
    }

    /// The next socket to be ended.
    pub fn next_teardown(&mut self) -> Option<(ConnId, Teardown)> {
        self.shard.teardowns.give_back();
        self.shard.teardowns.pop_front()
    }

    /// The earliest moment at which [`Broker::expire`] has something to do; sometimes an earlier
    /// one, never a later.
    pub fn next_deadline(&self) -> Option<Millis> {
        let shard = &self.shard;
        let (wheel, hub) = (self.wheel.next_deadline(), shard.hub.next_deadline());
        let (reports, commit) = (shard.reports.next_deadline(), shard.uncommitted.next_deadline());
        let moments = [wheel, hub, reports, commit, self.next_farewell()];
        let earliest = moments.map(|moment| moment.unwrap_or(Millis::NEVER)).into_iter().min();
        earliest.filter(|&moment| moment != Millis::NEVER)
    }

    /// Whether there is work that can be done now, so that a turn is to follow without waiting for
    /// anything.
    pub fn has_work(&self) -> bool {
        let shard = &self.shard;
        self.can_deliver() || !shard.left_behind.is_empty() || !shard.teardowns.is_empty()
    }

    /// Whether [`Broker::deliver`] has something to do. While a subscriber lags there may be
    /// nothing before it was written to.
    fn can_deliver(&self) -> bool {
        let hub = &self.shard.hub;
        let readable = !self.shard.letters.is_empty() && (hub.has_room() || !hub.is_lagging());
        readable || hub.has_rounds()
    }

    /// Letters that came and were not read yet, for want of room, and the bytes of messages in
    /// them.
    pub fn unread_letters(&self) -> (usize, usize) {
        (self.shard.letters.len(), self.shard.letters.bytes())
    }

    /// How many connections are open.
    pub fn connections(&self) -> usize {
        self.conns.len()
    }

    /// The connection of that id, to be looked at by tests.
    #[doc(hidden)]
    pub fn conn(&self, id: ConnId) -> Option<&Conn> {
        self.conns.get(id)
    }

    /// The ids of all connections: for a report's samples, and for tests.
    pub fn conn_ids(&self) -> impl Iterator<Item = ConnId> {
        self.conns.ids()
    }

    /// What this thread has counted, to be looked at by tests.
    #[doc(hidden)]
    pub fn ledger(&self) -> &Ledger {
        &self.shard.ledger
    }

    /// The hub, to be looked at by tests.
    #[doc(hidden)]
    pub fn hub(&self) -> &Hub {
        &self.shard.hub
    }
}

/// The next in a queue that is emptied in every turn; when it is, it gives back the room of a
/// burst.
fn next_of(queue: &mut VecDeque<ConnId>) -> Option<ConnId> {
    let next = queue.pop_front();
    if next.is_none() {
        queue.give_back();
    }
    next
}

#[cfg(test)]
mod tests;
