//! The store's thread: takes what stands in the line, has it appended, and tells what came of it.
//!
//! What gathers while a batch is on its way is the next batch. So one sync serves every publish
//! that came meanwhile, and the slower the disk, the larger its batches.
//!
//! A store that fails is tried again with growing pauses. Meanwhile whoever publishes is told so,
//! and readers go on reading what their thread holds.
//!
//! Came from: `mod`, with a store that is open. Goes to: `store::journal`; `bus`, with its answers.
//! Absent on purpose: what a store is.

use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::bus::Bus;
use super::bus::stored::NextStep;
use super::clock::{Clock, Wall};
use super::failure::Crash;
use crate::ids::Micros;
use crate::limits::{STORE_RETRY_MS_MAX, STORE_RETRY_MS_MIN};
use crate::store::journal::Journal;
use crate::store::{Store, StoreAnswer, StoreFault, WallMoment};

/// The thread of a store.
#[derive(Debug)]
pub struct Storing {
    bus: Arc<Bus>,
    thread: JoinHandle<Result<(), Crash>>,
}

impl Storing {
    /// Starts it. `sync_every`: what was appended is synced so often; `None`: appending includes
    /// that.
    pub fn start<S: Store + 'static>(
        journal: Journal<S>,
        bus: Arc<Bus>,
        clock: Clock,
        sync_every: Option<Duration>,
    ) -> io::Result<Self> {
        bus.count_store(journal.counts()); // There is a store, also before anybody uses it.
        let keeper = Keeper {
            journal,
            bus: Arc::clone(&bus),
            clock,
            sync_every,
            sync_at: None,
            retry: None,
        };
        let shared = Arc::clone(&bus);
        let body = move || {
            panic::catch_unwind(AssertUnwindSafe(|| keeper.run())).map_err(|_| {
                shared.close(); // Whoever waits for an answer would wait for ever.
                Crash::Store
            })
        };
        let thread = thread::Builder::new().name("store".into()).spawn(body)?;
        Ok(Self { bus, thread })
    }

    /// Waits until all that was asked is answered, and the store is closed. To be called when
    /// nobody publishes any more. `Err`: the thread has panicked, and ended the server by that.
    pub fn end(self) -> Result<(), Crash> {
        self.bus.end_store();
        self.thread.join().unwrap_or(Err(Crash::Store))
    }
}

/// What the thread works with.
struct Keeper<S> {
    journal: Journal<S>,
    bus: Arc<Bus>,
    clock: Clock,
    sync_every: Option<Duration>,
    /// When what was appended is to be synced.
    sync_at: Option<Micros>,
    /// When the store is tried again, and how long to wait after that; `None`: it has not failed.
    retry: Option<(Micros, u64)>,
}

impl<S: Store> Keeper<S> {
    fn run(mut self) {
        let (mut orders, mut told) = (Vec::new(), Vec::new());
        loop {
            let step = self.bus.next_orders(&mut orders, self.patience());
            if step == NextStep::End {
                break;
            }
            let before = self.journal.fault().cloned();
            if step == NextStep::Append {
                self.journal.append(&mut orders, self.moment(), &mut told);
                let every = self.sync_every.filter(|_| self.sync_at.is_none());
                self.sync_at = self.sync_at.or(every.map(|every| self.later(every)));
            }
            let now = self.clock.now_us();
            if self.sync_at.is_some_and(|at| at <= now) {
                self.sync_at = None;
                self.journal.sync();
            }
            if before.is_some() && self.retry.is_some_and(|(at, _)| at <= now) {
                self.journal.recover(self.moment(), &mut told);
                if told.iter().any(|told| matches!(told, StoreAnswer::Anew { .. })) {
                    log::warn!("the store's numbering began anew; readers are told of a gap");
                }
            }
            self.bus.count_store(self.journal.counts()); // Whoever hears of it finds it counted.
            self.bus.tell(&mut told);
            self.look_at_fault(before.as_ref());
        }
        self.journal.close();
        if let Some(fault) = self.journal.fault() {
            log::error!("the store could not be used at the end: {}", fault.0);
        }
    }

    /// Tells when the store has failed, when it fails for another reason than `before`, and when it
    /// works again.
    fn look_at_fault(&mut self, before: Option<&StoreFault>) {
        match (self.journal.fault(), self.retry) {
            (None, None) => {}
            (None, Some(_)) => {
                self.retry = None;
                log::warn!("the store can be used again"); // As loud as what it takes back.
                self.bus.tell_store_state(None);
            }
            (Some(fault), None) => {
                log::error!("the store cannot be used: {}; publishers are told so", fault.0);
                self.bus.tell_store_state(Some(&fault.0));
                // At once: often a write has failed that would not fail again.
                self.retry = Some((self.clock.now_us(), STORE_RETRY_MS_MIN));
            }
            (Some(fault), Some((at, wait_ms))) if before.is_some() && at <= self.clock.now_us() => {
                if before != Some(fault) {
                    // Its remedy is another one: the file is gone, say.
                    log::error!("the store still cannot be used: {}", fault.0);
                    self.bus.tell_store_state(Some(&fault.0));
                }
                let next = self.later(Duration::from_millis(wait_ms));
                self.retry = Some((next, (wait_ms * 2).min(STORE_RETRY_MS_MAX)));
            }
            (Some(_), Some(_)) => {}
        }
    }

    /// How long to wait for orders before there is something else to do.
    fn patience(&self) -> Duration {
        let next = self.sync_at.into_iter().chain(self.retry.map(|(at, _)| at)).min();
        let now = self.clock.now_us();
        next.map_or(FOR_LONG, |at| Duration::from_micros(at.since(now)))
    }

    fn later(&self, wait: Duration) -> Micros {
        // Exact: waits are of milliseconds.
        Micros(self.clock.now_us().0 + wait.as_micros() as u64)
    }

    fn moment(&self) -> WallMoment {
        WallMoment { now: self.clock.now_us(), wall_ms: Wall::unix_ms() }
    }
}

/// Nothing is due: it is woken.
const FOR_LONG: Duration = Duration::from_hours(1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{ConnId, Seq, ShardId, TopicName};
    use crate::limits::Limits;
    use crate::shell::bus::Batch;
    use crate::shell::mailbox;
    use crate::store::{Record, Recovered};
    use crate::technique::message::{Draft, Payload, Unnumbered};

    #[derive(Debug)]
    struct Buggy;

    impl Store for Buggy {
        fn append(&mut self, _: &[Record], _: WallMoment) -> Result<(), StoreFault> {
            panic!("a bug, for a test")
        }

        fn sync(&mut self) -> Result<bool, StoreFault> {
            Ok(false)
        }

        fn recover(&mut self, _: Seq, _: WallMoment) -> Result<Recovered, StoreFault> {
            Ok(Recovered::Behind(Vec::new()))
        }
    }

    #[test]
    fn a_store_that_panics_ends_the_server() {
        let poll = mio::Poll::new().expect("a descriptor");
        let waker = mio::Waker::new(poll.registry(), mio::Token(0)).expect("a descriptor");
        let (address, _mailbox) = mailbox::new(waker);
        let bus = Arc::new(Bus::new(&Limits::default(), vec![address], true));
        let journal = Journal::new(Buggy, Seq(0), []);
        let storing = Storing::start(journal, Arc::clone(&bus), Clock::start(), None);
        let storing = storing.expect("a thread");
        let draft = Draft {
            message: Unnumbered::new(
                TopicName::parse("a").expect("a good name"),
                None,
                Payload::posted(b"x"),
            ),
            from: std::net::IpAddr::from([192, 0, 2, 1]).into(),
            idempotency_key: None,
        };
        let mut batch = Batch::default();
        batch.orders.push_back((ConnId { slot: 0, generation: 0 }, draft));
        bus.handle(&mut batch, ShardId(0), Micros(0));
        let crash = storing.end().expect_err("it has panicked");
        assert!(bus.is_closed() && crash.to_string().contains("store"), "{crash}");
    }
}
