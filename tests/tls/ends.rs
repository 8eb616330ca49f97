//! How connections end by TLS: in good order, each side by itself, cut short, and with the server.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use crate::client::{
    VERSIONS, Wire, all_of, await_closed, connect_narrow, cut, get, post, settings,
};
use crate::pairs::{Pair, for_threads, server};
use crate::server::{Server, within};

#[test]
fn the_server_says_by_tls_that_it_ends_before_it_does() {
    for_threads(&[], |server, pair| {
        for version in VERSIONS {
            let trust = Arc::new(settings(&pair.der, &[version]));
            let mut wire = Wire::open(server.port(), &trust);
            wire.send("GET /-/healthy HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
            let rest = wire.rest().expect("a close_notify, and behind it the end");
            assert!(rest.ends_with(b"ok\n"));
        }
        await_closed(server, &pair.der, "answered", 2);
    });
}

#[test]
fn who_has_ended_its_side_by_tls_still_gets_what_it_asked_for() {
    for_threads(&[], |server, pair| {
        let mut wire = Wire::to(server, &pair.der);
        wire.send(get("/news/poll?wait=1"));
        wire.close_notify();
        let rest = wire.rest().expect("a close_notify, and behind it the end");
        // Before it an interim answer may have asked whether anybody is there.
        let rest = String::from_utf8(rest).expect("text");
        assert!(rest.contains("HTTP/1.1 204 "), "{rest}");
        let mut idle = Wire::to(server, &pair.der);
        idle.ask(&get("/-/healthy"));
        idle.close_notify();
        assert!(idle.rest().expect("a close_notify").is_empty());
    });
}

#[test]
fn an_end_without_a_word_is_counted_as_truncated() {
    for_threads(&[], |server, pair| {
        let mut wire = Wire::to(server, &pair.der);
        wire.ask(&get("/-/healthy"));
        wire.send("POST /news HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf");
        cut(&wire);
        assert!(wire.rest().expect("a close_notify").is_empty(), "and no answer");
        await_closed(server, &pair.der, "tls_truncated", 1);
        // Nor was half a message published.
        let (head, _) = Wire::to(server, &pair.der).ask(&get("/news/poll"));
        assert!(head.starts_with("HTTP/1.1 204 "), "{head}");
    });
}

#[test]
fn readers_take_leave_when_the_server_ends() {
    let pair = Pair::of(&["localhost"]);
    for threads in ["1", "4"] {
        let server = server(&pair, &["--threads", threads, "--drain", "5s", "-v"]);
        let mut sse = Wire::to(&server, &pair.der);
        sse.send(get("/news/sse"));
        sse.until("\n\n");
        let mut poll = Wire::to(&server, &pair.der);
        poll.send(get("/news/poll?wait=30"));
        let mut publisher = Wire::to(&server, &pair.der);
        publisher.ask(&post("/other", "x"));
        let ending = std::thread::spawn(move || server.stop());
        let rest = sse.rest().expect("a close_notify, and behind it the end");
        assert!(rest.ends_with(b"0\r\n\r\n"), "{}", String::from_utf8_lossy(&rest));
        let rest = poll.rest().expect("a close_notify, and behind it the end");
        assert!(rest.starts_with(b"HTTP/1.1 204 "), "{}", String::from_utf8_lossy(&rest));
        assert!(publisher.rest().expect("a close_notify").is_empty());
        drop((sse, poll, publisher));
        assert!(ending.join().expect("it ended").success());
    }
}

/// Peers that have asked for an answer of which the kernel has a part, so that half of a record is
/// on its way to each.
fn half_told(server: &Server, pair: &Pair) -> Vec<Wire> {
    let trust = Arc::new(settings(&pair.der, &VERSIONS));
    let mut asker = Wire::to(server, &pair.der);
    // Not so much that the outbox is high: then nothing more would be read of them.
    asker.ask(&post("/big", &"z".repeat(60 * 1024)));
    let narrow = |_| Wire::over(connect_narrow(server.port()), "localhost", &trust);
    let mut wires: Vec<_> = (0..8).map(narrow).collect();
    for wire in &mut wires {
        wire.send(get("/big/poll"));
    }
    let waiting = within(20_000, || {
        let (_, body) = asker.ask(&get("/-/connections"));
        let table: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        let rows = table["connections"].as_array().expect("a list");
        let pending = rows.iter().filter(|row| row["pending"].as_u64() > Some(0)).count();
        (pending == wires.len()).then_some(())
    });
    assert!(waiting.is_some(), "no answer waits");
    asker.close_notify();
    wires
}

/// Reads what comes, until nothing has come for a while.
fn drain(stream: &mut TcpStream) {
    stream.set_read_timeout(Some(Duration::from_millis(100))).expect("not zero");
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Room for the rest of a record, and the end behind which nobody wants it, in one turn.
#[test]
fn who_cuts_when_half_of_a_record_is_sent_ends_nobody_else() {
    for_threads(&[], |server, pair| {
        let mut wires = half_told(server, pair);
        server.signal("STOP");
        let stopped = within(20_000, || {
            let stat = fs::read_to_string(format!("/proc/{}/stat", server.process()));
            stat.expect("our child").contains(") T ").then_some(())
        });
        assert!(stopped.is_some(), "it goes on");
        for wire in &mut wires {
            drain(&mut wire.stream.sock);
            cut(wire);
        }
        server.signal("CONT");
        await_closed(server, &pair.der, "tls_truncated", wires.len() as u64);
    });
}

/// What waits for it can be enciphered no more, and it is not waited for.
#[test]
fn who_sends_no_tls_when_half_of_a_record_is_sent_is_let_go() {
    for_threads(&[], |server, pair| {
        let mut wires = half_told(server, pair);
        for wire in &mut wires {
            let mut record = vec![0x17, 3, 3, 0, 32];
            record.extend_from_slice(&[b'z'; 32]);
            wire.stream.sock.write_all(&record).expect("the server reads");
            assert!(
                !all_of(&mut wire.stream.sock).is_empty(),
                "the rest of a record, and an alert"
            );
        }
        await_closed(server, &pair.der, "tls_malformed", wires.len() as u64);
    });
}

/// A reader that stalls holds what is bounded, and the kernel's silence is noticed.
#[test]
fn a_reader_that_takes_nothing_is_given_up() {
    for_threads(&["--stall-timeout", "1s"], |server, pair| {
        let mut wire = Wire::to(server, &pair.der);
        wire.ask(&post("/big", &"z".repeat(900 * 1024)));
        for _ in 0..20 {
            wire.send(get("/big/poll"));
        }
        await_closed(server, &pair.der, "stalled", 1);
    });
}
