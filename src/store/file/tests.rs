//! A file that is closed, copied, put back, emptied and opened again, without a server.

use std::fs;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::ids::{Millis, TopicName};
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
        }
    }

    /// Opens the file, or makes it with bits of its own.
    fn open(&self, at: WallMoment) -> (FileStore, Opened) {
        static BITS: AtomicU64 = AtomicU64::new(1);
        let random = [(); 2].map(|()| BITS.fetch_add(1, Ordering::Relaxed));
        FileStore::open(self.setup(), random, at).expect("a good file")
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
