//! The four techniques, and publishing, by both versions of TLS.

use std::io::{Read, Write};
use std::sync::Arc;

use rustls::HandshakeKind;

use crate::client::{VERSIONS, Wire, costs, get, post, settings};
use crate::pairs::for_threads;
use crate::server::within;

const SOCKET: &str = "GET /news/ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

#[test]
fn all_techniques_read_what_is_published_by_both_versions() {
    for_threads(&[], |server, pair| {
        for (topic, version) in ["news", "olds"].into_iter().zip(VERSIONS) {
            let trust = Arc::new(settings(&pair.der, &[version]));
            let open = || Wire::open(server.port(), &trust);
            let (mut sse, mut socket, mut poll) = (open(), open(), open());
            sse.send(get(&format!("/{topic}/sse")));
            sse.until("\n\n");
            let greeting = socket.ask(&SOCKET.replace("news", topic)).0;
            assert!(greeting.starts_with("HTTP/1.1 101 "), "{greeting}");
            poll.send(get(&format!("/{topic}/poll?wait=20")));
            // It is parked when it is counted.
            let mut publisher = open();
            let parked = within(20_000, || {
                let (_, body) = publisher.ask(&get(&format!("/{topic}/info")));
                let info: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
                let readers = info["subscribers"].as_object().expect("an object").values();
                (readers.filter(|count| **count == 1).count() == 3).then_some(())
            });
            assert!(parked.is_some(), "{version:?}");
            let (head, _) = publisher.ask(&post(&format!("/{topic}"), "over TLS"));
            assert!(head.starts_with("HTTP/1.1 201 "), "{head}");
            assert!(sse.until("\n\n").contains("data: over TLS\n"));
            assert_eq!(socket.exactly(10), b"\x81\x08over TLS");
            let (_, body) = poll.answer();
            assert!(String::from_utf8_lossy(&body).contains("\"data\":\"over TLS\""));
            // What a socket says comes back to it; the mask is 0.
            socket.send(b"\x81\x82\0\0\0\0hi");
            assert_eq!(socket.exactly(4), b"\x81\x02hi");
        }
    });
}

#[test]
fn a_long_message_goes_both_ways_and_a_pipeline_is_answered_in_order() {
    for_threads(&[], |server, pair| {
        let mut wire = Wire::to(server, &pair.der);
        let long = "x".repeat(1024 * 1024);
        let (head, _) = wire.ask(&post("/long", &long));
        assert!(head.starts_with("HTTP/1.1 201 "), "{head}");
        let requests = [get("/long/poll"), get("/-/healthy"), get("/nowhere/poll")].concat();
        wire.send(requests);
        let (_, body) = wire.answer();
        assert!(body.len() > long.len() && body.ends_with(b"x\"}]}"), "{}", body.len());
        assert_eq!(wire.answer().1, b"ok\n");
        assert!(wire.answer().0.starts_with("HTTP/1.1 204 "));
    });
}

/// Many requests before any answer is read: the server stops reading when the peer does not, and
/// nothing that it has deciphered stays behind when there is room again.
#[test]
fn a_pipeline_that_nobody_reads_is_held_back_and_comes_to_its_end() {
    const REQUESTS: usize = 20_000;
    for_threads(&[], |server, pair| {
        let mut wire = Wire::to(server, &pair.der);
        wire.ask(&post("/news", &"y".repeat(2000)));
        let mut reader = wire.stream.sock.try_clone().expect("a descriptor");
        let request = get("/news/poll");
        // The other half reads what the kernel has, when the first has begun to wait.
        let wire = &mut wire;
        let sent = std::thread::scope(|scope| {
            let (sender, records) = std::sync::mpsc::channel();
            let reading = scope.spawn(move || {
                let mut buffer = vec![0; 64 * 1024];
                while let Ok(bytes) = reader.read(&mut buffer) {
                    if bytes == 0 || sender.send(buffer[..bytes].to_vec()).is_err() {
                        return;
                    }
                }
            });
            for _ in 0..REQUESTS {
                wire.stream.conn.writer().write_all(request.as_bytes()).expect("room");
                while wire.stream.conn.wants_write() {
                    wire.stream.conn.write_tls(&mut wire.stream.sock).expect("it reads");
                }
            }
            let mut got = Vec::new();
            let end = b"HTTP/1.1 200 OK\r\n";
            let mut answers = 0;
            while answers < REQUESTS {
                let records = records.recv_timeout(std::time::Duration::from_secs(30));
                let records = records.expect("answers go on");
                let mut records = &records[..];
                while !records.is_empty() {
                    wire.stream.conn.read_tls(&mut records).expect("a slice");
                    wire.stream.conn.process_new_packets().expect("sound records");
                    let mut plain = Vec::new();
                    let _ = wire.stream.conn.reader().read_to_end(&mut plain); // Would block.
                    got.extend_from_slice(&plain);
                }
                answers += got.windows(end.len()).filter(|window| window == end).count();
                let kept = got.len().saturating_sub(end.len() - 1);
                got.drain(..kept);
            }
            let _ = wire.stream.sock.shutdown(std::net::Shutdown::Both);
            reading.join().expect("it ended");
            answers
        });
        assert_eq!(sent, REQUESTS);
    });
}

#[test]
fn a_session_is_taken_up_again_by_both_versions_and_both_are_counted() {
    for_threads(&[], |server, pair| {
        let before = costs(server, &pair.der)["shared"].clone();
        for version in VERSIONS {
            let trust = Arc::new(settings(&pair.der, &[version]));
            for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
                let mut wire = Wire::open(server.port(), &trust);
                wire.ask(&get("/-/healthy"));
                assert_eq!(wire.kind(), kind, "{version:?}");
            }
        }
        let after = costs(server, &pair.der)["shared"].clone();
        let more = |name: &str| {
            after[name].as_u64().expect("a number") - before[name].as_u64().expect("a number")
        };
        assert_eq!(more("tls_resumed"), 2);
        assert_eq!(more("tls_full"), 2 + 1, "and the one that asks now");
    });
}

#[test]
fn the_toll_of_tls_is_in_a_class_of_its_own_and_every_byte_in_one() {
    for_threads(&[], |server, pair| {
        let mut wire = Wire::to(server, &pair.der);
        for _ in 0..10 {
            wire.ask(&get("/news/poll"));
        }
        wire.close_notify();
        assert!(wire.rest().is_ok());
        let costs = costs(server, &pair.der);
        for way in ["bytes_in", "bytes_out"] {
            let bytes = &costs["techniques"]["short_poll"][way];
            let of = |class: &str| bytes[class].as_u64().expect("a number");
            let classes = ["head", "framing", "payload", "heartbeat", "body", "tls"];
            assert_eq!(classes.map(of).iter().sum::<u64>(), of("total"));
            // At least a header and a tag for each, and a handshake.
            assert!(of("tls") > 10 * (5 + 1 + 16) + 300, "{way} {bytes}");
        }
    });
}

/// docs/claims.md says so. RFC 8446 §5.2: five bytes of header, a type, a tag of 16. RFC 5288 §3:
/// five, a nonce of 8, a tag of 16.
#[test]
fn a_poll_that_is_kept_alive_pays_for_two_records_and_nothing_else() {
    for_threads(&[], |server, pair| {
        for (version, record) in VERSIONS.into_iter().zip([29, 22]) {
            let trust = Arc::new(settings(&pair.der, &[version]));
            let mut wire = Wire::open(server.port(), &trust);
            let tls = || {
                let row = costs(server, &pair.der)["techniques"]["short_poll"].clone();
                ["bytes_in", "bytes_out"].map(|way| row[way]["tls"].as_u64().expect("a number"))
            };
            wire.ask(&get("/news/poll")); // With it the tickets go out.
            let before = within(20_000, || Some(tls()).filter(|[came, _]| *came > 0));
            let [came, went] = before.expect("a report may be a second old");
            for _ in 0..50 {
                wire.ask(&get("/news/poll"));
            }
            let expected = [came + 50 * record, went + 50 * record];
            let after = within(20_000, || Some(tls()).filter(|after| *after == expected));
            assert_eq!(after, Some(expected), "{version:?}: {:?}", tls());
        }
    });
}

#[test]
fn an_answer_costs_one_write_as_without_tls() {
    for_threads(&[], |server, pair| {
        let mut wire = Wire::to(server, &pair.der);
        wire.ask(&get("/news/poll"));
        let calls = |n: u64| {
            costs(server, &pair.der)["techniques"]["short_poll"]["syscalls"]
                [if n == 0 { "read" } else { "write" }]
            .as_u64()
            .expect("a number")
        };
        let (reads, writes) = (calls(0), calls(1));
        for _ in 0..50 {
            wire.ask(&get("/news/poll"));
        }
        assert_eq!((calls(0) - reads, calls(1) - writes), (50, 50));
    });
}

#[test]
fn records_that_come_a_byte_at_a_time_are_understood() {
    for_threads(&[], |server, pair| {
        let trust = Arc::new(settings(&pair.der, &VERSIONS));
        let mut wire = Wire::open(server.port(), &trust);
        // `ClientHello`, the end of the handshake and the request: each record in pieces.
        let ask = |wire: &mut Wire| {
            let mut records = Vec::new();
            while wire.stream.conn.wants_write() {
                wire.stream.conn.write_tls(&mut records).expect("memory");
            }
            for byte in records {
                wire.stream.sock.write_all(&[byte]).expect("it reads");
            }
        };
        while wire.stream.conn.is_handshaking() {
            ask(&mut wire);
            if wire.stream.conn.wants_read() && wire.stream.conn.is_handshaking() {
                wire.stream.conn.read_tls(&mut wire.stream.sock).expect("an answer");
                wire.stream.conn.process_new_packets().expect("a handshake");
            }
        }
        wire.stream.conn.writer().write_all(get("/-/healthy").as_bytes()).expect("room");
        ask(&mut wire);
        assert_eq!(wire.answer().1, b"ok\n");
    });
}
