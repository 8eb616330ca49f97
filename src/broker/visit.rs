//! A visit: one connection, found once, and everything that the connections of a thread share.
//!
//! Whatever happens to a connection happens in a visit. The face of the broker looks the connection
//! up, once, and from there on every function of this room has it at hand as [`Visit::conn`]: none
//! has to find it again, and none has to ask whether it may be gone. It may not: a connection that
//! ends in a visit is `Closed`, and is taken out when the shell says that its socket is closed.
//!
//! A visit to one connection may move another one's seat: a subscriber that leaves is replaced in
//! its topic's list by the last one. That one hears of it after the visit and before the next, see
//! [`Shard::reseated`].
//!
//! Came from: the face. Goes to: every layer below it. Absent on purpose: other connections.

use std::collections::VecDeque;
use std::sync::Arc;

use super::effect::{Effect, Teardown};
use super::given::Given;
use super::letters::Letters;
use super::pending::PendingReports;
use super::pool::Share;
use super::uncommitted::Uncommitted;
use crate::conn::Conn;
use crate::conn::familiar::Familiar;
use crate::conn::policy::Policy;
use crate::hub::Hub;
use crate::ids::{ConnId, Millis, Seat, ShardId, TopicName};
use crate::ledger::{Ledger, Row};
use crate::rights::Need;
use crate::wire::response::CommonFields;

/// One connection, while something happens to it.
pub(super) struct Visit<'b> {
    /// Its id.
    pub(super) id: ConnId,
    /// The connection. It may be `Closed` by the end of the visit, but it is there.
    pub(super) conn: &'b mut Conn,
    /// What it shares with all others of its thread.
    pub(super) shard: &'b mut Shard,
    /// The time of the visit.
    pub(super) now: Millis,
}

/// What the connections of a thread share.
#[derive(Debug)]
pub(super) struct Shard {
    /// Which thread it is.
    pub(super) id: ShardId,
    /// How many threads the server has.
    pub(super) threads: u16,
    /// The bounds and rules that requests are judged by.
    pub(super) policy: Policy,
    /// The topics and their logs.
    pub(super) hub: Hub,
    /// What the connections of this thread have cost.
    pub(super) ledger: Ledger,
    /// Connections that ended not long ago, for the table.
    pub(super) closed: VecDeque<Row>,
    /// Reports that are being collected.
    pub(super) reports: PendingReports,
    /// The wall-clock time, in whole seconds since 1970.
    pub(super) unix_s: i64,
    /// What every head says of it.
    pub(super) common_fields: CommonFields,
    /// Requests that were heard before.
    pub(super) familiar: Familiar,
    /// The latest answer to a poll.
    pub(super) given: Option<Given>,
    /// The state of the generator behind [`Shard::jitter`]; never 0.
    pub(super) random: u64,
    /// What the sequencer was asked to commit, and has not answered.
    pub(super) uncommitted: Uncommitted,
    /// When the server began.
    pub(super) began: Millis,
    /// Why the store cannot be used, if it cannot.
    pub(super) store_fault: Option<Arc<str>>,
    /// What the sequencer has said, and was not read yet.
    pub(super) letters: Letters,
    /// What the shell is asked to do.
    pub(super) effects: VecDeque<Effect>,
    /// Bytes of the publishes among them.
    pub(super) effects_bytes: usize,
    /// What this thread has of the budget for unfinished input.
    pub(super) unfinished: Share,
    /// Readers that were told to leave and do not have everything yet.
    pub(super) departing: VecDeque<ConnId>,
    /// Connections with bytes behind a request that is answered now.
    pub(super) left_behind: VecDeque<ConnId>,
    /// Sockets that the shell is to end.
    pub(super) teardowns: VecDeque<(ConnId, Teardown)>,
    /// Subscribers that another one's leaving has moved, and the seats that they have now.
    pub(super) reseated: Vec<(ConnId, Seat)>,
}

impl Visit<'_> {
    /// Asks the shell for something.
    pub(super) fn effect(&mut self, effect: Effect) {
        if let Effect::Publish { draft, .. } = &effect {
            self.shard.effects_bytes += draft.weight();
        }
        self.shard.effects.push_back(effect);
    }

    /// Whether the connection may publish on `topic`.
    pub(super) fn may_publish(&self, topic: &TopicName) -> bool {
        let rights = self.shard.policy.rights.as_deref();
        rights.is_none_or(|rights| rights.allow(self.conn.grant(), Need::Publish(topic)))
    }

    /// Looks at the bytes in the inbox once more, after this visit.
    pub(super) fn go_on_later(&mut self) {
        self.shard.left_behind.push_back(self.id);
    }
}

impl Shard {
    /// How long the server has run.
    pub(super) fn uptime(&self, now: Millis) -> Millis {
        Millis(now.since(self.began))
    }

    /// A number from `min` up to `max`, so that what happens to many at once does not make them
    /// all come back at once: xorshift64, Marsaglia 2003.
    pub(super) fn jitter(&mut self, min: u64, max: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        min + self.random % (max - min)
    }
}
