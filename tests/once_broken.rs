//! Stories that went wrong once, each in the fewest steps: mostly found by `simulation`.

#![allow(clippy::pedantic)] // As in `support/sim`.

#[path = "support/world.rs"]
mod world;

use tollway::close::CloseReason;
use tollway::ledger::{Account, Payer};
use tollway::limits::{IDEMPOTENCY_MS_MAX, Limits};
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

/// A history of one message, and three published: a cursor at the first has lost the second.
fn with_a_loss() -> World {
    let mut world = world(Limits { history_messages: 1, ..Limits::default() });
    for body in ["one", "two", "three"] {
        publish(&mut world, "t", body);
    }
    world
}

fn sum(world: &World, pick: impl Fn(&Account) -> u64) -> u64 {
    let ledger = world.ledger();
    let accounts = Payer::ALL.iter().map(|&payer| ledger.account(payer));
    accounts.map(pick).sum()
}

#[test]
fn a_stream_that_is_cut_off_before_its_gap_hears_of_it_the_next_time() {
    let mut world = with_a_loss();
    let client = world.connect(0).expect("room");
    let answer = ask(&mut world, client, "GET /t/sse?since=e-1", "");
    let (greeting, rest) = answer.split_once("\n\n").expect("two blocks");
    assert!(greeting.ends_with("\nid: e-1"), "a cursor behind the gap: {greeting}");
    assert!(rest.contains("id: e-2\nevent: gap\n"), "{rest}");
}

#[test]
fn a_socket_that_is_cut_off_before_its_gap_was_not_given_a_cursor_behind_it() {
    let mut world = with_a_loss();
    let client = open_socket(&mut world, "/t/ws?since=e-1");
    let answer = heard(&mut world, client);
    assert!(answer.contains("gap: expired from e-1 to e-3"), "{answer}");
    assert!(!answer.contains("Last-Event-ID: e-2"), "{answer}");
}

#[test]
fn a_socket_that_answers_pings_stays_open() {
    let mut world = world(Limits::default());
    let client = open_socket(&mut world, "/t/ws");
    for _ in 0..10 {
        world.advance(Limits::default().heartbeat_ms);
        if world.pipe(client).take().ends_with(&[0x89, 0]) {
            world.send(client, &[0x8A, 0x80, 0, 0, 0, 0]);
        }
    }
    assert_eq!(world.pipe(client).closed, None);
}

#[test]
fn no_pong_is_awaited_of_a_peer_that_was_sent_no_ping() {
    let mut world = world(Limits::default());
    let client = open_socket(&mut world, "/t/ws");
    world.pipe(client).room = 0;
    publish(&mut world, "t", &"x".repeat(10_000));
    // It reads all the time, a little at a time; it never sends anything, as browsers do not.
    for _ in 0..100 {
        world.advance(1_000);
        world.pipe(client).room = 100;
    }
    assert_eq!(world.pipe(client).closed, None);
}

#[test]
fn an_answer_that_is_still_being_read_is_not_cut_off_by_the_idle_deadline() {
    let mut world = world(Limits::default());
    publish(&mut world, "t", &"x".repeat(10_000));
    let client = world.connect(0).expect("room");
    world.pipe(client).room = 0;
    ask(&mut world, client, "GET /t", "");
    let mut read = 0;
    for _ in 0..200 {
        world.pipe(client).room = 100;
        world.advance(1_000);
        read += world.pipe(client).take().len();
    }
    assert!(read > 10_000, "{read} bytes, then {:?}", world.pipe(client).closed);
    assert_eq!(world.pipe(client).closed, Some(CloseReason::Idle));
}

#[test]
fn bytes_that_nobody_will_understand_are_charged_all_the_same() {
    let mut world = world(Limits::default());
    let client = world.connect(0).expect("room");
    let requests = "GET /t?wait=1 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\nGET /never";
    world.send(client, requests.as_bytes());
    world.advance(60_000);
    assert!(world.pipe(client).closed.is_some());
    let came_in = sum(&world, |account| account.bytes_in.total());
    assert_eq!(came_in, requests.len() as u64);
}

#[test]
fn two_refused_messages_close_a_socket_once() {
    let mut world = world(Limits::default());
    world.overloaded = true;
    let client = open_socket(&mut world, "/t/ws");
    heard(&mut world, client);
    world.send(client, &b"\x81\x81\0\0\0\0x".repeat(2));
    world.run();
    let bytes = world.pipe(client).take();
    assert_eq!(bytes[0], 0x88, "a Close frame");
    assert_eq!(bytes.len(), 2 + usize::from(bytes[1]), "and nothing behind it");
}

#[test]
fn nothing_follows_a_close_frame_whatever_the_peer_sends() {
    let mut world = with_a_loss();
    let client = open_socket(&mut world, "/t/ws?since=e-1");
    heard(&mut world, client);
    world.send(client, b"\xFF\xFF\xFF");
    world.run();
    assert_eq!(heard(&mut world, client), "");
}

#[test]
fn old_keys_are_forgotten_by_any_publish() {
    let mut world = world(Limits::default());
    let client = world.connect(0).expect("room");
    let post = "POST /t HTTP/1.1\r\nHost: h\r\nIdempotency-Key: k\r\nContent-Length: 1\r\n\r\nx";
    world.send(client, post.as_bytes());
    world.run();
    assert_eq!(world.sequencer.names(), 1);
    world.advance(IDEMPOTENCY_MS_MAX);
    publish(&mut world, "t", "y");
    assert_eq!(world.sequencer.names(), 0);
}

#[test]
fn a_peer_that_ends_its_side_behind_an_empty_line_is_done() {
    let mut world = world(Limits::default());
    let client = world.connect(0).expect("room");
    world.send(client, b"\r\n");
    world.finish(client);
    world.run();
    assert_eq!(world.pipe(client).closed, Some(CloseReason::PeerFinished));
}

#[test]
fn what_stands_behind_the_last_answer_is_not_kept_until_that_is_read() {
    let mut world = world(Limits::default());
    publish(&mut world, "t", &"x".repeat(200_000));
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
        assert_eq!(conn.flow.inbox.capacity(), 0, "{last}");
    }
}
