//! `--data FILE`: what was acknowledged outlives the process, however that ends.
//!
//! The server is killed at random moments under load, as often as `STORE_KILLS` says (6 if it says
//! nothing), and started again on the same file. Then every acknowledged message is there, once, in
//! order, and cursors of all four techniques go on without a gap. Files that cannot be used, disks
//! without room, syncs that fail, losses of power, wall clocks that are set, and a hand-over from
//! one server to the next have stories of their own.
//!
//! Absent on purpose: a real loss of power. What was not synced is taken away instead.

#[path = "support/dice.rs"]
mod dice;
#[path = "support/foreign.rs"]
mod foreign;
#[path = "support/http.rs"]
mod http;
#[path = "support/server.rs"]
mod server;

#[path = "store/faults.rs"]
mod faults;
#[path = "store/handed_over.rs"]
mod handed_over;
#[path = "store/power.rs"]
mod power;
#[path = "store/resume.rs"]
mod resume;
#[path = "store/shim.rs"]
mod shim;
#[path = "store/syncs.rs"]
mod syncs;
#[path = "store/wall.rs"]
mod wall;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{env, fs, thread};

use dice::Dice;
use http::Wire;
use serde_json::Value;
use server::{Server, fresh_path};

/// Kills in one run, if `STORE_KILLS` does not say otherwise.
const KILLS: u64 = 6;
const PUBLISHERS: usize = 3;
/// Everything stays in the log.
pub(crate) const KEEPS_ALL: [&str; 2] = ["--history-messages", "1000000"];

/// A folder for a file and what SQLite keeps beside it; gone when it is dropped.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        let path = fresh_path("store");
        fs::create_dir(&path).expect("the scratch directory is writable");
        Self(path)
    }

    pub(crate) fn file(&self) -> String {
        self.0.join("log.db").to_str().expect("text").to_owned()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What was acknowledged: number → text.
pub(crate) type Acked = BTreeMap<u64, String>;

/// Epoch and number of an id.
pub(crate) fn split(id: &str) -> (String, u64) {
    let (epoch, number) = id.split_once('-').expect("an id");
    (epoch.to_owned(), number.parse().expect("a number"))
}

pub(crate) fn start(file: &str, more: &[&str]) -> Server {
    Server::start(&[&["--data", file], &KEEPS_ALL[..], more].concat())
}

/// Publishes on a connection of its own; its answer.
pub(crate) fn post(port: u16, text: &str, key: Option<&str>) -> (u16, Value) {
    let key = key.map(|key| format!("Idempotency-Key: \"{key}\"\r\n")).unwrap_or_default();
    let mut wire = Wire::open(port);
    let length = text.len();
    let head = format!("POST /t HTTP/1.1\r\nHost: h\r\n{key}Content-Length: {length}\r\n\r\n");
    wire.send(format!("{head}{text}"));
    let answer = wire.answer();
    (answer.status, answer.json())
}

pub(crate) fn get(port: u16, target: &str) -> (u16, Value) {
    let mut wire = Wire::open(port);
    wire.send(format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n"));
    let answer = wire.answer();
    let json = if answer.body.is_empty() { Value::Null } else { answer.json() };
    (answer.status, json)
}

/// Everything that is in the log, and its epoch. Asserts that numbers go up and texts come once.
pub(crate) fn all(port: u16) -> (String, Acked) {
    let (mut found, mut since) = (Acked::new(), "earliest".to_owned());
    let mut epoch = String::new();
    loop {
        let (status, page) = get(port, &format!("/t/poll?since={since}"));
        if status == 204 {
            return (epoch, found);
        }
        assert_eq!((status, page.get("gap")), (200, None), "{page}");
        for message in page["messages"].as_array().expect("a list") {
            let (of, number) = split(message["id"].as_str().expect("an id"));
            epoch = of;
            let text = message["data"].as_str().expect("text").to_owned();
            assert!(found.keys().last().is_none_or(|&last| last < number), "{number}: order");
            found.insert(number, text);
        }
        page["next"].as_str().expect("a cursor").clone_into(&mut since);
    }
}

/// Publishes until the server is gone. What it acknowledged is in `acked`.
pub(crate) fn publish(port: u16, name: &str, acked: &Mutex<Acked>) {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else {
        return;
    };
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("not zero");
    for n in 0.. {
        let text = format!("{name}.{n}");
        let length = text.len();
        let head = format!("POST /t HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n");
        if stream.write_all(format!("{head}{text}").as_bytes()).is_err() {
            return;
        }
        let mut answer = Vec::new();
        let mut piece = [0; 1024];
        while !answer.ends_with(b"}\n") && !answer.ends_with(b"}") {
            match stream.read(&mut piece) {
                Ok(0) | Err(_) => return, // Whether it is there is not known, and not asked.
                Ok(read) => answer.extend_from_slice(&piece[..read]),
            }
        }
        let answer = String::from_utf8(answer).expect("text");
        assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
        let id = answer.split("\"id\":\"").nth(1).and_then(|rest| rest.split('"').next());
        let (_, number) = split(id.expect("an id"));
        acked.lock().expect("nobody panics").insert(number, text);
    }
}

/// As often as it is to be done.
fn kills() -> u64 {
    env::var("STORE_KILLS").map_or(KILLS, |text| text.parse().expect("a number"))
}

fn kill_and_look(sync: &str) {
    let folder = Folder::new();
    let file = folder.file();
    let acked = Arc::new(Mutex::new(Acked::new()));
    let mut dice = Dice::new(17);
    let mut first_epoch = None;
    for kill in 0..kills() {
        let server = start(&file, &["--threads", "2", "--sync", sync]);
        let port = server.port();
        let publishers: Vec<_> = (0..PUBLISHERS)
            .map(|n| {
                let acked = Arc::clone(&acked);
                thread::spawn(move || publish(port, &format!("{kill}.{n}"), &acked))
            })
            .collect();
        let reader = thread::spawn(move || resume::last_seen_live(port));
        thread::sleep(Duration::from_millis(dice.wide(10, 300)));
        server.end_by("KILL");
        for publisher in publishers {
            publisher.join().expect("whatever is answered is well");
        }
        let seen = reader.join().expect("a reader is told the truth");
        let server = start(&file, &["--threads", "2", "--sync", sync]);
        let (epoch, found) = all(server.port());
        let acked = acked.lock().expect("nobody panics");
        for (number, text) in &*acked {
            assert_eq!(found.get(number), Some(text), "acknowledged, kill {kill}");
        }
        let mut texts: Vec<&String> = found.values().collect();
        texts.sort_unstable();
        assert!(texts.windows(2).all(|pair| pair[0] != pair[1]), "twice, kill {kill}");
        if let Some((number, text)) = seen {
            assert_eq!(found.get(&number), Some(&text), "read before the kill {kill}");
        }
        if !found.is_empty() {
            assert_eq!(*first_epoch.get_or_insert_with(|| epoch.clone()), epoch, "one numbering");
            resume::by_all_techniques(server.port(), &epoch, &found, &mut dice);
        }
        assert!(server.stop().success());
    }
    let acked = acked.lock().expect("nobody panics").len();
    println!("--sync {sync}: {} kills, {acked} messages acknowledged, all found", kills());
    assert!(acked > 0);
}

#[test]
fn what_was_acknowledged_outlives_kills() {
    kill_and_look("always");
}

#[test]
fn what_was_handed_to_the_system_outlives_kills_too() {
    kill_and_look("50ms");
}

#[test]
fn keys_are_known_after_a_restart_and_a_quiet_topic_has_no_gap() {
    let folder = Folder::new();
    let server = start(&folder.file(), &[]);
    let (status, first) = post(server.port(), "one", Some("k"));
    assert_eq!(status, 201);
    assert!(server.stop().success());
    let server = start(&folder.file(), &[]);
    assert_eq!(post(server.port(), "one", Some("k")).1["id"], first["id"], "a repeat");
    let (_, second) = post(server.port(), "two", Some("l"));
    let (epoch, number) = split(second["id"].as_str().expect("an id"));
    assert_eq!((epoch, number), (split(first["id"].as_str().expect("an id")).0, 2));
    assert!(server.stop().success());
}

#[test]
fn retention_holds_in_the_file_and_what_it_dropped_is_a_gap() {
    let folder = Folder::new();
    let keeps = ["--data", &folder.file(), "--history-messages", "5", "--sync", "1s"];
    let server = Server::start(&keeps);
    let mut wire = Wire::open(server.port());
    let text = "x".repeat(1_000);
    let request = format!("POST /t HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n{text}");
    let mut first = String::new();
    for _ in 0..3_000 {
        wire.send(&request);
        let answer = wire.answer().json();
        if first.is_empty() {
            answer["id"].as_str().expect("an id").clone_into(&mut first);
        }
    }
    drop(wire);
    assert!(server.stop().success());
    let bytes = fs::metadata(folder.file()).expect("it is there").len();
    assert!(bytes < 500_000, "{bytes} bytes for 5 messages");
    assert!(!fs::exists(format!("{}-wal", folder.file())).expect("a folder"), "closed in order");
    let server = Server::start(&keeps);
    let mut wire = Wire::open(server.port());
    wire.send("GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n");
    let metrics = String::from_utf8(wire.answer().body).expect("text");
    assert!(metrics.contains("\ntollway_store_available 1\n"), "before anybody uses it: {metrics}");
    let (_, page) = get(server.port(), &format!("/t/poll?since={first}"));
    assert_eq!(page["gap"]["reason"], "expired", "{page}");
    assert_eq!(page["messages"].as_array().map(Vec::len), Some(5));
    let (_, page) = get(server.port(), "/t/poll?since=earliest");
    assert_eq!(page.get("gap"), None);
    assert!(server.stop().success());
}
