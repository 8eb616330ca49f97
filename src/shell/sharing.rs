//! `--redis URL`: the log that many servers share, and the two threads that one of them has for it.
//!
//! One thread appends what is published here; the other reads the stream and tells every thread of
//! each message, whoever has published it. A publish is answered when its message has come back, so
//! that a read that follows on this server finds it. No loop thread waits for either.
//!
//! ```text
//!  threads ──orders──▶ line ──▶ appending ──▶ Redis ──▶ reading ──messages──▶ threads
//!     ▲                             │  waits until its numbers were read  │
//!     └───────── receipts ──────────┘ ◀───────────────────────────────────┘
//! ```
//!
//! Before any port is taken, all that the stream holds is read. While Redis cannot be reached,
//! publishers are told so, and readers go on reading what their thread holds.
//!
//! Came from: `keeping`, with a configuration. Goes to: `store::redis`; `bus`, with messages and
//! answers. Absent on purpose: what Redis is asked; `store::redis` knows that.

mod appending;
mod health;
mod pause;
mod reading;
mod view;

use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use self::appending::Appender;
use self::health::Health;
use self::pause::Pause;
use self::reading::Follower;
use self::view::{View, random, view};
use super::bus::Bus;
use super::clock::Clock;
use super::failure::{Crash, StartError};
use crate::config::{Config, RedisConfig};
use crate::hub::past::Past;
use crate::ids::{Epoch, Millis};
use crate::limits::{Limits, REDIS_END_MS_MIN, REDIS_START_MS_MAX};
use crate::store::redis::{FaultKind, Redis, RedisFault, RedisLink};

/// A log that was joined, and what all threads begin with.
#[derive(Debug)]
pub struct Sharing {
    redis: Arc<Redis>,
    limits: Limits,
    /// Replicas that are to have a message before it is acknowledged.
    wait: usize,
    view: View,
    link: RedisLink,
}

/// Joins the log and reads it. An answer that names a mistake ends the server; while Redis is away,
/// it is tried again for [`REDIS_START_MS_MAX`]: in a cluster that starts, it may be the last to.
pub fn open(
    config: &RedisConfig,
    server: &Config,
    clock: Clock,
) -> Result<(Sharing, Past), StartError> {
    let refuse = |line: String| StartError::Redis(line);
    let redis = Redis::new(&config.url, &config.prefix)
        .map_err(|why| refuse(format!("is no address of a Redis: {why}")))?;
    let (until, mut pause) = (clock.now().plus(REDIS_START_MS_MAX), Pause::default());
    let try_once = || -> Result<_, RedisFault> {
        let mut link = redis.connect()?;
        let joined = link.join(None, random())?;
        let (past, view) = view(&mut link, joined, &server.limits, clock)?;
        Ok((link, past, view))
    };
    let (link, past, view) = loop {
        match try_once() {
            Ok(all) => break all,
            Err(fault) if fault.kind == FaultKind::Setup || clock.now() >= until => {
                return Err(refuse(fault.line.to_string()));
            }
            Err(fault) => {
                if pause.is_fresh() {
                    log::warn!("{}; trying again", fault.line);
                }
                thread::sleep(Duration::from_millis(pause.next_ms(clock.now(), random()[0])));
            }
        }
    };
    let (count, place) = (past.messages.len(), redis.place());
    log::info!("--redis: {count} messages up to number {} at {place}", past.tip.0);
    let sharing = Sharing {
        redis: Arc::new(redis),
        limits: server.limits.clone(),
        wait: config.wait,
        view,
        link,
    };
    Ok((sharing, past))
}

impl Sharing {
    /// The numbering that holds.
    pub fn epoch(&self) -> Epoch {
        self.view.joined.epoch
    }

    /// Starts the two threads.
    pub fn start(self, bus: Arc<Bus>, clock: Clock) -> io::Result<Sharers> {
        let Self { redis, limits, wait, view, link } = self;
        bus.answers_come_apart();
        let health = Arc::new(Health::new(Arc::clone(&bus), &view));
        let appender = Appender::new(Arc::clone(&redis), Arc::clone(&health), clock, wait);
        let follower = Follower::new(redis, Arc::clone(&health), clock, limits, view);
        let appending = start("store", &bus, move || appender.run())?;
        let reading = start("store-reader", &bus, move || follower.run(link))?;
        Ok(Sharers { bus, health, clock, appending, reading })
    }
}

/// The threads.
#[derive(Debug)]
pub struct Sharers {
    bus: Arc<Bus>,
    health: Arc<Health>,
    clock: Clock,
    appending: Receiver<Result<(), Crash>>,
    reading: Receiver<Result<(), Crash>>,
}

impl Sharers {
    /// Waits until all that was asked is answered, and no longer than the drain may take, or
    /// [`REDIS_END_MS_MIN`]. A thread that waits for Redis then is left behind: whoever asked is
    /// gone, without an answer, and what was acknowledged is in Redis. To be called when nobody
    /// publishes any more. `Err`: a thread has panicked, and ended the server by that.
    pub fn end(self) -> Result<(), Crash> {
        let now = self.clock.now();
        let least = now.plus(REDIS_END_MS_MIN);
        let until = self.bus.drains_until().map_or(least, |until| until.max(least));
        self.bus.end_store();
        let appended = self.wait_for(&self.appending, until);
        if appended.is_none() {
            log::warn!(
                "--redis: no answer by the end of the drain; what was published last, and was \
                 not answered, may be in the log or not"
            );
        }
        self.health.end();
        let read = self.wait_for(&self.reading, until);
        appended.unwrap_or(Ok(())).and(read.unwrap_or(Ok(())))
    }

    /// How a thread has ended; `None`: it has not.
    fn wait_for(
        &self,
        thread: &Receiver<Result<(), Crash>>,
        until: Millis,
    ) -> Option<Result<(), Crash>> {
        let time = Duration::from_millis(until.since(self.clock.now()));
        match thread.recv_timeout(time) {
            Ok(ended) => Some(ended),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Err(Crash::Store)),
        }
    }
}

/// Starts a thread, which tells its end.
fn start(
    name: &str,
    bus: &Arc<Bus>,
    body: impl FnOnce() + Send + 'static,
) -> io::Result<Receiver<Result<(), Crash>>> {
    let shared = Arc::clone(bus);
    let (ended, end) = mpsc::channel();
    thread::Builder::new().name(name.into()).spawn(move || {
        let result = panic::catch_unwind(AssertUnwindSafe(body)).map_err(|_| {
            shared.close(); // Whoever waits for an answer would wait for ever.
            Crash::Store
        });
        let _ = ended.send(result); // Nobody hears it when it was left behind.
    })?;
    Ok(end)
}
