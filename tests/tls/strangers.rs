//! Who does not speak TLS, speaks it badly, or does not go on.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;

use crate::client::{VERSIONS, Wire, all_of, await_closed, closed, connect, costs, get, settings};
use crate::pairs::{Pair, for_threads, server};
use crate::server::{Server, within};

/// An alert of TLS, fatal, before there are keys.
fn alert(number: u8) -> [u8; 7] {
    [21, 3, 3, 0, 2, 2, number]
}

#[test]
fn plain_http_is_told_in_plain_words_to_speak_tls() {
    for_threads(&[], |server, pair| {
        for request in ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
            let mut stream = connect(server.port());
            stream.write_all(request.as_bytes()).expect("it reads");
            stream.shutdown(Shutdown::Write).expect("it stands");
            let answer = String::from_utf8(all_of(&mut stream)).expect("text");
            assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
            assert!(answer.contains("This port speaks TLS; ask it by https:// or wss://."));
            assert!(answer.contains("\"code\":\"tls_expected\""), "{answer}");
        }
        await_closed(server, &pair.der, "refused", 2);
    });
}

#[test]
fn what_is_no_tls_gets_an_alert_and_is_counted() {
    for_threads(&[], |server, pair| {
        // No type of record; no version; a record longer than there are; an SSL 2 hello.
        let garbage: [&[u8]; 4] = [
            &[0xff; 64],
            &[22, 9, 9, 0, 4, 1, 0, 0, 0],
            &[22, 3, 1, 0xff, 0xff, 1, 0, 0],
            &[0x80, 0x2e, 1, 3, 1, 0, 0x15, 0, 0, 0, 0x10],
        ];
        for (n, bytes) in (1..).zip(garbage) {
            let mut stream = connect(server.port());
            stream.write_all(bytes).expect("it reads");
            let got = all_of(&mut stream);
            assert!(got.len() == 7 && got[0] == 21, "{bytes:x?}: {got:x?}");
            drop(stream);
            await_closed(server, &pair.der, "tls_malformed", n);
        }
        // After a good handshake, a record with another tag.
        let mut wire = Wire::to(server, &pair.der);
        wire.ask(&get("/-/healthy"));
        wire.stream.sock.write_all(&[23, 3, 3, 0, 20]).expect("it reads");
        wire.stream.sock.write_all(&[7; 20]).expect("it reads");
        assert!(wire.rest().is_err(), "an alert");
        await_closed(server, &pair.der, "tls_malformed", 5);
    });
}

#[test]
fn who_has_nothing_in_common_with_us_is_told_by_an_alert_and_counted() {
    for_threads(&[], |server, pair| {
        // A hello of TLS 1.0 with one suite; RFC 8446 §6.2: protocol_version or handshake_failure.
        let hello = |version: u8, suite: [u8; 2]| {
            let mut body = vec![3, version];
            body.extend([5; 32]);
            body.extend([0, 0, 2, suite[0], suite[1], 1, 0]);
            let length = body.len() as u8;
            let mut record = vec![22, 3, 1, 0, length + 4, 1, 0, 0, length];
            record.extend(body);
            record
        };
        let cases = [(hello(1, [0xc0, 0x13]), 70), (hello(3, [0, 5]), 40)];
        for (n, (record, number)) in (1..).zip(cases) {
            let mut stream = connect(server.port());
            stream.write_all(&record).expect("it reads");
            let got = all_of(&mut stream);
            assert!(got.len() == 7 && got[..6] == alert(number)[..6], "{got:?}");
            drop(stream);
            await_closed(server, &pair.der, "tls_refused", n);
        }
        // Of protocols by ALPN there is http/1.1 alone.
        let mut trust = settings(&pair.der, &VERSIONS);
        trust.alpn_protocols = vec![b"h2".to_vec()];
        let mut wire = Wire::open(server.port(), &Arc::new(trust));
        let _ = wire.stream.write_all(get("/").as_bytes());
        let error = wire.rest().expect_err("no_application_protocol");
        assert!(error.to_string().contains("NoApplicationProtocol"), "{error}");
        drop(wire);
        await_closed(server, &pair.der, "tls_refused", 3);
        let mut trust = settings(&pair.der, &VERSIONS);
        trust.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let mut wire = Wire::open(server.port(), &Arc::new(trust));
        wire.ask(&get("/-/healthy"));
        assert_eq!(wire.stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
        // A client that does not trust the certificate says so.
        let other = Pair::of(&["localhost"]);
        let mut wire = Wire::to(server, &other.der);
        assert!(wire.stream.write_all(get("/").as_bytes()).is_err());
        let _ = wire.stream.conn.write_tls(&mut wire.stream.sock);
        await_closed(server, &pair.der, "tls_refused", 4);
    });
}

#[test]
fn a_handshake_that_does_not_go_on_ends_and_is_counted() {
    for_threads(&["--head-timeout", "4s"], |server, pair| {
        let mut silent = connect(server.port());
        let mut begun = connect(server.port());
        begun.write_all(&[22, 3, 1, 2, 0, 1, 0]).expect("it reads");
        assert!(all_of(&mut silent).is_empty());
        assert!(all_of(&mut begun).is_empty());
        await_closed(server, &pair.der, "tls_timeout", 2);
        // One that is complete has the time of an idle connection.
        let mut wire = Wire::to(server, &pair.der);
        wire.ask(&get("/-/healthy"));
        assert!(all_of(&mut connect(server.port())).is_empty(), "as long as another waits");
        assert_eq!(wire.ask(&get("/-/healthy")).1, b"ok\n");
    });
}

/// Resident memory, in bytes.
fn resident(server: &Server) -> usize {
    let path = format!("/proc/{}/statm", server.process());
    let text = std::fs::read_to_string(path).expect("Linux");
    let pages: usize = text.split(' ').nth(1).expect("a field").parse().expect("a number");
    pages * 4096
}

#[test]
fn five_thousand_handshakes_that_never_finish_cost_little_and_make_room() {
    const STRANGERS: usize = 5_000;
    let pair = Pair::of(&["localhost"]);
    let server =
        server(&pair, &["--threads", "2", "--max-connections", "4000", "--head-timeout", "5m"]);
    let trust = Arc::new(settings(&pair.der, &VERSIONS));
    // The first flight of a client, which the server answers, and then nothing.
    let hello = {
        let mut wire = Wire::open(server.port(), &trust);
        let mut records = Vec::new();
        wire.stream.conn.write_tls(&mut records).expect("memory");
        records
    };
    Wire::to(&server, &pair.der).ask(&get("/-/healthy"));
    let before = resident(&server);
    let mut strangers: Vec<TcpStream> = Vec::new();
    for n in 0..STRANGERS {
        let mut stream = connect(server.port());
        // Some have not even sent a whole record.
        let length = if n % 3 == 0 { hello.len() / 2 } else { hello.len() };
        stream.write_all(&hello[..length]).expect("it reads");
        if n % 3 != 0 {
            // The answer has come, or the server had no place for it any more.
            let _ = stream.read(&mut [0; 1]);
        }
        strangers.push(stream);
    }
    let more = resident(&server).saturating_sub(before) / 4000;
    println!("{more} bytes for each of 4000 handshakes that do not go on");
    assert!(more < 16 * 1024, "{more} bytes for each");
    // A newcomer finds room, and those that were displaced were counted.
    let (head, _) = Wire::to(&server, &pair.der).ask(&get("/-/healthy"));
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(closed(&server, &pair.der, "displaced") >= 500);
    drop(strangers);
    let gone = within(20_000, || {
        let strangers = costs(&server, &pair.der)["strangers"].as_u64().expect("a number");
        (strangers <= 1).then_some(())
    });
    assert!(gone.is_some(), "they have left");
}

#[test]
fn a_proxy_that_passes_on_tls_names_its_client_before_it() {
    let flags = ["--trust-proxy", "127.0.0.1", "--proxy-header", "proxy-protocol", "-vv"];
    for_threads(&flags, |server, pair| {
        let ask = |pieces: &[&[u8]]| {
            let mut wire = Wire::to(server, &pair.der);
            for piece in pieces {
                wire.stream.sock.write_all(piece).expect("it reads");
            }
            wire.ask(&get("/-/healthy")).1
        };
        let line = b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 443\r\n";
        assert_eq!(ask(&[line]), b"ok\n");
        assert_eq!(ask(&[&line[..9], &line[9..]]), b"ok\n");
        let says = |words: &str| within(20_000, || server.log().contains(words).then_some(()));
        assert!(says("192.0.2.7:4711 GET /-/healthy 200").is_some(), "{}", server.log());
        // Who brings none is no proxy of ours; and it gets no answer, by TLS or otherwise.
        let mut stream = connect(server.port());
        stream.write_all(&[22, 3, 1, 0, 5]).expect("it reads");
        assert!(all_of(&mut stream).is_empty());
        assert!(says("proxy_malformed").is_some(), "{}", server.log());
    });
}

#[test]
fn tls_on_a_plain_port_is_refused_as_what_is_no_request() {
    let pair = Pair::of(&["localhost"]);
    let command = Command::new(env!("CARGO_BIN_EXE_tollway"));
    let server = Server::start_at("127.0.0.1:0", command, &[], Stdio::null());
    let trust = Arc::new(settings(&pair.der, &VERSIONS));
    let mut wire = Wire::open(server.port(), &trust);
    let _ = wire.stream.conn.write_tls(&mut wire.stream.sock);
    let mut text = String::new();
    wire.stream.sock.read_to_string(&mut text).expect("an answer in plain text");
    assert!(text.contains("speak plain HTTP/1.1 to this port"), "{text}");
}

/// Nobody whom there is no place for hears plain words on an address of TLS.
#[test]
fn who_is_refused_at_the_door_gets_an_alert() {
    for_threads(&["--max-connections-per-address", "1"], |server, pair| {
        let mut first = Wire::to(server, &pair.der);
        first.ask(&get("/-/healthy"));
        let mut second = connect(server.port());
        assert_eq!(all_of(&mut second), alert(80));
        assert_eq!(first.ask(&get("/-/healthy")).1, b"ok\n");
    });
}
