//! The thread that reads the stream: it tells every thread of each message, in the order of the
//! stream, whoever has published it.
//!
//! Every so often, and whenever nothing comes, it looks whether this is still the Redis that it has
//! joined. When it is not, or was away, it joins again, with the newest entry that it knows: if
//! that is still there, it goes on behind it; if it has been trimmed since, the whole log is read
//! again; if it is lost, the numbering begins anew, for every node.
//!
//! That it could join does not say that it can read. So the log counts as usable again when a piece
//! was read, and all was found as it was, and not before; a link that breaks after it has worked
//! for long is replaced at once, and whatever fails again is tried again after a pause.
//!
//! While the threads have too much to read it reads no further: what comes stays in the stream.
//!
//! Came from: `sharing`, with a link that has joined. Goes to: `bus`, with messages; `health`, with
//! how far it is. Absent on purpose: receipts; those are told by `appending`.

use std::sync::Arc;
use std::time::Duration;

use super::health::{Health, Part};
use super::pause::Pause;
use super::view::{RedisTime, View, random, view};
use crate::ids::{Micros, Millis};
use crate::limits::{Limits, REDIS_LOOK_MS};
use crate::shell::clock::Clock;
use crate::store::StoreAnswer;
use crate::store::redis::{
    FaultKind, Known, PieceSize, Redis, RedisFault, RedisLink, Standing, StreamEntry,
};

/// How often it is looked whether the threads have room again.
const ROOM: Duration = Duration::from_millis(2);
const LOOK: Duration = Duration::from_millis(REDIS_LOOK_MS);
/// How long the first piece on a link is waited for: publishers are refused meanwhile.
const FIRST_LOOK: Duration = Duration::from_millis(1);

/// What the thread works with.
#[derive(Debug)]
pub(super) struct Follower {
    redis: Arc<Redis>,
    health: Arc<Health>,
    clock: Clock,
    limits: Limits,
    view: View,
    size: PieceSize,
    /// The moment of the newest message.
    newest_at: Micros,
    /// When it is looked again whether all is as it was.
    look_at: Millis,
    /// An entry is missing that was never read.
    missed: bool,
    /// A piece was read since the log was joined.
    proven: bool,
    pause: Pause,
    told: Vec<StoreAnswer>,
}

impl Follower {
    pub(super) fn new(
        redis: Arc<Redis>,
        health: Arc<Health>,
        clock: Clock,
        limits: Limits,
        view: View,
    ) -> Self {
        Self {
            redis,
            health,
            clock,
            limits,
            view,
            size: PieceSize::default(),
            newest_at: Micros(0),
            look_at: Millis(0),
            missed: false,
            proven: false,
            pause: Pause::default(),
            told: Vec::new(),
        }
    }

    pub(super) fn run(mut self, link: RedisLink) {
        let mut link = Some(link);
        while !self.health.is_ended() {
            let tried = match &mut link {
                Some(link) => self.step(link),
                None => self.join_again().map(|joined| link = Some(joined)),
            };
            if let Err(fault) = tried {
                link = None;
                self.fail(&fault);
            }
        }
    }

    fn fail(&mut self, fault: &RedisFault) {
        self.proven = false;
        self.health.tell(Part::Reading, Some(&fault.line));
        let wait_ms = self.pause.next_ms(self.clock.now(), random()[0]);
        if !self.pause.is_first() {
            self.health.rest(Duration::from_millis(wait_ms));
        }
    }

    /// The log was read on a link that may be a new one.
    fn prove(&mut self) {
        if !std::mem::replace(&mut self.proven, true) {
            self.pause.went_well(self.clock.now());
            self.health.tell(Part::Reading, None);
        }
    }

    /// Reads a piece, or waits for one.
    fn step(&mut self, link: &mut RedisLink) -> Result<(), RedisFault> {
        while !self.health.bus().has_room() {
            if self.health.is_ended() {
                return Ok(());
            }
            self.health.rest(ROOM);
        }
        let most = if self.proven { LOOK } else { FIRST_LOOK };
        let entries = link.follow(self.view.reach.tip(), self.size.entries(), most)?;
        self.size.took(&entries);
        if entries.is_empty() || !self.proven || self.clock.now() >= self.look_at {
            link.look(self.view.joined.epoch)?;
            self.look_at = self.clock.now().plus(REDIS_LOOK_MS);
        }
        let whole = self.take(entries);
        self.health.bus().tell(&mut self.told);
        if !whole {
            // What was not taken counts as read when the log was read again, and not before.
            self.missed = true;
            let what =
                "has trimmed messages that this server had not read yet; the log is read again";
            return Err(link.fault(FaultKind::Changed, what));
        }
        let reach = &mut self.view.reach;
        let oldest = reach.oldest(self.clock.now());
        self.health.read_up_to(reach.tip(), oldest);
        self.prove();
        Ok(())
    }

    /// Takes in what was read. `false`: what was before an entry is missing, and it was not taken.
    fn take(&mut self, entries: Vec<StreamEntry>) -> bool {
        let now = self.clock.now_us();
        for entry in entries {
            let View { reach, time, .. } = &mut self.view;
            let at = time.moment(entry.wall_ms, now);
            // Dated to the millisecond; whatever has just come is as young as it can be.
            let at = if now.since(at) < RECENT_US { now } else { at };
            self.newest_at = at.max(self.newest_at);
            let before = entry.before;
            let message = entry.into_message(self.newest_at);
            let at = message.at.millis();
            if !reach.take(message.seq, &message.topic, before, message.cost(), at) {
                return false;
            }
            self.told.push(StoreAnswer::Appended { message, asker: None });
        }
        true
    }

    fn join_again(&mut self) -> Result<RedisLink, RedisFault> {
        let mut link = self.redis.connect()?;
        let View { joined, reach, .. } = &self.view;
        let known = Known { epoch: joined.epoch, tip: reach.tip() };
        let joined = link.join(Some(known), random())?;
        if joined.standing == Standing::Whole && !self.missed {
            self.view.joined = joined;
            self.view.time = RedisTime { now: self.clock.now_us(), wall_ms: joined.wall_ms };
        } else {
            let (past, view) = view(&mut link, joined, &self.limits, self.clock)?;
            (self.view, self.missed) = (view, false);
            if joined.standing == Standing::Anew {
                self.health.count_renumbering();
                log::warn!("the numbering began anew; every reader is told of a gap");
            } else {
                log::warn!("away for too long; readers are told of what they missed");
            }
            let past = Arc::new(past);
            self.told.push(StoreAnswer::Anew { epoch: joined.epoch, past });
            self.health.bus().tell(&mut self.told);
        }
        self.health.joined(joined, self.view.reach.tip());
        Ok(link)
    }
}

/// What was dated less long ago than this has just come.
const RECENT_US: u64 = 1_000_000;
