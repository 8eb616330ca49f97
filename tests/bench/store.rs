//! What a file costs: publishes a second by policy of syncing, the start with many messages, and
//! bytes on disk.
//!
//! ```text
//! cargo bench --bench store              # everything; takes a minute
//! cargo bench --bench store -- publishes # by policy and number of publishers
//! cargo bench --bench store -- start     # with MESSAGES (default 1,000,000) in the file
//! ```
//!
//! Publishers are connections that send the next message when the last is acknowledged, over
//! loopback and on the same cores as the server; the policies take turns, and what counts is the
//! ratio to memory. The file lies below the build's folder: what its disk takes for a sync is what
//! a single publisher waits for.

#![allow(clippy::cast_precision_loss, clippy::zombie_processes)] // Figures; [`end`] waits.

#[path = "publishers.rs"]
mod publishers;

use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use publishers::{PAYLOAD, ROUNDS, end, medians, rate, serve};

use tollway::ids::{Micros, Seq, TopicName};
use tollway::limits::Limits;
use tollway::store::file::{FileSetup, FileStore};
use tollway::store::{Record, Store, WallMoment};
use tollway::technique::message::{Message, Payload};

const POLICIES: [(&str, &[&str]); 3] =
    [("memory", &[]), ("always", &["--sync", "always"]), ("50ms", &["--sync", "50ms"])];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let wants = |word: &str| words.is_empty() || words.iter().any(|asked| asked == word);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("b{}", std::process::id()));
    fs::create_dir(&folder).expect("the build's folder is writable");
    if wants("publishes") {
        publishes(&folder);
    }
    if wants("start") {
        start(&folder);
    }
    fs::remove_dir_all(&folder).expect("it is ours");
}

fn publishes(folder: &Path) {
    println!("publishes a second, {PAYLOAD} bytes each, median of {ROUNDS}; 2 threads");
    println!("| publishers | policy | messages/s | of memory |\n| --- | --- | --- | --- |");
    for publishers in [1, 64] {
        let mut rates = [const { Vec::new() }; POLICIES.len()];
        for _ in 0..ROUNDS {
            for ((name, flags), rates) in POLICIES.iter().zip(&mut rates) {
                let file = folder.join("log.db");
                let path = file.to_str().expect("text");
                let data = if *name == "memory" { vec![] } else { vec!["--data", path] };
                let flags = [&["--threads", "2"], &data[..], flags].concat();
                let (server, port) = serve(folder, &flags);
                rates.push(rate(&[port], publishers));
                end(server);
                let _ = fs::remove_file(&file);
            }
        }
        let medians = medians(rates);
        for ((name, _), rate) in POLICIES.iter().zip(medians) {
            println!("| {publishers} | {name} | {rate:.0} | {:.3} |", rate / medians[0]);
        }
    }
}

fn start(folder: &Path) {
    let messages = std::env::var("MESSAGES").map_or(1_000_000, |n| n.parse().expect("a number"));
    let file = folder.join("log.db");
    fill(&file, messages);
    let bytes = fs::metadata(&file).expect("it is there").len();
    println!("{messages} messages of {PAYLOAD} bytes in one topic:");
    println!("  {:.1} bytes a message on disk", bytes as f64 / messages as f64);
    for threads in ["1", "2"] {
        let path = file.to_str().expect("text");
        let flags = ["--threads", threads, "--data", path];
        let began = Instant::now();
        let (server, port) = serve(folder, &flags);
        let bound = began.elapsed();
        let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
        stream.write_all(b"GET /t?limit=1 HTTP/1.0\r\n\r\n").expect("it reads");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("it answers");
        let (answered, bound) = (began.elapsed().as_millis(), bound.as_millis());
        println!("  {threads} threads: {bound} ms until it listens, {answered} until it answers");
        end(server);
    }
}

fn fill(file: &Path, messages: u64) {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    let at = WallMoment { now: Micros(0), wall_ms: wall.as_millis() as u64 };
    let limits = Limits {
        history_messages: usize::MAX,
        history_bytes: usize::MAX,
        retain_bytes: usize::MAX,
        ..Limits::default()
    };
    let (path, sync_always) = (PathBuf::from(file), false);
    let setup = FileSetup { path, sync_always, limits, threads: 1, boot: None };
    let (mut store, _) = FileStore::open(setup, [1, 2], at).expect("a new file");
    let topic = TopicName::parse("t").expect("a good name");
    let numbers: Vec<u64> = (1..=messages).collect();
    for batch in numbers.chunks(4_096) {
        let record = |&seq: &u64| Record {
            message: Arc::new(Message {
                seq: Seq(seq),
                topic: topic.clone(),
                event: None,
                payload: Payload::posted(vec![b'x'; PAYLOAD]),
                at: at.now,
            }),
            key: None,
            from: IpAddr::from([127, 0, 0, 1]).into(),
        };
        let records: Vec<Record> = batch.iter().map(record).collect();
        store.append(&records, at).expect("there is room");
    }
}
