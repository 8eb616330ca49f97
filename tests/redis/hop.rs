//! Readers who go from server to server, by all four techniques, with nothing but their cursor,
//! while publishers do the same and servers are killed and started.
//!
//! Every message that was acknowledged is seen once, in order, by each reader: there is no gap to
//! say, for Redis stays and holds all of it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::dice::Dice;
use crate::node;
use crate::rig::Redis;
use crate::server::Server;

const PUBLISHERS: usize = 2;
/// How often a server is killed and another one started.
const KILLS: usize = 4;
/// A read that takes so long goes to another server.
const STALL: Duration = Duration::from_secs(5);
/// From the last publish until every reader has it.
const CATCH_UP: Duration = Duration::from_mins(1);

/// What is shared by all who take part.
struct Cluster {
    /// Where servers listen, or listened until they were killed.
    ports: Vec<AtomicU16>,
    /// Number → text, of what was acknowledged.
    acked: Mutex<BTreeMap<u64, String>>,
    /// Publishers are to end.
    ending: AtomicBool,
    /// They have.
    complete: AtomicBool,
}

impl Cluster {
    fn port(&self, dice: &mut Dice) -> u16 {
        self.ports[dice.below(self.ports.len())].load(SeqCst)
    }

    /// The number behind which nothing will come, once that is known.
    fn last(&self) -> Option<u64> {
        self.complete.load(SeqCst).then(|| {
            let acked = self.acked.lock().expect("nobody panics");
            acked.keys().next_back().copied().expect("something was published")
        })
    }
}

/// Sends a request to a server that may be gone.
fn send(port: u16, head: &str, body: &str) -> Option<BufReader<TcpStream>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(STALL)).ok()?;
    stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).ok()?;
    Some(BufReader::new(stream))
}

/// The whole answer to a request of HTTP/1.0, if it comes.
fn whole(port: u16, head: &str, body: &str) -> Option<(u16, Value)> {
    let mut text = String::new();
    send(port, head, body)?.read_to_string(&mut text).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, serde_json::from_str(body).unwrap_or_default()))
}

fn number(id: &str) -> u64 {
    let (_, digits) = id.split_once('-').expect("an id");
    digits.parse().expect("a number")
}

/// Publishes until the end, each text under its key until it is acknowledged, wherever that is.
fn publish(cluster: &Cluster, name: usize, dice: &mut Dice) {
    for n in 0.. {
        if cluster.ending.load(SeqCst) {
            return;
        }
        let text = format!("{name}.{n}");
        let length = text.len();
        let head = format!(
            "POST /t HTTP/1.0\r\nHost: h\r\nIdempotency-Key: \"{text}\"\r\nContent-Length: {length}"
        );
        loop {
            let answer = whole(cluster.port(dice), &head, &text);
            if let Some((201, answer)) = answer {
                let id = number(answer["id"].as_str().expect("an id"));
                let before = cluster.acked.lock().expect("nobody panics").insert(id, text);
                assert_eq!(before, None, "a number is given once");
                break;
            }
            assert!(answer.is_none_or(|(status, _)| status == 503), "{text}");
        }
        thread::sleep(Duration::from_millis(dice.wide(1, 8)));
    }
}

/// What a reader has seen.
struct Seen {
    cursor: String,
    messages: Vec<(u64, String)>,
    hops: usize,
}

impl Seen {
    fn take(&mut self, id: &str, text: &str) {
        let newest = self.messages.last().map_or(0, |(number, _)| *number);
        assert!(number(id) > newest, "{id} behind {newest}: once, and in order");
        self.messages.push((number(id), text.to_owned()));
        id.clone_into(&mut self.cursor);
    }

    fn take_json(&mut self, message: &Value) {
        let text = |name: &str| message[name].as_str().expect("text").to_owned();
        self.take(&text("id"), &text("data"));
    }

    /// Whether it has what it is to have.
    fn has_all(&self, cluster: &Cluster) -> bool {
        let newest = self.messages.last().map_or(0, |(number, _)| *number);
        cluster.last().is_some_and(|last| newest >= last)
    }
}

/// Reads a few messages from one server. What breaks off is gone on with elsewhere.
type Technique = fn(port: u16, seen: &mut Seen, most: usize) -> Option<()>;

fn poll(port: u16, seen: &mut Seen, wait: &str) -> Option<()> {
    let since = &seen.cursor;
    let head = format!("GET /t/poll?{wait}since={since} HTTP/1.0\r\nHost: h");
    let (status, page) = whole(port, &head, "")?;
    if status == 200 {
        assert!(page["gap"].is_null(), "{page}");
        page["messages"].as_array().expect("a list").iter().for_each(|m| seen.take_json(m));
        page["next"].as_str().expect("a cursor").clone_into(&mut seen.cursor);
    }
    Some(())
}

fn short_poll(port: u16, seen: &mut Seen, _: usize) -> Option<()> {
    poll(port, seen, "")
}

fn long_poll(port: u16, seen: &mut Seen, _: usize) -> Option<()> {
    poll(port, seen, "wait=1&")
}

fn sse(port: u16, seen: &mut Seen, most: usize) -> Option<()> {
    let head = format!("GET /t/sse?since={} HTTP/1.0\r\nHost: h", seen.cursor);
    let mut reader = send(port, &head, "")?;
    let (mut id, mut left) = (String::new(), most);
    while left > 0 {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        assert_ne!(line.trim_end(), "event: gap", "a gap");
        if let Some(text) = line.strip_prefix("id: ") {
            text.trim_end().clone_into(&mut id);
        } else if let Some(text) = line.strip_prefix("data: ") {
            seen.take(&id, text.trim_end());
            left -= 1;
        }
    }
    Some(())
}

fn websocket(port: u16, seen: &mut Seen, most: usize) -> Option<()> {
    let head = format!(
        "GET /t/ws?since={} HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: tollway.v1\r\n\
         Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        seen.cursor
    );
    let mut reader = send(port, &head, "")?;
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
    }
    let mut left = most;
    while left > 0 {
        let mut head = [0; 2];
        reader.read_exact(&mut head).ok()?;
        if head[0] != 0x81 {
            return None; // It takes leave.
        }
        let mut length = usize::from(head[1]);
        if length == 126 {
            let mut long = [0; 2];
            reader.read_exact(&mut long).ok()?;
            length = usize::from(u16::from_be_bytes(long));
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let said: Value = serde_json::from_slice(&body).expect("JSON");
        assert!(said.get("gap").is_none(), "{said}");
        if said.get("data").is_some() {
            seen.take_json(&said);
            left -= 1;
        }
    }
    Some(())
}

/// Reads by one technique, a few messages on each server, until it has all.
fn follow(cluster: &Cluster, technique: Technique, since: &str, dice: &mut Dice) -> Seen {
    let mut seen = Seen { cursor: since.to_owned(), messages: Vec::new(), hops: 0 };
    let mut late = None;
    while !seen.has_all(cluster) {
        let most = dice.range(1, 30) as usize;
        let _ = technique(cluster.port(dice), &mut seen, most);
        seen.hops += 1;
        if cluster.complete.load(SeqCst) {
            let since = *late.get_or_insert_with(Instant::now);
            assert!(since.elapsed() < CATCH_UP, "at {}, not {:?}", seen.cursor, cluster.last());
        }
    }
    seen
}

fn hop(test: &str, servers: usize) {
    let Some(redis) = Redis::start(test, &[]) else { return };
    let flags = ["--history-messages", "1000000", "--history-bytes", "64MiB"];
    let mut running: Vec<Server> = (0..servers).map(|_| node(&redis.url(), &flags)).collect();
    let since = crate::publish(running[0].port(), "before");
    let cluster = Arc::new(Cluster {
        ports: running.iter().map(|server| AtomicU16::new(server.port())).collect(),
        acked: Mutex::default(),
        ending: AtomicBool::new(false),
        complete: AtomicBool::new(false),
    });
    let publishers: Vec<_> = (0..PUBLISHERS)
        .map(|name| {
            let cluster = Arc::clone(&cluster);
            thread::spawn(move || publish(&cluster, name, &mut Dice::new(100 + name as u64)))
        })
        .collect();
    let techniques: [Technique; 4] = [short_poll, long_poll, sse, websocket];
    let readers = techniques.map(|technique| {
        let (cluster, since) = (Arc::clone(&cluster), since.clone());
        let mut dice = Dice::new(technique as usize as u64);
        thread::spawn(move || follow(&cluster, technique, &since, &mut dice))
    });
    let mut dice = Dice::new(servers as u64);
    for _ in 0..KILLS {
        thread::sleep(Duration::from_millis(dice.range(300, 900)));
        let gone = dice.below(servers);
        running.remove(gone).end_by("KILL");
        thread::sleep(Duration::from_millis(dice.range(0, 300)));
        let fresh = node(&redis.url(), &flags);
        cluster.ports[gone].store(fresh.port(), SeqCst);
        running.insert(gone, fresh);
    }
    thread::sleep(Duration::from_millis(300));
    cluster.ending.store(true, SeqCst);
    for publisher in publishers {
        publisher.join().expect("whatever is answered is well");
    }
    cluster.complete.store(true, SeqCst);
    let acked = |cluster: &Cluster| cluster.acked.lock().expect("nobody panics").clone();
    let mut hops = 0;
    for reader in readers {
        let seen = reader.join().expect("each message once, in order");
        let told: BTreeMap<u64, String> = seen.messages.into_iter().collect();
        assert!(acked(&cluster).iter().all(|one| told.get(one.0) == Some(one.1)), "all of it");
        let mut texts: Vec<&String> = told.values().collect();
        texts.sort_unstable();
        assert!(texts.windows(2).all(|pair| pair[0] != pair[1]), "appended once");
        hops += seen.hops;
    }
    let count = acked(&cluster).len();
    println!("{servers} servers, {KILLS} kills: {count} messages, {hops} hops, none lost");
    assert!(count > 20 && hops > 20);
}

#[test]
fn readers_who_go_between_two_servers_miss_nothing_while_these_are_killed() {
    hop("readers_who_go_between_two_servers", 2);
}

#[test]
fn readers_who_go_between_three_servers_miss_nothing_while_these_are_killed() {
    hop("readers_who_go_between_three_servers", 3);
}
