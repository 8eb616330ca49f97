//! The store of a world: a disk that outlives servers, the thread that writes it, and the line
//! before that. The thread does what `shell::storing` and `shell::bus::stored` do, in virtual time.
//!
//! Came from: `world`, with what is published; `mishaps`, with how the disk is. Goes to: every
//! thread's mailbox. Absent on purpose: retention. The disk keeps all, and hubs drop what they
//! would have dropped.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use tollway::broker::Letter;
use tollway::hub::Receipt;
use tollway::hub::past::Past;
use tollway::ids::{ConnId, Epoch, Millis, Seq, ShardId, TopicName};
use tollway::limits::{
    STORE_BATCH_BYTES_MAX, STORE_BATCH_MAX, STORE_RETRY_MS_MAX, STORE_RETRY_MS_MIN,
};
use tollway::store::journal::Journal;
use tollway::store::line::StoreLine;
use tollway::store::{
    Asker, Opened, Record, Recovered, Store, StoreAnswer, StoreAsk, StoreFault, StoreOrder,
    WallMoment,
};
use tollway::technique::message::Draft;

use super::World;
use super::mishaps::{Mishaps, Write};

/// By this groups of names are told apart.
const GROUP_KEY: u64 = 9;

/// What a disk holds, whichever server has it open.
#[derive(Clone, Debug)]
pub struct Disk(Arc<Mutex<Plate>>);

#[derive(Debug)]
struct Plate {
    epoch: Epoch,
    records: Vec<Record>,
    /// How the next write goes.
    write: Write,
    /// Its numbering began anew, and nobody has noticed yet.
    anew: bool,
}

impl Disk {
    /// An empty one.
    pub fn new(epoch: Epoch) -> Self {
        let plate = Plate { epoch, records: Vec::new(), write: Write::Done, anew: false };
        Self(Arc::new(Mutex::new(plate)))
    }

    /// All that it holds, as a server finds it that opens it.
    pub fn opened(&self) -> Opened {
        let plate = self.plate();
        let mut last: HashMap<&TopicName, Seq> = HashMap::new();
        let messages = plate.records.iter().map(|record| {
            let before = last.insert(&record.message.topic, record.message.seq);
            (Arc::clone(&record.message), before.unwrap_or_default())
        });
        let past = Past {
            tip: plate.records.last().map_or(Seq(0), |record| record.message.seq),
            group_key: GROUP_KEY,
            lost: Vec::new(),
            messages: messages.collect(),
            ahead_max: 0,
        };
        let keys = plate.records.iter().filter_map(Record::key_record).collect();
        Opened { epoch: plate.epoch, past, keys }
    }

    /// Somebody puts back what it held when it had so many messages.
    pub fn put_back(&self, messages: usize) {
        let mut plate = self.plate();
        plate.records.truncate(messages);
        plate.epoch = Epoch(plate.epoch.0 + 1);
        plate.anew = true;
    }

    fn plate(&self) -> MutexGuard<'_, Plate> {
        self.0.lock().expect("nobody panics with it")
    }
}

impl Store for Disk {
    fn append(&mut self, records: &[Record], _: WallMoment) -> Result<(), StoreFault> {
        let mut plate = self.plate();
        if plate.anew {
            return Err(StoreFault("it is another numbering".into()));
        }
        let write = plate.write;
        if matches!(write, Write::Done | Write::FailsAndIsKept) {
            plate.records.extend_from_slice(records);
        }
        if write == Write::Done { Ok(()) } else { Err(StoreFault("a mishap".into())) }
    }

    fn sync(&mut self) -> Result<bool, StoreFault> {
        if self.plate().anew { Err(StoreFault("it is another numbering".into())) } else { Ok(true) }
    }

    fn recover(&mut self, tip: Seq, _: WallMoment) -> Result<Recovered, StoreFault> {
        if self.plate().write != Write::Done {
            return Err(StoreFault("still".into()));
        }
        if std::mem::take(&mut self.plate().anew) {
            return Ok(Recovered::Anew(self.opened()));
        }
        let plate = self.plate();
        let behind = plate.records.iter().filter(|record| record.message.seq > tip);
        Ok(Recovered::Behind(behind.cloned().collect()))
    }
}

/// The thread of a store, and the line before it.
pub struct Stored {
    pub disk: Disk,
    journal: Journal<Disk>,
    line: StoreLine,
    /// What it will tell, and when the disk lets it.
    busy: Option<(Millis, Vec<StoreAnswer>)>,
    /// When the store is tried again, and how long to wait after that.
    retry: Option<(Millis, u64)>,
    /// How long the next write takes, whatever the machine says.
    hangs_ms: u64,
}

impl Stored {
    /// A server opens `disk`.
    pub fn open(disk: Disk) -> (Self, Epoch, Arc<Past>) {
        disk.plate().anew = false;
        let Opened { epoch, past, keys } = disk.opened();
        let journal = Journal::new(disk.clone(), past.tip, keys);
        let line = StoreLine::default();
        let stored = Self { disk, journal, line, busy: None, retry: None, hangs_ms: 0 };
        (stored, epoch, Arc::new(past))
    }

    /// How many orders are not answered.
    pub fn in_flight(&self) -> usize {
        self.line.in_flight().0
    }

    /// Whether it was told that the store cannot be used.
    pub fn fails(&self) -> bool {
        self.retry.is_some()
    }

    /// When it has something to do; `None`: when somebody publishes.
    pub fn next_stop(&self) -> Option<Millis> {
        match &self.busy {
            Some((done_at, _)) => Some(*done_at),
            None => self.retry.map(|(at, _)| at),
        }
    }

    /// Looks at the disk, or appends what stands in the line: then `told` is what comes of it, when
    /// the disk has taken its time. `false`: there was nothing to do.
    fn turn(
        &mut self,
        at: WallMoment,
        mishaps: &mut dyn Mishaps,
        told: &mut Vec<StoreAnswer>,
    ) -> bool {
        let now = at.now.millis();
        if let Some((_, done)) = self.busy.take_if(|(done_at, _)| *done_at <= now) {
            told.extend(done);
            return true;
        }
        if self.busy.is_some() {
            return false;
        }
        let mut orders = Vec::new();
        self.line.take(STORE_BATCH_MAX, STORE_BATCH_BYTES_MAX, &mut orders);
        let recovers = self.retry.is_some_and(|(at, _)| at <= now);
        if orders.is_empty() && !recovers {
            return false;
        }
        if !orders.is_empty() {
            self.disk.plate().write = mishaps.store_writes();
            self.journal.append(&mut orders, at, told);
        }
        if recovers {
            if mishaps.store_is_put_back() {
                let messages = self.disk.plate().records.len();
                self.disk.put_back(messages / 2);
            }
            self.disk.plate().write = mishaps.store_writes();
            self.journal.recover(at, told);
        }
        let ms = mishaps.store_takes_ms().max(std::mem::take(&mut self.hangs_ms));
        if ms > 0 {
            self.busy = Some((now.plus(ms), std::mem::take(told)));
        }
        ms == 0
    }

    /// Whether everybody is to be told how the store is. Afterwards it is known when it is tried
    /// again.
    fn has_news(&mut self, now: Millis) -> bool {
        match (self.journal.fault(), self.retry) {
            (None, None) => false,
            (None, Some(_)) => {
                self.retry = None;
                true
            }
            (Some(_), None) => {
                self.retry = Some((now, STORE_RETRY_MS_MIN));
                true
            }
            (Some(_), Some((at, ms))) => {
                if at <= now {
                    self.retry = Some((now.plus(ms), (ms * 2).min(STORE_RETRY_MS_MAX)));
                }
                false
            }
        }
    }
}

impl World {
    /// A publish stands in the line, or is refused, as `shell::bus::stored` has it.
    pub(super) fn hand_over(&mut self, shard: usize, conn: ConnId, draft: Draft) {
        let Some(stored) = &mut self.stored else {
            return;
        };
        // Exact: a world has few threads.
        let asker = Asker { shard: ShardId(shard as u16), conn };
        match self.sequencer.admit(&draft, self.now.micros()) {
            Ok(()) => stored.line.push(StoreOrder { asker, asked: StoreAsk::Append(draft) }),
            Err(retry_ms) if stored.line.has(asker) => {
                stored.line.push(StoreOrder { asker, asked: StoreAsk::TooFast { retry_ms } });
            }
            Err(retry_ms) => {
                self.mailboxes[shard].push_back(Letter::TooFast { conn, retry_ms });
            }
        }
    }

    /// A refusal stands in the line behind what its connection waits for. `false`: that is nothing.
    pub(super) fn refused_in_line(&mut self, shard: usize, conn: ConnId) -> bool {
        // Exact: a world has few threads.
        let asker = Asker { shard: ShardId(shard as u16), conn };
        let stored = self.stored.as_mut().filter(|stored| stored.line.has(asker));
        stored.map(|s| s.line.push(StoreOrder { asker, asked: StoreAsk::Refused })).is_some()
    }

    /// Turns every thread until nothing more happens, and time passes until the store owes nobody
    /// an answer.
    pub fn settle(&mut self) {
        self.run();
        for _ in 0..10_000 {
            match &self.stored {
                Some(stored) if stored.in_flight() > 0 => {
                    let stop = stored.next_stop().expect("it was run, so it is busy");
                    self.advance(stop.since(self.now));
                }
                _ => return,
            }
        }
        panic!("the store does not come to rest at {:?}", self.now);
    }

    /// One turn of the store's thread. `true`: something was told.
    pub fn store_turn(&mut self) -> bool {
        let Some(mut stored) = self.stored.take() else {
            return false;
        };
        let at = WallMoment { now: self.now.micros(), wall_ms: self.wall_s() * 1000 };
        let mut told = Vec::new();
        let turned = stored.turn(at, &mut *self.mishaps, &mut told);
        if turned {
            for told in told {
                self.tell_of(&mut stored.line, told);
            }
            if stored.has_news(self.now) {
                let fault = stored.journal.fault().map(|fault| Arc::clone(&fault.0));
                for mailbox in &mut self.mailboxes {
                    mailbox.push_back(Letter::StoreState(fault.clone()));
                }
            }
        }
        self.stored = Some(stored);
        turned
    }

    /// Somebody puts back what the disk held when it had so many messages, and the server notices.
    pub fn put_back(&mut self, messages: usize) {
        let Some(mut stored) = self.stored.take() else {
            return;
        };
        let at = WallMoment { now: self.now.micros(), wall_ms: self.wall_s() * 1000 };
        let mut told = Vec::new();
        stored.disk.put_back(messages);
        stored.disk.plate().write = Write::Done;
        stored.journal.sync();
        stored.journal.recover(at, &mut told);
        match &mut stored.busy {
            Some((_, before)) => before.extend(told),
            None => {
                for told in told {
                    self.tell_of(&mut stored.line, told);
                }
            }
        }
        self.stored = Some(stored);
    }

    /// The next write takes so long.
    pub fn hang_store(&mut self, ms: u64) {
        if let Some(stored) = &mut self.stored {
            stored.hangs_ms = ms;
        }
    }

    fn tell_of(&mut self, line: &mut StoreLine, told: StoreAnswer) {
        let (asker, letter) = match told {
            StoreAnswer::Appended { message, asker } => {
                let subscribers = self.sequencer.subscribers(&message.topic).total();
                self.committed.push(Arc::clone(&message));
                for (n, mailbox) in self.mailboxes.iter_mut().enumerate() {
                    let own = asker.filter(|asker| usize::from(asker.shard.0) == n);
                    let (message, seq) = (Arc::clone(&message), message.seq);
                    let receipt = own.map(|asker| Receipt { conn: asker.conn, seq, subscribers });
                    mailbox.push_back(Letter::Committed { message, receipt });
                }
                if asker.is_some() {
                    line.answered();
                }
                return;
            }
            StoreAnswer::Anew { epoch, past } => {
                let there = past.messages.iter().map(|(m, _)| Arc::clone(m)).collect();
                let ended = std::mem::replace(&mut self.committed, there);
                self.ended.push((std::mem::replace(&mut self.epoch, epoch), ended));
                for mailbox in &mut self.mailboxes {
                    mailbox.push_back(Letter::Anew { epoch, past: Arc::clone(&past) });
                }
                return;
            }
            StoreAnswer::Repeated { asker, seq, topic } => {
                let subscribers = self.sequencer.subscribers(&topic).total();
                (asker, Letter::Repeated(Receipt { conn: asker.conn, seq, subscribers }))
            }
            StoreAnswer::Read { .. } | StoreAnswer::Counted { .. } => {
                unreachable!("this store is shared with nobody")
            }
            StoreAnswer::TooFast { asker, retry_ms } => {
                (asker, Letter::TooFast { conn: asker.conn, retry_ms })
            }
            StoreAnswer::Refused(asker) => (asker, Letter::Refused(asker.conn)),
            StoreAnswer::Unavailable(asker) => {
                self.unavailable_at = Some(self.now);
                (asker, Letter::Unavailable(asker.conn))
            }
        };
        line.answered();
        self.mailboxes[usize::from(asker.shard.0)].push_back(letter);
    }
}
