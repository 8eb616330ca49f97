//! All four techniques at once, and publishers, on one server.
//!
//! Came from: `cargo test`. Goes to: `run`. Absent on purpose: a prescribed order: who is served
//! first is the server's affair, and the sums are the same.

use std::thread;

use crate::clients::{
    Socket, await_readers, get, get_once, messages, publish_all, read_to, stream,
};
use crate::http::{self, Wire};
use crate::run::Run;

/// What ends the run for whoever stays connected.
const LAST: &str = "the last";

#[test]
fn all_techniques_at_once() {
    let flags = ["--heartbeat", "300ms"];
    if let Some(run) = Run::start("all_techniques_at_once", &flags) {
        all_at_once(run);
    }
}

#[test]
fn all_techniques_at_once_on_four_threads() {
    let flags = ["--heartbeat", "300ms"];
    if let Some(run) = Run::start_four("all_techniques_at_once_on_four_threads", &flags) {
        all_at_once(run);
    }
}

fn all_at_once(run: Run) {
    let port = run.port();
    let long_pollers = [(); 3].map(|()| thread::spawn(move || long_polls(port)));
    let sockets = [(); 3].map(|()| thread::spawn(move || raw_frames(port)));
    let streams = [(); 3].map(|()| thread::spawn(move || events(port)));
    let dialect = [(); 3].map(|()| thread::spawn(move || objects(port)));
    await_readers(port, "news", "sse", 3);
    await_readers(port, "news", "websocket", 6);
    let publishers = [(); 2].map(|()| thread::spawn(move || publish_all(port, "news")));
    let pollers = [(); 2].map(|()| thread::spawn(move || short_polls(port)));
    let done = |thread: thread::JoinHandle<()>| thread.join().expect("it got what it asked");
    publishers.into_iter().chain(pollers).for_each(done);
    http::publish(port, "news", LAST);
    long_pollers.into_iter().chain(sockets).for_each(done);
    let streams = streams.map(|thread| thread.join().expect("it heard the last"));
    let dialect = dialect.map(|thread| thread.join().expect("it heard the last"));
    run.compare((streams, dialect));
}

#[test]
fn connections_that_hop() {
    let Some(run) = Run::start("connections_that_hop", &[]) else {
        return;
    };
    let mut clients: Vec<Wire> = (0..3).map(|_| Wire::open(run.port())).collect();
    for wire in &mut clients {
        wire.send(get("/", ""));
        assert_eq!(wire.answer().status, 200);
        for message in messages() {
            http::publish_on(wire, "news", message);
            wire.send(get("/news", ""));
            assert_eq!(wire.answer().status, 200);
            wire.send(get("/news?wait=9&since=earliest&limit=1", ""));
            assert_eq!(wire.answer().status, 200);
        }
        wire.send(get("/news/nothing/here", ""));
        assert_eq!(wire.answer().status, 404);
    }
    clients[0].send(get("/news/sse", ""));
    assert_eq!(clients[0].head().status, 200);
    read_to(&mut clients[0], "id: ");
    clients.remove(1);
    run.compare(clients);
}

fn short_polls(port: u16) {
    let mut kept = Wire::open(port);
    let mut fields = String::new();
    for _ in 0..20 {
        kept.send(get("/news/poll", &fields));
        let answer = kept.answer();
        let tag = answer.field("etag").expect("a poll has a tag");
        fields = format!("If-None-Match: {tag}\r\n");
        get_once(port, "/news?since=latest", "");
    }
}

/// Goes from message to message; the last one ends it.
fn long_polls(port: u16) {
    let mut kept = Wire::open(port);
    let mut since = "earliest".to_owned();
    loop {
        kept.send(get(&format!("/news?wait=30&since={since}"), ""));
        let answer = kept.answer().json();
        if http::data_of(&answer).iter().any(|data| data == LAST) {
            return;
        }
        since = http::text(&answer["next"]);
    }
}

/// Stays connected.
fn events(port: u16) -> Wire {
    let mut wire = stream(port, "/news");
    read_to(&mut wire, &format!("data: {LAST}"));
    wire
}

/// Says something of its own, and leaves in good order.
fn raw_frames(port: u16) {
    let mut socket = Socket::open(port, "/news", "");
    socket.say(true, 1, b"said on a socket");
    socket.say(true, 9, b"ping");
    socket.await_message(LAST.as_bytes());
    socket.close(b"\x03\xe8");
}

/// Stays connected.
fn objects(port: u16) -> Socket {
    let v1 = "Sec-WebSocket-Protocol: tollway.v1\r\n";
    let mut socket = Socket::open(port, "/news/ws", v1);
    socket.say(true, 1, br#"{"ref":"r","data":"said in an object"}"#);
    let end = format!(r#""data":"{LAST}"}}"#);
    while !socket.hear().1.ends_with(end.as_bytes()) {}
    socket
}
