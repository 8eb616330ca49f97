//! The kernel's counts for a report, gathered over as many turns as they need.
//!
//! Asking the kernel about a connection takes two system calls, about two microseconds. A thread
//! with 100,000 of them would do nothing else for a fifth of a second, so it asks about
//! [`SAMPLES_PER_TURN`] at a time, and takes its report when it has asked about all:
//! what the thread itself counts is of that one moment, what the kernel counts up to some turns
//! older.
//!
//! Came from: `event_loop`, with which thread wants a report. Goes to: the broker, which takes it.
//! Absent on purpose: two reports at a time. The next begins when this one is done.

use std::collections::{HashMap, VecDeque};

use super::sockets::Sockets;
use super::sys;
use crate::broker::Broker;
use crate::ids::{ConnId, Millis, ShardId};
use crate::ledger::{Sample, Scope, ShardReport, SharedCall};
use crate::limits::SAMPLES_PER_TURN;

/// Reports that are wanted, and what was gathered for the first of them.
#[derive(Debug, Default)]
pub struct Sampling {
    wanted: VecDeque<(ShardId, Scope)>,
    /// Connections that are still to be asked about; `None`: not begun.
    left: Option<Vec<ConnId>>,
    samples: HashMap<ConnId, Sample>,
}

impl Sampling {
    /// A thread wants a report. `true`: nobody else did, so it may begin at once.
    pub fn want(&mut self, to: ShardId, scope: Scope) -> bool {
        self.wanted.push_back((to, scope));
        self.wanted.len() == 1
    }

    /// Whether nothing is wanted.
    pub fn is_empty(&self) -> bool {
        self.wanted.is_empty()
    }

    /// Asks about a turn's worth of connections. Gives the report, and the thread that wants it,
    /// when that was the last.
    pub fn step(
        &mut self,
        broker: &mut Broker,
        sockets: &mut Sockets,
        now: Millis,
    ) -> Option<(ShardId, ShardReport)> {
        let &(to, scope) = self.wanted.front()?;
        let left = self.left.get_or_insert_with(|| broker.conn_ids().collect());
        let mut calls = 0;
        for id in left.split_off(left.len().saturating_sub(SAMPLES_PER_TURN)) {
            if let Some(sample) = sample(sockets, id, &mut calls) {
                self.samples.insert(id, sample);
            }
        }
        broker.charge_shared(SharedCall::Sample, calls);
        if !left.is_empty() {
            return None;
        }
        let mut calls = 0;
        let part = broker.shard_report(scope, sys::process(), now, |id| {
            // A connection that came meanwhile was not asked about yet.
            self.samples.remove(&id).or_else(|| sample(sockets, id, &mut calls))
        });
        let mut part = part;
        // Once for the next report and once for this one: it knows what it took itself.
        broker.charge_shared(SharedCall::Sample, calls);
        part.ledger.charge_shared(SharedCall::Sample, calls);
        self.wanted.pop_front();
        self.left = None;
        self.samples = HashMap::new();
        Some((to, part))
    }
}

/// What the kernel says about a connection. Adds to `calls` those that were made, also when they
/// failed.
fn sample(sockets: &mut Sockets, id: ConnId, calls: &mut u64) -> Option<Sample> {
    let socket = sockets.find(id)?;
    *calls += CALLS;
    Some(Sample { kernel_bytes: socket.kernel_bytes(), ..socket.sample()? })
}

/// System calls of a sample.
const CALLS: u64 = 2;
