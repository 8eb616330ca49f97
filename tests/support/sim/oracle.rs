//! What is true: every message that was said, and the place it was given.
//!
//! Knows nothing of hubs, logs or readers. It is told what clients said and what the sequencer
//! committed, and works out from the bounds alone what no thread may have dropped yet.

use tollway::ids::Millis;
use tollway::limits::{
    ENTRY_OVERHEAD_BYTES, IDEMPOTENCY_MS_MAX, Limits, RENDITIONS_SHARE, TOPIC_OVERHEAD_BYTES,
};
use tollway::technique::message::Message;

/// What a client once said, or meant to.
#[derive(Debug)]
pub struct Said {
    pub topic: usize,
    pub event: Option<String>,
    pub body: Vec<u8>,
    /// Goes to WebSockets in a binary frame.
    pub binary: bool,
    pub key: Option<String>,
    /// The places it was given: one, or one per lifetime of its key.
    pub places: Vec<u64>,
    /// The server said that it has no place and never will.
    pub refused: bool,
}

/// A message that has a place.
#[derive(Debug)]
struct Kept {
    said: usize,
    at: Millis,
    weight: usize,
    /// What it costs on all threads together.
    cost: usize,
    /// Cost of it and all before it, of all topics; and weight, of its own.
    sum: usize,
    sum_of_topic: usize,
    /// The how manieth of its topic it is.
    rank: usize,
}

pub struct Oracle {
    limits: Limits,
    threads: usize,
    pub names: Vec<String>,
    pub said: Vec<Said>,
    kept: Vec<Kept>,
    /// The places of each topic.
    places: Vec<Vec<u64>>,
    /// The highest place of each topic that was acknowledged to somebody.
    acked: Vec<u64>,
}

impl Oracle {
    pub fn new(limits: Limits, threads: usize, topics: usize) -> Self {
        Self {
            limits,
            threads,
            names: (0..topics).map(|n| ["a", "b.2", "c-3", "d~4"][n].into()).collect(),
            said: Vec::new(),
            kept: Vec::new(),
            places: vec![Vec::new(); topics],
            acked: vec![0; topics],
        }
    }

    /// Something will be said. Tells its number.
    pub fn say(&mut self, said: Said) -> usize {
        self.said.push(said);
        self.said.len() - 1
    }

    /// Takes note of what the sequencer committed since.
    pub fn learn(&mut self, committed: &[std::sync::Arc<Message>]) {
        for message in &committed[self.kept.len()..] {
            self.keep(message);
        }
    }

    fn keep(&mut self, message: &Message) {
        let place = self.kept.len() as u64 + 1;
        assert_eq!(message.seq.0, place, "places count from one without a hole");
        let body = message.payload.bytes();
        let number = number_in(body);
        let said = &mut self.said[number];
        assert_eq!(said.body, body, "what is committed is what was said");
        assert_eq!(self.names[said.topic], message.topic.as_str());
        assert_eq!(said.event.as_deref(), message.event.as_deref());
        assert!(!said.refused, "{number} was refused and then committed");
        if let Some(&before) = said.places.last() {
            let since = message.at.millis().since(self.kept[before as usize - 1].at);
            let repeat = said.key.is_some() && since >= IDEMPOTENCY_MS_MAX;
            assert!(repeat, "{number} is in the log twice, at {before} and {place}");
        }
        said.places.push(place);
        let weight = message.weight();
        let event = message.event.as_deref().map_or(0, str::len);
        let cost = weight + event + self.threads * ENTRY_OVERHEAD_BYTES;
        let own = &mut self.places[said.topic];
        let before = own.last().map_or(0, |&p| self.kept[p as usize - 1].sum_of_topic);
        own.push(place);
        self.kept.push(Kept {
            said: number,
            at: message.at.millis(),
            weight,
            cost,
            sum: self.kept.last().map_or(0, |kept| kept.sum) + cost,
            sum_of_topic: before + weight,
            rank: own.len(),
        });
    }

    /// How many messages have a place.
    pub fn tip(&self) -> u64 {
        self.kept.len() as u64
    }

    /// What was said at a place.
    pub fn at(&self, place: u64) -> &Said {
        &self.said[self.kept[place as usize - 1].said]
    }

    pub fn topic_at(&self, place: u64) -> usize {
        self.at(place).topic
    }

    /// Seats of `topics` behind `after`, up to and with `upto`, in order.
    pub fn between(&self, topics: &[usize], after: u64, upto: u64) -> Vec<u64> {
        let mut all = Vec::new();
        for &topic in topics {
            let places = &self.places[topic];
            let from = places.partition_point(|&place| place <= after);
            let to = places.partition_point(|&place| place <= upto);
            all.extend_from_slice(places.get(from..to).unwrap_or_default());
        }
        all.sort_unstable();
        all
    }

    /// The last place of `topic` up to `upto`, or 0.
    pub fn last_of(&self, topic: usize, upto: u64) -> u64 {
        let places = &self.places[topic];
        let n = places.partition_point(|&place| place <= upto);
        n.checked_sub(1).map_or(0, |n| places[n])
    }

    /// Whether no thread can have dropped the message at `place` yet, whatever it did when.
    pub fn must_be_held(&self, place: u64, now: Millis) -> bool {
        let kept = &self.kept[place as usize - 1];
        let own = &self.places[self.topic_at(place)];
        let newest = own.last().map_or(kept, |&p| &self.kept[p as usize - 1]);
        let tip = self.kept.last().unwrap_or(kept);
        let of_topic = newest.sum_of_topic - kept.sum_of_topic + kept.weight;
        let of_all = tip.sum - kept.sum + kept.cost;
        let topics = self.places.iter().filter(|places| !places.is_empty()).count();
        let of_topics = topics * self.threads * TOPIC_OVERHEAD_BYTES;
        let for_renditions = self.limits.retain_bytes / RENDITIONS_SHARE;
        own.len() - kept.rank < self.limits.history_messages
            && of_topic <= self.limits.history_bytes
            && of_all + of_topics + for_renditions <= self.limits.retain_bytes
            && now.since(kept.at) < self.limits.history_age_ms
    }

    /// Somebody has read that the message is in the log.
    pub fn acknowledge(&mut self, place: u64) {
        let topic = self.topic_at(place);
        self.acked[topic] = self.acked[topic].max(place);
    }

    /// The highest acknowledged place of any of `topics`.
    pub fn acked(&self, topics: &[usize]) -> u64 {
        topics.iter().map(|&t| self.acked[t]).max().unwrap_or(0)
    }
}

/// The number in front of every body: `m17 …`.
fn number_in(body: &[u8]) -> usize {
    let digits = body.iter().skip(1).take_while(|b| b.is_ascii_digit());
    digits.fold(0, |n, b| n * 10 + usize::from(b - b'0'))
}
