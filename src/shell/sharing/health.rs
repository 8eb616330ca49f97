//! What the two threads tell each other: how far the stream was read, which numbering holds, and
//! whether either of them cannot go on.
//!
//! Came from: `reading` and `appending`. Goes to: the same; `bus`, with whether the store can be
//! used, and what it has done. Absent on purpose: Redis.

use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use super::view::View;
use crate::ids::Seq;
use crate::ledger::StoreReport;
use crate::shell::bus::Bus;
use crate::store::redis::Joined;

/// The stream is to keep all that it has.
const NOTHING_TO_TRIM: Seq = Seq(0);

/// Shared by the two threads.
#[derive(Debug)]
pub(super) struct Health {
    bus: Arc<Bus>,
    state: Mutex<HealthState>,
    changed: Condvar,
}

#[derive(Debug)]
struct HealthState {
    joined: Joined,
    /// Every thread was told of what is up to here.
    tip: Seq,
    /// The oldest number that the stream is to keep, in the numbering of `joined`.
    oldest: Seq,
    faults: ThreadFaults,
    ended: bool,
    /// How often the log was joined again.
    joins: u64,
    counts: StoreReport,
}

/// Why either thread cannot go on, if it cannot.
#[derive(Debug, Default)]
struct ThreadFaults {
    reading: Option<Arc<str>>,
    appending: Option<Arc<str>>,
}

impl ThreadFaults {
    fn worst(&self) -> Option<&Arc<str>> {
        self.reading.as_ref().or(self.appending.as_ref())
    }
}

/// Where the log stands, for who appends to it.
#[derive(Debug, Clone, Copy)]
pub(super) struct AppendPlace {
    /// The numbering that holds.
    pub(super) joined: Joined,
    /// The oldest number that the stream is to keep.
    pub(super) oldest: Seq,
    /// How often it was joined again: what was connected before is of no use.
    pub(super) joins: u64,
}

/// Which thread has a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Reading,
    Appending,
}

impl Health {
    pub(super) fn new(bus: Arc<Bus>, view: &View) -> Self {
        let state = HealthState {
            joined: view.joined,
            tip: view.reach.tip(),
            oldest: NOTHING_TO_TRIM,
            faults: ThreadFaults::default(),
            ended: false,
            joins: 0,
            counts: StoreReport::default(),
        };
        Self { bus, state: Mutex::new(state), changed: Condvar::new() }
    }

    /// The bus between the threads.
    pub(super) fn bus(&self) -> &Bus {
        &self.bus
    }

    /// Every thread was told of what is up to `tip`.
    pub(super) fn read_up_to(&self, tip: Seq, oldest: Seq) {
        let mut state = self.lock();
        (state.tip, state.oldest) = (tip, oldest);
        self.changed.notify_all();
    }

    /// The numbering began anew. To be called before anybody is told of it: whoever has heard of a
    /// gap finds it counted.
    pub(super) fn count_renumbering(&self) {
        let mut state = self.lock();
        state.counts.renumberings += 1;
        self.bus.count_store(state.counts);
    }

    /// The log was joined again, and every thread was told of what is up to `tip`. What may be
    /// trimmed is told by [`read_up_to`](Self::read_up_to): the number that stood there may be one
    /// of another numbering, in which all that is new lies before it.
    pub(super) fn joined(&self, joined: Joined, tip: Seq) {
        let mut state = self.lock();
        (state.joined, state.tip, state.oldest) = (joined, tip, NOTHING_TO_TRIM);
        state.joins += 1;
        self.changed.notify_all();
    }

    /// One thread cannot go on, or can again. Tells everybody whom that concerns.
    pub(super) fn tell(&self, part: Part, fault: Option<&Arc<str>>) {
        let mut state = self.lock();
        let before = state.faults.worst().cloned();
        state.counts.failures += u64::from(fault.is_some());
        match part {
            Part::Reading => state.faults.reading = fault.cloned(),
            Part::Appending => state.faults.appending = fault.cloned(),
        }
        let after = state.faults.worst().cloned();
        state.counts.unavailable = u64::from(after.is_some());
        self.bus.count_store(state.counts);
        self.changed.notify_all();
        if before == after {
            return;
        }
        // Under the lock, so that the last word is the last that is told.
        match &after {
            None => log::warn!("the store can be used again"), // As loud as what it takes back.
            Some(fault) => {
                log::error!("the store cannot be used: {fault}; publishers are told so");
            }
        }
        self.bus.tell_store_state(after.as_ref());
    }

    /// What to append by. `None`: the stream is not read at present.
    pub(super) fn place(&self) -> Option<AppendPlace> {
        let state = self.lock();
        let place = AppendPlace { joined: state.joined, oldest: state.oldest, joins: state.joins };
        state.faults.reading.is_none().then_some(place)
    }

    /// So many messages were appended in a batch.
    pub(super) fn count(&self, batches: u64, messages: u64) {
        let mut state = self.lock();
        state.counts.batches += batches;
        state.counts.messages += messages;
        self.bus.count_store(state.counts);
    }

    /// Waits until every thread was told of what is up to `seq` in the numbering of `joined`, or as
    /// long as that is possible. Tells up to where they were; `None`: not in this numbering.
    pub(super) fn wait_until_read(&self, seq: Seq, joined: &Joined, most: Duration) -> Option<Seq> {
        let waits = |state: &mut HealthState| {
            let same = state.joined.epoch == joined.epoch && state.faults.reading.is_none();
            same && state.tip < seq && !state.ended
        };
        let waited = self.changed.wait_timeout_while(self.lock(), most, waits);
        let (state, _) = waited.expect("a thread that panics ends the process");
        (state.joined.epoch == joined.epoch).then_some(state.tip)
    }

    /// Waits, unless the end comes first.
    pub(super) fn rest(&self, time: Duration) {
        let waited = self.changed.wait_timeout_while(self.lock(), time, |state| !state.ended);
        drop(waited.expect("a thread that panics ends the process"));
    }

    /// Both threads are to end.
    pub(super) fn end(&self) {
        self.lock().ended = true;
        self.changed.notify_all();
    }

    pub(super) fn is_ended(&self) -> bool {
        self.lock().ended
    }

    fn lock(&self) -> MutexGuard<'_, HealthState> {
        self.state.lock().expect("a thread that panics ends the process")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{Epoch, Micros};
    use crate::limits::Limits;
    use crate::shell::mailbox;
    use crate::shell::sharing::view::RedisTime;
    use crate::store::redis::{Reach, Standing};

    fn joined(epoch: u64, standing: Standing) -> Joined {
        Joined { epoch: Epoch(epoch), group_key: 7, tip: Seq(0), wall_ms: 0, standing }
    }

    fn health() -> Health {
        let poll = mio::Poll::new().expect("a descriptor");
        let waker = mio::Waker::new(poll.registry(), mio::Token(0)).expect("a descriptor");
        let (address, _mailbox) = mailbox::new(waker);
        let bus = Arc::new(Bus::new(&Limits::default(), vec![address], true));
        let view = View {
            joined: joined(1, Standing::Whole),
            reach: Reach::new(&Limits::default(), 7),
            time: RedisTime { now: Micros(0), wall_ms: 0 },
        };
        Health::new(bus, &view)
    }

    #[test]
    fn who_joins_again_trims_nothing_until_the_log_has_been_read() {
        let health = health();
        let place = || health.place().map(|place| (place.joined.epoch, place.oldest));
        assert_eq!(place(), Some((Epoch(1), Seq(0))));
        for (epoch, standing) in
            [(1, Standing::Whole), (1, Standing::Behind), (2, Standing::Anew), (3, Standing::Anew)]
        {
            health.read_up_to(Seq(9_000), Seq(5_000));
            assert_eq!(place().map(|(_, oldest)| oldest), Some(Seq(5_000)));
            health.joined(joined(epoch, standing), Seq(0));
            assert_eq!(place(), Some((Epoch(epoch), Seq(0))), "{standing:?}");
        }
    }

    #[test]
    fn a_renumbering_is_counted_at_once_and_once() {
        let health = health();
        health.count_renumbering();
        let renumberings = || health.bus().store_counts().map(|counts| counts.renumberings);
        assert_eq!(renumberings(), Some(1));
        health.joined(joined(2, Standing::Anew), Seq(0));
        health.tell(Part::Reading, None);
        assert_eq!(renumberings(), Some(1));
    }
}
