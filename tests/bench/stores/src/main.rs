//! Which embedded store suits a server that appends, reads its tail at the start and drops the
//! oldest: redb and SQLite, side by side on that work.
//!
//! `cargo run --release --manifest-path tests/bench/stores/Cargo.toml -- [DIR] [MESSAGES]`
//!
//! Every measurement is of both in turn, and what counts is the ratio of the two on one machine.
//! `abort` ends a process without closing, as a kill does; what is there afterwards is counted.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use redb::{Database, Durability, TableDefinition};
use redb::{ReadableDatabase, ReadableTable, ReadableTableMetadata};
use rusqlite::{Connection, params};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Topic and payload of a message.
const PAYLOAD: [u8; 200] = [b'x'; 200];
const TOPIC: &str = "orders.eu";

trait Log: Sized {
    const NAME: &'static str;
    /// `durable`: each batch outlives a loss of power when `append` returns.
    fn open(path: &Path, durable: bool) -> Outcome<Self>;
    /// Messages `from..to`, and everything before `keep` goes.
    fn append(&mut self, from: u64, to: u64, keep: u64) -> Outcome<()>;
    fn sync(&mut self) -> Outcome<()>;
    /// How many there are, and the bytes of all payloads.
    fn read(&self) -> Outcome<(u64, usize)>;
}

struct Redb(Database, bool);
const MESSAGES: TableDefinition<u64, (&str, &[u8], u64)> = TableDefinition::new("messages");

impl Log for Redb {
    const NAME: &'static str = "redb";

    fn open(path: &Path, durable: bool) -> Outcome<Self> {
        let db = Database::create(path)?;
        let write = db.begin_write()?;
        write.open_table(MESSAGES)?;
        write.commit()?;
        Ok(Self(db, durable))
    }

    fn append(&mut self, from: u64, to: u64, keep: u64) -> Outcome<()> {
        let mut write = self.0.begin_write()?;
        write.set_durability(if self.1 { Durability::Immediate } else { Durability::None })?;
        {
            let mut table = write.open_table(MESSAGES)?;
            for seq in from..to {
                table.insert(seq, (TOPIC, &PAYLOAD[..], seq))?;
            }
            while table.first()?.is_some_and(|(seq, _)| seq.value() < keep) {
                table.pop_first()?;
            }
        }
        Ok(write.commit()?)
    }

    fn sync(&mut self) -> Outcome<()> {
        let mut write = self.0.begin_write()?;
        write.set_durability(Durability::Immediate)?;
        Ok(write.commit()?)
    }

    fn read(&self) -> Outcome<(u64, usize)> {
        let read = self.0.begin_read()?;
        let table = read.open_table(MESSAGES)?;
        let mut bytes = 0;
        for row in table.iter()? {
            bytes += row?.1.value().1.to_vec().len();
        }
        Ok((table.len()?, bytes))
    }
}

struct Sqlite(Connection, fs::File);

impl Log for Sqlite {
    const NAME: &'static str = "sqlite";

    fn open(path: &Path, durable: bool) -> Outcome<Self> {
        let db = Connection::open(path)?;
        db.pragma_update(None, "journal_mode", "wal")?;
        db.pragma_update(None, "locking_mode", "exclusive")?;
        db.pragma_update(None, "synchronous", if durable { "full" } else { "normal" })?;
        db.execute_batch(
            "CREATE TABLE IF NOT EXISTS messages
             (seq INTEGER PRIMARY KEY, topic TEXT NOT NULL, payload BLOB NOT NULL, at INTEGER)",
        )?;
        let wal = path.with_file_name(format!("{}-wal", path.file_name().unwrap().display()));
        Ok(Self(db, fs::File::open(wal)?))
    }

    fn append(&mut self, from: u64, to: u64, keep: u64) -> Outcome<()> {
        let write = self.0.transaction()?;
        {
            let mut insert = write.prepare_cached("INSERT INTO messages VALUES (?, ?, ?, ?)")?;
            for seq in from..to {
                insert.execute(params![seq as i64, TOPIC, &PAYLOAD[..], seq as i64])?;
            }
            write.prepare_cached("DELETE FROM messages WHERE seq < ?")?.execute([keep as i64])?;
        }
        Ok(write.commit()?)
    }

    fn sync(&mut self) -> Outcome<()> {
        Ok(self.1.sync_data()?)
    }

    fn read(&self) -> Outcome<(u64, usize)> {
        let mut all =
            self.0.prepare("SELECT seq, topic, payload, at FROM messages ORDER BY seq")?;
        let mut rows = all.query([])?;
        let (mut count, mut bytes) = (0, 0);
        while let Some(row) = rows.next()? {
            count += 1;
            bytes += row.get::<_, Vec<u8>>(2)?.len();
        }
        Ok((count, bytes))
    }
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, word, name, path, messages, durable] = &arguments[..]
        && word == "fill-and-abort"
    {
        let (path, durable) = (Path::new(path), durable == "true");
        return match name.as_str() {
            Redb::NAME => fill_and_abort::<Redb>(path, messages.parse()?, durable),
            _ => fill_and_abort::<Sqlite>(path, messages.parse()?, durable),
        };
    }
    let folder = arguments.get(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let messages = arguments.get(2).map_or(Ok(1_000_000), |text| text.parse())?;
    let folder = folder.join(format!("stores-{}", std::process::id()));
    fs::create_dir(&folder)?;
    println!("| what | redb | sqlite | sqlite / redb |\n| --- | --- | --- | --- |");
    let outcome = measure(&folder, messages);
    fs::remove_dir_all(&folder)?;
    outcome
}

fn measure(folder: &Path, messages: u64) -> Outcome<()> {
    for (batch, batches, rounds) in [(1, 200, 5), (64, 100, 5), (4096, 20, 3)] {
        let what = format!("messages/s, {batch} a batch, each synced");
        let (mut redb, mut sqlite) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            redb.push(appends::<Redb>(folder, batch, batches, true)?);
            sqlite.push(appends::<Sqlite>(folder, batch, batches, true)?);
        }
        row(&what, median(redb), median(sqlite));
    }
    for (batch, batches) in [(1, 5_000), (64, 500), (4096, 20)] {
        let what = format!("messages/s, {batch} a batch, synced every 50 ms");
        let (mut redb, mut sqlite) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            redb.push(appends::<Redb>(folder, batch, batches, false)?);
            sqlite.push(appends::<Sqlite>(folder, batch, batches, false)?);
        }
        row(&what, median(redb), median(sqlite));
    }
    let redb = after_abort::<Redb>(folder, messages, true)?;
    let sqlite = after_abort::<Sqlite>(folder, messages, true)?;
    let what = |what: &str| format!("{what}, {messages} messages, after a kill");
    row(&what("ms to open"), redb.0, sqlite.0);
    row(&what("ms to open and read all"), redb.1, sqlite.1);
    row(&what("bytes on disk a message"), redb.2, sqlite.2);
    row(
        "messages left after a kill, of 100,000 in batches of 64 that were each synced",
        { after_abort::<Redb>(folder, 100_000, true)?.3 },
        after_abort::<Sqlite>(folder, 100_000, true)?.3,
    );
    row(
        "the same, synced every 50 ms",
        { after_abort::<Redb>(folder, 100_000, false)?.3 },
        after_abort::<Sqlite>(folder, 100_000, false)?.3,
    );
    let (redb, sqlite) = (grown::<Redb>(folder)?, grown::<Sqlite>(folder)?);
    row("file of 20,000 messages, after 200,000 went through it, MB", redb, sqlite);
    Ok(())
}

fn row(what: &str, redb: f64, sqlite: f64) {
    println!("| {what} | {redb:.1} | {sqlite:.1} | {:.2} |", sqlite / redb);
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// Messages a second.
fn appends<L: Log>(folder: &Path, batch: u64, batches: u64, durable: bool) -> Outcome<f64> {
    let path = folder.join(L::NAME);
    let mut log = L::open(&path, durable)?;
    let began = Instant::now();
    let mut synced = began;
    for n in 0..batches {
        log.append(n * batch, (n + 1) * batch, 0)?;
        if !durable && synced.elapsed() >= Duration::from_millis(50) {
            log.sync()?;
            synced = Instant::now();
        }
    }
    log.sync()?;
    let took = began.elapsed().as_secs_f64();
    drop(log);
    remove(&path);
    Ok((batch * batches) as f64 / took)
}

fn fill_and_abort<L: Log>(path: &Path, messages: u64, durable: bool) -> Outcome<()> {
    let mut log = L::open(path, durable)?;
    let batch = if messages > 100_000 { 4096 } else { 64 };
    let (mut from, mut synced) = (0, Instant::now());
    while from < messages {
        let to = messages.min(from + batch);
        log.append(from, to, 0)?;
        from = to;
        if !durable && synced.elapsed() >= Duration::from_millis(50) {
            log.sync()?;
            synced = Instant::now();
        }
    }
    std::process::abort()
}

/// Milliseconds to open, the same and to read all, bytes a message, messages.
fn after_abort<L: Log>(
    folder: &Path,
    messages: u64,
    durable: bool,
) -> Outcome<(f64, f64, f64, f64)> {
    let path = folder.join(L::NAME);
    let count = messages.to_string();
    let file = path.to_str().ok_or("a path that is text")?;
    let arguments =
        ["fill-and-abort", L::NAME, file, &count, if durable { "true" } else { "false" }];
    let status = Command::new(std::env::current_exe()?).args(arguments).status()?;
    assert!(!status.success(), "it ends by a signal");
    let bytes = size(&path);
    let began = Instant::now();
    let log = L::open(&path, durable)?;
    let opened = began.elapsed().as_secs_f64() * 1_000.0;
    let (found, _) = log.read()?;
    let read = began.elapsed().as_secs_f64() * 1_000.0;
    drop(log);
    remove(&path);
    Ok((opened, read, bytes as f64 / messages as f64, found as f64))
}

/// Megabytes of a file through which ten times as much went as it holds.
fn grown<L: Log>(folder: &Path) -> Outcome<f64> {
    let path = folder.join(L::NAME);
    let mut log = L::open(&path, false)?;
    for n in 0..2_000_u64 {
        log.append(n * 100, (n + 1) * 100, ((n + 1) * 100).saturating_sub(20_000))?;
    }
    log.sync()?;
    drop(log);
    let bytes = size(&path);
    remove(&path);
    Ok(bytes as f64 / 1e6)
}

fn beside(path: &Path) -> [PathBuf; 3] {
    ["", "-wal", "-shm"].map(|end| PathBuf::from(format!("{}{end}", path.display())))
}

fn size(path: &Path) -> u64 {
    beside(path).iter().filter_map(|file| fs::metadata(file).ok()).map(|file| file.len()).sum()
}

fn remove(path: &Path) {
    for file in beside(path) {
        let _ = fs::remove_file(file); // SQLite's second and third are gone when it was closed.
    }
}
