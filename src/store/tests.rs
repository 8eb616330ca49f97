//! Stories by seed: a store that is slow, fails, is killed, forgets, and begins its numbering anew
//! while it serves, with the line before it, the journal, and a hub that reads. Nothing that was
//! acknowledged is lost, numbers go up by one, a key adds one message, and behind a restart every
//! cursor is good or hears of a gap.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::journal::Journal;
use super::line::StoreLine;
use super::retained::Retained;
use super::{
    Asker, Opened, Record, Recovered, Store, StoreAnswer, StoreAsk, StoreFault, StoreOrder,
    WallMoment,
};
use crate::dice::Dice;
use crate::hub::past::Past;
use crate::hub::{Hub, forgotten};
use crate::ids::{ConnId, Cursor, Epoch, Id, Millis, Seq, ShardId, TopicName};
use crate::limits::Limits;
use crate::technique::GapReason;
use crate::technique::message::{Draft, Message, Payload, Unnumbered};

const SEEDS: u64 = 400;
const STEPS: u64 = 200;
const GROUP_KEY: u64 = 9;

/// A disk: what it holds outlives the process that writes it.
#[derive(Debug)]
struct Disk {
    rows: BTreeMap<u64, (Record, Seq)>,
    lost: BTreeMap<usize, Seq>,
    epoch: Epoch,
    limits: Limits,
    /// What the process knows of it; worked out anew by each that opens it.
    retained: Retained,
    /// One in so many writes fails; 0: none.
    fails_one_in: u64,
    dice: Dice,
}

impl Disk {
    fn new(limits: &Limits, fails_one_in: u64, seed: u64) -> Self {
        Self {
            rows: BTreeMap::new(),
            lost: BTreeMap::new(),
            epoch: Epoch(14),
            limits: limits.clone(),
            retained: Retained::new(limits, 1, GROUP_KEY, &[]),
            fails_one_in,
            dice: Dice::new(!seed),
        }
    }

    fn fails(&mut self) -> bool {
        self.fails_one_in > 0 && self.dice.one_in(self.fails_one_in)
    }

    fn past(&self) -> Past {
        Past {
            tip: self.rows.keys().last().map_or(Seq(0), |&seq| Seq(seq)),
            ahead_max: 0,
            group_key: GROUP_KEY,
            lost: self.lost.iter().map(|(&group, &seq)| (group, seq)).collect(),
            messages: self
                .rows
                .values()
                .map(|(record, before)| (Arc::clone(&record.message), *before))
                .collect(),
        }
    }

    fn open(&mut self) {
        let past = self.past();
        self.retained = Retained::new(&self.limits, 1, GROUP_KEY, &past.lost);
        for (message, _) in &past.messages {
            self.retained.append(message);
        }
        self.retained.take_dropped();
    }

    fn write(&mut self, records: &[Record], at: WallMoment) {
        for record in records {
            let before = self.retained.before(&record.message.topic);
            self.rows.insert(record.message.seq.0, (record.clone(), before));
            self.retained.append(&record.message);
        }
        self.retained.expire(at.now.millis());
        let (dropped, lost) = self.retained.take_dropped();
        for seq in dropped {
            self.rows.remove(&seq.0);
        }
        self.lost.extend(lost);
    }
}

impl Disk {
    /// Somebody empties it, or puts back what it held when it had fewer messages, and it is written
    /// to by somebody else meanwhile: so the numbering is another one.
    fn begin_anew(&mut self) -> Opened {
        self.epoch = Epoch(self.epoch.0 + 1);
        let keeps = if self.dice.percent(50) { 0 } else { self.dice.below(4) };
        let gone: Vec<u64> = self.rows.keys().skip(keeps).copied().collect();
        self.rows.retain(|seq, _| !gone.contains(seq));
        if keeps == 0 {
            self.lost.clear();
        }
        self.open();
        let keys = self.rows.values().filter_map(|(record, _)| record.key_record()).collect();
        Opened { epoch: self.epoch, past: self.past(), keys }
    }
}

impl Store for Disk {
    fn append(&mut self, records: &[Record], at: WallMoment) -> Result<(), StoreFault> {
        if !self.fails() {
            self.write(records, at);
            return Ok(());
        }
        if self.dice.percent(50) {
            self.write(records, at); // It has reached the disk nevertheless.
        }
        Err(StoreFault("a story".into()))
    }

    fn sync(&mut self) -> Result<bool, StoreFault> {
        if self.fails() { Err(StoreFault("a story".into())) } else { Ok(true) }
    }

    fn recover(&mut self, tip: Seq, _: WallMoment) -> Result<Recovered, StoreFault> {
        if self.fails() {
            return Err(StoreFault("still".into()));
        }
        if self.dice.one_in(3) {
            return Ok(Recovered::Anew(self.begin_anew()));
        }
        self.open();
        let behind = self.rows.range(tip.0 + 1..);
        Ok(Recovered::Behind(behind.map(|(_, (record, _))| record.clone()).collect()))
    }
}

/// A server with a store, and all that was ever told by it.
struct Story {
    dice: Dice,
    limits: Limits,
    topics: Vec<TopicName>,
    epoch: Epoch,
    now: u64,
    journal: Journal<Disk>,
    line: StoreLine,
    hub: Hub,
    /// Orders on their way: their texts, in the order of asking.
    asked: Vec<String>,
    /// In the log, by number; told to readers.
    log: BTreeMap<u64, Arc<Message>>,
    acknowledged: Vec<u64>,
    restarts: u64,
    renumberings: u64,
    failures: u64,
}

impl Story {
    fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let limits = Limits {
            history_messages: dice.range(1, 8) as usize,
            history_age_ms: if dice.one_in(3) { 500 } else { 1_000_000 },
            ..Limits::default()
        };
        let fails_one_in = if dice.percent(70) { dice.range(2, 12) } else { 0 };
        let disk = Disk::new(&limits, fails_one_in, seed);
        let topics = ["a", "b", "c"].map(|name| TopicName::parse(name).expect("a good name"));
        Self {
            dice,
            topics: topics.to_vec(),
            epoch: Epoch(14),
            now: 1_000,
            journal: Journal::new(disk, Seq(0), []),
            line: StoreLine::default(),
            hub: Hub::new(Epoch(14), &limits, 1),
            limits,
            asked: Vec::new(),
            log: BTreeMap::new(),
            acknowledged: Vec::new(),
            restarts: 0,
            renumberings: 0,
            failures: 0,
        }
    }

    fn at(&self) -> WallMoment {
        WallMoment { now: Millis(self.now).micros(), wall_ms: self.now }
    }

    fn step(&mut self) {
        match self.dice.below(20) {
            0..10 => self.publish(),
            10..15 => self.store_turns(),
            15..17 => {
                let mut told = Vec::new();
                self.journal.recover(self.at(), &mut told);
                self.hear(told);
            }
            17 => self.journal.sync(),
            18 => self.now += self.dice.wide(1, 300),
            _ if self.dice.one_in(4) => self.restart(),
            _ => {}
        }
    }

    fn publish(&mut self) {
        let n = self.asked.len() as u64 + self.log.len() as u64 + self.now;
        let key = self.dice.percent(40).then(|| format!("k{}", self.dice.below(6)));
        let topic = self.dice.pick(&self.topics).clone();
        let text = format!("{topic} {key:?} {n}");
        let asked = StoreAsk::Append(Draft {
            message: Unnumbered::new(topic, None, Payload::posted(&text)),
            from: std::net::IpAddr::from([192, 0, 2, 1]).into(),
            idempotency_key: key.map(Into::into),
        });
        let conn = ConnId { slot: self.dice.below(5) as u32, generation: 0 };
        self.line.push(StoreOrder { asker: Asker { shard: ShardId(0), conn }, asked });
        self.asked.push(text);
    }

    fn store_turns(&mut self) {
        let (mut orders, mut told) = (Vec::new(), Vec::new());
        self.line.take(self.dice.range(1, 6) as usize, usize::MAX, &mut orders);
        let expected = orders.len();
        self.journal.append(&mut orders, self.at(), &mut told);
        assert_eq!(told.len(), expected, "each is answered once");
        self.hear(told);
    }

    fn hear(&mut self, told: Vec<StoreAnswer>) {
        for told in told {
            match told {
                StoreAnswer::Appended { message, asker } => {
                    let last = self.log.keys().last().copied().unwrap_or(0);
                    // What a failed write has left may have fallen off before it was found: it was
                    // told to nobody.
                    let follows = message.seq.0 == last + 1 || asker.is_none();
                    assert!(message.seq.0 > last && follows, "numbers go up by one");
                    if asker.is_some() {
                        let text = self.asked.remove(0);
                        assert_eq!(message.payload.bytes(), text.as_bytes(), "in the order asked");
                        self.line.answered();
                        self.acknowledged.push(message.seq.0);
                    }
                    self.log.insert(message.seq.0, Arc::clone(&message));
                    self.hub.append(message);
                    while self.hub.next_subscriber().is_some() {}
                }
                StoreAnswer::Read { .. } | StoreAnswer::Counted { .. } => {
                    panic!("nobody asked for that")
                }
                StoreAnswer::Repeated { seq, topic, .. } => {
                    let text = self.asked.remove(0);
                    let first = &self.log[&seq.0];
                    let first = str::from_utf8(first.payload.bytes()).expect("text");
                    let named = |text: &str| text.rsplit_once(' ').map(|(name, _)| name.to_owned());
                    assert_eq!(named(&text), named(first), "the same topic and key");
                    assert!(text.starts_with(topic.as_str()));
                    self.line.answered();
                }
                StoreAnswer::Anew { epoch, past } => {
                    assert_eq!(epoch.0, self.epoch.0 + 1);
                    self.epoch = epoch;
                    self.renumberings += 1;
                    self.hub.begin_anew(epoch, &past);
                    self.check_foreign();
                    self.acknowledged.clear();
                    let messages = past.messages.iter();
                    self.log = messages.map(|(m, _)| (m.seq.0, Arc::clone(m))).collect();
                    self.check_cursors();
                }
                StoreAnswer::Unavailable(_) => {
                    self.asked.remove(0);
                    self.line.answered();
                }
                StoreAnswer::Refused(_) | StoreAnswer::TooFast { .. } => panic!("nobody asked"),
            }
        }
        self.hub.expire(Millis(self.now));
    }

    /// The process is killed and started anew, on the same disk or on an empty one.
    fn restart(&mut self) {
        self.restarts += 1;
        self.failures += self.journal.counts().failures;
        let fresh = Journal::new(Disk::new(&self.limits, 0, self.now), Seq(0), []);
        let mut disk = std::mem::replace(&mut self.journal, fresh).into_store();
        self.line = StoreLine::default();
        self.asked.clear(); // They will never hear.
        let forgets = self.dice.one_in(5);
        if forgets {
            self.epoch = Epoch(self.epoch.0 + 1);
            disk = Disk::new(&self.limits, disk.fails_one_in, self.now);
            disk.epoch = self.epoch;
        }
        disk.open();
        let past = disk.past();
        self.hub = Hub::new(self.epoch, &self.limits, 1);
        self.hub.recall(&past);
        self.hub.expire(Millis(self.now));
        let keys: Vec<_> =
            disk.rows.values().filter_map(|(record, _)| record.key_record()).collect();
        if forgets {
            self.check_foreign();
            self.log.clear();
            self.acknowledged.clear();
        } else {
            // What was written and not told is in the log as well.
            for (message, _) in &past.messages {
                self.log.entry(message.seq.0).or_insert_with(|| Arc::clone(message));
            }
            let last = self.acknowledged.last().copied().unwrap_or(0);
            assert!(past.tip.0 >= last, "what was acknowledged has its number for good");
            self.check_cursors();
        }
        self.journal = Journal::new(disk, past.tip, keys);
    }

    fn check_foreign(&self) {
        let before = Id { epoch: Epoch(self.epoch.0 - 1), seq: Seq(1) };
        let start = self.hub.start(&self.topics, &Cursor::After(before));
        assert_eq!(start.gap.map(|gap| gap.reason), Some(GapReason::Epoch));
    }

    /// Every cursor is good, or hears of a gap where there is one.
    fn check_cursors(&self) {
        for topic in &self.topics {
            let all: Vec<_> = self.log.values().filter(|m| m.topic == *topic).collect();
            let held = |seq: Seq| {
                let log = self.hub.find(topic).map(|id| self.hub.log(id));
                log.is_some_and(|log| {
                    log.get(log.after(seq.before())).is_some_and(|e| e.seq() == seq)
                })
            };
            let kept = self.limits.history_messages;
            for message in all.iter().rev().take(kept) {
                let young = self.now < message.at.millis().0 + self.limits.history_age_ms;
                assert!(!young || held(message.seq), "{} is within all bounds", message.seq.0);
            }
            let group = forgotten::group(GROUP_KEY, topic);
            let shares = self
                .topics
                .iter()
                .any(|other| other != topic && forgotten::group(GROUP_KEY, other) == group);
            let tip = self.log.keys().last().copied().unwrap_or(0);
            for at in 0..=tip {
                let cursor = Cursor::After(Id { epoch: self.epoch, seq: Seq(at) });
                let start = self.hub.start(std::slice::from_ref(topic), &cursor);
                let missed = all.iter().any(|m| m.seq.0 > at && !held(m.seq));
                let told = start.gap.is_some();
                assert!(told || !missed, "behind {at} of {topic} something is missing, untold");
                let untold = (at + 1..=tip).any(|number| !self.log.contains_key(&number));
                assert!(
                    missed || !told || shares || untold,
                    "a gap behind {at} of {topic}, and none is"
                );
            }
        }
    }
}

#[test]
fn a_store_that_is_slow_fails_is_killed_and_forgets_loses_nothing_that_was_acknowledged() {
    let (mut restarts, mut renumberings, mut acknowledged, mut failures) = (0, 0, 0, 0);
    for seed in 0..SEEDS {
        let played = std::panic::catch_unwind(|| {
            let mut story = Story::new(seed);
            for _ in 0..STEPS {
                story.step();
            }
            story.restart();
            let Story { restarts, renumberings, failures, .. } = story;
            (restarts, renumberings, story.acknowledged.len(), failures)
        });
        let (more, anew, told, failed) =
            played.unwrap_or_else(|_| panic!("seed {seed} went wrong"));
        restarts += more;
        renumberings += anew;
        acknowledged += told;
        failures += failed;
    }
    println!("{restarts} restarts, {acknowledged} acknowledged at the end, {failures} failures");
    assert!(renumberings > SEEDS / 2, "{renumberings}");
    assert!(restarts > SEEDS && acknowledged > SEEDS as usize && failures > SEEDS);
}
