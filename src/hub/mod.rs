//! The hub: topics by name, their logs, their subscribers, and what has to go.
//!
//! Every thread has one, and all of them hold the same messages: a replica each of what the
//! sequencer committed, in its order. Reading is therefore local to a thread.
//!
//! **Rounds.** An append serves nobody by itself. It opens a *round* over the topic's subscribers,
//! and `broker` asks for them one by one, as many as a turn has room for. Messages that arrive
//! meanwhile join: a subscriber later in the round gets them in the same write.
//!
//! **Nothing goes before it was offered.** A message falls off only when its topic's round is over
//! and nobody is *lagging*: has an outbox that is full and was not shown to the kernel since. Until
//! then a log may hold twice its bounds; beyond that the hub has no room ([`Hub::has_room`]), and
//! messages wait where they are.
//!
//! Came from: `broker`, with messages and subscribers. Goes to: `log`. Absent on purpose:
//! connections. The hub knows their ids and hands them back.

mod anew;
mod blocks;
mod bounds;
mod bundles;
mod earlier;
mod encoded;
pub mod fingerprint;
pub mod forgotten;
pub mod log;
pub mod merge;
pub mod past;
mod renditions;
mod retention;
mod start;
mod subscribers;

use std::collections::VecDeque;
use std::sync::Arc;

use slab::Slab;

use self::blocks::Blocks;
use self::bounds::{Age, Retention};
use self::earlier::EarlierEpochs;
use self::forgotten::Forgotten;
use self::log::TopicLog;
use self::renditions::Cache;
pub use self::start::Start;
pub use self::subscribers::Subscribers;
use crate::ids::{ConnId, Epoch, EpochText, Id, IdText, Seat, Seq, TopicId, TopicMap, TopicName};
use crate::limits::Limits;
use crate::spare::Spare;
use crate::swept::SweptQueue;
use crate::technique::Technique;
use crate::technique::message::Message;

/// The answer to a publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// The connection that asked to publish.
    pub conn: ConnId,
    /// The number that the message got.
    pub seq: Seq,
    /// How many subscribers the topic had then.
    pub subscribers: u32,
}

/// Subscribers of a topic that came (or went, when negative) on one thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriberChange {
    /// The topic.
    pub topic: TopicName,
    /// The technique that they read by.
    pub technique: Technique,
    /// How many came, less those that went.
    pub difference: i32,
}

#[derive(Debug)]
struct Topic {
    name: TopicName,
    log: TopicLog,
    /// Order is of no meaning: a subscriber that leaves is replaced by the last one.
    subscribers: Vec<ConnId>,
    /// `Some(n)`: a round is on, and `subscribers[..n]` are still to be served.
    round: Option<usize>,
    /// Whether something was appended since the round began.
    grew: bool,
    /// Subscribers that came since the last change was told, by technique.
    came: [i32; Technique::ALL.len()],
    /// Whether it stands in `Hub::changed`.
    changed: bool,
    /// The hub's count of evictions when this log last lost a message.
    evicted_at: u64,
}

/// All topics of one thread.
#[derive(Debug)]
pub struct Hub {
    epoch: Epoch,
    epoch_text: EpochText,
    retention: Retention,
    names: TopicMap<TopicId>,
    topics: Slab<Topic>,
    forgotten: Forgotten,
    /// The number of the newest message of the server, as far as this thread has heard.
    tip: Seq,
    ahead_max: u64, // See `Past`.
    /// Every message held, oldest first, whatever its topic; and some that are gone already.
    ages: SweptQueue<Age>,
    /// Messages held in all topics, and their weight.
    held: usize,
    bytes: usize,
    /// What all of them and their topics cost, on all threads.
    cost: usize,
    /// What they were encoded to on this thread.
    cache: Cache,
    /// Where messages lay that fell off.
    blocks: Blocks,
    /// Topics that hold a message.
    retained: usize,
    /// How many messages ever fell off, and one more each time that the numbering began anew.
    evictions: u64,
    earlier: EarlierEpochs,
    /// Topics with a round on, the one to serve in front.
    growing: VecDeque<TopicId>,
    /// Topics whose round is over, and which were not held to their bounds since.
    untrimmed: Vec<TopicId>,
    /// Readers that nothing may be dropped before: see [`Hub::lag`].
    lagging: usize,
    /// The topic of the newest message.
    newest: Option<TopicId>,
    /// Topics whose number of subscribers changed since the last change was told.
    changed: Vec<TopicId>,
}

impl Hub {
    /// An empty hub, of a server that has so many `threads`: each keeps a list of the same
    /// messages, and they share the bound on all.
    pub fn new(epoch: Epoch, limits: &Limits, threads: u16) -> Self {
        let threads = usize::from(threads.max(1));
        Self {
            epoch,
            epoch_text: epoch.text(),
            retention: Retention::new(limits, threads),
            cost: 0,
            cache: Cache::new(limits, threads),
            blocks: Blocks::default(),
            names: TopicMap::default(),
            topics: Slab::new(),
            forgotten: Forgotten::default(),
            tip: Seq(0),
            ahead_max: 0,
            ages: SweptQueue::default(),
            held: 0,
            bytes: 0,
            retained: 0,
            evictions: 0,
            earlier: EarlierEpochs::default(),
            growing: VecDeque::new(),
            untrimmed: Vec::new(),
            lagging: 0,
            newest: None,
            changed: Vec::new(),
        }
    }

    /// Takes in a committed message and opens a round for it. To be called while there is
    /// [room](Self::has_room): nothing is dropped to make some.
    pub fn append(&mut self, message: Arc<Message>) {
        debug_assert!(message.seq > self.tip, "letters come in the order of numbers");
        let id = self.topic_named(&message.topic);
        self.tip = message.seq;
        self.held += 1;
        self.bytes += message.weight();
        self.cost += message.cost() + self.retention.entry_bytes;
        self.ages.push(Age { at: message.at.millis(), seq: message.seq, topic: id });
        let topic = &mut self.topics[id.0 as usize];
        if topic.log.is_empty() {
            self.cost += self.retention.topic_bytes;
            self.retained += 1;
        }
        topic.log.append(message);
        self.newest = Some(id);
        if topic.subscribers.is_empty() && topic.round.is_none() {
            self.untrimmed.push(id);
            self.hold_bounds(); // It is offered to nobody, and whoever polls next sees the log.
        } else if topic.round.is_none() {
            topic.round = Some(topic.subscribers.len());
            self.growing.push_back(id);
        } else {
            topic.grew = true;
        }
    }

    /// A subscriber begins to lag, or has ceased to: it has had no chance yet to take what is in
    /// the log, for its outbox is full and the kernel was not shown that yet. Nothing falls off
    /// meanwhile.
    pub fn lag(&mut self, begins: bool) {
        if begins {
            self.lagging += 1;
        } else {
            debug_assert!(self.lagging > 0);
            self.lagging -= 1;
        }
    }

    /// Whether any subscriber lags.
    pub fn is_lagging(&self) -> bool {
        self.lagging > 0
    }

    /// Enters a subscriber and says where it stands.
    pub fn subscribe(&mut self, name: &TopicName, conn: ConnId, technique: Technique) -> Seat {
        let id = self.topic_named(name);
        let topic = &mut self.topics[id.0 as usize];
        topic.subscribers.push(conn);
        // Exact: a subscriber is a connection, and those are numbered by u32.
        let slot = (topic.subscribers.len() - 1) as u32;
        self.count(id, technique, 1);
        Seat { topic: id, slot }
    }

    /// Takes the subscriber in `seat` out of the list. `Some`: this one has the seat now.
    pub fn unsubscribe(&mut self, seat: Seat, technique: Technique) -> Option<ConnId> {
        let topic = &mut self.topics[seat.topic.0 as usize];
        let slot = seat.slot as usize;
        // A round goes downwards, so the subscriber that fills the hole comes from the part that is
        // served already, or is still to be reached: nobody is passed over.
        topic.subscribers.swap_remove(slot);
        let moved = topic.subscribers.get(slot).copied();
        if topic.subscribers.len() < topic.subscribers.capacity() / 4 {
            topic.subscribers.shrink_to(topic.subscribers.len() * 2);
        }
        self.count(seat.topic, technique, -1);
        moved
    }

    fn count(&mut self, id: TopicId, technique: Technique, change: i32) {
        let topic = &mut self.topics[id.0 as usize];
        topic.came[technique as usize] += change;
        if !topic.changed {
            topic.changed = true;
            self.changed.push(id);
        }
    }

    /// Whether a change of subscribers may wait to be told.
    pub fn has_subscriber_changes(&self) -> bool {
        !self.changed.is_empty()
    }

    /// The next change in the number of subscribers, to be told to the sequencer.
    pub fn next_subscriber_change(&mut self) -> Option<SubscriberChange> {
        while let Some(&id) = self.changed.last() {
            let topic = &mut self.topics[id.0 as usize];
            for technique in Technique::ALL {
                let change = std::mem::take(&mut topic.came[technique as usize]);
                if change != 0 {
                    return Some(SubscriberChange {
                        topic: topic.name.clone(),
                        technique,
                        difference: change,
                    });
                }
            }
            topic.changed = false;
            self.changed.pop();
            self.changed.give_back();
            self.forget_if_unused(id);
        }
        None
    }

    /// The next subscriber to be served in the rounds that are on. `None`: all rounds are over, and
    /// all topics are held to their bounds, unless somebody lags.
    pub fn next_subscriber(&mut self) -> Option<ConnId> {
        while let Some(&id) = self.growing.front() {
            let topic = &mut self.topics[id.0 as usize];
            let left = topic.round.unwrap_or(0).min(topic.subscribers.len());
            if left > 0 {
                topic.round = Some(left - 1);
                return Some(topic.subscribers[left - 1]);
            }
            self.growing.pop_front();
            self.growing.give_back();
            if std::mem::take(&mut topic.grew) {
                topic.round = Some(topic.subscribers.len());
                self.growing.push_back(id);
            } else {
                topic.round = None;
                self.untrimmed.push(id);
                self.hold_bounds();
            }
        }
        self.hold_bounds();
        None
    }

    /// Whether a round is on.
    pub fn has_rounds(&self) -> bool {
        !self.growing.is_empty()
    }

    /// Whether a subscriber at `cursor` has lost a message of `topic`, or the numbering that it is
    /// of has ended, since there had been `evictions_seen` evictions.
    pub fn missed(&self, topic: TopicId, cursor: Seq, evictions_seen: u64) -> bool {
        let topic = &self.topics[topic.0 as usize];
        topic.evicted_at > evictions_seen
            && (topic.log.evicted() > cursor || self.earlier.ended_since(evictions_seen))
    }

    /// The topic of that name, if there is one.
    pub fn find(&self, name: &TopicName) -> Option<TopicId> {
        self.names.get(name).copied()
    }

    /// The name of a topic.
    pub fn name(&self, topic: TopicId) -> &TopicName {
        &self.topics[topic.0 as usize].name
    }

    /// The log of a topic.
    pub fn log(&self, topic: TopicId) -> &TopicLog {
        &self.topics[topic.0 as usize].log
    }

    /// The numbering in force.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The id at `seq`.
    pub fn id(&self, seq: Seq) -> Id {
        Id { epoch: self.epoch, seq }
    }

    /// The spelling of the id at `seq`.
    pub fn id_text(&self, seq: Seq) -> IdText {
        self.epoch_text.id(seq)
    }

    /// Topics held, messages held, and their weight in bytes.
    pub fn holdings(&self) -> (usize, usize, usize) {
        (self.topics.len(), self.held, self.bytes)
    }

    /// What messages and their topics cost on all threads, and what they were encoded to on this
    /// one, in bytes: what `--retain-bytes` bounds.
    pub fn cost(&self) -> usize {
        self.cost + self.rendered_bytes()
    }

    fn topic_named(&mut self, name: &TopicName) -> TopicId {
        if let Some(&id) = self.names.get(name) {
            return id;
        }
        self.make_topic(name, self.forgotten.evicted(name))
    }

    /// A topic that is not there, and has lost everything up to `evicted`.
    fn make_topic(&mut self, name: &TopicName, evicted: Seq) -> TopicId {
        let slot = self.topics.insert(Topic {
            name: name.clone(),
            log: TopicLog::new(evicted),
            subscribers: Vec::new(),
            round: None,
            grew: false,
            came: [0; Technique::ALL.len()],
            changed: false,
            // What was lost before it was forgotten, a reader learns when it starts.
            evicted_at: 0,
        });
        // Exact: every topic holds a message or a subscriber, and both are bounded far below 4 G.
        let id = TopicId(slot as u32);
        self.names.insert(name.clone(), id);
        id
    }

    /// A topic with nothing retained and nobody reading costs nothing from now on.
    fn forget_if_unused(&mut self, id: TopicId) {
        let topic = &self.topics[id.0 as usize];
        let used = !topic.log.is_empty() || !topic.subscribers.is_empty();
        if used || topic.round.is_some() || topic.changed {
            return;
        }
        let topic = self.topics.remove(id.0 as usize);
        self.forgotten.note(&topic.name, topic.log.evicted());
        self.names.remove(&topic.name);
        self.names.give_back();
        if self.topics.is_empty() {
            self.topics = Slab::new();
            self.names = TopicMap::default();
        }
    }
}

#[cfg(test)]
mod tests;
