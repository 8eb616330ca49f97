//! What a connection and the sequencer hold within, where bytes on the wire cannot tell: each fact
//! on a whole server without sockets.
//!
//! Absent on purpose: what a client can see (`tests/transcripts`), and codecs (their unit tests).

#[path = "support/readers/mod.rs"]
mod readers;
#[path = "support/world.rs"]
mod world;

use readers::frames;
use readers::json::{self, Json};
use tollway::broker::Broker;
use tollway::close::CloseReason;
use tollway::conn::inbox::Inbox;
use tollway::limits::{IDEMPOTENCY_MS_MAX, Limits, UNANSWERED_MAX};
use world::{Client, Plan, World};

/// Tells a fact with one thread and with four, of which the client is on the last one.
fn on_all_threads(fact: impl Fn(&mut World, usize)) {
    for threads in [1, 4] {
        let plan = Plan { threads, limits: Limits::default(), ..Plan::default() };
        fact(&mut World::new(plan), usize::from(threads) - 1);
    }
}

/// Opens a socket on `/news` that speaks `tollway.v1`, and passes over its greeting.
fn open(world: &mut World, shard: usize) -> Client {
    let client = world.connect(shard).expect("room for it");
    let head = format!(
        "GET /news HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {}\r\n\
         Sec-WebSocket-Protocol: tollway.v1\r\n\r\n",
        frames::KEY
    );
    world.send(client, head.as_bytes());
    world.run();
    let greeting = world.pipe(client).take();
    assert!(greeting.ends_with(br#"{"next":"e-0"}"#), "{}", greeting.escape_ascii());
    client
}

fn publication(n: usize) -> Vec<u8> {
    let text = format!(r#"{{"ref":{n},"topic":"x","data":""}}"#);
    frames::client(true, frames::TEXT, text.as_bytes(), [0x37, 0xFA, 0x21, 0x3D])
}

/// The objects that came since the last time.
fn heard(world: &mut World, client: Client) -> Vec<Json> {
    world.run();
    let bytes = world.pipe(client).take();
    let (frames, unfinished) = frames::server(&bytes);
    assert!(unfinished.is_empty(), "a frame is cut: {}", unfinished.escape_ascii());
    frames.iter().map(|frame| json::read(&frame.payload)).collect()
}

/// Posts on a connection of its own.
fn publish(world: &mut World, fields: &str, body: &str) {
    let client = world.connect(0).expect("room for it");
    let length = body.len();
    let head = format!("POST /t HTTP/1.1\r\nHost: h\r\n{fields}Content-Length: {length}\r\n\r\n");
    world.send(client, format!("{head}{body}").as_bytes());
    world.finish(client);
    world.run();
    let answer = world.pipe(client).take();
    assert!(answer.starts_with(b"HTTP/1.1 201 "), "{}", answer.escape_ascii());
}

#[test]
fn a_flood_is_answered_to_the_last_frame_though_the_peer_has_ended_its_side() {
    const FRAMES: usize = 10 * UNANSWERED_MAX + 1;
    on_all_threads(|world, shard| {
        let client = open(world, shard);
        let mut flood: Vec<u8> = (1..=FRAMES).flat_map(publication).collect();
        let id = world.pipe(client).id;
        let broker = &mut world.brokers[shard];
        // All of it at once, and the end of the peer's side before the first is committed.
        broker.received(id, &mut flood, world.now);
        broker.peer_finished(id, world.now);
        let conn = broker.conn(id).expect("its answers are awaited");
        assert!(conn.is_held() && !conn.wants_bytes());
        assert!(
            conn.aside.inbox().map_or(0, Inbox::len) > flood.len() / 2,
            "kept as bytes, not as effects"
        );
        let answers = heard(world, client);
        assert_eq!(answers.len(), FRAMES);
        for (answer, n) in answers.iter().zip(1..) {
            assert_eq!(answer.get("ref"), Some(&Json::Number(f64::from(n))));
            assert_eq!(answer.text("id"), format!("e-{n}"));
        }
        assert_eq!(world.pipe(client).closed, Some(CloseReason::PeerLeft));
    });
}

#[test]
fn a_peer_that_reads_no_answers_is_not_read_and_loses_none() {
    const FRAMES: usize = 20_000;
    on_all_threads(|world, shard| {
        let client = open(world, shard);
        world.pipe(client).room = 0;
        for n in 1..=FRAMES {
            world.send(client, &publication(n));
        }
        world.run();
        let id = world.pipe(client).id;
        let conn = world.brokers[shard].conn(id).expect("open");
        assert!(
            conn.flow.outbox.bytes() < 100_000
                && conn.aside.inbox().map_or(0, Inbox::len) <= 65_536
        );
        assert!(!world.pipe(client).inbound.is_empty());
        world.pipe(client).room = usize::MAX;
        let answers = heard(world, client);
        assert_eq!(answers.len(), FRAMES);
        for (answer, n) in answers.iter().zip(1..) {
            assert_eq!(answer.get("ref"), Some(&Json::Number(f64::from(n))));
        }
    });
}

#[test]
fn what_stands_behind_the_last_answer_is_not_kept_until_that_is_read() {
    let mut world = World::new(Plan::default());
    publish(&mut world, "", &"x".repeat(200_000));
    for last in [
        "GET /t HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        "GET /t/sse?since=earliest HTTP/1.1\r\nHost: h\r\n\r\n",
    ] {
        let client = world.connect(0).expect("room");
        world.pipe(client).room = 1;
        let behind = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
        world.send(client, format!("{last}{behind}").as_bytes());
        world.run();
        let id = world.pipe(client).id;
        let conn = world.brokers[0].conn(id).expect("it waits to be read");
        assert!(conn.flow.outbox.is_high(), "{last}");
        assert_eq!(conn.aside.inbox().map_or(0, Inbox::heap_bytes), 0, "{last}");
    }
}

#[test]
fn a_body_in_pieces_has_no_more_room_than_can_still_come() {
    const LENGTH: usize = 30_000;
    let mut world = World::new(Plan::default());
    let client = world.connect(0).expect("room");
    let head = format!("POST /t HTTP/1.1\r\nHost: h\r\nContent-Length: {LENGTH}\r\n\r\n");
    world.send(client, head.as_bytes());
    for piece in [9_000, 8_500, 100, 7_000, 5_000] {
        world.send(client, &vec![b'x'; piece]);
        world.run();
        let id = world.pipe(client).id;
        let holds = world.brokers[0].conn(id).expect("it waits for more").unfinished_bytes();
        assert!(holds <= LENGTH, "{holds}");
    }
    world.send(client, &vec![b'x'; 400]);
    world.run();
    let told = &world.pipe(client).received;
    assert!(told.starts_with(b"HTTP/1.1 201"), "{}", told.escape_ascii());
}

#[test]
fn old_keys_are_forgotten_by_any_publish() {
    let mut world = World::new(Plan::default());
    publish(&mut world, "Idempotency-Key: k\r\n", "x");
    assert_eq!(world.sequencer.names(), 1);
    world.advance(IDEMPOTENCY_MS_MAX);
    publish(&mut world, "", "y");
    assert_eq!(world.sequencer.names(), 0);
}

/// Asks on a connection whose kernel takes so many bytes.
fn ask(world: &mut World, request: &str, room: usize) -> Client {
    let client = world.connect(0).expect("room for it");
    world.pipe(client).room = room;
    world.send(client, format!("GET {request} HTTP/1.1\r\nHost: h\r\n\r\n").as_bytes());
    world.run();
    client
}

/// The length that a head announces, and how much of the body is there.
fn announced_and_come(bytes: &[u8]) -> (usize, usize) {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a head") + 4;
    let head = str::from_utf8(&bytes[..end]).expect("ASCII");
    let (_, length) = head.split_once("Content-Length: ").expect("a length");
    (length.split("\r\n").next().expect("a line").parse().expect("a number"), bytes.len() - end)
}

#[test]
fn an_answer_that_nobody_reads_holds_an_outbox_and_comes_whole_to_who_reads_on() {
    let mut world = World::new(Plan::default());
    publish(&mut world, "", &"\u{1}".repeat(900_000));
    for n in 0..200 {
        publish(&mut world, "", &format!("{n}{}", "y".repeat(5_000)));
    }
    for request in ["/t?limit=1", "/t?limit=2", "/t?since=e-1", "/t,u", "/t,u?since=e-1"] {
        let client = ask(&mut world, request, 1000);
        let id = world.pipe(client).id;
        let conn = world.brokers[0].conn(id).expect("it waits to be read");
        let held = conn.heap_bytes() + conn.flow.outbox.bytes();
        assert!(held < 320_000, "{request}: {held}");
        let mut answer = world.pipe(client).take();
        while !world.pipe(client).inbound.is_empty() || world.pipe(client).room < 1000 {
            world.pipe(client).room = 100_000;
            world.run();
            let more = world.pipe(client).take();
            if more.is_empty() {
                break;
            }
            answer.extend(more);
        }
        let (announced, come) = announced_and_come(&answer);
        assert_eq!(announced, come, "{request}");
        assert!(answer.ends_with(b"]}"), "{request}");
        let body = &answer[answer.len() - come..];
        let json = serde_json::from_slice::<serde_json::Value>(body).expect("JSON");
        assert!(!json["messages"].as_array().expect("a list").is_empty());
        // The connection is free for another request, and has no seat any more.
        world.send(client, b"GET /-/healthy HTTP/1.1\r\nHost: h\r\n\r\n");
        world.run();
        assert!(world.pipe(client).take().starts_with(b"HTTP/1.1 200 OK"), "{request}");
    }
}

#[test]
fn what_falls_off_before_a_slow_peer_took_it_cuts_its_answer() {
    let limits = Limits { history_messages: 1, ..Limits::default() };
    let mut world = World::new(Plan { limits, ..Plan::default() });
    publish(&mut world, "", &"x".repeat(500_000));
    let client = ask(&mut world, "/t", 1000);
    publish(&mut world, "", "newer");
    world.pipe(client).room = usize::MAX;
    world.run();
    let (announced, come) = announced_and_come(&world.pipe(client).take());
    assert!(come < announced, "{come} of {announced}");
    world.finish(client);
    world.run();
    assert_eq!(world.pipe(client).closed, Some(CloseReason::Interrupted));
}

#[test]
fn unfinished_input_is_counted_and_is_free_again() {
    on_all_threads(|world, shard| {
        let limits = Limits { unfinished_bytes_max: 1 << 20, ..Limits::default() };
        let threads = world.brokers.len() as u16;
        *world = World::new(Plan { threads, limits, ..Plan::default() });
        let head = "POST /t HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n";
        for _ in 0..3 {
            let clients: Vec<Client> = (0..20)
                .map(|_| {
                    let client = world.connect(shard).expect("room");
                    world.send(client, format!("{head}{}", "x".repeat(99_999)).as_bytes());
                    world.run();
                    client
                })
                .collect();
            let bytes: usize = world.brokers.iter().map(Broker::held_bytes).sum();
            assert!((500_000..=1 << 20).contains(&bytes), "{bytes}");
            let refused = clients
                .iter()
                .filter(|client| world.pipes[client.0].received.starts_with(b"HTTP/1.1 503 "));
            assert!((8..20).contains(&refused.count()));
            publish(world, "Idempotency-Key: k\r\n", "short ones have room");
            for client in clients {
                world.finish(client);
            }
            world.run();
            let bytes: usize = world.brokers.iter().map(Broker::held_bytes).sum();
            assert!(bytes < 20_000, "{bytes}");
        }
    });
}
