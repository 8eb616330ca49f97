//! Opening the file: whose it is, which version, whether it may be written, and whether somebody
//! else has it. Whatever is in the way is said in one line, with the remedy.
//!
//! Came from: `file`, at the start and after a fault. Goes to: the same, as a connection that holds
//! the lock. Absent on purpose: reading the messages.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension};

use crate::ids::{Epoch, Seq};
use crate::technique::message::Message;

/// `toll`: by this an SQLite file is known to be ours.
const APPLICATION_ID: i32 = 0x746f_6c6c;
/// The version of the tables below.
const VERSION: i32 = 1;

/// Numbers of messages go up and are given once, so they are the row ids: appending writes to one
/// page at the end, and the oldest lie together.
const TABLES: &str = "
    CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE messages (
        seq INTEGER PRIMARY KEY, before INTEGER NOT NULL, topic TEXT NOT NULL, event TEXT,
        payload BLOB NOT NULL, binary INTEGER NOT NULL, wall_ms INTEGER NOT NULL,
        checked INTEGER NOT NULL
    );
    CREATE TABLE keys (
        seq INTEGER PRIMARY KEY, topic TEXT NOT NULL, key TEXT NOT NULL, network BLOB NOT NULL,
        wall_ms INTEGER NOT NULL
    );
    CREATE TABLE lost (name_group INTEGER PRIMARY KEY, seq INTEGER NOT NULL);
";

/// Why a file cannot be used: a line for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenError {
    /// The line.
    pub line: String,
    /// Another process has the file: it may end.
    pub locked: bool,
}

impl OpenError {
    pub(super) fn new(line: String) -> Self {
        Self { line, locked: false }
    }
}

/// What holds for a file as a whole: by this a file is known to be the one that it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Meta {
    pub(super) epoch: Epoch,
    pub(super) group_key: u64,
}

/// What to do where there is no file yet, or an empty one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IfNone {
    /// To make one.
    Make,
    /// To say that it is gone: whoever had it goes on with it, and with no other.
    Refuse,
}

/// Opens the file; it belongs to this process from then on.
pub(super) fn open(
    path: &Path,
    sync_always: bool,
    if_none: IfNone,
) -> Result<Connection, OpenError> {
    let explained = |error: rusqlite::Error| explain(path, &error);
    let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    flags.set(OpenFlags::SQLITE_OPEN_CREATE, if_none == IfNone::Make);
    look(path, if_none)?;
    let db = Connection::open_with_flags(path, flags).map_err(explained)?;
    db.pragma_update(None, "locking_mode", "exclusive").map_err(explained)?;
    db.pragma_update(None, "temp_store", "memory").map_err(explained)?;
    // Before anything is changed: a file of somebody else stays as it is.
    check_owner(&db, if_none)
        .map_err(explained)?
        .map_or(Ok(()), |line| Err(OpenError::new(format!("{}: {line}", path.display()))))?;
    let mode: String = db
        .pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))
        .map_err(explained)?;
    if mode != "wal" {
        let path = path.display();
        return Err(OpenError::new(format!("{path}: no -wal file can be made beside it")));
    }
    let sync = if sync_always { "full" } else { "normal" };
    db.pragma_update(None, "synchronous", sync).map_err(explained)?;
    db.pragma_update(None, "journal_size_limit", LOG_BYTES_KEPT).map_err(explained)?;
    // Takes the lock, and finds out whether the file can be written.
    db.execute_batch("BEGIN IMMEDIATE").map_err(explained)?;
    let tables = make_tables(&db).and_then(|()| db.execute_batch("COMMIT"));
    tables.map_err(explained)?;
    Ok(db)
}

/// The write-ahead log is cut to this when it is begun anew.
const LOG_BYTES_KEPT: i64 = 16 * 1024 * 1024;

/// What the system's errors would say in riddles.
fn look(path: &Path, if_none: IfNone) -> Result<(), OpenError> {
    let refuse = |what: &str| Err(OpenError::new(format!("{}: {what}", path.display())));
    if path.is_dir() {
        return refuse("is a folder; name a file in it");
    }
    if path.exists() && !path.is_file() {
        return refuse("is no plain file; name one, or one that is still to be made");
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if folder.is_some_and(|folder| !folder.is_dir()) {
        return refuse("there is no such folder; make it first");
    }
    match OpenOptions::new().read(true).write(true).open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound && if_none == IfNone::Refuse => {
            refuse(GONE)
        }
        Err(error) if error.kind() != ErrorKind::NotFound => {
            refuse(&format!("cannot be written ({error}); name a file that we may write"))
        }
        _ => Ok(()),
    }
}

const GONE: &str = "is gone; put it back, or start anew";

/// `Some`: why this file is not for us.
fn check_owner(db: &Connection, if_none: IfNone) -> rusqlite::Result<Option<String>> {
    let id: i32 = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if id == 0 && tables == 0 {
        return Ok((if_none == IfNone::Refuse).then(|| GONE.into())); // New.
    }
    if id != APPLICATION_ID {
        return Ok(Some("is a database of another program; name another file".into()));
    }
    let version: i32 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok((version != VERSION).then(|| {
        format!(
            "has version {version}, and this program reads version {VERSION}; name another file, \
             or use the program that wrote it"
        )
    }))
}

fn make_tables(db: &Connection) -> rusqlite::Result<()> {
    let version: i32 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version == VERSION {
        // Written, so that a file that is read-only is found out now.
        return db.pragma_update(None, "user_version", VERSION);
    }
    db.execute_batch(TABLES)?;
    db.pragma_update(None, "application_id", APPLICATION_ID)?;
    db.pragma_update(None, "user_version", VERSION)
}

/// At a start: what stands in the file, and where nothing does, what these bits give.
pub(super) fn draw(db: &Connection, random: [u64; 2]) -> rusqlite::Result<Meta> {
    let mut row = db.prepare("INSERT OR IGNORE INTO meta (name, value) VALUES (?, ?)")?;
    row.execute(("epoch", Epoch::draw(random[0]).0.cast_signed()))?;
    row.execute(("group_key", random[1].cast_signed()))?;
    meta(db)?.ok_or(rusqlite::Error::QueryReturnedNoRows)
}

/// The epoch, and by what groups of names are told apart, if both stand there.
pub(super) fn meta(db: &Connection) -> rusqlite::Result<Option<Meta>> {
    let (epoch, group_key) = (value(db, "epoch")?, value(db, "group_key")?);
    let known = epoch.zip(group_key);
    Ok(known.map(|(epoch, group_key)| Meta { epoch: Epoch(epoch), group_key }))
}

/// What stands in the file under this name.
pub(super) fn value(db: &Connection, name: &str) -> rusqlite::Result<Option<u64>> {
    let mut row = db.prepare("SELECT value FROM meta WHERE name = ?")?;
    let value = row.query_row([name], |row| row.get::<_, i64>(0)).optional()?;
    Ok(value.map(i64::cast_unsigned))
}

/// After a fault: brings everything from the write-ahead log into the file, anew, so that no page
/// is relied on that a failed sync may have lost; and writes something, for the room that it takes.
pub(super) fn probe(db: &Connection) -> rusqlite::Result<()> {
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    let mut row = db.prepare(
        "INSERT INTO meta (name, value) VALUES ('probe', 1)
         ON CONFLICT (name) DO UPDATE SET value = value + 1",
    )?;
    row.execute([]).map(|_| ())
}

/// The file that SQLite keeps beside this one.
pub(super) fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// A number by which a row is known to be as it was written: FNV-1a, 64 bits. SQLite checks its
/// pages' structure, and not what stands in them.
pub(super) fn check(message: &Message, before: Seq, wall_ms: u64) -> u64 {
    let fixed = [message.seq.0, before.0, wall_ms, u64::from(message.payload.is_binary())];
    let fixed = fixed.iter().flat_map(|number| number.to_le_bytes());
    let event = message.event.as_deref().unwrap_or_default().bytes();
    let topic = message.topic.as_str().bytes();
    let all = fixed.chain(topic).chain([0]).chain(event).chain([0]);
    let hash = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let begun = all.fold(0xcbf2_9ce4_8422_2325, hash);
    message.payload.bytes().iter().fold(begun, |sum, &byte| hash(sum, byte))
}

/// An error of SQLite's at the start, as an operator would put it.
pub(super) fn explain(path: &Path, error: &rusqlite::Error) -> OpenError {
    let path = path.display();
    let code = error.sqlite_error_code();
    let what = match code {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another process has it; end that one first, or name another file".to_owned()
        }
        Some(ErrorCode::NotADatabase) => {
            "is no file of tollway's, or its beginning is damaged; name another file, or put a \
             backup in its place"
                .to_owned()
        }
        Some(ErrorCode::DatabaseCorrupt) => {
            "is damaged; put a backup in its place, or name another file".to_owned()
        }
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            "cannot be written; name a file, in a folder, that we may write".to_owned()
        }
        Some(ErrorCode::DiskFull) => "no room is left for it; make some".to_owned(),
        Some(ErrorCode::SystemIoFailure) => {
            "the system does not read or write it; look at the disk, and at how long a file may be \
             (ulimit -f)"
                .to_owned()
        }
        _ => error.to_string(),
    };
    let locked = matches!(code, Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked));
    OpenError { line: format!("{path}: {what}"), locked }
}
