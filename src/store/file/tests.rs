//! A file that is closed, copied, put back, emptied and opened again, without a server.

use std::fs;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::ids::{Millis, TopicName};
use crate::limits::STORE_NUMBERS_SKIPPED;
use crate::technique::message::Payload;

/// A folder of its own, gone when it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static FOLDERS: AtomicU64 = AtomicU64::new(0);
        let n = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("tollway-file-{}-{n}", std::process::id()));
        fs::create_dir(&path).expect("the folder for such files is writable");
        Self(path)
    }

    fn setup(&self) -> FileSetup {
        FileSetup {
            path: self.0.join("log.db"),
            sync_always: false,
            limits: Limits::default(),
            threads: 1,
            boot: Some(1),
        }
    }

    /// Opens the file, or makes it with bits of its own.
    fn open(&self, at: WallMoment) -> (FileStore, Opened) {
        static BITS: AtomicU64 = AtomicU64::new(1);
        let random = [(); 2].map(|()| BITS.fetch_add(1, Ordering::Relaxed));
        FileStore::open(self.setup(), random, at).expect("a good file")
    }

    /// The same on a machine that has booted so often.
    fn open_in(&self, boot: Option<u64>, sync_always: bool) -> (FileStore, Opened) {
        let setup = FileSetup { sync_always, boot, ..self.setup() };
        FileStore::open(setup, [8, 9], moment(0)).expect("a good file")
    }

    /// What the disk would have now if all was synced.
    fn copy(&self) -> Self {
        let copy = Self::new();
        for name in ["log.db", "log.db-wal"] {
            fs::copy(self.0.join(name), copy.0.join(name)).expect("both are there");
        }
        copy
    }

    /// Moves the file, and the log beside it if there is one, to another folder.
    fn move_to(&self, other: &Self) {
        for name in ["log.db", "log.db-wal"] {
            let moved = fs::rename(self.0.join(name), other.0.join(name));
            assert!(moved.is_ok() || name.ends_with("-wal"), "both are ours");
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// So many milliseconds after the first moment, by both clocks; the server's runs for long enough
/// that whatever was before has a place on it.
fn moment(ms: u64) -> WallMoment {
    let ms = 10 * IDEMPOTENCY_MS_MAX + ms;
    WallMoment { now: Millis(ms).micros(), wall_ms: ms }
}

/// Message `seq`, with a key.
fn record(seq: u64, at: WallMoment) -> Record {
    Record {
        message: Arc::new(Message {
            seq: Seq(seq),
            topic: TopicName::parse("t").expect("a good name"),
            event: None,
            payload: Payload::posted(format!("message {seq}")),
            at: at.now,
        }),
        key: Some(format!("k{seq}").into()),
        from: IpAddr::from([192, 0, 2, 1]).into(),
    }
}

fn append(store: &mut FileStore, seqs: std::ops::RangeInclusive<u64>, at: WallMoment) {
    let records: Vec<Record> = seqs.map(|seq| record(seq, at)).collect();
    store.append(&records, at).expect("there is room");
}

/// Numbers of the keys that are in the file.
fn keys(store: &FileStore) -> Vec<i64> {
    let open = store.open.as_ref().expect("it is open");
    let mut rows = open.db.prepare("SELECT seq FROM keys ORDER BY seq").expect("a table");
    let rows = rows.query_map([], |row| row.get(0)).expect("rows");
    rows.map(|row| row.expect("a number")).collect()
}

#[test]
fn keys_that_grew_old_while_the_file_was_not_open_are_deleted() {
    let folder = Folder::new();
    let (mut store, _) = folder.open(moment(0));
    append(&mut store, 1..=3, moment(0));
    append(&mut store, 4..=5, moment(100));
    drop(store);
    let later = moment(IDEMPOTENCY_MS_MAX + 50);
    let (mut store, opened) = folder.open(later);
    assert_eq!((keys(&store), opened.keys.len()), (vec![4, 5], 2), "at a start");
    append(&mut store, 6..=6, later);
    store.fault(&rusqlite::Error::InvalidQuery);
    let later = moment(IDEMPOTENCY_MS_MAX + 150);
    store.recover(Seq(6), later).expect("a good file");
    assert_eq!(keys(&store), [6], "after a fault");
    append(&mut store, 7..=7, moment(2 * IDEMPOTENCY_MS_MAX + 100));
    assert_eq!(keys(&store), [7], "while it is open");
}

#[test]
fn a_file_that_is_gone_is_not_made_by_whoever_had_it() {
    let (folder, elsewhere) = (Folder::new(), Folder::new());
    let (mut store, first) = folder.open(moment(0));
    append(&mut store, 1..=5, moment(0));
    store.fault(&rusqlite::Error::InvalidQuery);
    folder.move_to(&elsewhere);
    let gone = |fault: StoreFault| fault.0.ends_with("log.db: is gone; put it back, or start anew");
    assert!(store.recover(Seq(5), moment(1)).is_err_and(gone));
    assert_eq!(fs::read_dir(&folder.0).expect("a folder").count(), 0, "nothing was made");
    fs::write(folder.0.join("log.db"), "").expect("it is ours");
    assert!(store.recover(Seq(5), moment(2)).is_err_and(gone), "an empty one is none");
    elsewhere.move_to(&folder);
    let found = store.recover(Seq(4), moment(3));
    assert!(matches!(found, Ok(Recovered::Behind(behind)) if behind.len() == 1), "it is back");
    drop(store);
    folder.move_to(&elsewhere);
    let (_, second) = folder.open(moment(4));
    assert_ne!(first.epoch, second.epoch, "whoever starts without it numbers anew");
}

#[test]
fn another_file_is_not_taken_for_the_one_that_was_there() {
    let (folder, elsewhere, other) = (Folder::new(), Folder::new(), Folder::new());
    let (mut store, first) = folder.open(moment(0));
    append(&mut store, 1..=5, moment(0));
    let (mut longer, second) = other.open(moment(0));
    append(&mut longer, 1..=9, moment(0));
    drop(longer);
    assert_ne!(first.epoch, second.epoch);
    store.fault(&rusqlite::Error::InvalidQuery);
    folder.move_to(&elsewhere);
    other.move_to(&folder);
    let fault = store.recover(Seq(5), moment(1)).expect_err("it is another");
    assert!(fault.0.contains("is another file, in another numbering"), "{}", fault.0);
    let db = Connection::open(folder.0.join("log.db")).expect("a good file");
    assert_eq!(open::value(&db, "probe"), Ok(None), "it is left as it is");
    // An older copy is in the same numbering, and ends too early.
    drop(db);
    db_without(&elsewhere, 4);
    elsewhere.move_to(&folder);
    let fault = store.recover(Seq(5), moment(1)).expect_err("it is older");
    assert!(fault.0.contains("it ends before what was acknowledged"), "{}", fault.0);
}

/// Takes message `first` and all behind it out of the file.
fn db_without(folder: &Folder, first: i64) {
    let db = Connection::open(folder.0.join("log.db")).expect("a good file");
    db.execute("DELETE FROM messages WHERE seq >= ?", [first]).expect("it is ours");
}

fn unsynced_boot(store: &FileStore) -> Option<u64> {
    let db = &store.open.as_ref().expect("it is open").db;
    open::value(db, "unsynced_boot").expect("a table")
}

#[test]
fn numbers_that_a_loss_of_power_may_have_taken_are_left_out() {
    const FIRST: u64 = 5 + STORE_NUMBERS_SKIPPED;
    let folder = Folder::new();
    let (mut store, _) = folder.open_in(Some(1), false);
    append(&mut store, 1..=5, moment(0));
    store.sync().expect("a good disk");
    let after_loss = folder.copy();
    append(&mut store, 6..=8, moment(0));
    drop(store); // As if the process had crashed.
    let (store, opened) = folder.open_in(Some(1), false);
    assert_eq!((opened.past.tip, store.leaves_out()), (Seq(8), false), "a crash takes nothing");

    let (store, opened) = after_loss.open_in(Some(2), false);
    assert_eq!((opened.past.tip, store.leaves_out()), (Seq(FIRST), true));
    assert_eq!(opened.past.messages.len(), 5);
    drop(store);
    let (mut store, opened) = after_loss.open_in(Some(2), false);
    assert_eq!((opened.past.tip, store.leaves_out()), (Seq(FIRST), false), "for good");
    append(&mut store, FIRST + 1..=FIRST + 2, moment(0));
    store.fault(&rusqlite::Error::InvalidQuery);
    let found = store.recover(Seq(FIRST + 1), moment(1));
    assert!(matches!(found, Ok(Recovered::Behind(behind)) if behind.len() == 1));
    store.close().expect("a good disk");
    let (_, opened) = after_loss.open_in(Some(3), false);
    assert_eq!(opened.past.tip, Seq(FIRST + 2), "what was closed in order was all there");
    let (store, opened) = after_loss.open_in(None, false);
    assert_eq!(opened.past.tip, Seq(FIRST + 2 + STORE_NUMBERS_SKIPPED), "and this was not");
    drop(store);
    let (_, opened) = after_loss.open_in(None, false);
    let twice = FIRST + 2 + 2 * STORE_NUMBERS_SKIPPED;
    assert_eq!(opened.past.tip, Seq(twice), "a boot without a name is another one each time");
}

#[test]
fn whoever_syncs_always_leaves_nothing_out_and_notes_nothing() {
    let folder = Folder::new();
    for boot in 1..=3 {
        let (mut store, opened) = folder.open_in(Some(boot), true);
        assert_eq!((opened.past.tip, unsynced_boot(&store)), (Seq(boot - 1), None));
        append(&mut store, boot..=boot, moment(0));
    }
    // Such a file, as one of the version before, says nothing.
    let (mut store, opened) = folder.open_in(Some(4), false);
    assert_eq!((opened.past.tip, unsynced_boot(&store)), (Seq(3), Some(4)));
    append(&mut store, 4..=4, moment(0));
    let other_boot = folder.copy();
    drop(store);
    let (store, opened) = folder.open_in(Some(4), true);
    assert_eq!((opened.past.tip, unsynced_boot(&store)), (Seq(4), None), "all is there");
    for boot in 5..=6 {
        let (store, opened) = other_boot.open_in(Some(boot), true);
        assert_eq!((store.leaves_out(), unsynced_boot(&store)), (boot == 5, None));
        assert_eq!(opened.past.tip, Seq(4 + STORE_NUMBERS_SKIPPED));
    }
}
