//! A loss of power: whether it may have taken the newest messages, and the numbers that are left
//! out for them.
//!
//! With `--sync 50ms` the system has a message before the disk has it, and readers are told of it.
//! If power is lost then, the file ends before it. Would its number be given again, whoever has
//! read the message would be taken to have read another one, and miss that without a word. So no
//! number is given again that may have been given: many are left out. Every cursor stays good: one
//! from before the end of the file has what follows, one from behind it has all that is new.
//!
//! It is found out by a row that such a run puts on the disk before its first message, and takes
//! away when it closes in order. The row names the boot of the machine. If it is still there, and
//! of another boot, the system that had the messages is gone. If it is of this one, the process
//! alone had ended: what it wrote is there. Every commit lies behind the ones before it in one log,
//! so wherever the row is gone, all that was appended is there.
//!
//! Came from: `file`, at the start and at the end. Goes to: the file. Absent on purpose: anything
//! in between, and with `--sync always`: a message that is acknowledged is on the disk then.

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::open;
use crate::ids::Seq;
use crate::limits::STORE_NUMBERS_SKIPPED;

/// Which boot of the machine may have what the disk has not.
const UNSYNCED_BOOT: &str = "unsynced_boot";
/// Up to where numbers count as given, whatever the newest message has.
const LEFT_OUT: &str = "left_out";
/// No boot of a machine that names its boots.
const NO_BOOT: u64 = 0;

/// At a start in this boot, with the newest number that counts as given: looks whether numbers are
/// to be left out, and notes that from now on some may have to be. `Some`: numbers up to this are
/// left out anew. It outlives a loss of power when the log is synced.
pub(super) fn begin(
    db: &mut Connection,
    boot: Option<u64>,
    sync_always: bool,
    tip: Seq,
) -> rusqlite::Result<Option<Seq>> {
    let write = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let unsynced = open::value(&write, UNSYNCED_BOOT)?;
    let left_out = unsynced
        .filter(|&unsynced| Some(unsynced) != boot)
        .map(|_| Seq(tip.0.saturating_add(STORE_NUMBERS_SKIPPED)));
    if let Some(tip) = left_out {
        put(&write, LEFT_OUT, tip.0)?;
    }
    if sync_always {
        forget(&write)?;
    } else {
        put(&write, UNSYNCED_BOOT, boot.unwrap_or(NO_BOOT))?;
    }
    write.commit()?;
    Ok(left_out)
}

/// Up to where numbers were ever left out.
pub(super) fn left_out(db: &Connection) -> rusqlite::Result<Seq> {
    Ok(Seq(open::value(db, LEFT_OUT)?.unwrap_or_default()))
}

/// At the end, behind all that was appended.
pub(super) fn forget(db: &Connection) -> rusqlite::Result<()> {
    db.execute("DELETE FROM meta WHERE name = ?", [UNSYNCED_BOOT]).map(|_| ())
}

fn put(write: &Transaction<'_>, name: &str, value: u64) -> rusqlite::Result<()> {
    let mut row = write.prepare("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)")?;
    row.execute((name, value.cast_signed())).map(|_| ())
}
