//! What a crowd costs the broker: bytes of memory for each connection, and time for a publish and
//! for a turn, as connections grow to a million.
//!
//! ```text
//! cargo bench --bench scale                  # 1,000,000 connections; half a GB
//! cargo bench --bench scale -- 100000        # so many at most
//! cargo bench --bench scale -- instructions  # instructions of a delivery, by valgrind
//! cargo bench --bench scale -- history       # a message to a log that is full, and the longest
//! ```
//!
//! The broker has no sockets, so a million connections fit into one process: what the kernel would
//! keep and do for them is not in these figures. Memory is that of the process, before and after
//! the crowd came, divided by its size; beside it, what the broker counts for the first of them:
//! the connection, and what it holds of the heap. Times are the least of several rounds, and double
//! on a busy machine; a delivery ends where the shell would call `send`. Caches may make a delivery
//! to a large crowd dearer though it takes the same instructions: the third form counts those. The
//! longest of the fourth is a pause of all who share a thread; on a busy machine, that of another
//! program too.

use std::net::Ipv4Addr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tollway::broker::{Broker, Effect, Letter, Setup};
use tollway::hub::Hub;
use tollway::ids::{ConnId, Door, Epoch, Micros, Millis, Seq, ShardId, TopicName, WallSecond};
use tollway::limits::Limits;
use tollway::store::sequencer::{Commit, Sequencer};
use tollway::technique::message::{Draft, Message, Payload, Unnumbered};

const WEBSOCKET: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\n\
     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";

/// The four techniques: the end of the path, and the fields behind `Host`.
const TECHNIQUES: [(&str, &str, &str); 4] = [
    ("short poll", "/poll?since=latest", ""),
    ("long poll", "/poll?since=latest&wait=50", ""),
    ("SSE", "/sse", ""),
    ("WebSocket", "/ws", WEBSOCKET),
];

/// Readers of each topic in the large crowd.
const READERS_PER_TOPIC: usize = 10;
/// Rounds of which the quickest counts.
const ROUNDS: u32 = 7;
/// Messages of one round to a crowd of that many readers: enough for a clock.
const DELIVERIES_PER_ROUND: usize = 20_000;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => all(1_000_000),
        ["instructions"] => instructions(),
        ["history"] => history(),
        ["memory", at, readers] => memory_of(TECHNIQUES[number(at)], number(readers)),
        ["topics", connections] => topics_of(number(connections)),
        ["rounds", readers, rounds] => rounds_for_valgrind(number(readers), number(rounds)),
        [most] => all(number(most).max(10_000)),
        _ => panic!("a number of connections, or the word instructions"),
    }
}

fn number(word: &str) -> usize {
    word.parse().expect("a number")
}

fn all(most: usize) {
    memory_by_technique(most / 4);
    println!();
    one_topic(most);
    println!();
    many_topics(most);
}

/// Messages to topics by chance, each of which holds so many: the middle of a long queue by age is
/// what falls off.
fn history() {
    println!("| topics | messages of each | ns of a message | µs of the longest |");
    println!("| --- | --- | --- | --- |");
    for (topics, each) in [(10_000, 10), (100_000, 10), (3_000, 1_000)] {
        let limits = Limits { history_messages: each, retain_bytes: 1 << 34, ..Limits::default() };
        let mut hub = Hub::new(Epoch(1), &limits, 1);
        let name = |n| TopicName::parse(&format!("topic-{n}")).expect("a name");
        let names: Vec<TopicName> = (0..topics).map(name).collect();
        let (held, mut chance) = (topics * each, 1_u64);
        let (mut sum, mut longest) = (Duration::ZERO, Duration::ZERO);
        for number in 1..=2 * held {
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let topic = names[(chance >> 33) as usize % topics].clone();
            let (event, payload, at) = (None, Payload::posted([b'x'; 16]), Micros(0));
            let message = Message { seq: Seq(number as u64), topic, event, payload, at };
            let message = Arc::new(message);
            let begin = Instant::now();
            hub.append(message);
            let took = begin.elapsed();
            if number > held + held / 2 {
                (sum, longest) = (sum + took, longest.max(took));
            }
        }
        let mean = sum.as_nanos() / (held / 2) as u128;
        println!("| {topics} | {each} | {mean} | {} |", longest.as_micros());
    }
}

// --- a world: a broker, a sequencer, and a kernel that takes all at once ------------------------

struct World {
    broker: Broker,
    sequencer: Sequencer,
    now: Millis,
}

impl World {
    fn new() -> Self {
        let limits = Limits {
            connections_max: 2_000_000,
            connections_per_address_max: 2_000_000,
            ..Limits::default()
        };
        let mut broker = Broker::new(Setup { limits, ..Setup::default() });
        broker.wall_clock(WallSecond { unix_s: 784_111_777, ends: Millis(1000) });
        Self { broker, sequencer: Sequencer::default(), now: Millis(1) }
    }

    /// A client of that technique that reads that topic, and has its first answer.
    fn reader(&mut self, topic: &str, (_, suffix, fields): (&str, &str, &str)) -> ConnId {
        let peer = (Ipv4Addr::LOCALHOST, 1).into();
        let id = self.broker.accepted(peer, Door::Public, self.now).expect("there is room");
        self.ask(id, topic, suffix, fields);
        id
    }

    fn ask(&mut self, id: ConnId, topic: &str, suffix: &str, fields: &str) {
        let request = format!("GET /{topic}{suffix} HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
        self.broker.received(id, &mut request.into_bytes(), self.now);
        while let Some(change) = self.broker.next_subscriber_change() {
            self.sequencer.take(&change, ShardId(0));
        }
        while let Some(effect) = self.broker.next_effect() {
            assert!(!matches!(effect, Effect::Publish { .. }), "nobody publishes here");
        }
        self.write();
    }

    /// Publishes 16 bytes to `topic`, and all that is caused is carried out.
    fn publish(&mut self, topic: &TopicName) -> usize {
        let from = std::net::IpAddr::from(Ipv4Addr::LOCALHOST).into();
        let payload = Payload::posted(vec![b'x'; 16]);
        let topic = topic.clone();
        let draft =
            Draft { message: Unnumbered::new(topic, None, payload), from, idempotency_key: None };
        let Commit::Appended { message, .. } = self.sequencer.commit(draft, self.now.micros())
        else {
            panic!("nothing keeps it from being appended");
        };
        self.broker.letter(Letter::Committed { message, receipt: None }, self.now);
        while self.broker.deliver(self.now) {}
        self.write()
    }

    /// The kernel takes all. How many connections had something for it.
    fn write(&mut self) -> usize {
        let mut writes = 0;
        while let Some(id) = self.broker.next_dirty() {
            while let Some(outbox) = self.broker.outbox(id).filter(|outbox| !outbox.is_empty()) {
                let bytes = outbox.gathered_bytes();
                self.broker.sent(id, bytes, self.now.micros());
                writes += 1;
            }
        }
        writes
    }

    /// A turn of the loop in which nothing happens but that the clock moves on.
    fn idle_turn(&mut self) {
        self.now = Millis(self.now.0 + 1);
        if self.broker.next_deadline().is_some_and(|at| at <= self.now) {
            self.broker.expire(self.now);
        }
        while self.broker.deliver(self.now) {}
        self.write();
        assert!(!self.broker.has_work());
    }
}

fn topic(name: &str) -> TopicName {
    TopicName::parse(name).expect("a name of a topic")
}

/// The quickest of several rounds.
fn quickest(mut round: impl FnMut()) -> Duration {
    let rounds = (0..ROUNDS).map(|_| {
        let began = Instant::now();
        round();
        began.elapsed()
    });
    rounds.min().expect("more than none")
}

/// Bytes of memory of this process that are in use.
fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages = statm.split(' ').nth(1).expect("the second number");
    number(pages) * 4096
}

/// A number, with a comma for each thousand.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

// --- the measurements ---------------------------------------------------------------------------

/// Each technique in a process of its own: what one crowd gives back, the next would use again.
fn memory_by_technique(readers: usize) {
    println!("bytes of user space of a connection, of {} on one topic", grouped(readers));
    println!("{:<12}{:>12}{:>16}{:>14}", "", "idle", "after a message", "own count");
    for (at, (name, ..)) in TECHNIQUES.iter().enumerate() {
        print!("{name:<12}{}", alone(&["memory", &at.to_string(), &readers.to_string()]));
    }
}

/// What this program prints in a process of its own.
fn alone(words: &[&str]) -> String {
    let program = std::env::current_exe().expect("this program");
    let out = Command::new(program).args(words).stderr(Stdio::inherit()).output();
    String::from_utf8_lossy(&out.expect("this program runs").stdout).into_owned()
}

fn memory_of(technique: (&str, &str, &str), readers: usize) {
    let nobody = ConnId { slot: u32::MAX, generation: u32::MAX };
    let mut ids = vec![nobody; readers]; // It is there before, and not a part of the server.
    let before = resident_bytes();
    let mut world = World::new();
    for id in &mut ids {
        *id = world.reader("t", technique);
    }
    let idle = (resident_bytes() - before) / readers;
    world.publish(&topic("t"));
    let (name, suffix, fields) = technique;
    if name.ends_with("poll") {
        for &id in &ids {
            world.ask(id, "t", suffix, fields);
        }
    }
    let after = (resident_bytes() - before) / readers;
    let counted = world.broker.conn(ids[0]).map(|conn| size_of_val(conn) + conn.heap_bytes());
    println!("{idle:>12}{after:>16}{:>14}", counted.expect("it stays"));
}

fn one_topic(most: usize) {
    println!("nanoseconds of a delivery of 16 bytes to all readers of one topic");
    println!("{:<12}{:>12}{:>12}{:>16}", "readers", "SSE", "WebSocket", "to all, µs");
    let sizes = [10, 1_000, 10_000, 100_000, 1_000_000];
    for readers in sizes.into_iter().filter(|&size| size <= most) {
        let [sse, websocket] = [TECHNIQUES[2], TECHNIQUES[3]].map(|technique| {
            let mut world = World::new();
            for _ in 0..readers {
                world.reader("t", technique);
            }
            let name = topic("t");
            let messages = (DELIVERIES_PER_ROUND / readers).max(1);
            let time = quickest(|| {
                for _ in 0..messages {
                    assert_eq!(world.publish(&name), readers);
                }
            });
            time.as_nanos() as usize / messages
        });
        let (first, second) = (sse / readers, websocket / readers);
        let us = websocket / 1_000;
        println!("{:<12}{first:>12}{second:>12}{us:>16}", grouped(readers));
    }
}

fn many_topics(most: usize) {
    println!("all four techniques, {READERS_PER_TOPIC} connections a topic");
    println!(
        "{:<12}{:>12}{:>14}{:>20}{:>16}",
        "connections", "topics", "bytes each", "a publish to 10, ns", "idle turn, ns"
    );
    for connections in [10_000, 100_000, 1_000_000].into_iter().filter(|&size| size <= most) {
        print!("{}", alone(&["topics", &connections.to_string()]));
    }
}

fn topics_of(connections: usize) {
    let topics = connections / READERS_PER_TOPIC;
    let before = resident_bytes();
    let mut world = World::new();
    for n in 0..connections {
        // Half of them get each message at once.
        world.reader(&format!("t{}", n % topics), TECHNIQUES[(n / topics) % 4]);
    }
    let bytes = (resident_bytes() - before) / connections;
    // The same topics each round, spread over all of them.
    let names: Vec<TopicName> =
        (0..1_000).map(|n| topic(&format!("t{}", n * (topics / 1_000)))).collect();
    let publish = quickest(|| {
        for name in &names {
            world.publish(name);
        }
    });
    let idle = quickest(|| (0..100).for_each(|_| world.idle_turn()));
    println!(
        "{:<12}{:>12}{bytes:>14}{:>20}{:>16}",
        grouped(connections),
        grouped(topics),
        publish.as_nanos() / 1_000,
        idle.as_nanos() / 100
    );
}

// --- instructions -------------------------------------------------------------------------------

fn rounds_for_valgrind(readers: usize, rounds: usize) {
    let mut world = World::new();
    for n in 0..readers {
        world.reader("t", TECHNIQUES[2 + n % 2]);
    }
    for _ in 0..rounds {
        assert_eq!(world.publish(&topic("t")), readers);
    }
}

fn instructions() {
    println!("{:<12}{:>28}", "readers", "instructions of a delivery");
    for readers in [1_000, 10_000, 100_000] {
        let counted = |rounds: usize| {
            let out = Command::new("valgrind")
                .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
                .arg(std::env::current_exe().expect("this program"))
                .args(["rounds", &readers.to_string(), &rounds.to_string()])
                .stdin(Stdio::null())
                .output()
                .expect("valgrind is needed: the package has its name");
            let said = String::from_utf8_lossy(&out.stderr).into_owned();
            let count = said.split("Collected :").nth(1).expect("callgrind's count");
            number(count.split_whitespace().next().expect("a number"))
        };
        // The first rounds give the queues their room.
        let each = (counted(6) - counted(3)) / (3 * readers);
        println!("{:<12}{each:>28}", grouped(readers));
    }
}
