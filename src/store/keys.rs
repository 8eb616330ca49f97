//! Idempotency keys: by which a repeated publish is known, and whose key has to go when there are
//! too many.
//!
//! Three bounds, and none lets a stranger wash out what others rely on: of the keys of a topic, and
//! of all keys, the address that has most of them gives up its oldest. Whoever floods a topic or
//! the server with keys is soon the one that has most, and from then on each new key of it costs
//! one of its own. An address has a bound for itself as well.
//!
//! Came from: the sequencer, with each draft that has a key. Goes to: the same, with the number
//! that was given for it. Absent on purpose: messages. A key outlives the message that it came
//! with.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::ids::{Millis, Network, Seq, TopicName};
use crate::limits::{
    IDEMPOTENCY_KEYS_MAX, IDEMPOTENCY_KEYS_PER_ADDRESS_MAX, IDEMPOTENCY_KEYS_PER_TOPIC_MAX,
    IDEMPOTENCY_MS_MAX,
};
use crate::spare::Spare;

type KeyOfTopic = (TopicName, Arc<str>);

/// The keys that are remembered. Invariant: each is in `numbers`, in `all`, and in the shares of
/// its topic.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// By key: the number of the message, which is the age of the key as well.
    numbers: HashMap<KeyOfTopic, Seq>,
    /// By number, so in the order of age.
    ages: BTreeMap<Seq, Remembered>,
    all: Shares,
    by_topic: HashMap<TopicName, Shares>,
}

#[derive(Debug)]
struct Remembered {
    at: Millis,
    key: KeyOfTopic,
    from: Network,
}

/// Keys of one topic, or all: which address has which.
#[derive(Debug, Default)]
struct Shares {
    held: HashMap<Network, BTreeSet<Seq>>,
    /// The same addresses, by how many they have.
    by_count: BTreeSet<(usize, Network)>,
    total: usize,
}

impl Keys {
    /// The number that was given for this key, if it is remembered.
    pub(super) fn find(&self, topic: &TopicName, key: &str) -> Option<Seq> {
        self.numbers.get(&(topic.clone(), key.into())).copied()
    }

    /// Remembers a key: the message that came with it has the number `seq`. What the key stood for
    /// before is forgotten: it was given up for room when it was given anew, and a store may still
    /// know of both.
    pub(super) fn remember(
        &mut self,
        topic: TopicName,
        key: &str,
        from: Network,
        seq: Seq,
        at: Millis,
    ) {
        let key: KeyOfTopic = (topic, key.into());
        match self.numbers.insert(key.clone(), seq) {
            Some(earlier) if earlier == seq => return, // It is remembered as it is.
            earlier => self.forget(earlier),
        }
        let of_topic = self.by_topic.get(&key.0);
        if let Some(full) = of_topic.filter(|s| s.total >= IDEMPOTENCY_KEYS_PER_TOPIC_MAX) {
            self.forget(full.oldest_of_most(from));
        }
        if self.all.count(from) >= IDEMPOTENCY_KEYS_PER_ADDRESS_MAX {
            self.forget(self.all.oldest(from));
        }
        if self.all.total >= IDEMPOTENCY_KEYS_MAX {
            self.forget(self.all.oldest_of_most(from));
        }
        self.all.add(from, seq);
        self.by_topic.entry(key.0.clone()).or_default().add(from, seq);
        self.ages.insert(seq, Remembered { at, key, from });
    }

    /// Forgets the keys that are too old.
    pub(super) fn expire(&mut self, now: Millis) {
        while let Some((&seq, age)) = self.ages.first_key_value()
            && now.since(age.at) >= IDEMPOTENCY_MS_MAX
        {
            self.forget(Some(seq));
        }
    }

    /// How many are remembered.
    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }

    fn forget(&mut self, seq: Option<Seq>) {
        let Some((seq, age)) = seq.and_then(|seq| self.ages.remove_entry(&seq)) else {
            return;
        };
        let (topic, _) = match self.numbers.entry(age.key) {
            Entry::Occupied(held) if *held.get() == seq => held.remove_entry().0,
            other => other.key().clone(), // It stands for another message by now.
        };
        self.numbers.give_back();
        self.all.remove(age.from, seq);
        if let Some(shares) = self.by_topic.get_mut(&topic) {
            shares.remove(age.from, seq);
            if shares.total == 0 {
                self.by_topic.remove(&topic);
                self.by_topic.give_back();
            }
        }
    }
}

impl Shares {
    fn count(&self, network: Network) -> usize {
        self.held.get(&network).map_or(0, BTreeSet::len)
    }

    fn oldest(&self, network: Network) -> Option<Seq> {
        self.held.get(&network)?.first().copied()
    }

    /// The oldest key of the address that has most; `from` itself if nobody has more.
    fn oldest_of_most(&self, from: Network) -> Option<Seq> {
        let &(most, network) = self.by_count.last()?;
        self.oldest(if self.count(from) >= most { from } else { network })
    }

    fn add(&mut self, network: Network, seq: Seq) {
        let held = self.held.entry(network).or_default();
        self.by_count.remove(&(held.len(), network));
        held.insert(seq);
        self.by_count.insert((held.len(), network));
        self.total += 1;
    }

    fn remove(&mut self, network: Network, seq: Seq) {
        let Some(held) = self.held.get_mut(&network) else {
            return;
        };
        self.by_count.remove(&(held.len(), network));
        held.remove(&seq);
        self.total -= 1;
        if held.is_empty() {
            self.held.remove(&network);
            self.held.give_back();
        } else {
            self.by_count.insert((held.len(), network));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::ROOM_KEPT;
    use std::net::IpAddr;

    struct Bench(Keys, u64);

    impl Bench {
        fn publish(&mut self, topic: &str, key: &str, from: u32) {
            let topic = TopicName::parse(topic).expect("a good name");
            self.1 += 1;
            if self.0.find(&topic, key).is_none() {
                let from = IpAddr::from(from.to_be_bytes()).into();
                self.0.remember(topic, key, from, Seq(self.1), Millis(0));
            }
            assert!(self.0.len() <= IDEMPOTENCY_KEYS_MAX);
            assert_eq!(self.0.len(), self.0.ages.len());
            assert_eq!(self.0.len(), self.0.all.total);
        }

        fn flood(&mut self, topic: &str, from: u32, count: usize) {
            for n in 0..count {
                self.publish(topic, &format!("{from}-{n}"), from);
            }
        }

        fn knows(&self, topic: &str, key: &str) -> bool {
            self.0.find(&TopicName::parse(topic).expect("a good name"), key).is_some()
        }
    }

    #[test]
    fn a_stranger_who_floods_a_topic_loses_its_own_keys() {
        let mut bench = Bench(Keys::default(), 0);
        bench.publish("a", "mine", 1);
        bench.flood("a", 2, 2 * IDEMPOTENCY_KEYS_MAX);
        assert!(bench.knows("a", "mine") && !bench.knows("a", "2-0"));
        assert_eq!(bench.0.len(), IDEMPOTENCY_KEYS_PER_TOPIC_MAX);
    }

    #[test]
    fn a_stranger_who_floods_all_topics_loses_its_own_keys() {
        let mut bench = Bench(Keys::default(), 0);
        bench.publish("a", "mine", 1);
        for n in 0..20 {
            bench.flood(&format!("t{n}"), 2, IDEMPOTENCY_KEYS_PER_TOPIC_MAX / 4);
        }
        assert!(bench.knows("a", "mine"));
        assert_eq!(bench.0.len(), 1 + IDEMPOTENCY_KEYS_PER_ADDRESS_MAX);
    }

    #[test]
    fn many_strangers_lose_their_own_keys_before_somebody_who_has_few() {
        let mut bench = Bench(Keys::default(), 0);
        bench.flood("a", 1, 10);
        for from in 2..50 {
            bench.flood(&format!("t{from}"), from, 3_000);
        }
        assert_eq!(bench.0.len(), IDEMPOTENCY_KEYS_MAX);
        assert!((0..10).all(|n| bench.knows("a", &format!("1-{n}"))));
    }

    #[test]
    fn one_address_that_floods_one_topic_keeps_its_keys_of_another() {
        let mut bench = Bench(Keys::default(), 0);
        bench.publish("a", "mine", 1);
        bench.flood("b", 1, 2 * IDEMPOTENCY_KEYS_MAX);
        assert!(bench.knows("a", "mine"));
    }

    #[test]
    fn a_key_that_was_given_anew_stands_for_the_newer_message_until_that_is_old() {
        let mut keys = Keys::default();
        let topic = TopicName::parse("a").expect("a good name");
        let from = [1, 2].map(|n: u32| IpAddr::from(n.to_be_bytes()).into());
        let of = |keys: &Keys| keys.find(&topic, "k").map(|seq| seq.0);
        for (n, seq) in [(0, 1), (1, 2), (1, 2)] {
            keys.remember(topic.clone(), "k", from[n], Seq(seq), Millis(seq * 100));
            assert_eq!(of(&keys), Some(seq));
            assert_eq!((keys.len(), keys.ages.len(), keys.all.total), (1, 1, 1));
        }
        keys.expire(Millis(100 + IDEMPOTENCY_MS_MAX));
        assert_eq!(of(&keys), Some(2), "the older one of the two is old");
        keys.expire(Millis(200 + IDEMPOTENCY_MS_MAX));
        assert_eq!((of(&keys), keys.len(), keys.by_topic.len()), (None, 0, 0));
    }

    #[test]
    fn old_keys_leave_nothing() {
        let mut bench = Bench(Keys::default(), 0);
        bench.flood("a", 1, 3_000);
        bench.0.expire(Millis(IDEMPOTENCY_MS_MAX - 1));
        assert_eq!(bench.0.len(), 3_000);
        bench.0.expire(Millis(IDEMPOTENCY_MS_MAX));
        let Keys { numbers, ages, all, by_topic } = bench.0;
        assert!(numbers.is_empty() && ages.is_empty() && by_topic.is_empty());
        assert!(numbers.capacity() <= 4 * ROOM_KEPT, "{}", numbers.capacity());
        assert!(all.held.is_empty() && all.by_count.is_empty() && all.total == 0);
    }
}
