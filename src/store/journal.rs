//! The journal: a batch of orders gets numbers, is appended in one piece, and is answered.
//!
//! A number counts from when the store has its message. So a batch that fails takes its numbers
//! with it: the next one gets the same. Whoever asked is told that the store is unavailable, and
//! not that the message is lost, for a write that failed may have reached the disk. The store is
//! asked then what it holds, before anything else is appended, and what is found behind the newest
//! number is told as messages that nobody waits for: the log is what the store says it is. It may
//! say that its numbering began anew; then everything is, and whoever was answered nothing by then
//! was told that the store is unavailable.
//!
//! Came from: the store's thread, with what stood in the line. Goes to: a [`Store`]; back, with
//! what every order has become. Absent on purpose: waiting, time, the threads that asked.

use std::collections::HashMap;
use std::sync::Arc;

use super::numbering::{KeyRecord, Numbering};
use super::{
    Asker, Opened, Record, Recovered, Store, StoreAnswer, StoreAsk, StoreFault, StoreOrder,
    WallMoment,
};
use crate::hub::Subscribers;
use crate::ids::{Seq, TopicName};
use crate::ledger::StoreReport;
use crate::technique::message::Draft;

/// Gives numbers, and has a store keep what has them.
#[derive(Debug)]
pub struct Journal<S> {
    store: S,
    numbering: Numbering,
    /// Why the store cannot be used, if it cannot.
    fault: Option<StoreFault>,
    /// What it has done.
    counts: StoreReport,
    /// Empty between calls, and kept for their room.
    records: Vec<Record>,
    planned: Vec<Planned>,
    /// Keys of the batch → the record that has it.
    fresh: HashMap<(TopicName, Box<str>), usize>,
}

/// What an order will be told if its batch is appended.
#[derive(Debug)]
enum Planned {
    Append { asker: Asker, record: usize },
    RepeatOfBatch { asker: Asker, record: usize },
    Known(StoreAnswer),
}

impl<S: Store> Journal<S> {
    /// A journal that goes on behind `tip`, and remembers `keys`, the oldest first.
    pub fn new(store: S, tip: Seq, keys: impl IntoIterator<Item = KeyRecord>) -> Self {
        Self {
            store,
            numbering: Numbering::behind(tip, keys),
            fault: None,
            counts: StoreReport::default(),
            records: Vec::new(),
            planned: Vec::new(),
            fresh: HashMap::new(),
        }
    }

    /// Appends what `orders` ask for, and adds what became of each to `told`, in their order.
    pub fn append(
        &mut self,
        orders: &mut Vec<StoreOrder>,
        at: WallMoment,
        told: &mut Vec<StoreAnswer>,
    ) {
        for StoreOrder { asker, asked } in orders.drain(..) {
            let planned = match asked {
                StoreAsk::Append(draft) => self.plan(asker, draft, at),
                StoreAsk::TooFast { retry_ms } => {
                    Planned::Known(StoreAnswer::TooFast { asker, retry_ms })
                }
                StoreAsk::Refused => Planned::Known(StoreAnswer::Refused(asker)),
                StoreAsk::Count(topic) => {
                    let elsewhere = Subscribers::default(); // Nobody else has this store.
                    Planned::Known(StoreAnswer::Counted { asker, topic, elsewhere })
                }
            };
            self.planned.push(planned);
        }
        let appended = self.fault.is_none() && self.append_records(at);
        if appended {
            for key in self.records.iter().filter_map(Record::key_record) {
                self.numbering.remember(&key);
            }
            if let Some(last) = self.records.last() {
                self.numbering.go_on_from(last.message.seq);
            }
        }
        let records = &self.records;
        told.extend(self.planned.drain(..).map(|planned| match planned {
            Planned::Known(told) => told,
            Planned::Append { asker, .. } | Planned::RepeatOfBatch { asker, .. } if !appended => {
                StoreAnswer::Unavailable(asker)
            }
            Planned::Append { asker, record } => {
                let message = Arc::clone(&records[record].message);
                StoreAnswer::Appended { message, asker: Some(asker) }
            }
            Planned::RepeatOfBatch { asker, record } => {
                let message = &records[record].message;
                StoreAnswer::Repeated { asker, seq: message.seq, topic: message.topic.clone() }
            }
        }));
        self.records.clear();
        self.fresh.clear();
    }

    /// Makes what was appended outlive a loss of power, if it does not yet.
    pub fn sync(&mut self) {
        self.make_last(S::sync);
    }

    /// The same at the end: nothing is appended any more.
    pub fn close(&mut self) {
        self.make_last(S::close);
    }

    /// After a fault: tries whether the store can be used again. What is found in it that nobody
    /// was told of is added to `told`. `true`: it can.
    pub fn recover(&mut self, at: WallMoment, told: &mut Vec<StoreAnswer>) -> bool {
        if self.fault.is_none() {
            return true;
        }
        match self.store.recover(self.numbering.tip(), at) {
            Ok(Recovered::Behind(found)) => {
                for record in found {
                    if let Some(key) = record.key_record() {
                        self.numbering.remember(&key);
                    }
                    self.numbering.go_on_from(record.message.seq);
                    told.push(StoreAnswer::Appended { message: record.message, asker: None });
                }
                self.fault = None;
                true
            }
            Ok(Recovered::Anew(Opened { epoch, past, keys })) => {
                self.numbering = Numbering::behind(past.tip, keys);
                self.counts.renumberings += 1;
                told.push(StoreAnswer::Anew { epoch, past: Arc::new(past) });
                self.fault = None;
                true
            }
            Err(fault) => {
                self.fail(fault);
                false
            }
        }
    }

    /// Why the store cannot be used, if it cannot.
    pub fn fault(&self) -> Option<&StoreFault> {
        self.fault.as_ref()
    }

    /// What was done since the start.
    pub fn counts(&self) -> StoreReport {
        StoreReport { unavailable: u64::from(self.fault.is_some()), ..self.counts }
    }

    /// What is left when the process that had it was killed.
    #[cfg(test)]
    pub(super) fn into_store(self) -> S {
        self.store
    }

    fn plan(&mut self, asker: Asker, draft: Draft, at: WallMoment) -> Planned {
        let Draft { message, from, idempotency_key } = draft;
        let topic = &message.topic;
        // Its place in the batch, and so the number that it gets if all goes well.
        let record = self.records.len();
        if let Some(key) = &idempotency_key {
            if let Some(seq) = self.numbering.find(topic, key, at.now.millis()) {
                let topic = topic.clone();
                return Planned::Known(StoreAnswer::Repeated { asker, seq, topic });
            }
            let name = (topic.clone(), key.clone());
            if let Some(&record) = self.fresh.get(&name) {
                return Planned::RepeatOfBatch { asker, record };
            }
            self.fresh.insert(name, record);
        }
        let seq = Seq(self.numbering.tip().0 + 1 + record as u64);
        let message = message.number(seq, at.now);
        self.records.push(Record { message, key: idempotency_key, from });
        Planned::Append { asker, record }
    }

    fn append_records(&mut self, at: WallMoment) -> bool {
        if self.records.is_empty() {
            return true;
        }
        match self.store.append(&self.records, at) {
            Ok(()) => {
                self.counts.batches += 1;
                self.counts.messages += self.records.len() as u64;
                true
            }
            Err(fault) => {
                self.fail(fault);
                false
            }
        }
    }

    fn make_last(&mut self, how: impl FnOnce(&mut S) -> Result<bool, StoreFault>) {
        if self.fault.is_none() {
            match how(&mut self.store) {
                Ok(synced) => self.counts.syncs += u64::from(synced),
                Err(fault) => self.fail(fault),
            }
        }
    }

    fn fail(&mut self, fault: StoreFault) {
        self.counts.failures += 1;
        self.fault = Some(fault);
    }
}

#[cfg(test)]
mod tests;
