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
            random: [1, 2],
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
    let (mut store, _) = FileStore::open(folder.setup(), moment(0)).expect("a new file");
    append(&mut store, 1..=3, moment(0));
    append(&mut store, 4..=5, moment(100));
    drop(store);
    let later = moment(IDEMPOTENCY_MS_MAX + 50);
    let (mut store, opened) = FileStore::open(folder.setup(), later).expect("a good file");
    assert_eq!((keys(&store), opened.keys.len()), (vec![4, 5], 2), "at a start");
    append(&mut store, 6..=6, later);
    store.fault(&rusqlite::Error::InvalidQuery);
    let later = moment(IDEMPOTENCY_MS_MAX + 150);
    store.recover(Seq(6), later).expect("a good file");
    assert_eq!(keys(&store), [6], "after a fault");
    append(&mut store, 7..=7, moment(2 * IDEMPOTENCY_MS_MAX + 100));
    assert_eq!(keys(&store), [7], "while it is open");
}
