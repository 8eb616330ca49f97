//! What all clients share: the world, the truth, chance, and a trace of what happened.

use std::cell::RefCell;
use std::collections::BTreeMap;

use tollway::ids::{Epoch, Id, Seq, TopicName};
use tollway::limits::COMMIT_MS_MAX;

use super::dice::Dice;
use super::oracle::Oracle;
use super::plan::Script;
use crate::world::stored::Disk;
use crate::world::{EPOCH, World};

/// How many of the last events are told of a story that went wrong.
const TRACE_LINES: usize = 80;

pub struct Stage {
    pub world: World,
    pub oracle: Oracle,
    pub dice: Dice,
    pub script: Script,
    pub seed: u64,
    /// Another one after each restart.
    pub epoch: Epoch,
    /// What outlives the server, if a store keeps the messages.
    pub disk: Option<Disk>,
    /// When publishing was last refused for overload, if ever.
    pub overloaded_at: Option<u64>,
    /// Clients' requests are numbered, so that a trace can tell them apart.
    pub requests: u64,
    /// What came up, and how often: a story in which nothing happens proves nothing.
    pub sights: RefCell<Sights>,
    trace: Option<Vec<String>>,
}

pub type Sights = BTreeMap<&'static str, u64>;

impl Stage {
    pub fn new(
        world: World,
        disk: Option<Disk>,
        script: Script,
        seed: u64,
        dice: Dice,
        traced: bool,
    ) -> Self {
        Self {
            disk,
            world,
            oracle: Oracle::new(script.limits.clone(), script.threads, script.topics),
            dice,
            script,
            seed,
            epoch: EPOCH,
            overloaded_at: None,
            requests: 0,
            sights: RefCell::default(),
            trace: traced.then(Vec::new),
        }
    }

    /// Tells what happened, if anyone listens.
    pub fn tell(&mut self, event: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>8} ms  {}", self.world.now.0, event()));
        }
    }

    /// Notes down that something came up.
    pub fn see(&self, sight: &'static str) {
        *self.sights.borrow_mut().entry(sight).or_default() += 1;
    }

    /// The end of the trace.
    pub fn trace(&self) -> String {
        let lines = self.trace.as_deref().unwrap_or_default();
        lines[lines.len().saturating_sub(TRACE_LINES)..].join("\n")
    }

    /// One turn of one thread.
    pub fn turn_of(&mut self, shard: usize) {
        self.tell(|| format!("thread {shard} turns"));
        self.world.turn_of(shard);
        if self.script.stored && self.dice.percent(50) {
            self.tell(|| "the store turns".into());
            self.world.store_turn();
        }
        self.look();
    }

    /// Whether a publish that was made at that moment may have been told 503: there was an
    /// overload since, the store could not take something, or had its time.
    pub fn may_have_refused(&self, since: u64) -> bool {
        let unavailable = self.world.unavailable_at.is_some_and(|at| at.0 >= since);
        let hangs = self.script.stored && self.world.now.0 >= since + COMMIT_MS_MAX;
        self.overloaded_at >= Some(since) || unavailable || hangs
    }

    /// Takes note of what the world did.
    pub fn look(&mut self) {
        self.oracle.learn(&self.world.committed);
    }

    /// Up to where a thread's log of `topic` has lost messages.
    pub fn lost(&self, shard: usize, topic: usize) -> u64 {
        match self.log_lost(shard, topic) {
            Some(lost) => lost,
            None => self.oracle.last_of(topic, self.world.heard(shard)),
        }
    }

    /// Whether a thread may believe that `topic` has lost something behind `at` because another
    /// topic's name falls into the same group of forgotten names.
    pub fn confuses(&self, shard: usize, topic: usize, at: u64) -> bool {
        match self.log_lost(shard, topic) {
            Some(lost) => lost > 0 && self.oracle.topic_at(lost) != topic,
            None => (0..self.oracle.names.len())
                .filter(|&other| other != topic)
                .any(|other| self.lost(shard, other) > at),
        }
    }

    /// What the log itself says. `None`: the topic is forgotten, or nobody ever wrote to it.
    fn log_lost(&self, shard: usize, topic: usize) -> Option<u64> {
        let hub = self.world.brokers[shard].hub();
        let name = TopicName::parse(&self.oracle.names[topic]).expect("a good name");
        Some(hub.log(hub.find(&name)?).evicted().0)
    }

    /// How long a request may take at least, from its first byte to its last.
    pub fn request_ms(&self) -> u64 {
        let limits = &self.script.limits;
        limits.head_ms_max.min(limits.body_ms_max)
    }
}

/// The id at a place, as text.
pub fn id(epoch: Epoch, place: u64) -> String {
    Id { epoch, seq: Seq(place) }.to_string()
}

/// The place of an id. `None` when it is not one of this world.
pub fn place(now: Epoch, text: &str) -> Option<u64> {
    let Id { epoch: Epoch(epoch), seq } = Id::parse(text)?;
    (epoch == now.0).then_some(seq.0)
}
