//! `--data FILE` and `--redis URL`: the store is opened before any port is taken.
//!
//! A file belongs to this process until it ends; a log in Redis is shared, see `sharing`.
//!
//! Where this server takes over from another (`--reuse-port`, or sockets that were handed to it),
//! that one may still have the file: it keeps it for as long as it answers publishers. Then we wait
//! until it is gone. Connections to inherited sockets wait in the kernel meanwhile.
//!
//! Came from: `mod`, with a configuration. Goes to: every thread's broker, which begins with what
//! is in the file; `storing`, on whose thread it is written. Absent on purpose: tables and rows.

use std::fs;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::bus::Bus;
use super::clock::{Clock, Wall};
use super::failure::{Crash, StartError};
use super::inherited;
use super::sharing::{self, Sharers, Sharing};
use super::storing::Storing;
use super::sys;
use crate::config::{Config, StoreConfig, SyncPolicy};
use crate::hub::past::Past;
use crate::ids::Epoch;
use crate::limits::{IDEMPOTENCY_MS_MAX, STORE_AHEAD_MS_MAX, STORE_LOCK_MS_MAX};
use crate::store::file::{FileSetup, FileStore};
use crate::store::journal::Journal;
use crate::store::{Opened, WallMoment};

/// How often it is looked whether the file is free.
const LOOK_MS: u64 = 20;

/// A store that is open, and what all threads begin with.
#[derive(Debug)]
pub struct Keeping {
    /// The numbering that goes on.
    pub epoch: Epoch,
    /// For every thread's hub.
    pub past: Arc<Past>,
    place: StorePlace,
}

/// Where messages are kept.
#[derive(Debug)]
enum StorePlace {
    File { journal: Box<Journal<FileStore>>, sync_every: Option<Duration> },
    Redis(Box<Sharing>),
}

/// The threads of a store.
#[derive(Debug)]
pub enum StoreThreads {
    /// Of a file.
    File(Storing),
    /// Of a log in Redis.
    Redis(Sharers),
}

impl StoreThreads {
    /// Waits until all that was asked is answered, and the store is closed. To be called when
    /// nobody publishes any more. `Err`: a thread has panicked, and ended the server by that.
    pub fn end(self) -> Result<(), Crash> {
        match self {
            Self::File(storing) => storing.end(),
            Self::Redis(sharers) => sharers.end(),
        }
    }
}

/// The server's clock. With a store it has run for as long as anything in there may be of use, so
/// that moments before the start have a place on it.
pub fn clock(config: &Config) -> Clock {
    if config.store.is_none() && config.redis.is_none() {
        return Clock::start();
    }
    let oldest_ms = config.limits.history_age_ms.max(IDEMPOTENCY_MS_MAX);
    Clock::start_ahead(Duration::from_millis(oldest_ms.min(STORE_AHEAD_MS_MAX) + 1))
}

/// Opens the store, if one was named.
pub fn open(config: &Config, clock: Clock) -> Result<Option<Keeping>, StartError> {
    if let Some(redis) = &config.redis {
        let (sharing, past) = sharing::open(redis, config, clock)?;
        let (epoch, past) = (sharing.epoch(), Arc::new(past));
        return Ok(Some(Keeping { epoch, past, place: StorePlace::Redis(Box::new(sharing)) }));
    }
    let store = config.store.as_ref();
    store.map(|store| open_file(store, config, clock)).transpose()
}

fn open_file(store: &StoreConfig, config: &Config, clock: Clock) -> Result<Keeping, StartError> {
    let random = || sys::random_bits().map_err(StartError::System);
    let setup = FileSetup {
        path: store.path.clone(),
        sync_always: store.sync == SyncPolicy::Always,
        limits: config.limits.clone(),
        threads: config.threads,
        boot: boot(),
    };
    let drawn = [random()?, random()?];
    let takes_over = config.reuse_port || inherited::any();
    let began = clock.now();
    let mut waits = false;
    let (store_file, opened) = loop {
        let at = WallMoment { now: clock.now_us(), wall_ms: Wall::unix_ms() };
        match FileStore::open(setup.clone(), drawn, at) {
            // By the clock: SQLite has waited a while for the lock by itself.
            Err(error)
                if error.locked && takes_over && clock.now().since(began) < STORE_LOCK_MS_MAX =>
            {
                if !std::mem::replace(&mut waits, true) {
                    log::warn!("--data {}; waiting until it has ended", error.line);
                }
                thread::sleep(Duration::from_millis(LOOK_MS));
            }
            Err(error) => return Err(StartError::Store(error.line)),
            Ok(opened) => break opened,
        }
    };
    let Opened { epoch, past, keys } = opened;
    log::info!("--data: {} messages up to number {}", past.messages.len(), past.tip.0);
    if store_file.leaves_out() {
        log::warn!(
            "--data {}: a loss of power may have taken its newest messages; numbers up to {} are \
             left out",
            store.path.display(),
            past.tip.0
        );
    }
    let sync_every = match store.sync {
        SyncPolicy::Always => None,
        SyncPolicy::EveryMs(ms) => Some(Duration::from_millis(ms)),
    };
    let journal = Box::new(Journal::new(store_file, past.tip, keys));
    let place = StorePlace::File { journal, sync_every };
    Ok(Keeping { epoch, past: Arc::new(past), place })
}

/// What the kernel calls this boot of the machine, random(4): a UUID, of which a half is enough.
fn boot() -> Option<u64> {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    u64::from_str_radix(text.replace('-', "").get(..16)?, 16).ok()
}

impl Keeping {
    /// Starts the threads that write and read it.
    pub fn start(self, bus: Arc<Bus>, clock: Clock) -> std::io::Result<StoreThreads> {
        match self.place {
            StorePlace::File { journal, sync_every } => {
                Storing::start(*journal, bus, clock, sync_every).map(StoreThreads::File)
            }
            StorePlace::Redis(sharing) => sharing.start(bus, clock).map(StoreThreads::Redis),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::KeptMillis;

    #[test]
    fn however_long_messages_are_kept_deadlines_can_be_counted_from_now() {
        let flags = ["tollway", "--data", "log.db", "--history-age", "36500d"];
        let now = clock(&Config::read(flags.map(Into::into)).expect("good flags")).now();
        assert!(now.0 >= STORE_AHEAD_MS_MAX);
        assert_eq!(KeptMillis::from(now).millis(), now);
    }
}
