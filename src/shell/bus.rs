//! The bus between threads: the one sequencer that they share, and a mailbox for each.
//!
//! Every message gets its number from the one sequencer and is put into every thread's mailbox, the
//! sender's too, before the lock is let go. So letters lie in every box in the order of sequence
//! numbers, and once a publish is acknowledged its message lies in every box: a thread that looks
//! into its box before it takes in the bytes of a request has seen all that the request can know
//! of.
//!
//! A turn's publishes go under one lock together. Under it nothing is encoded, no data of a message
//! are copied, and nobody is woken.
//!
//! A thread is woken for a message that somebody there reads. The others sleep on: they find it
//! when they wake for something else, or when their letters pile up.
//!
//! That is so where messages are kept in memory alone. Where a store keeps them, [`stored`] has the
//! rest: the same order, given by a thread of the store's own.
//!
//! Came from: `event_loop`, with what its broker wants done. Goes to: every thread's mailbox.
//! Absent on purpose: waiting for anybody. While a thread's box is full, publishes stay with the
//! thread that asked for them, and it goes on with everything else.

pub mod stored;

use std::collections::VecDeque;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use super::ending::Ending;
use super::mailbox::{self, Address};
use crate::broker::{DrainCounts, Letter, Places};
use crate::hub::{Receipt, SubscriberChange, Subscribers};
use crate::ids::{ConnId, Micros, Millis, Network, ShardId, TopicName};
use crate::ledger::{Scope, ShardReport, StoreReport};
use crate::limits::{
    Limits, MAILBOX_BYTES_MAX, MAILBOX_LETTERS_MAX, UNCOMMITTED_BYTES_MAX, UNCOMMITTED_MAX,
};
use crate::rights::tickets::TicketBook;
use crate::spare::Spare;
use crate::store::line::StoreLine;
use crate::store::readers::ThreadSet;
use crate::store::sequencer::{Commit, Sequencer};
use crate::store::{Asker, StoreAsk, StoreOrder};
use crate::technique::message::{Draft, Message};

/// Shared by all threads.
#[derive(Debug)]
pub struct Bus {
    desk: Mutex<Desk>,
    /// The store's thread waits for it, if there is one.
    orders_came: Condvar,
    /// The store's thread is to end when all is answered.
    store_ends: AtomicBool,
    /// Under a lock of its own: connections come and go without waiting for publishers.
    places: Mutex<Places>,
    /// Places of one address; 0: no bound, and nothing is counted.
    places_max: usize,
    /// One for each thread, in the order of [`ShardId`]. Posting is done under the sequencer's
    /// lock and nowhere else, so a box does not fill while the lock is held.
    addresses: Box<[Address]>,
    closed: AtomicBool,
    /// What the store has done.
    store_counts: Mutex<Option<StoreReport>>,
    /// How the threads agree on the end.
    ending: Ending,
    /// Tickets are asked for and shown on whatever thread.
    tickets: Mutex<TicketBook>,
}

/// What is under the lock.
#[derive(Debug)]
struct Desk {
    sequencer: Sequencer,
    /// What a store was asked. `None`: messages are kept in memory alone.
    line: Option<StoreLine>,
}

/// What one thread wants done under the lock. Kept from turn to turn for its room.
#[derive(Debug, Default)]
pub struct Batch {
    /// Subscribers that came or went.
    pub subscriber_changes: Vec<SubscriberChange>,
    /// Drafts to be committed, and the connections that asked. Those that cannot be committed yet
    /// stay here.
    pub orders: VecDeque<(ConnId, Draft)>,
    /// What every other thread is told.
    messages: Vec<Arc<Message>>,
    /// The threads on which somebody reads what is committed.
    readers: ThreadSet,
    /// What the thread that asks is told: the same messages with receipts, and what became of the
    /// other orders.
    answers: Vec<Letter>,
}

impl Batch {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.subscriber_changes.is_empty() && self.orders.is_empty()
    }
}

impl Bus {
    /// A bus that serves the owners of `addresses`, shard 0 first. `stored`: a store keeps the
    /// messages, and has a thread of its own.
    pub fn new(limits: &Limits, addresses: Vec<Address>, stored: bool) -> Self {
        let line = stored.then(StoreLine::default);
        Self {
            desk: Mutex::new(Desk { sequencer: Sequencer::new(limits), line }),
            orders_came: Condvar::new(),
            store_ends: AtomicBool::new(false),
            store_counts: Mutex::default(),
            places: Mutex::default(),
            places_max: limits.connections_per_address_max,
            ending: Ending::new(addresses.len()),
            addresses: addresses.into_boxed_slice(),
            closed: AtomicBool::new(false),
            tickets: Mutex::default(),
        }
    }

    /// Takes a place for a connection from that address. `false`: it has all that it may have.
    pub fn take_place(&self, network: Network) -> bool {
        self.places_max == 0 || self.lock_places().take(network, self.places_max)
    }

    /// Gives back a place that was taken.
    pub fn free_place(&self, network: Network) {
        if self.places_max > 0 {
            self.lock_places().free(network);
        }
    }

    /// Does what is in `batch`, for the thread `origin`, but for publishes that there is no room
    /// for. Tells how many threads had to be woken, at one system call each.
    pub fn handle(&self, batch: &mut Batch, origin: ShardId, now: Micros) -> usize {
        {
            let mut desk = self.lock();
            for change in batch.subscriber_changes.drain(..) {
                desk.sequencer.take(&change, origin);
            }
            if batch.orders.is_empty() {
                return 0;
            }
            match desk.line {
                None => self.commit(&mut desk.sequencer, batch, now),
                Some(_) => self.hand_over(&mut desk, batch, origin, now),
            }
            self.post(batch, origin);
        }
        let readers = mem::take(&mut batch.readers);
        if batch.messages.is_empty() {
            return 0;
        }
        batch.messages.clear();
        batch.messages.give_back();
        self.wake_readers(readers, Some(origin))
    }

    /// Wakes the threads that have somebody to deliver to, but for `origin`, which is awake; and
    /// those whose letters pile up. The others find theirs before they judge the next request.
    /// Tells how many had to be woken.
    fn wake_readers(&self, readers: ThreadSet, origin: Option<ShardId>) -> usize {
        let numbered = (0..).map(ShardId).zip(&self.addresses);
        let others = numbered.filter(|(shard, _)| Some(*shard) != origin);
        let concerned = others.filter(|(shard, address)| readers.has(*shard) || address.piles_up());
        concerned.filter(|(_, address)| address.wake_if_asleep()).count()
    }

    /// Asks every thread for its report. Tells how many threads had to be woken.
    pub fn ask_for_reports(&self, origin: ShardId, scope: Scope) -> usize {
        let lock = self.lock();
        for address in &self.addresses {
            address.post([Letter::ReportWanted { from: origin, scope }].into_iter());
        }
        drop(lock);
        self.others(origin).filter(|address| address.wake_if_asleep()).count()
    }

    /// Sends the report of thread `origin` to the thread that wants it. `true`: that had to be
    /// woken.
    pub fn send_shard_report(&self, origin: ShardId, to: ShardId, part: Box<ShardReport>) -> bool {
        let lock = self.lock();
        let address = &self.addresses[usize::from(to.0)];
        address.post([Letter::ShardReport(part)].into_iter());
        drop(lock);
        to != origin && address.wake_if_asleep()
    }

    /// How many subscribers `topic` has. `None`: other servers have some too, and a letter will
    /// say.
    pub fn subscribers(&self, asker: Asker, topic: &TopicName) -> Option<Subscribers> {
        let mut desk = self.lock();
        match desk.line.as_mut().filter(|line| line.is_shared()) {
            None => Some(desk.sequencer.subscribers(topic)),
            Some(line) => {
                line.push(StoreOrder { asker, asked: StoreAsk::Count(topic.clone()) });
                self.orders_came.notify_one();
                None
            }
        }
    }

    /// Tells all threads to come to their end by `until`. They find out by
    /// [`drains_until`](Self::drains_until).
    pub fn drain(&self, until: Millis) {
        self.ending.begin(until);
        self.wake_all();
    }

    /// When the drain is over, if it has begun.
    pub fn drains_until(&self) -> Option<Millis> {
        self.ending.until()
    }

    /// A thread has no connection left, and will have none. The last one ends them all.
    pub fn drained(&self, counts: DrainCounts) {
        if let Some(sum) = self.ending.one_less(counts) {
            let DrainCounts { ended, cut } = sum;
            let level = if cut == 0 { log::Level::Info } else { log::Level::Warn };
            log::log!(level, "drained: {ended} connections ended in good order, {cut} were cut");
            self.close();
        }
    }

    /// The book of tickets, for as long as one is given or taken back.
    pub fn tickets(&self) -> MutexGuard<'_, TicketBook> {
        self.tickets.lock().expect("a thread that panics ends the process")
    }

    /// Tells all threads to stop. They find out by [`is_closed`](Self::is_closed).
    pub fn close(&self) {
        self.closed.store(true, SeqCst);
        self.wake_all();
    }

    /// Whether it is time to stop.
    pub fn is_closed(&self) -> bool {
        self.closed.load(SeqCst)
    }

    fn wake_all(&self) {
        for address in &self.addresses {
            address.wake();
        }
    }

    /// Gives the orders their numbers, as long as every box has room. What is left waits, up to a
    /// bound; beyond it the oldest are refused, so that answers keep the order of asking.
    fn commit(&self, sequencer: &mut Sequencer, batch: &mut Batch, now: Micros) {
        let fullest = self.addresses.iter().map(Address::len).max().unwrap_or(0);
        let mut room = MAILBOX_LETTERS_MAX.saturating_sub(fullest);
        let mut bytes = self.addresses.iter().map(Address::bytes).max().unwrap_or(0);
        while let Some((_, draft)) = batch.orders.front() {
            let weight = draft.weight();
            if room == 0 || (bytes > 0 && bytes + weight > MAILBOX_BYTES_MAX) {
                break;
            }
            room -= 1;
            bytes += weight;
            let Some((conn, draft)) = batch.orders.pop_front() else {
                break;
            };
            let (seq, subscribers, message) = match sequencer.commit(draft, now) {
                Commit::TooFast { retry_ms } => {
                    batch.answers.push(Letter::TooFast { conn, retry_ms });
                    continue;
                }
                Commit::Repeated { seq, subscribers } => (seq, subscribers, None),
                Commit::Appended { message, subscribers, threads } => {
                    batch.readers.add_all(threads);
                    (message.seq, subscribers, Some(message))
                }
            };
            let receipt = Receipt { conn, seq, subscribers };
            batch.answers.push(match message {
                None => Letter::Repeated(receipt),
                Some(message) => {
                    if self.addresses.len() > 1 {
                        batch.messages.push(Arc::clone(&message));
                    }
                    Letter::Committed { message, receipt: Some(receipt) }
                }
            });
        }
        let excess = self.excess(&batch.orders);
        let refused = batch.orders.drain(..excess).map(|(conn, _)| Letter::Refused(conn));
        batch.answers.extend(refused);
        batch.orders.give_back();
    }

    /// How many of the oldest are too many, or too long for this thread's share. The newest may
    /// wait, however long it is.
    fn excess(&self, orders: &VecDeque<(ConnId, Draft)>) -> usize {
        let bytes_max = UNCOMMITTED_BYTES_MAX / self.addresses.len();
        let mut bytes = 0;
        let newest_first = orders.iter().rev().take(UNCOMMITTED_MAX);
        let kept = newest_first.enumerate().take_while(|(n, (_, draft))| {
            bytes += draft.weight();
            *n == 0 || bytes <= bytes_max
        });
        orders.len() - kept.count()
    }

    /// Puts the messages into every box; the receipts go with the copies of the thread that asked.
    fn post(&self, batch: &mut Batch, origin: ShardId) {
        let own = usize::from(origin.0);
        if batch.messages.is_empty() {
            self.addresses[own].post(batch.answers.drain(..));
        } else {
            mailbox::post_to_all(&self.addresses, |shard, letters| {
                if shard == own {
                    letters.append(&mut batch.answers);
                } else {
                    letters.extend(batch.messages.iter().map(|message| Letter::Committed {
                        message: Arc::clone(message),
                        receipt: None,
                    }));
                }
            });
        }
        batch.answers.give_back();
    }

    fn others(&self, origin: ShardId) -> impl Iterator<Item = &Address> {
        let origin = usize::from(origin.0);
        let numbered = self.addresses.iter().enumerate();
        numbered.filter(move |&(shard, _)| shard != origin).map(|(_, address)| address)
    }

    fn lock_places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().expect("a thread that panics ends the process")
    }

    fn lock(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().expect("a thread that panics ends the process")
    }
}

#[cfg(test)]
mod tests;
