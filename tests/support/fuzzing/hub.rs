//! The hub agrees with a list of everything that was ever published: what is held, what fell off
//! and when, where a reader starts and what it is told to have missed, who is served and counted.
//!
//! Came from: operations; the first byte chooses the bounds. Goes to: `hub`. Absent on purpose:
//! which topics share a group of forgotten names; a gap too many is allowed where that may be.

mod start;

use std::sync::Arc;

use tollway::hub::Hub;
use tollway::ids::{ConnId, Epoch, Millis, Seat, Seq, TopicName};
use tollway::limits::{ENTRY_OVERHEAD_BYTES, Limits, RENDITIONS_SHARE, TOPIC_OVERHEAD_BYTES};
use tollway::technique::Technique;

use super::operations::{self, operations};
use super::{choice, log};

operations! {
    /// What can happen to a hub.
    pub enum Step {
        /// A message is committed.
        Publish { topic: u8, length: u8 }
        /// A reader comes.
        Subscribe { topic: u8, technique: u8, behind: u8 }
        /// A reader goes.
        Unsubscribe { reader: u8 }
        /// So many readers are served.
        Serve { readers: u8 }
        /// All readers are served and counted.
        Settle {}
        /// Time goes on.
        Sleep { ms: u16 }
        /// A reader of these topics asks from where to start.
        Start { topics: u8, how: u8, seq: u16 }
    }
}

const EPOCH: Epoch = Epoch(14);
const TOPICS: [&str; 4] = ["a", "b", "c", "d"];

/// A message as the twin keeps it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Kept {
    seq: u64,
    topic: usize,
    weight: usize,
    at: u64,
}

struct Reader {
    conn: ConnId,
    topic: usize,
    technique: Technique,
    place: Seat,
    cursor: u64,
    evictions_seen: u64,
    /// Something was published since it was served.
    owed: bool,
}

struct Bench {
    hub: Hub,
    limits: Limits,
    now: u64,
    tip: u64,
    /// The topic of the newest message.
    newest: Option<usize>,
    /// Everything that is held, oldest first, and everything that fell off.
    held: Vec<Kept>,
    gone: Vec<Kept>,
    readers: Vec<Reader>,
    conns: u32,
    counted: [[i32; 4]; 4],
}

pub fn check(input: &[u8]) {
    let (bounds, rest) = choice(input);
    let mut bench = Bench::new(bounds);
    operations::play(rest, 150, |step: Step| {
        bench.play(step);
        bench.agree();
    });
    for _ in 0..bench.readers.len() {
        bench.unsubscribe(0);
    }
    bench.now += bench.limits.history_age_ms;
    bench.settle();
    bench.expire();
    bench.agree();
    assert_eq!(bench.hub.holdings(), (0, 0, 0), "names and all");
    assert_eq!(bench.hub.next_deadline(), None);
}

impl Bench {
    fn new(bounds: u8) -> Self {
        let limits = Limits {
            history_messages: usize::from(bounds % 8) + 1,
            history_bytes: [100_000, 1000, 300][usize::from(bounds / 8 % 3)],
            retain_bytes: [100_000, 2500, 600][usize::from(bounds / 24 % 3)],
            history_age_ms: 10_000,
            ..Limits::default()
        };
        Self {
            hub: Hub::new(EPOCH, &limits, 1),
            limits,
            now: 0,
            tip: 0,
            newest: None,
            held: Vec::new(),
            gone: Vec::new(),
            readers: Vec::new(),
            conns: 0,
            counted: [[0; 4]; 4],
        }
    }

    fn play(&mut self, step: Step) {
        match step {
            Step::Publish { topic, length } => self.publish(usize::from(topic % 4), length),
            Step::Subscribe { topic, technique, behind } => {
                self.subscribe(topic, technique, behind)
            }
            Step::Unsubscribe { reader } => self.unsubscribe(reader.into()),
            Step::Serve { readers } => {
                for _ in 0..readers % 8 {
                    self.serve();
                }
                self.resync();
            }
            Step::Settle {} => self.settle(),
            Step::Sleep { ms } => {
                self.now += u64::from(ms);
                self.expire();
            }
            Step::Start { topics, how, seq } => self.start(topics, how, seq.into()),
        }
    }

    fn publish(&mut self, topic: usize, length: u8) {
        let (count, bytes) = self.newest.map_or((0, 0), |topic| self.load(Some(topic)));
        let fits = count <= 2 * self.limits.history_messages
            && bytes <= 2 * self.limits.history_bytes
            && (self.cost() <= self.cost_max() + self.cost_max() / 8 || self.held.len() <= 1);
        assert_eq!(self.hub.has_room(), fits);
        if !fits {
            self.settle(); // Nothing is dropped before everyone has been served.
            assert!(self.hub.has_room(), "and then there is room");
        }
        self.newest = Some(topic);
        self.tip += 1;
        let mut message = log::message(self.tip, length.into(), 0);
        message.topic = name(topic);
        message.at = Millis(self.now).micros();
        let (seq, weight, at) = (self.tip, message.weight(), self.now);
        self.hub.append(Arc::new(message));
        self.held.push(Kept { seq, topic, weight, at });
        for reader in self.readers.iter_mut().filter(|reader| reader.topic == topic) {
            reader.owed = true;
        }
        if self.readers.iter().any(|reader| reader.topic == topic) {
            return;
        }
        self.resync(); // It is offered to nobody: the bounds are held at once.
        if !self.hub.has_rounds() {
            let (count, bytes) = self.load(Some(topic));
            assert!(count <= self.limits.history_messages && bytes <= self.limits.history_bytes);
            assert!(self.cost() <= self.cost_max() || self.held.len() == 1);
        }
    }

    /// Messages held and their weight, of one topic or of all.
    fn load(&self, topic: Option<usize>) -> (usize, usize) {
        let of = self.held.iter().filter(|kept| topic.is_none_or(|topic| kept.topic == topic));
        of.fold((0, 0), |(count, bytes), kept| (count + 1, bytes + kept.weight))
    }

    /// What is held costs this much on one thread, topics and lists with it.
    fn cost(&self) -> usize {
        let topics = (0..4).filter(|topic| self.load(Some(*topic)).0 > 0).count();
        let (count, bytes) = self.load(None);
        bytes + count * ENTRY_OVERHEAD_BYTES + topics * TOPIC_OVERHEAD_BYTES
    }

    fn cost_max(&self) -> usize {
        self.limits.retain_bytes - self.limits.retain_bytes / RENDITIONS_SHARE
    }

    fn lose(&mut self, at: usize) {
        self.gone.push(self.held.remove(at));
    }

    fn trim(&mut self, topic: usize) {
        loop {
            let (count, bytes) = self.load(Some(topic));
            if count <= self.limits.history_messages && bytes <= self.limits.history_bytes {
                break;
            }
            let oldest = self.held.iter().position(|kept| kept.topic == topic);
            self.lose(oldest.unwrap());
        }
    }

    fn hold_total(&mut self) {
        while self.cost() > self.cost_max() && self.held.len() > 1 {
            self.lose(0);
        }
    }

    fn expire(&mut self) {
        self.hub.expire(Millis(self.now));
        if self.hub.has_rounds() {
            return; // Not before everyone has been served.
        }
        while self.held.first().is_some_and(|kept| kept.at + self.limits.history_age_ms <= self.now)
        {
            self.lose(0);
        }
    }

    fn subscribe(&mut self, topic: u8, technique: u8, behind: u8) {
        let topic = usize::from(topic % 4);
        self.conns += 1;
        let conn = ConnId { slot: self.conns, generation: 1 };
        let technique = Technique::ALL[usize::from(technique) % Technique::ALL.len()];
        let place = self.hub.subscribe(&name(topic), conn, technique);
        let cursor = self.tip.saturating_sub(u64::from(behind % 8));
        let evictions_seen = self.hub.evictions();
        self.readers.push(Reader {
            conn,
            topic,
            technique,
            place,
            cursor,
            evictions_seen,
            owed: false,
        });
    }

    fn unsubscribe(&mut self, reader: usize) {
        if self.readers.is_empty() {
            return;
        }
        let gone = self.readers.swap_remove(reader % self.readers.len());
        if let Some(moved) = self.hub.unsubscribe(gone.place, gone.technique) {
            let reader = self.readers.iter_mut().find(|reader| reader.conn == moved);
            reader.expect("only a reader can move").place = gone.place;
        }
    }

    fn serve(&mut self) -> bool {
        let Some(conn) = self.hub.next_subscriber() else {
            assert!(!self.hub.has_rounds());
            return false;
        };
        let reader = self.readers.iter_mut().find(|reader| reader.conn == conn);
        reader.expect("only readers are served").owed = false;
        true
    }

    fn settle(&mut self) {
        let bound = 2 * self.readers.len() + 8;
        assert!((0..=bound).any(|_| !self.serve()), "rounds come to an end");
        assert!(self.readers.iter().all(|reader| !reader.owed), "nobody is passed over");
        (0..4).for_each(|topic| self.trim(topic));
        self.hold_total();
        while let Some(change) = self.hub.next_subscriber_change() {
            let topic = TOPICS.iter().position(|topic| *topic == change.topic.as_str()).unwrap();
            self.counted[topic][change.technique as usize] += change.difference;
        }
        let mut reading = [[0; 4]; 4];
        for reader in &self.readers {
            reading[reader.topic][reader.technique as usize] += 1;
        }
        assert_eq!(self.counted, reading);
        let used = |topic: &usize| {
            self.readers.iter().any(|r| r.topic == *topic) || self.load(Some(*topic)).0 > 0
        };
        assert_eq!(self.hub.holdings().0, (0..4).filter(used).count(), "topics");
    }

    /// After some readers of a round were served, logs may have been trimmed or not.
    fn resync(&mut self) {
        for at in (0..self.held.len()).rev() {
            let kept = self.held[at];
            if !self.held_by_hub(kept.topic).contains(&kept.seq) {
                self.lose(at);
            }
        }
    }

    fn held_by_hub(&self, topic: usize) -> Vec<u64> {
        let log = self.hub.find(&name(topic)).map(|id| self.hub.log(id));
        let entries = log.into_iter().flat_map(|log| (0..).map_while(|n| log.get(n)));
        entries.map(|entry| entry.seq().0).collect()
    }

    fn agree(&self) {
        for topic in 0..4 {
            let kept = self.held.iter().filter(|kept| kept.topic == topic);
            let kept: Vec<u64> = kept.map(|kept| kept.seq).collect();
            assert_eq!(self.held_by_hub(topic), kept, "{}", name(topic));
        }
        let (topics, count, bytes) = self.hub.holdings();
        assert_eq!((count, bytes), self.load(None));
        assert!(topics <= 4);
        assert_eq!(self.hub.evictions(), self.gone.len() as u64);
        let oldest = self.held.first().map(|kept| Millis(kept.at + self.limits.history_age_ms));
        let asked = self.hub.next_deadline();
        assert!(oldest.is_none() || (asked.is_some() && asked <= oldest), "{asked:?} {oldest:?}");
        for reader in &self.readers {
            let since = &self.gone[reader.evictions_seen as usize..];
            let lost = since.iter().any(|m| m.topic == reader.topic && m.seq > reader.cursor);
            let missed =
                self.hub.missed(reader.place.topic, Seq(reader.cursor), reader.evictions_seen);
            assert_eq!(missed, lost, "a loss is told once, and no other");
        }
    }
}

fn name(topic: usize) -> TopicName {
    TopicName::parse(TOPICS[topic]).unwrap()
}

pub fn seeds() -> Vec<Vec<u8>> {
    let publish = |topic| Step::Publish { topic, length: 9 };
    let subscribe = |topic| Step::Subscribe { topic, technique: topic + 1, behind: 0 };
    let start = |how, seq| Step::Start { topics: 3, how, seq };
    let settle = Step::Settle {};
    let all_starts: Vec<Step> = (0..16).flat_map(|how| [start(how, 1), start(how, 3)]).collect();
    let twenty: Vec<Step> = (0..20).flat_map(|n| [publish(n % 3), settle]).collect();
    let stories: [Vec<Step>; 6] = [
        vec![
            subscribe(0),
            subscribe(0),
            publish(0),
            Step::Serve { readers: 1 },
            publish(0),
            settle,
        ],
        vec![
            subscribe(1),
            subscribe(1),
            subscribe(1),
            publish(1),
            Step::Serve { readers: 1 },
            Step::Unsubscribe { reader: 0 },
            Step::Serve { readers: 2 },
            settle,
        ],
        [twenty.clone(), all_starts.clone()].concat(),
        [vec![publish(0); 25], all_starts.clone(), vec![settle]].concat(),
        [vec![publish(0), settle, Step::Sleep { ms: 10_000 }, settle], all_starts].concat(),
        [vec![subscribe(0)], twenty, vec![Step::Unsubscribe { reader: 0 }, settle]].concat(),
    ];
    let seed = |(n, story): (usize, &Vec<Step>)| {
        [&[n as u8 * 13 + 2], operations::write(story).as_slice()].concat()
    };
    stories.iter().enumerate().map(seed).collect()
}
