//! Numbers, keys and answers, over a store that fails when it is told to.

use super::*;
use crate::hub::past::Past;
use crate::ids::{ConnId, Epoch, Micros, Millis, ShardId};
use crate::limits::IDEMPOTENCY_MS_MAX;
use crate::technique::message::{Payload, Unnumbered};

/// Keeps records in memory, and fails as often as it is told.
#[derive(Debug, Default)]
struct Memory {
    records: Vec<Record>,
    failures: usize,
    /// A write that fails reaches the disk nevertheless.
    sticks: bool,
    /// What it holds when it is looked at again: its numbering began anew.
    anew: Option<Opened>,
}

impl Memory {
    fn fails(&mut self) -> Result<(), StoreFault> {
        let fails = self.failures > 0;
        self.failures = self.failures.saturating_sub(1);
        if fails { Err(StoreFault("a test".into())) } else { Ok(()) }
    }
}

impl Store for Memory {
    fn append(&mut self, records: &[Record], _: WallMoment) -> Result<(), StoreFault> {
        let outcome = self.fails();
        if outcome.is_ok() || self.sticks {
            self.records.extend_from_slice(records);
        }
        outcome
    }

    fn sync(&mut self) -> Result<bool, StoreFault> {
        self.fails().map(|()| true)
    }

    fn recover(&mut self, tip: Seq, _: WallMoment) -> Result<Recovered, StoreFault> {
        self.fails()?;
        if let Some(opened) = self.anew.take() {
            return Ok(Recovered::Anew(opened));
        }
        let behind = self.records.iter().filter(|record| record.message.seq > tip);
        Ok(Recovered::Behind(behind.cloned().collect()))
    }
}

fn at(ms: u64) -> WallMoment {
    WallMoment { now: Millis(ms).micros(), wall_ms: ms }
}

fn asker(slot: u32) -> Asker {
    Asker { shard: ShardId(0), conn: ConnId { slot, generation: 0 } }
}

fn order(slot: u32, key: Option<&str>) -> StoreOrder {
    let asked = StoreAsk::Append(Draft {
        message: Unnumbered::new(
            TopicName::parse("a").expect("a good name"),
            None,
            Payload::posted(b"x"),
        ),
        from: std::net::IpAddr::from([192, 0, 2, 1]).into(),
        idempotency_key: key.map(Into::into),
    });
    StoreOrder { asker: asker(slot), asked }
}

/// What everybody was told, in short.
fn short(told: &[StoreAnswer]) -> Vec<String> {
    let short = |told: &StoreAnswer| match told {
        StoreAnswer::Appended { message, asker } => {
            let asker = asker.map(|asker| asker.conn.slot);
            format!("{} to {asker:?}", message.seq.0)
        }
        StoreAnswer::Repeated { asker, seq, .. } => {
            format!("again {} to {}", seq.0, asker.conn.slot)
        }
        StoreAnswer::TooFast { asker, .. } => format!("too fast {}", asker.conn.slot),
        StoreAnswer::Refused(asker) => format!("refused {}", asker.conn.slot),
        StoreAnswer::Unavailable(asker) => format!("unavailable {}", asker.conn.slot),
        StoreAnswer::Read { asker, .. } => format!("read {}", asker.conn.slot),
        StoreAnswer::Counted { asker, .. } => format!("counted {}", asker.conn.slot),
        StoreAnswer::Anew { epoch, past } => format!("anew {} up to {}", epoch.0, past.tip.0),
    };
    told.iter().map(short).collect()
}

fn append(journal: &mut Journal<Memory>, orders: Vec<StoreOrder>, ms: u64) -> Vec<String> {
    let (mut orders, mut told) = (orders, Vec::new());
    journal.append(&mut orders, at(ms), &mut told);
    assert!(orders.is_empty());
    short(&told)
}

fn recover(journal: &mut Journal<Memory>) -> (bool, Vec<String>) {
    let mut told = Vec::new();
    let works = journal.recover(at(0), &mut told);
    (works, short(&told))
}

#[test]
fn everybody_is_answered_in_the_order_of_asking() {
    let mut journal = Journal::new(Memory::default(), Seq(41), []);
    let refused = StoreOrder { asker: asker(3), asked: StoreAsk::Refused };
    let fast = StoreOrder { asker: asker(4), asked: StoreAsk::TooFast { retry_ms: 1 } };
    let orders = vec![order(1, Some("k")), refused, fast, order(2, Some("k")), order(1, None)];
    let told = append(&mut journal, orders, 0);
    assert_eq!(
        told,
        ["42 to Some(1)", "refused 3", "too fast 4", "again 42 to 2", "43 to Some(1)"]
    );
    assert_eq!(append(&mut journal, vec![order(5, Some("k"))], 1), ["again 42 to 5"]);
    let told = append(&mut journal, vec![order(5, Some("k"))], IDEMPOTENCY_MS_MAX);
    assert_eq!(told, ["44 to Some(5)"], "the key was too old");
    let counts = journal.counts();
    assert_eq!((counts.batches, counts.messages), (2, 3));
}

#[test]
fn a_batch_that_fails_gives_its_numbers_back() {
    let store = Memory { failures: 1, ..Memory::default() };
    let mut journal = Journal::new(store, Seq(0), []);
    let told = append(&mut journal, vec![order(1, Some("k")), order(2, Some("k"))], 0);
    assert_eq!(told, ["unavailable 1", "unavailable 2"]);
    assert!(journal.fault().is_some());
    assert_eq!(append(&mut journal, vec![order(3, None)], 0), ["unavailable 3"], "not tried");
    assert_eq!(recover(&mut journal), (true, vec![]));
    let told = append(&mut journal, vec![order(1, Some("k")), order(2, None)], 0);
    assert_eq!(told, ["1 to Some(1)", "2 to Some(2)"], "the key was not remembered");
    assert_eq!(journal.counts().failures, 1);
}

#[test]
fn what_a_failed_write_has_left_is_found_and_its_key_is_known() {
    let store = Memory { failures: 2, sticks: true, ..Memory::default() };
    let mut journal = Journal::new(store, Seq(0), []);
    let told = append(&mut journal, vec![order(1, Some("k")), order(2, None)], 0);
    assert_eq!(told, ["unavailable 1", "unavailable 2"]);
    assert_eq!(recover(&mut journal), (false, vec![]), "it fails again");
    let found = vec!["1 to None".to_owned(), "2 to None".to_owned()];
    assert_eq!(recover(&mut journal), (true, found));
    let told = append(&mut journal, vec![order(1, Some("k")), order(3, None)], 0);
    assert_eq!(told, ["again 1 to 1", "3 to Some(3)"]);
}

#[test]
fn a_repeat_is_known_while_the_store_is_not_there() {
    let mut journal = Journal::new(Memory::default(), Seq(0), []);
    append(&mut journal, vec![order(1, Some("k"))], 0);
    journal.store.failures = 1;
    journal.sync();
    let told = append(&mut journal, vec![order(2, Some("k")), order(3, None)], 0);
    assert_eq!(told, ["again 1 to 2", "unavailable 3"]);
    assert_eq!((journal.counts().unavailable, journal.counts().syncs), (1, 0));
}

fn key(seq: u64, key: &str) -> KeyRecord {
    KeyRecord {
        seq: Seq(seq),
        at: Micros(0).millis(),
        topic: TopicName::parse("a").expect("a good name"),
        key: key.into(),
        from: std::net::IpAddr::from([192, 0, 2, 1]).into(),
    }
}

#[test]
fn numbers_and_keys_of_a_numbering_that_has_ended_are_given_up() {
    let mut journal = Journal::new(Memory::default(), Seq(41), [key(40, "k"), key(41, "l")]);
    append(&mut journal, vec![order(1, Some("m"))], 0);
    journal.store.failures = 1;
    let told = append(&mut journal, vec![order(1, Some("n")), order(2, Some("m"))], 0);
    assert_eq!(told, ["unavailable 1", "again 42 to 2"], "it is not known yet");
    let past = Past { tip: Seq(7), ..Past::default() };
    journal.store.anew = Some(Opened { epoch: Epoch(15), past, keys: vec![key(6, "l")] });
    assert_eq!(recover(&mut journal), (true, vec!["anew 15 up to 7".to_owned()]));
    let orders = ["k", "l", "m", "n"].map(|key| order(1, Some(key))).into_iter().collect();
    let told = append(&mut journal, orders, 0);
    assert_eq!(told, ["8 to Some(1)", "again 6 to 1", "9 to Some(1)", "10 to Some(1)"]);
    assert_eq!(journal.counts().renumberings, 1);
}

#[test]
fn young_keys_of_an_earlier_run_are_known() {
    let mut journal = Journal::new(Memory::default(), Seq(9), [key(3, "k"), key(7, "l")]);
    let told = append(&mut journal, vec![order(1, Some("l")), order(2, Some("m"))], 5);
    assert_eq!(told, ["again 7 to 1", "10 to Some(2)"]);
}
