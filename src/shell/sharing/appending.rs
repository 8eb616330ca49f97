//! The thread that appends: takes what stands in the line, has Redis append it, and answers when it
//! has come back through the stream.
//!
//! What gathers meanwhile is the next batch, so a slower Redis makes larger batches. A batch goes
//! in pieces, for Redis does nothing else while it runs a script.
//!
//! A piece that fails may have been appended: whoever asked is told that the store is unavailable,
//! and that a repeat under the same key is safe, for Redis remembers the keys. Then nothing is
//! appended until a try to write succeeds; pauses before a try grow, also while tries succeed and
//! what follows them fails.
//!
//! It tells the other nodes as well how many read which topic here, once a second, and asks them
//! when somebody wants to know.
//!
//! Came from: `bus`, with orders. Goes to: Redis; `bus`, with receipts. Absent on purpose:
//! messages; those are told by `reading`.

use std::sync::Arc;
use std::time::Duration;

use super::health::{AppendPlace, Health, Part};
use super::pause::Pause;
use super::view::random;
use crate::hub::Subscribers;
use crate::ids::{Millis, Seq, TopicName};
use crate::limits::{
    REDIS_ANSWER_MS_MAX, REDIS_BATCH_BYTES_MAX, REDIS_BATCH_MAX, REDIS_COUNT_MS, REDIS_COUNTS_MAX,
};
use crate::shell::bus::stored::NextStep;
use crate::shell::clock::Clock;
use crate::store::redis::{FaultKind, NodeName, Redis, RedisFault, RedisLink};
use crate::store::{StoreAnswer, StoreAsk, StoreOrder};
use crate::technique::message::Draft;

const ANSWER: Duration = Duration::from_millis(REDIS_ANSWER_MS_MAX);

/// What the thread works with.
#[derive(Debug)]
pub(super) struct Appender {
    redis: Arc<Redis>,
    health: Arc<Health>,
    clock: Clock,
    /// Replicas that are to have a message before it is acknowledged.
    wait: usize,
    /// With how often the log had been joined when it was made.
    link: Option<(RedisLink, u64)>,
    /// When it is tried again, if it has failed.
    retry_at: Option<Millis>,
    pause: Pause,
    /// What the other nodes know this one by, and whether they do yet.
    name: (NodeName, bool),
    /// When they are told again who reads here.
    count_at: Millis,
}

impl Appender {
    pub(super) fn new(redis: Arc<Redis>, health: Arc<Health>, clock: Clock, wait: usize) -> Self {
        let (link, retry_at, pause) = (None, None, Pause::default());
        let name = (NodeName::draw(random()[0]), false);
        Self { redis, health, clock, wait, link, retry_at, pause, name, count_at: Millis(0) }
    }

    pub(super) fn run(mut self) {
        let (mut orders, mut told) = (Vec::new(), Vec::new());
        let health = Arc::clone(&self.health);
        self.probe(); // A connection is there when somebody publishes.
        loop {
            let due = self.retry_at.unwrap_or(self.count_at);
            let wait = Duration::from_millis(due.since(self.clock.now()));
            let step = health.bus().next_orders(&mut orders, wait);
            if step == NextStep::End {
                return self.leave();
            }
            if self.retry_at.is_some_and(|at| at <= self.clock.now()) {
                self.probe();
            }
            if step == NextStep::Append {
                self.append(&mut orders, &mut told);
                health.bus().tell(&mut told);
            }
            if self.retry_at.is_none() && self.count_at <= self.clock.now() {
                self.count_readers();
            }
        }
    }

    /// Appends what `orders` ask for, and adds what became of each to `told`, in their order.
    fn append(&mut self, orders: &mut Vec<StoreOrder>, told: &mut Vec<StoreAnswer>) {
        let drafts = orders.iter().filter_map(|order| match &order.asked {
            StoreAsk::Append(draft) => Some(draft),
            StoreAsk::TooFast { .. } | StoreAsk::Refused | StoreAsk::Count(_) => None,
        });
        let drafts: Vec<&Draft> = drafts.collect();
        let mut numbers = Vec::with_capacity(drafts.len());
        let place = self.health.place().filter(|_| self.retry_at.is_none());
        if let Some(place) = &place
            && let Err(fault) = self.append_all(place, &drafts, &mut numbers)
        {
            self.fail(&fault);
        }
        // Asked while they are on their way back, and so that nothing lies between hearing that
        // they were read and telling it: the numbering might be another one by then.
        let elsewhere = self.readers_elsewhere(orders);
        let read =
            place.zip(numbers.iter().max()).and_then(|(AppendPlace { joined, .. }, newest)| {
                self.health.wait_until_read(*newest, &joined, ANSWER)
            });
        let read = read.unwrap_or(Seq(0));
        let mut numbers = numbers.into_iter().map(|seq| Some(seq).filter(|seq| *seq <= read));
        let mut elsewhere = elsewhere.into_iter();
        told.extend(orders.drain(..).map(|StoreOrder { asker, asked }| match asked {
            StoreAsk::Append(draft) => {
                let elsewhere = elsewhere.next().unwrap_or_default().total();
                let read = numbers.next().flatten();
                read.map_or(StoreAnswer::Unavailable(asker), |seq| StoreAnswer::Read {
                    asker,
                    seq,
                    topic: draft.message.topic.clone(),
                    elsewhere,
                })
            }
            StoreAsk::Count(topic) => {
                let elsewhere = elsewhere.next().unwrap_or_default();
                StoreAnswer::Counted { asker, topic, elsewhere }
            }
            StoreAsk::TooFast { retry_ms } => StoreAnswer::TooFast { asker, retry_ms },
            StoreAsk::Refused => StoreAnswer::Refused(asker),
        }));
    }

    /// How many read the topics of `orders` on other nodes, in their order; nobody, where that
    /// cannot be asked at present.
    fn readers_elsewhere(&mut self, orders: &[StoreOrder]) -> Vec<Subscribers> {
        let topics = orders.iter().filter_map(|order| match &order.asked {
            StoreAsk::Append(draft) => Some(draft.message.topic.clone()),
            StoreAsk::Count(topic) => Some(topic.clone()),
            StoreAsk::TooFast { .. } | StoreAsk::Refused => None,
        });
        let topics: Vec<TopicName> = topics.collect();
        let mut counts = Vec::with_capacity(topics.len());
        let usable = self.retry_at.is_none() && self.health.place().is_some();
        if let Some((link, _)) = self.link.as_mut().filter(|_| usable) {
            for piece in topics.chunks(REDIS_BATCH_MAX) {
                match link.others(&self.name.0, piece) {
                    Ok(some) => counts.extend(some),
                    Err(fault) => {
                        self.fail(&fault);
                        break;
                    }
                }
            }
        }
        counts
    }

    /// Tells the other nodes whose readers have changed here.
    fn count_readers(&mut self) {
        let now = self.clock.now();
        self.count_at = now.plus(REDIS_COUNT_MS);
        let Some(joins) = self.health.place().map(|place| place.joins) else {
            return;
        };
        if let Err(fault) = self.connect(joins) {
            return self.fail(&fault);
        }
        let Some((link, _)) = &mut self.link else {
            return; // It is there.
        };
        let (name, known) = &mut self.name;
        let changes = self.health.bus().reader_changes(!*known, REDIS_COUNTS_MAX);
        match link.count(name, !*known, &changes) {
            Ok(true) => {
                *known = true;
                if changes.len() == REDIS_COUNTS_MAX {
                    self.count_at = now; // There are more.
                }
            }
            // It was taken for dead, or Redis was emptied: all are told under another name.
            Ok(false) => (*name, *known, self.count_at) = (NodeName::draw(random()[0]), false, now),
            Err(fault) => {
                self.health.bus().tell_readers_again(changes);
                self.fail(&fault);
            }
        }
    }

    /// The other nodes need not wait until this one is taken for dead.
    fn leave(&mut self) {
        if let Some((link, _)) = self.link.as_mut().filter(|_| self.retry_at.is_none()) {
            let _ = link.leave(&self.name.0); // They will find out.
        }
    }

    /// The numbers of as many as were appended and are, with `--redis-wait`, with so many replicas.
    fn append_all(
        &mut self,
        place: &AppendPlace,
        mut drafts: &[&Draft],
        numbers: &mut Vec<Seq>,
    ) -> Result<(), RedisFault> {
        let wait = self.wait;
        self.connect(place.joins)?;
        let Some((link, _)) = &mut self.link else {
            return Ok(()); // It is there.
        };
        while !drafts.is_empty() {
            let (piece, rest) = drafts.split_at(piece_length(drafts));
            let (tip, given) = link.append(&place.joined, place.oldest, piece.iter().copied())?;
            wait_for_replicas(link, wait)?;
            let fresh = given.iter().filter(|seq| **seq > tip).count();
            self.health.count(1, fresh as u64);
            numbers.extend(given);
            drafts = rest;
        }
        Ok(())
    }

    /// Tries whether something can be written.
    fn probe(&mut self) {
        let tried = self.try_to_write();
        match tried {
            Ok(()) => {
                self.retry_at = None;
                self.pause.went_well(self.clock.now());
                self.health.tell(Part::Appending, None);
            }
            Err(fault) => self.fail(&fault),
        }
    }

    fn try_to_write(&mut self) -> Result<(), RedisFault> {
        let Some(place) = self.health.place() else {
            return Ok(()); // It is the other thread that has to go on first.
        };
        self.connect(place.joins)?;
        let Some((link, _)) = &mut self.link else {
            return Ok(()); // It is there.
        };
        link.look(place.joined.epoch)?;
        link.probe()?;
        wait_for_replicas(link, self.wait)
    }

    /// Has a link that was made since the log was joined so many times.
    fn connect(&mut self, joins: u64) -> Result<(), RedisFault> {
        if self.link.as_ref().is_none_or(|(_, made)| *made < joins) {
            self.link = None;
            self.link = Some((self.redis.connect()?, joins));
        }
        Ok(())
    }

    fn fail(&mut self, fault: &RedisFault) {
        if fault.kind != FaultKind::Refuses {
            self.link = None; // An answer may still come on it.
        }
        self.health.tell(Part::Appending, Some(&fault.line));
        let now = self.clock.now();
        self.retry_at = Some(now.plus(self.pause.next_ms(now, random()[0])));
    }
}

fn wait_for_replicas(link: &mut RedisLink, wanted: usize) -> Result<(), RedisFault> {
    if wanted == 0 {
        return Ok(());
    }
    let have = link.wait(wanted)?;
    if have >= wanted {
        return Ok(());
    }
    let what = format!("has {have} replicas that keep up, and --redis-wait wants {wanted}");
    Err(link.fault(FaultKind::Refuses, &what))
}

/// How many of the first `drafts` make a piece: one at least.
fn piece_length(drafts: &[&Draft]) -> usize {
    let mut bytes = 0;
    let fits = |draft: &&&Draft| {
        bytes += draft.weight();
        bytes <= REDIS_BATCH_BYTES_MAX
    };
    drafts.iter().take(REDIS_BATCH_MAX).take_while(fits).count().max(1)
}
