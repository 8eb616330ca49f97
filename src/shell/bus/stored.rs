//! The bus where a store keeps the messages: what a turn publishes is put into a line, and a thread
//! of the store's own takes it from there, and brings the answers.
//!
//! What is in flight counts as if it lay in the mailboxes already, so that what is published has
//! room there: the store's thread never waits for a loop thread, and no loop thread for it.
//!
//! An answer that is known at once, a refusal, is given at once, unless its connection waits for
//! another: those of one connection come in the order of asking, those of different ones in any.
//!
//! Came from: `bus`, under its lock; `storing`, on the store's thread. Goes to: every thread's
//! mailbox. Absent on purpose: the store. It is called without any lock.

use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use super::{Batch, Bus, Desk, mailbox};
use crate::broker::Letter;
use crate::hub::{Receipt, Subscribers};
use crate::ids::{Micros, ShardId, TopicName};
use crate::ledger::StoreReport;
use crate::limits::{
    MAILBOX_BYTES_MAX, MAILBOX_LETTERS_MAX, STORE_BATCH_BYTES_MAX, STORE_BATCH_MAX,
};
use crate::store::line::StoreLine;
use crate::store::readers::ThreadSet;
use crate::store::sequencer::Sequencer;
use crate::store::{Asker, StoreAnswer, StoreAsk, StoreOrder};

/// What a store's thread is to do next.
#[derive(Debug, PartialEq, Eq)]
pub enum NextStep {
    /// Append the orders that it was given.
    Append,
    /// It has waited for as long as it wanted.
    Look,
    /// Nobody will publish any more, and all is answered: close the store.
    End,
}

impl Bus {
    /// Puts what a turn publishes into the line, as long as there is room for the answers.
    pub(super) fn hand_over(
        &self,
        desk: &mut Desk,
        batch: &mut Batch,
        origin: ShardId,
        now: Micros,
    ) {
        let (room, room_bytes) = self.room();
        let Desk { sequencer, line: Some(line) } = desk else {
            return;
        };
        let was_empty = line.is_empty();
        while let Some((_, draft)) = batch.orders.front() {
            let (flying, bytes) = line.in_flight();
            if flying >= room || bytes > 0 && bytes + draft.weight() > room_bytes {
                break;
            }
            let Some((conn, draft)) = batch.orders.pop_front() else {
                break;
            };
            let asker = Asker { shard: origin, conn };
            match sequencer.admit(&draft, now) {
                Ok(()) => line.push(StoreOrder { asker, asked: StoreAsk::Append(draft) }),
                Err(retry_ms) if line.has(asker) => {
                    line.push(StoreOrder { asker, asked: StoreAsk::TooFast { retry_ms } });
                }
                Err(retry_ms) => batch.answers.push(Letter::TooFast { conn, retry_ms }),
            }
        }
        let excess = self.excess(&batch.orders);
        for (conn, _) in batch.orders.drain(..excess) {
            let asker = Asker { shard: origin, conn };
            if line.has(asker) {
                line.push(StoreOrder { asker, asked: StoreAsk::Refused });
            } else {
                batch.answers.push(Letter::Refused(conn));
            }
        }
        if was_empty && !line.is_empty() {
            self.orders_came.notify_one();
        }
    }

    /// How many letters, and bytes of messages, there is room for in every mailbox.
    fn room(&self) -> (usize, usize) {
        let fullest = self.addresses.iter().map(super::Address::len).max().unwrap_or(0);
        let bytes = self.addresses.iter().map(super::Address::bytes).max().unwrap_or(0);
        let left = MAILBOX_LETTERS_MAX.saturating_sub(fullest);
        (left, MAILBOX_BYTES_MAX.saturating_sub(bytes))
    }

    /// For a log that many servers share: a message and its receipt are two letters, and messages
    /// come unasked. To be called before anybody publishes.
    pub fn answers_come_apart(&self) {
        let mut desk = self.lock();
        desk.sequencer.note_changes();
        if let Some(line) = &mut desk.line {
            line.answers_come_apart();
        }
    }

    /// For such a log: these changes could not be told, and are to be told again.
    pub fn tell_readers_again(&self, changes: Vec<(TopicName, Subscribers)>) {
        self.lock().sequencer.tell_again(changes.into_iter().map(|(topic, _)| topic));
    }

    /// For such a log: up to `most` topics whose subscribers here have changed since this was last
    /// asked. `all`: as if none had been told.
    pub fn reader_changes(&self, all: bool, most: usize) -> Vec<(TopicName, Subscribers)> {
        let mut desk = self.lock();
        if all {
            desk.sequencer.note_changes();
        }
        desk.sequencer.changes(most)
    }

    /// For the thread that reads such a log: whether every mailbox has room for more of it. Half of
    /// it is left for what is published here.
    pub fn has_room(&self) -> bool {
        let (letters, bytes) = self.room();
        letters > MAILBOX_LETTERS_MAX / 2 && bytes > MAILBOX_BYTES_MAX / 2
    }

    /// For the store's thread: waits for orders, `patience` at most, and moves a batch of them to
    /// `orders`.
    pub fn next_orders(&self, orders: &mut Vec<StoreOrder>, patience: Duration) -> NextStep {
        let desk = self.lock();
        let idle = |desk: &mut Desk| {
            let nobody = desk.line.as_ref().is_none_or(StoreLine::is_empty);
            nobody && !self.store_ends.load(SeqCst)
        };
        let waited = self.orders_came.wait_timeout_while(desk, patience, idle);
        let (mut desk, _) = waited.expect("a thread that panics ends the process");
        let Some(line) = &mut desk.line else {
            return NextStep::End;
        };
        line.take(STORE_BATCH_MAX, STORE_BATCH_BYTES_MAX, orders);
        if !orders.is_empty() {
            NextStep::Append
        } else if self.store_ends.load(SeqCst) {
            NextStep::End
        } else {
            NextStep::Look
        }
    }

    /// For the store's thread: every thread is told what became of a batch, those who asked with
    /// receipts.
    pub fn tell(&self, told: &mut Vec<StoreAnswer>) {
        if told.is_empty() {
            return;
        }
        let anew = told.iter().any(|told| matches!(told, StoreAnswer::Anew { .. }));
        let mut concerned = ThreadSet::default();
        {
            let mut desk = self.lock();
            let mut letters: Vec<Vec<Letter>> = Vec::new();
            letters.resize_with(self.addresses.len(), Vec::new);
            for told in told.drain(..) {
                concerned.add_all(desk.tell(told, &mut letters));
            }
            mailbox::post_to_all(&self.addresses, |shard, there| there.append(&mut letters[shard]));
        }
        if anew {
            return self.wake_sleepers(); // Every reader is told.
        }
        self.wake_readers(concerned, None);
    }

    /// For the store's thread: every thread is told whether the store can be used. `Some`: it
    /// cannot, for this reason.
    pub fn tell_store_state(&self, fault: Option<&Arc<str>>) {
        let lock = self.lock();
        for address in &self.addresses {
            address.post([Letter::StoreState(fault.cloned())].into_iter());
        }
        drop(lock);
        self.wake_sleepers();
    }

    /// For the store's thread: what it has done by now.
    pub fn count_store(&self, counts: StoreReport) {
        *self.lock_counts() = Some(counts);
    }

    /// What the store has done; `None`: there is none.
    pub fn store_counts(&self) -> Option<StoreReport> {
        *self.lock_counts()
    }

    fn lock_counts(&self) -> MutexGuard<'_, Option<StoreReport>> {
        self.store_counts.lock().expect("a thread that panics ends the process")
    }

    /// Nobody will publish any more: the store's thread is to answer what is in the line, and end.
    pub fn end_store(&self) {
        let lock = self.lock();
        self.store_ends.store(true, SeqCst);
        drop(lock);
        self.orders_came.notify_one();
    }

    fn wake_sleepers(&self) {
        for address in &self.addresses {
            address.wake_if_asleep();
        }
    }
}

impl Desk {
    /// Adds to each thread's `letters` what it is told, and tells which threads that concerns now.
    fn tell(&mut self, told: StoreAnswer, letters: &mut [Vec<Letter>]) -> ThreadSet {
        let mut concerned = ThreadSet::default();
        let Self { sequencer, line: Some(line) } = self else {
            return concerned;
        };
        let (asker, letter) = match told {
            StoreAnswer::Appended { message, asker } => {
                let (subscribers, threads) = sequencer.readers(&message.topic);
                let (subscribers, seq) = (subscribers.total(), message.seq);
                concerned.add_all(threads);
                for (shard, letters) in letters.iter_mut().enumerate() {
                    let own = asker.filter(|asker| usize::from(asker.shard.0) == shard);
                    let receipt = own.map(|asker| Receipt { conn: asker.conn, seq, subscribers });
                    letters.push(Letter::Committed { message: Arc::clone(&message), receipt });
                }
                if let Some(asker) = asker {
                    line.answered();
                    concerned.add(asker.shard);
                }
                return concerned;
            }
            StoreAnswer::Anew { epoch, past } => {
                for letters in letters {
                    letters.push(Letter::Anew { epoch, past: Arc::clone(&past) });
                }
                return concerned;
            }
            told => of_one(sequencer, told),
        };
        line.answered();
        concerned.add(asker.shard);
        letters[usize::from(asker.shard.0)].push(letter);
        concerned
    }
}

/// An answer that only the one who asked hears.
fn of_one(sequencer: &Sequencer, told: StoreAnswer) -> (Asker, Letter) {
    match told {
        StoreAnswer::Repeated { asker, seq, topic } => {
            let subscribers = sequencer.subscribers(&topic).total();
            (asker, Letter::Repeated(Receipt { conn: asker.conn, seq, subscribers }))
        }
        StoreAnswer::Read { asker, seq, topic, elsewhere } => {
            let here = sequencer.subscribers(&topic).total();
            let subscribers = here.saturating_add(elsewhere);
            (asker, Letter::Repeated(Receipt { conn: asker.conn, seq, subscribers }))
        }
        StoreAnswer::Counted { asker, topic, elsewhere } => {
            let subscribers = sequencer.subscribers(&topic).and(elsewhere);
            (asker, Letter::Counted { conn: asker.conn, subscribers })
        }
        StoreAnswer::TooFast { asker, retry_ms } => {
            (asker, Letter::TooFast { conn: asker.conn, retry_ms })
        }
        StoreAnswer::Refused(asker) => (asker, Letter::Refused(asker.conn)),
        StoreAnswer::Unavailable(asker) => (asker, Letter::Unavailable(asker.conn)),
        StoreAnswer::Appended { .. } | StoreAnswer::Anew { .. } => {
            unreachable!("every thread hears of these")
        }
    }
}

#[cfg(test)]
mod tests;
