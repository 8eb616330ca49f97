//! Each technique alone, its requests and messages in every shape.
//!
//! Came from: `cargo test`. Goes to: `run`, with clients. Absent on purpose: an `assert` on any
//! cost; the capture says what each is.

use std::io::Write;
use std::net::TcpStream;

use crate::clients::{
    Socket, await_readers, get, get_once, messages, publish_all, read_to, stream,
};
use crate::http::{self, Wire};
use crate::run::Run;

/// `If-None-Match` with the tag that an answer had.
fn seen(answer: &http::Answer) -> String {
    let tag = answer.field("etag").expect("a poll has a tag");
    format!("If-None-Match: {tag}\r\n")
}

#[test]
fn short_poll_with_a_connection_for_each_poll() {
    let Some(run) = Run::start("short_poll_with_a_connection_for_each_poll", &[]) else {
        return;
    };
    let poll = |target: &str, fields: &str| get_once(run.port(), target, fields);
    assert_eq!(poll("/news", "").status, 204);
    publish_all(run.port(), "news");
    for _ in 0..3 {
        let answer = poll("/news/poll", "");
        assert_eq!(answer.json()["messages"].as_array().map(Vec::len), Some(9));
        assert_eq!(poll("/news/poll?limit=2", "").json()["more"], true);
        assert_eq!(poll("/news?since=latest", "").status, 204);
        assert_eq!(poll("/news", &seen(&answer)).status, 304);
    }
    assert_eq!(poll("/news,sport?since=mws8vx13-9", "").status, 200); // A gap.
    run.compare(());
}

#[test]
fn short_poll_kept_alive() {
    let Some(run) = Run::start("short_poll_kept_alive", &[]) else {
        return;
    };
    let mut clients: Vec<Wire> = (0..3).map(|_| Wire::open(run.port())).collect();
    for message in messages() {
        http::publish(run.port(), "news", message);
        for wire in &mut clients {
            wire.send(get("/news?since=earliest", ""));
            let answer = wire.answer();
            assert_eq!(answer.status, 200);
            // Two at once: both are answered, in order.
            wire.send([get("/news", &seen(&answer)), get("/news?since=latest", "")].concat());
            assert_eq!(wire.answer().status, 304);
            assert_eq!(wire.answer().status, 204);
        }
    }
    drop(clients.pop());
    run.compare(clients);
}

#[test]
fn short_poll_that_waits_too_long_between_two_polls() {
    let test = "short_poll_that_waits_too_long_between_two_polls";
    let Some(run) = Run::start(test, &["--idle-timeout", "4s"]) else {
        return;
    };
    let poll = |_| {
        let mut wire = Wire::open(run.port());
        wire.send(get("/news", ""));
        assert_eq!(wire.answer().status, 204);
        wire
    };
    let mut clients: Vec<Wire> = (0..3).map(poll).collect();
    for wire in &mut clients {
        assert_eq!(wire.rest(), b""); // The server ends it, and does not wait for us.
    }
    clients.pop();
    run.compare(clients);
}

#[test]
fn long_poll() {
    let Some(run) = Run::start("long_poll", &[]) else {
        return;
    };
    let mut clients: Vec<Wire> = (0..3).map(|_| Wire::open(run.port())).collect();
    for message in messages() {
        for wire in &mut clients {
            wire.send(get("/news?since=latest", "Prefer: wait=30\r\n"));
        }
        await_readers(run.port(), "news", "long_poll", 3);
        http::publish(run.port(), "news", message);
        for wire in &mut clients {
            assert_eq!(wire.answer().status, 200);
        }
    }
    // Answered at once, for there is something.
    clients[0].send(get("/news/poll?wait=30&since=earliest", ""));
    assert_eq!(clients[0].answer().status, 200);
    // The wait is over.
    clients[1].send(get("/news?wait=1", ""));
    assert_eq!(clients[1].answer().status, 204);
    drop(clients.pop());
    // Parked at the moment of the report.
    clients[1].send(get("/news?wait=30", ""));
    await_readers(run.port(), "news", "long_poll", 1);
    run.compare(clients);
}

#[test]
fn long_poll_of_a_client_that_has_ended_its_side() {
    let Some(run) = Run::start("long_poll_of_a_client_that_has_ended_its_side", &[]) else {
        return;
    };
    let mut wire = Wire::open(run.port());
    wire.send(get("/news?wait=30", ""));
    wire.half_close();
    // The server asks by an interim answer whether the client is still there.
    assert_eq!(wire.head().status, 100);
    http::publish(run.port(), "news", "for whoever still reads");
    assert_eq!(wire.answer().status, 200);
    assert_eq!(wire.rest(), b"");
    run.compare(wire);
}

#[test]
fn sse() {
    let Some(run) = Run::start("sse", &["--heartbeat", "200ms"]) else {
        return;
    };
    let mut clients: Vec<Wire> = (0..4).map(|_| stream(run.port(), "/news")).collect();
    let mut old = Wire::open(run.port());
    old.send("GET /news/sse HTTP/1.0\r\nHost: witness\r\n\r\n");
    assert_eq!(old.head().status, 200);
    read_to(&mut old, "id: ");
    publish_all(run.port(), "news");
    http::publish(run.port(), "news?event=last", "one");
    for wire in clients.iter_mut().chain([&mut old]) {
        read_to(wire, "event: last");
        read_to(wire, ":"); // A heartbeat, after silence.
    }
    // One that comes back after a gap.
    clients.push(stream(run.port(), "/news,sport/sse?since=mws8vx13-9"));
    read_to(&mut clients[4], "event: last");
    // One that leaves when it has read everything.
    let mut leaving = clients.remove(0);
    http::publish(run.port(), "news", "bye");
    read_to(&mut leaving, "data: bye");
    leaving.line();
    leaving.line();
    drop(leaving);
    run.compare((clients, old));
}

#[test]
fn sse_whose_reader_resets() {
    let Some(run) = Run::start("sse_whose_reader_resets", &[]) else {
        return;
    };
    let mut stream = TcpStream::connect(("127.0.0.1", run.port())).expect("the server listens");
    let request = get("/news/sse", "");
    stream.write_all(request.as_bytes()).expect("it reads");
    // To close with bytes unread is to reset.
    stream.peek(&mut [0]).expect("the head comes");
    drop(stream);
    await_readers(run.port(), "news", "sse", 0);
    run.compare(());
}

#[test]
fn websocket() {
    let Some(run) = Run::start("websocket", &["--heartbeat", "200ms"]) else {
        return;
    };
    let open = || Socket::open(run.port(), "/news/ws", "");
    let mut clients: Vec<Socket> = (0..3).map(|_| open()).collect();
    for message in messages() {
        let opcode = if str::from_utf8(&message).is_ok() { 1 } else { 2 };
        clients[0].say(true, opcode, &message);
        for client in &mut clients {
            client.await_message(&message);
        }
    }
    publish_all(run.port(), "news");
    for client in &mut clients {
        client.await_message(messages().last().expect("there are some"));
    }
    // In fragments, with a Ping between them.
    let [one, two, ..] = &mut clients[..] else {
        panic!("three clients");
    };
    one.say(false, 1, b"in ");
    one.say(true, 9, b"still there?");
    one.say(false, 0, b"three ");
    one.say(true, 0, b"parts");
    one.await_frame(10, b"still there?");
    two.await_message(b"in three parts");
    // The server's own Ping, answered and not.
    two.await_frame(9, b"");
    two.say(true, 10, b"");
    two.await_frame(9, b"");
    two.say(true, 10, b"and unasked");
    clients.remove(0).close(b"\x03\xe8done");
    clients.remove(0).close(b"");
    run.compare(clients);
}

#[test]
fn websocket_in_the_other_dialect() {
    let Some(run) = Run::start("websocket_in_the_other_dialect", &[]) else {
        return;
    };
    let v1 = "Sec-WebSocket-Protocol: tollway.v1\r\n";
    let mut clients: Vec<Socket> = ["/news/ws", "/news,sport/ws", "/news/ws?since=mws8vx13-9"]
        .map(|target| Socket::open(run.port(), target, v1))
        .into();
    publish_all(run.port(), "news");
    clients[0].say(true, 1, br#"{"ref":1,"event":"a \"name\"","data":"said\n\u00e9"}"#);
    clients[1].say(
        true,
        1,
        br#"{ "ref": [2], "topic": "news", "data": "/wA=", "encoding": "base64" }"#,
    );
    http::publish(run.port(), "news", "last");
    for client in &mut clients {
        while !client.hear().1.ends_with(br#""data":"last"}"#) {}
    }
    clients.remove(0).close(b"\x03\xe8");
    run.compare(clients);
}

#[test]
fn publish() {
    let Some(run) = Run::start("publish", &[]) else {
        return;
    };
    publish_all(run.port(), "news");
    let mut kept = Wire::open(run.port());
    for message in messages() {
        http::publish_on(&mut kept, "news?event=named", message);
    }
    // In chunks, and one that waits to be told to go on.
    kept.send(
        "PUT /news HTTP/1.1\r\nHost: witness\r\nTransfer-Encoding: chunked\r\n\r\n\
        3\r\nabc\r\n0A\r\n0123456789\r\n0\r\n\r\n",
    );
    assert_eq!(kept.answer().status, 201);
    kept.send(
        "POST /news HTTP/1.1\r\nHost: witness\r\nContent-Length: 5\r\n\
        Expect: 100-continue\r\n\r\n",
    );
    assert_eq!(kept.head().status, 100);
    kept.send("hello");
    assert_eq!(kept.answer().status, 201);
    run.compare(kept);
}

#[test]
fn other() {
    let Some(run) = Run::start("other", &[]) else {
        return;
    };
    let mut kept = Wire::open(run.port());
    for target in ["/", "/-/healthy", "/news/info", "/metrics", "/a/b/c", "/news?limit=none"] {
        kept.send(get(target, ""));
        kept.answer();
        get_once(run.port(), target, "");
    }
    // Who watches the ledger gets a report at once.
    let mut events = Wire::open(run.port());
    events.send(get("/-/costs", "Accept: text/event-stream\r\n"));
    assert_eq!(events.head().status, 200);
    read_to(&mut events, "data: ");
    let mut socket = Socket::open(run.port(), "/-/costs", "");
    assert_eq!(socket.hear().0, 1);
    socket.say(true, 9, b"");
    socket.await_frame(10, b"");
    // Who asks for nothing, gone and still there.
    drop(Wire::open(run.port()));
    let stranger = Wire::open(run.port());
    run.compare((kept, events, socket, stranger));
}
