//! What must hold on each technique through each proxy, by the setups of `docs/deploy`.

use tungstenite::Message;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::Frame;
use tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};

use crate::http::{Wire, get, publish_on};
use crate::pages::read;
use crate::proxies::{self, Kind, Ports, Proxy};
use crate::readers::{EventStream, Reader, Socket, Technique, websocket};
use crate::server::{Server, within};

/// How long the server may take to learn that a reader has left.
const LEAVE_MS_MAX: u64 = 15_000;
const MESSAGES: usize = 100;

/// Facts, as a test for each proxy.
macro_rules! facts {
    ($($fact:ident)*) => {
        mod nginx { $(#[test] fn $fact() {
            super::$fact(crate::proxies::Kind::Nginx, concat!("nginx::", stringify!($fact)));
        })* }
        mod haproxy { $(#[test] fn $fact() {
            super::$fact(crate::proxies::Kind::Haproxy, concat!("haproxy::", stringify!($fact)));
        })* }
        mod caddy { $(#[test] fn $fact() {
            super::$fact(crate::proxies::Kind::Caddy, concat!("caddy::", stringify!($fact)));
        })* }
    };
}

pub(crate) use facts;

facts! {
    messages_come_once_in_order_and_reading_goes_on_at_the_cursor
    an_event_is_there_before_the_next_one_is_published
    a_reader_that_leaves_is_noticed
    close_codes_pass
    heartbeats_keep_idle_streams_alive
    a_long_poll_is_waited_for
    pages_of_its_own_origin_may_publish_and_no_others
    what_is_too_large_is_refused_with_the_reason
}

fn messages_come_once_in_order_and_reading_goes_on_at_the_cursor(kind: Kind, test: &str) {
    let server = Server::start(&["--threads", "4"]);
    let Some(proxy) = Proxy::ours(test, kind, server.port()) else {
        return;
    };
    let mut publisher = Wire::open(proxy.port());
    for technique in Technique::ALL {
        let topic = technique.key();
        let sent: Vec<String> = (0..MESSAGES).map(|n| n.to_string()).collect();
        let mut reader = Reader::open(technique, proxy.port(), topic, "earliest");
        let mut got = Vec::new();
        // Cut twice: with messages under way, and with none.
        for (from, to, read) in [(0, 50, 30), (50, 70, 40), (70, MESSAGES, 30)] {
            for data in &sent[from..to] {
                publish_on(&mut publisher, topic, data);
            }
            got.extend((0..read).map(|_| reader.next()));
            let cursor = reader.cursor();
            drop(reader);
            reader = Reader::open(technique, proxy.port(), topic, &cursor);
        }
        assert_eq!(got, sent, "{technique:?}");
        // Nothing is repeated behind the last one.
        publish_on(&mut publisher, topic, "last");
        assert_eq!(reader.next(), "last", "{technique:?}");
    }
}

fn an_event_is_there_before_the_next_one_is_published(kind: Kind, test: &str) {
    let server = Server::start(&["--threads", "2"]);
    let Some(proxy) = Proxy::ours(test, kind, server.port()) else {
        return;
    };
    let mut publisher = Wire::open(proxy.port());
    for technique in Technique::ALL {
        let topic = technique.key();
        let mut reader = Reader::open(technique, proxy.port(), topic, "earliest");
        for n in 0..10 {
            publish_on(&mut publisher, topic, n.to_string());
            assert_eq!(reader.next(), n.to_string(), "{technique:?}");
        }
    }
}

/// How many read the topic `news` by this technique.
pub(crate) fn readers(server: &Server, technique: Technique) -> u64 {
    let info = get(server.port(), "/news/info").json();
    info["subscribers"][technique.key()].as_u64().expect("a count")
}

/// A connection through the proxy that reads `news` by this technique, once the server has it.
pub(crate) fn joined(server: &Server, port: u16, technique: Technique) -> Wire {
    let mut wire = Wire::open(port);
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let (path, fields) = match technique {
        Technique::ShortPoll => panic!("a short poll does not stay"),
        Technique::LongPoll => ("poll?since=latest&wait=50", ""),
        Technique::Sse => ("sse", ""),
        Technique::WebSocket => ("ws", upgrade),
    };
    wire.send(format!("GET /news/{path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{fields}\r\n"));
    let joined = within(LEAVE_MS_MAX, || (readers(server, technique) == 1).then_some(()));
    assert!(joined.is_some(), "{technique:?} does not come through");
    wire
}

fn a_reader_that_leaves_is_noticed(kind: Kind, test: &str) {
    // Without a heartbeat, so that nothing else finds it out.
    let server = Server::start(&["--threads", "2", "--heartbeat", "10m"]);
    let Some(proxy) = Proxy::ours(test, kind, server.port()) else {
        return;
    };
    for technique in [Technique::LongPoll, Technique::Sse, Technique::WebSocket] {
        drop(joined(&server, proxy.port(), technique));
        let left = within(LEAVE_MS_MAX, || (readers(&server, technique) == 0).then_some(()));
        assert!(left.is_some(), "{technique:?} is still counted");
    }
}

fn close_codes_pass(kind: Kind, test: &str) {
    let server = Server::start(&["--threads", "1", "--max-message", "1KiB"]);
    let Some(proxy) = Proxy::ours(test, kind, server.port()) else {
        return;
    };
    let open = |path: &str| websocket(proxy.port(), path, None).expect("a handshake");
    let code = |mut socket: tungstenite::WebSocket<std::net::TcpStream>| loop {
        match socket.read() {
            Ok(Message::Close(Some(close))) => break u16::from(close.code),
            Ok(Message::Close(None)) => break 1005,
            Ok(_) => {}
            Err(error) => panic!("no Close frame: {error}"),
        }
    };
    for own in [1000, 3000, 4999] {
        let mut socket = open("/news/ws");
        let frame = CloseFrame { code: CloseCode::from(own), reason: "bye".into() };
        socket.close(Some(frame)).expect("an open socket");
        assert_eq!(code(socket), own, "the client's own code comes back");
    }
    let mut socket = open("/a,b/ws");
    socket.send(Message::text("two topics")).expect("an open socket");
    assert_eq!(code(socket), 1008);
    let mut socket = open("/news/ws");
    socket.send(Message::binary(vec![0; 2048])).expect("an open socket");
    assert_eq!(code(socket), 1009);
    let mut socket = open("/news/ws");
    let latin = Frame::message(vec![0xff], OpCode::Data(Data::Text), true);
    socket.send(Message::Frame(latin)).expect("an open socket");
    assert_eq!(code(socket), 1007);
    assert_eq!(code(open("/news/ws?since=unknown")), 1013, "a gap");
}

/// Our setup with timeouts of five seconds, so that a test can outlast them.
fn impatient(kind: Kind, port: u16, upstream: u16) -> String {
    proxies::ours(kind, port, upstream).replace("75s", "5s")
}

fn heartbeats_keep_idle_streams_alive(kind: Kind, test: &str) {
    let server = Server::start(&["--threads", "2", "--heartbeat", "200ms"]);
    let start = |upstream| Proxy::start(test, kind, |ports| impatient(kind, ports.http, upstream));
    let Some(proxy) = start(server.port()) else {
        return;
    };
    let mut stream = EventStream::open(proxy.port(), "news", "latest");
    let mut socket = Socket::open(proxy.port(), "news", "latest");
    // So many of each take longer than twice what the proxy would wait, and it waits for ten.
    for _ in 0..55 {
        assert!(stream.event().expect("the stream goes on").is_comment);
        let read = socket.message();
        assert!(matches!(read, Message::Ping(_)), "{read:?}");
    }
    publish_on(&mut Wire::open(proxy.port()), "news", "still there");
    assert_eq!(stream.next(), "still there");
    let read = socket.message();
    assert!(read.to_text().expect("text").contains("still there"));

    // It is the heartbeats that did it: without them the proxy cuts. Caddy waits for ever.
    if kind != Kind::Caddy {
        let server = Server::start(&["--threads", "2", "--heartbeat", "10m"]);
        let proxy = start(server.port()).expect("as above");
        let cut = joined(&server, proxy.port(), Technique::Sse).rest();
        assert!(!cut.ends_with(b"\r\n0\r\n\r\n"), "not by the server");
    }
}

fn a_long_poll_is_waited_for(kind: Kind, test: &str) {
    let server = Server::start(&["--threads", "2"]);
    let Some(proxy) = Proxy::ours(test, kind, server.port()) else {
        return;
    };
    let empty = get(proxy.port(), "/news/poll?since=latest&wait=1");
    assert_eq!((empty.status, empty.field("preference-applied")), (204, Some("wait=1")));
    assert!(empty.field("last-event-id").is_some(), "the cursor comes through");
    let tag = empty.field("etag").expect("and the tag");
    let mut wire = Wire::open(proxy.port());
    wire.send(format!(
        "GET /news/poll?since=latest&wait=1 HTTP/1.1\r\nHost: h\r\n\
         If-None-Match: {tag}\r\n\r\n"
    ));
    assert_eq!(wire.answer().status, 304);

    // A proxy that waits for less than `--max-wait` answers in the server's place.
    if kind != Kind::Caddy {
        let shorter = Proxy::start(test, kind, |p| impatient(kind, p.http, server.port()));
        let answer = get(shorter.expect("as above").port(), "/news/poll?since=latest&wait=20");
        assert_eq!(answer.status, 504);
    }
}

fn pages_of_its_own_origin_may_publish_and_no_others(kind: Kind, test: &str) {
    let server = Server::start(&["--threads", "2"]);
    let Some(proxy) = Proxy::ours(test, kind, server.port()) else {
        return;
    };
    // By the name and the port that the browser sees, which are none of the server's own.
    for (scheme, host) in [("https", "chat.example"), ("http", "chat.example:8000")] {
        let publish = |origin: &str| {
            let mut wire = Wire::open(proxy.port());
            wire.send(format!(
                "POST /news HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\n\
                 Content-Length: 2\r\n\r\nhi"
            ));
            wire.answer().status
        };
        assert_eq!(publish(&format!("{scheme}://{host}")), 201);
        assert_eq!(publish("https://else.example"), 403);
    }
}

fn what_is_too_large_is_refused_with_the_reason(kind: Kind, test: &str) {
    let server = Server::start(&["--threads", "2", "--max-message", "4MiB"]);
    let Some(proxy) = Proxy::ours(test, kind, server.port()) else {
        return;
    };
    let largest = vec![b'x'; 4 * 1024 * 1024];
    publish_on(&mut Wire::open(proxy.port()), "news", &largest);
    let head =
        format!("POST /news HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n", largest.len() + 1);
    // As curl does it: the head first, and the body once it is wanted.
    let mut wire = Wire::open(proxy.port());
    wire.send(format!("{head}Expect: 100-continue\r\n\r\n"));
    let answer = wire.answer();
    assert_eq!(answer.status, 413);
    assert_eq!(answer.json()["code"], "too_large");
}

#[test]
fn nginx_keeps_reports_to_itself() {
    let page = read("docs/deploy.md");
    let (_, rest) = page.split_once("```nginx\n").expect("the line of the docs");
    let (rule, _) = rest.split_once("```").expect("a fence ends");
    let server = Server::start(&["--threads", "1"]);
    let start = |ports: Ports| {
        let setup = proxies::ours(Kind::Nginx, ports.http, server.port());
        setup.replace("    location / {", &format!("    {rule}\n    location / {{"))
    };
    let Some(proxy) = Proxy::start("nginx_keeps_reports_to_itself", Kind::Nginx, start) else {
        return;
    };
    for (path, status) in [
        ("/-/costs", 403),
        ("/-/connections", 403),
        ("/metrics", 403),
        ("/-/ready", 200),
        ("/-/client.js", 200),
        ("/news/info", 200),
    ] {
        assert_eq!(get(proxy.port(), path).status, status, "{path}");
    }
}
