//! The store in a file: an SQLite database, one row for each message.
//!
//! A batch is one transaction, and with it goes what retention has dropped since. The journal of
//! SQLite is a write-ahead log beside the file (`-wal`): a commit appends to it and syncs once.
//! With `--sync always` that is part of [`append`](Store::append); otherwise the commit is handed
//! to the system, which a crash of this process does not undo, and [`sync`](Store::sync) is called
//! every so often for what a loss of power would.
//!
//! The file belongs to one process at a time: an exclusive lock is held for as long as it is open.
//!
//! Came from: the shell, with the path; `journal`, with batches. Goes to: the disk; at a start, to
//! every thread's hub. Absent on purpose: reading while the server runs. Readers have their hubs.

mod open;
mod past;
mod power;

use std::collections::VecDeque;
use std::fs::File;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, Transaction, params};

pub use self::open::OpenError;
use self::open::{IfNone, Meta};
use self::past::FoundFile;
use super::retained::Retained;
use super::{Opened, Record, Recovered, Store, StoreFault, WallMoment};
use crate::ids::{Network, Seq};
use crate::limits::{IDEMPOTENCY_KEYS_MAX, IDEMPOTENCY_MS_MAX, Limits};
use crate::technique::message::Message;

/// How a file is to be kept.
#[derive(Debug, Clone)]
pub struct FileSetup {
    /// Where it is.
    pub path: PathBuf,
    /// Whether a batch outlives a loss of power when it is appended.
    pub sync_always: bool,
    /// The bounds of retention.
    pub limits: Limits,
    /// Threads that hold a replica each.
    pub threads: usize,
    /// This boot of the machine, within which the system has what processes that are gone have
    /// written. `None`: it has no name, and counts as another one each time.
    pub boot: Option<u64>,
}

/// A file that is open.
#[derive(Debug)]
pub struct FileStore {
    setup: FileSetup,
    /// Which file it is: no other is taken for it after a fault.
    meta: Meta,
    leaves_out: bool,
    /// `None` after a fault: it is opened anew.
    open: Option<OpenFile>,
}

/// What is open, and what is known of its contents.
#[derive(Debug)]
struct OpenFile {
    db: Connection,
    /// The write-ahead log, to be synced.
    log: File,
    retained: Retained,
    /// Numbers of messages whose keys are in it, and when they were given by the wall.
    keys: VecDeque<(Seq, u64)>,
    unsynced: bool,
}

impl FileStore {
    /// Opens or makes the file, and reads what is in it. `random`: bits that were never used
    /// before, for the epoch of a file that has none.
    pub fn open(
        setup: FileSetup,
        random: [u64; 2],
        at: WallMoment,
    ) -> Result<(Self, Opened), OpenError> {
        let mut db = open::open(&setup.path, setup.sync_always, IfNone::Make)?;
        let explain = |error| open::explain(&setup.path, &error);
        let meta = open::draw(&db, random).map_err(explain)?;
        let mut found =
            past::read(&db, meta, at).map_err(|error| past::tell(&setup.path, error))?;
        let tip = &mut found.opened.past.tip;
        let left_out = power::begin(&mut db, setup.boot, setup.sync_always, *tip);
        let left_out = left_out.map_err(explain)?;
        *tip = left_out.unwrap_or(*tip);
        let open = OpenFile::new(db, &setup, &found, at)?;
        let leaves_out = left_out.is_some();
        Ok((Self { setup, meta, leaves_out, open: Some(open) }, found.opened))
    }

    /// Whether numbers were left out when it was opened, since a loss of power may have taken
    /// messages.
    pub fn leaves_out(&self) -> bool {
        self.leaves_out
    }

    fn fault(&mut self, error: &rusqlite::Error) -> StoreFault {
        self.open = None;
        fault(&self.setup.path, error)
    }
}

/// In one line: what went wrong with the file at `path`.
fn fault(path: &Path, error: &rusqlite::Error) -> StoreFault {
    let what = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "no room is left for it; make some".to_owned(),
        _ => error.to_string(),
    };
    StoreFault(format!("{}: {what}", path.display()).into())
}

impl Store for FileStore {
    fn append(&mut self, records: &[Record], at: WallMoment) -> Result<(), StoreFault> {
        let always = self.setup.sync_always;
        let Some(open) = &mut self.open else {
            return Err(StoreFault("it is not open".into()));
        };
        match open.append(records, at) {
            Ok(()) => {
                open.unsynced = !always;
                Ok(())
            }
            Err(error) => Err(self.fault(&error)),
        }
    }

    fn sync(&mut self) -> Result<bool, StoreFault> {
        let Some(open) = self.open.as_mut().filter(|open| open.unsynced) else {
            return Ok(false);
        };
        if let Err(error) = open.log.sync_data() {
            self.open = None;
            return Err(StoreFault(format!("{}: {error}", self.setup.path.display()).into()));
        }
        open.unsynced = false;
        Ok(true)
    }

    fn close(&mut self) -> Result<bool, StoreFault> {
        let synced = self.sync()?;
        if let Some(open) = self.open.take()
            && !self.setup.sync_always
        {
            power::forget(&open.db).map_err(|error| self.fault(&error))?;
        }
        Ok(synced)
    }

    fn recover(&mut self, tip: Seq, at: WallMoment) -> Result<Recovered, StoreFault> {
        self.open = None; // Its lock would be in the way.
        let refused = |error: OpenError| StoreFault(error.line.into());
        let setup = &self.setup;
        let db = open::open(&setup.path, setup.sync_always, IfNone::Refuse).map_err(refused)?;
        let fault = |error: rusqlite::Error| fault(&setup.path, &error);
        let other = |what: &str| StoreFault(format!("{}: {what}", setup.path.display()).into());
        // Before anything is written: in another file it would be one of ours that misleads.
        if open::meta(&db).map_err(fault)? != Some(self.meta) {
            return Err(other("is another file, in another numbering; put it back, or start anew"));
        }
        open::probe(&db).map_err(fault)?;
        let told = |error| refused(past::tell(&setup.path, error));
        let found = past::read(&db, self.meta, at).map_err(told)?;
        if found.opened.past.tip < tip {
            return Err(other(
                "it ends before what was acknowledged; put it back, or, if it is an older copy, \
                 take its epoch away and start anew",
            ));
        }
        let open = OpenFile::new(db, setup, &found, at).map_err(refused)?;
        self.open = Some(open);
        Ok(Recovered::Behind(past::records_behind(&found.opened, tip)))
    }
}

impl OpenFile {
    fn new(
        db: Connection,
        setup: &FileSetup,
        found: &FoundFile,
        at: WallMoment,
    ) -> Result<Self, OpenError> {
        let FoundFile { opened: Opened { past, keys, .. }, old_key } = found;
        delete_keys(&db, *old_key).map_err(|error| open::explain(&setup.path, &error))?;
        let limits = &setup.limits;
        let mut retained = Retained::new(limits, setup.threads, past.group_key, &past.lost);
        for (message, _) in &past.messages {
            retained.append(message);
        }
        retained.expire(at.now.millis());
        let age_ms = |key: &super::numbering::KeyRecord| at.now.millis().since(key.at);
        let keys = keys.iter().map(|key| (key.seq, at.wall_ms.saturating_sub(age_ms(key))));
        let keys = keys.collect();
        let log = File::open(open::beside(&setup.path, "-wal"));
        let log = log.and_then(|log| {
            if !setup.sync_always {
                log.sync_data()?; // What `power` has noted comes before the first message.
            }
            Ok(log)
        });
        let log =
            log.map_err(|error| OpenError::new(format!("{}-wal: {error}", setup.path.display())))?;
        Ok(Self { db, log, retained, keys, unsynced: false })
    }

    fn append(&mut self, records: &[Record], at: WallMoment) -> rusqlite::Result<()> {
        let Self { db, retained, keys, .. } = self;
        let write = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        for record in records {
            insert(&write, record, retained.before(&record.message.topic), at.wall_ms)?;
            retained.append(&record.message);
            if record.key.is_some() {
                keys.push_back((record.message.seq, at.wall_ms));
            }
        }
        retained.expire(at.now.millis());
        delete(&write, retained, keys, at.wall_ms)?;
        write.commit()
    }
}

fn insert(
    write: &Transaction<'_>,
    record: &Record,
    before: Seq,
    wall_ms: u64,
) -> rusqlite::Result<()> {
    let Message { seq, topic, event, payload, .. } = &*record.message;
    let check = open::check(&record.message, before, wall_ms);
    let mut row = write.prepare_cached(
        "INSERT INTO messages (seq, before, topic, event, payload, binary, wall_ms, checked)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )?;
    row.execute(params![
        seq.0.cast_signed(),
        before.0.cast_signed(),
        topic.as_str(),
        event.as_deref(),
        payload.bytes(),
        payload.is_binary(),
        wall_ms.cast_signed(),
        check.cast_signed(),
    ])?;
    if let Some(key) = &record.key {
        let from = match record.from {
            Network::V4(address) => address.octets().to_vec(),
            Network::V6(upper) => upper.to_vec(),
        };
        let mut row = write.prepare_cached(
            "INSERT INTO keys (seq, topic, key, network, wall_ms) VALUES (?, ?, ?, ?, ?)",
        )?;
        let (seq, wall_ms) = (seq.0.cast_signed(), wall_ms.cast_signed());
        row.execute(params![seq, topic.as_str(), key, from, wall_ms])?;
    }
    Ok(())
}

/// Deletes all keys up to the one of the message `newest`: while the file was not open they grew
/// too old, and the queue of an open file knows young ones alone.
fn delete_keys(db: &Connection, newest: Option<Seq>) -> rusqlite::Result<()> {
    if let Some(newest) = newest {
        db.execute("DELETE FROM keys WHERE seq <= ?", [newest.0.cast_signed()])?;
    }
    Ok(())
}

/// Deletes what retention has dropped, and keys that are too old or too many.
fn delete(
    write: &Transaction<'_>,
    retained: &mut Retained,
    keys: &mut VecDeque<(Seq, u64)>,
    wall_ms: u64,
) -> rusqlite::Result<()> {
    let (dropped, lost) = retained.take_dropped();
    let mut row = write.prepare_cached("DELETE FROM messages WHERE seq = ?")?;
    for seq in dropped {
        row.execute([seq.0.cast_signed()])?;
    }
    let mut row =
        write.prepare_cached("INSERT OR REPLACE INTO lost (name_group, seq) VALUES (?, ?)")?;
    for (group, seq) in lost {
        row.execute([group.cast_signed() as i64, seq.0.cast_signed()])?;
    }
    let mut row = write.prepare_cached("DELETE FROM keys WHERE seq = ?")?;
    while let Some(&(seq, given_ms)) = keys.front() {
        let old = given_ms.saturating_add(IDEMPOTENCY_MS_MAX) <= wall_ms;
        if !old && keys.len() <= IDEMPOTENCY_KEYS_MAX {
            break;
        }
        row.execute([seq.0.cast_signed()])?;
        keys.pop_front();
    }
    Ok(())
}

#[cfg(test)]
mod tests;
