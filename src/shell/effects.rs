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
use super::sampling::Sampling;
use super::socket::Sockets;
use crate::broker::{Broker, Effect, Letter};
use crate::ids::{ConnId, Millis, ShardId, TopicName};
use crate::ledger::SharedCall;
use crate::limits::EFFECTS_PER_PORTION;

/// What carries out the effects of one thread.
#[derive(Debug)]
pub struct Effects {
    shard: ShardId,
    bus: Arc<Bus>,
    mailbox: Mailbox,
    clock: Clock,
    files: Option<Files>,
    sampling: Sampling,
    /// The next three are empty between calls, and kept for their room.
    batch: Batch,
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
            sampling: Sampling::default(),
            batch: Batch::default(),
            counts: Vec::new(),
            letters: Vec::new(),
        }
    }

    /// Does what `broker` asks for, and tells it what came of that, a portion of it. `true`:
    /// something happened, and there may be more.
    pub fn carry_out(&mut self, broker: &mut Broker, sockets: &mut Sockets, now: Millis) -> bool {
        let mut stirred = self.open_letters(broker, now);
        stirred |= broker.resume(now);
        // Last, so that whoever has come to read is counted when the turn goes on.
        stirred |= self.take_effects(broker, sockets, now);
        stirred
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

    /// Whether publishes wait for threads that have too many letters to read.
    pub fn is_held_back(&self) -> bool {
        !self.batch.orders.is_empty()
    }

    /// Goes on with a report that needs more samples than fit into a turn; to be called in each.
    pub fn sample(&mut self, broker: &mut Broker, sockets: &mut Sockets, now: Millis) {
        if let Some((to, part)) = self.sampling.step(broker, sockets, now)
            && self.bus.send_shard_report(self.shard, to, Box::new(part))
        {
            broker.charge_shared(SharedCall::Wake, 1);
        }
    }

    /// Whether a report waits for the next turn, so that there must be one.
    pub fn is_sampling(&self) -> bool {
        !self.sampling.is_empty()
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

    /// `true`: the broker asked for something, whose answer may make it ask for more.
    fn take_effects(&mut self, broker: &mut Broker, sockets: &mut Sockets, now: Millis) -> bool {
        let mut stirred = false;
        for _ in 0..EFFECTS_PER_PORTION {
            let Some(effect) = broker.next_effect() else {
                break;
            };
            stirred = true;
            match effect {
                Effect::Publish { conn, draft } => self.batch.orders.push_back((conn, draft)),
                Effect::Count { conn, topic } => self.counts.push((conn, topic)),
                Effect::OpenFile { conn, path } => {
                    broker.file_opened(conn, self.files().open(conn, &path), now);
                }
                Effect::ReadFile { conn, offset, length } => {
                    broker.file_read(conn, self.files().read(conn, offset, length), now);
                }
                Effect::CloseFile { conn } => self.files().close(conn),
                Effect::Sample { conn, payer } => {
                    if let Some(sample) = sockets.find(conn).and_then(|s| s.sample()) {
                        broker.charge_shared(SharedCall::Sample, 1);
                        broker.sampled(conn, payer, sample);
                    }
                }
                Effect::AskForReport { scope } => {
                    let woken = self.bus.ask_for_reports(self.shard, scope);
                    broker.charge_shared(SharedCall::Wake, woken as u64);
                }
                Effect::ShardReport { to, scope } => {
                    if self.sampling.want(to, scope) {
                        self.sample(broker, sockets, now);
                    }
                }
            }
        }
        self.use_the_bus(broker, now);
        stirred
    }

    /// Everything that needs the sequencer goes under its lock together: who came and went first,
    /// so that a publish of this turn counts those who came in this turn.
    fn use_the_bus(&mut self, broker: &mut Broker, now: Millis) {
        while let Some(change) = broker.next_subscriber_change() {
            self.batch.subscriber_changes.push(change);
        }
        if !self.batch.is_empty() {
            let now = self.clock.now_us();
            let woken = self.bus.handle(&mut self.batch, self.shard, now);
            broker.charge_shared(SharedCall::Wake, woken as u64);
        }
        for (conn, topic) in self.counts.drain(..) {
            broker.counted(conn, self.bus.subscribers(&topic), now);
        }
    }

    fn files(&mut self) -> &mut Files {
        self.files.as_mut().expect("a broker that serves no files asks for none")
    }
}
