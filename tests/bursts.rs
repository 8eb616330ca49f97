//! Bursts and crowds, on a whole server with virtual time: what is acknowledged reaches every
//! reader that has room, publishers are held back instead, and reports are not made as often as
//! they are asked for.

#[path = "support/world.rs"]
mod world;

use tollway::limits::{Limits, OUTBOX_BYTES_HIGH, REPORTS_PER_SECOND, UNANSWERED_MAX};
use world::{Client, Plan, World};

const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

fn world(limits: Limits) -> World {
    World::new(Plan { limits, ..Plan::default() })
}

/// Sends a request and lets the server come to rest.
fn ask(world: &mut World, client: Client, head: &str, body: &str) -> String {
    let length = match body.len() {
        0 => String::new(),
        n => format!("Content-Length: {n}\r\n"),
    };
    let request = format!("{head} HTTP/1.1\r\nHost: h\r\n{length}\r\n{body}");
    world.send(client, request.as_bytes());
    world.run();
    heard(world, client)
}

fn heard(world: &mut World, client: Client) -> String {
    String::from_utf8_lossy(&world.pipe(client).take()).into_owned()
}

fn publish(world: &mut World, topic: &str, body: &str) {
    let client = world.connect(0).expect("room");
    let answer = ask(world, client, &format!("POST /{topic}"), body);
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    world.finish(client);
    world.run();
}

fn open_socket(world: &mut World, target: &str) -> Client {
    let client = world.connect(0).expect("room");
    let request = format!("GET {target} HTTP/1.1\r\nHost: h\r\n{UPGRADE}\r\n");
    world.send(client, request.as_bytes());
    world.run();
    client
}

/// Readers of topic `t` of every kind that stays, on every thread.
fn readers(world: &mut World, threads: usize) -> Vec<Client> {
    let mut clients = Vec::new();
    for shard in 0..threads {
        for head in [
            "GET /t/sse HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(),
            "GET /t/sse HTTP/1.0\r\n\r\n".to_owned(),
            format!("GET /t/ws HTTP/1.1\r\nHost: h\r\n{UPGRADE}\r\n"),
            format!(
                "GET /t/ws HTTP/1.1\r\nHost: h\r\n\
                Sec-WebSocket-Protocol: tollway.v1\r\n{UPGRADE}\r\n"
            ),
        ] {
            let client = world.connect(shard).expect("room");
            world.send(client, head.as_bytes());
            clients.push(client);
        }
    }
    world.run();
    for &client in &clients {
        heard(world, client);
    }
    clients
}

/// Every reader got every message, and no word of a gap.
fn each_got(world: &mut World, readers: &[Client], count: usize) {
    for &client in readers {
        let got = heard(world, client);
        assert!(!got.contains("gap"), "{got:.200}");
        assert_eq!(got.matches('@').count(), count, "{got:.200}");
        assert_eq!(world.pipe(client).closed, None);
    }
}

#[test]
fn a_burst_of_any_length_is_lost_to_no_reader_with_room() {
    for (threads, history_messages, history_bytes) in
        [(1, 1, 9_000_000), (1, 1_000, 9_000_000), (3, 10, 9_000_000), (2, 1_000, 3_000)]
    {
        let limits = Limits { history_messages, history_bytes, ..Limits::default() };
        let mut world = World::new(Plan { threads: threads as u16, limits, ..Plan::default() });
        let readers = readers(&mut world, threads);
        let publisher = open_socket(&mut world, "/t/ws");
        // One read of 17.5 KB, and some that fill every outbox several times over.
        for (count, length) in [(2_500, 1), (500, OUTBOX_BYTES_HIGH / 100)] {
            let mut frames = Vec::new();
            for _ in 0..count {
                match length {
                    1 => frames.extend([0x81, 0x81, 0, 0, 0, 0]),
                    _ => frames.extend([0x81, 0xfe, (length >> 8) as u8, length as u8, 0, 0, 0, 0]),
                }
                frames.extend(b"@".iter().chain([b'.'; 700].iter()).take(length));
            }
            world.send(publisher, &frames);
            world.run();
            each_got(&mut world, &readers, count);
        }
    }
}

#[test]
fn publishers_who_come_all_at_once_are_answered_and_nothing_is_lost() {
    let limits = Limits { history_messages: 20, ..Limits::default() };
    let mut world = World::new(Plan { threads: 2, limits, ..Plan::default() });
    let readers = readers(&mut world, 2);
    let publishers: Vec<Client> = (0..3_000).map(|n| world.connect(n % 2).expect("room")).collect();
    for &client in &publishers {
        world.send(client, b"POST /t HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n@");
    }
    world.run();
    for client in publishers {
        let answer = heard(&mut world, client);
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    }
    each_got(&mut world, &readers, 3_000);
}

#[test]
fn a_reader_that_knows_of_a_message_finds_it_though_its_thread_has_no_room_for_it_yet() {
    let limits = Limits { history_messages: 1, ..Limits::default() };
    let mut world = World::new(Plan { threads: 2, limits, ..Plan::default() });
    let streams = readers(&mut world, 2);
    let (publisher, poller) = (world.connect(1).expect("room"), world.connect(0).expect("room"));
    let post = "POST /t HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n@";
    world.send(publisher, post.repeat(40).as_bytes());
    while world.turn_of(1) {}
    assert!(heard(&mut world, publisher).contains("e-40"), "it was acknowledged");
    world.send(poller, b"GET /t?since=e-39 HTTP/1.1\r\nHost: h\r\n\r\n");
    world.run();
    let answer = heard(&mut world, poller);
    assert!(
        answer.contains(r#"{"next":"e-40","messages":[{"id":"e-40","data":"@"}]}"#),
        "{answer}"
    );
    each_got(&mut world, &streams, 40);
}

#[test]
fn what_a_socket_said_and_is_not_in_the_log_is_bounded() {
    for protocol in ["", "Sec-WebSocket-Protocol: tollway.v1\r\n"] {
        let mut world = world(Limits::default());
        let client = world.connect(0).expect("room");
        let head = format!("GET /t/ws HTTP/1.1\r\nHost: h\r\n{protocol}{UPGRADE}\r\n");
        world.send(client, head.as_bytes());
        world.run();
        let (id, now) = (world.pipe(client).id, world.now);
        let frame = [0x81, 0x8b, 0, 0, 0, 0].into_iter().chain(*br#"{"data":""}"#);
        let mut frames: Vec<u8> = frame.collect::<Vec<u8>>().repeat(3 * UNANSWERED_MAX);
        let broker = &mut world.brokers[0];
        broker.received(id, &mut frames, now);
        assert!(!broker.wants_bytes(id), "the rest stays where it is");
        let asked = std::iter::from_fn(|| broker.next_effect()).count();
        assert_eq!(asked, UNANSWERED_MAX);
    }
}

#[test]
fn reports_asked_too_often_are_a_second_old_at_most_or_come_a_second_later() {
    let mut world = world(Limits::default());
    let client = world.connect(0).expect("room");
    let mut published = Vec::new();
    for n in 0..3 * REPORTS_PER_SECOND {
        publish(&mut world, "t", "x");
        let answer = ask(&mut world, client, "GET /-/costs", "");
        let (_, body) = answer.split_once("\r\n\r\n").expect("an answer at once");
        let costs: serde_json::Value = serde_json::from_str(body).expect("JSON");
        let messages = costs["techniques"]["publish"]["messages"].as_u64().expect("a number");
        published.push((n as u64 + 1, messages));
    }
    let exact = published.iter().filter(|(now, told)| now == told).count();
    assert_eq!(exact, REPORTS_PER_SECOND, "{published:?}");
    // Another scope has no such report: it waits until one may be begun.
    assert_eq!(ask(&mut world, client, "GET /-/connections", ""), "");
    world.advance(999);
    assert_eq!(heard(&mut world, client), "");
    world.advance(1);
    assert!(heard(&mut world, client).starts_with("HTTP/1.1 200"));
    world.advance(1_000);
    let answer = ask(&mut world, client, "GET /-/costs", "");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}
