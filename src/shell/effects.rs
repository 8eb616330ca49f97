//! Effects, carried out: everything a broker wants of the world that is not a socket of its own.
//! Letters to and from other threads, the count of subscribers, files.
//!
//! Came from: `event_loop`, several times a turn. Goes to: `bus`, `mailbox`, `files`, and
//! back to the broker with what came of it. Absent on purpose: waiting. The lock is short, and a
//! file is read on the spot.

use std::sync::Arc;

use super::bus::{Batch, Bus};
use super::clock::Clock;
use super::files::Files;
use super::mailbox::Mailbox;
use super::sys;
use crate::broker::{Broker, Effect, Letter};
use crate::ids::{ConnId, Millis, ShardId, TopicName};
use crate::ledger::{ShardReport, SharedCall};
use crate::spare::Spare;
use crate::store::Asker;

/// What carries out the effects of one thread.
#[derive(Debug)]
pub struct Effects {
    shard: ShardId,
    bus: Arc<Bus>,
    mailbox: Mailbox,
    clock: Clock,
    files: Option<Files>,
    /// What is held back waits in it.
    batch: Batch,
    /// The next two are empty between calls, and kept for their room.
    counts: Vec<(ConnId, TopicName)>,
    letters: Vec<Letter>,
}

impl Effects {
    /// What carries out the effects of thread `shard`.
    pub fn new(
        shard: ShardId,
        bus: Arc<Bus>,
        mailbox: Mailbox,
        clock: Clock,
        files: Option<Files>,
    ) -> Self {
        Self {
            shard,
            bus,
            mailbox,
            clock,
            files,
            batch: Batch::default(),
            counts: Vec::new(),
            letters: Vec::new(),
        }
    }

    /// Does what `broker` asks for, and tells it what came of that. What is to be committed or
    /// counted is collected, for [`use_the_bus`](Self::use_the_bus).
    pub fn carry_out(&mut self, broker: &mut Broker, effect: Effect, now: Millis) {
        match effect {
            Effect::Publish { conn, draft } => self.batch.orders.push_back((conn, draft)),
            Effect::Count { conn, topic } => self.counts.push((conn, topic)),
            Effect::GiveTicket { conn, grant } => {
                let bits = [sys::random_bits(), sys::random_bits()];
                let given = match bits {
                    [Ok(first), Ok(second)] => self.bus.tickets().give([first, second], grant, now),
                    _ => None, // No chance, no ticket.
                };
                broker.ticket_given(conn, given, now);
            }
            Effect::TakeTicket { conn, ticket } => {
                let grant = self.bus.tickets().take(ticket, now);
                broker.ticket_taken(conn, grant, now);
            }
            Effect::OpenFile { conn, path } => {
                broker.file_opened(conn, self.files().open(conn, &path, now), now);
            }
            Effect::ReadFile { conn, offset, length } => {
                broker.file_read(conn, self.files().read(conn, offset, length, now), now);
            }
            Effect::CloseFile { conn } => self.files().close(conn),
            Effect::TakePlace { conn, network } => {
                let place = self.bus.take_place(network).then_some(network);
                if let Some(free) = broker.placed(conn, place, now) {
                    self.bus.free_place(free);
                }
            }
            Effect::FreePlace { network } => self.bus.free_place(network),
            Effect::AskForReport { scope } => {
                let woken = self.bus.ask_for_reports(self.shard, scope);
                broker.charge_shared(SharedCall::Wake, woken as u64);
            }
            // These need sockets: the event loop, which has them, does them itself.
            Effect::Sample { .. } | Effect::ShardReport { .. } => {}
            Effect::CountUnacknowledged { .. } => {}
        }
    }

    /// Tells `broker` what the other threads and the sequencer have to say. `true`: there was any.
    /// When there is none it costs one atomic load. What the broker has no room for waits in there,
    /// and counts as lying in the mailbox still.
    pub fn open_letters(&mut self, broker: &mut Broker, now: Millis) -> bool {
        if self.mailbox.is_empty() {
            return false;
        }
        self.mailbox.drain(&mut self.letters);
        for letter in self.letters.drain(..) {
            broker.letter(letter, now);
        }
        self.count_unread(broker);
        true
    }

    /// Tells the other threads how many letters `broker` has not read.
    pub fn count_unread(&self, broker: &Broker) {
        self.mailbox.note_unread(broker.unread_letters());
    }

    /// Whether there is nothing to be carried out, and nothing to be told to `broker`.
    pub fn are_none(&self, broker: &Broker) -> bool {
        self.batch.is_empty() && self.mailbox.is_empty() && broker.wants_nothing()
    }

    /// Whether publishes wait for threads that have too many letters to read.
    pub fn is_held_back(&self) -> bool {
        !self.batch.orders.is_empty()
    }

    /// Sends this thread's report to the thread that wants it.
    pub fn send_report(&self, broker: &mut Broker, to: ShardId, mut report: ShardReport) {
        report.store = self.bus.store_counts();
        if self.bus.send_shard_report(self.shard, to, Box::new(report)) {
            broker.charge_shared(SharedCall::Wake, 1);
        }
    }

    /// To be called before waiting. `false`: there are letters, so do not wait.
    pub fn fall_asleep(&self) -> bool {
        self.mailbox.fall_asleep()
    }

    /// To be called after waiting.
    pub fn wake_up(&self) {
        self.mailbox.wake_up();
    }

    /// Lets go of what a connection that is gone had open.
    pub fn forget(&mut self, conn: ConnId) {
        if let Some(files) = &mut self.files {
            files.close(conn);
        }
    }

    /// The bus between the threads.
    pub fn bus(&self) -> &Bus {
        &self.bus
    }

    /// Everything that publishes goes under the sequencer's lock together: subscribers that came or
    /// went first, so that a publish of this turn counts those that came in this turn.
    pub fn use_the_bus(&mut self, broker: &mut Broker, now: Millis) {
        while let Some(change) = broker.next_subscriber_change() {
            self.batch.subscriber_changes.push(change);
        }
        if !self.batch.is_empty() {
            let now = self.clock.now_us();
            let woken = self.bus.handle(&mut self.batch, self.shard, now);
            broker.charge_shared(SharedCall::Wake, woken as u64);
        }
        for (conn, topic) in self.counts.drain(..) {
            let asker = Asker { shard: self.shard, conn };
            if let Some(subscribers) = self.bus.subscribers(asker, &topic) {
                broker.counted(conn, subscribers, now);
            }
        }
        self.counts.give_back();
        self.batch.subscriber_changes.give_back();
    }

    fn files(&mut self) -> &mut Files {
        self.files.as_mut().expect("a broker that serves no files asks for none")
    }
}
