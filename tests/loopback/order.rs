//! What only shows with several connections on several threads: a read that follows an
//! acknowledged publish sees it, and everybody sees the order of the ids.

use std::thread;

use crate::http::{Wire, data_of, get, publish, publish_on, sequence, text};
use crate::rust::open;
use crate::server::{for_threads, for_threads_with};

/// Fresh connections land on threads by the kernel's hash: after this many, every pair of four
/// threads has had its turn, but for a chance of less than one in ten million.
const ROUNDS: usize = 300;
/// Publishers beside each other, and what each publishes.
const PUBLISHERS: usize = 4;
const MESSAGES_EACH: usize = 100;
const MESSAGES: usize = PUBLISHERS * MESSAGES_EACH;
/// Readers by each technique that keeps its connection.
const READERS: usize = 4;

#[test]
fn a_read_after_an_acknowledged_publish_sees_it() {
    for_threads(|server| {
        let mut since = "earliest".to_owned();
        for round in 0..ROUNDS {
            let data = format!("round {round}");
            let id = publish(server.port(), "news", &data);
            let body = get(server.port(), &format!("/news?since={since}")).json();
            assert_eq!(data_of(&body), [data], "after {since}, acknowledged as {id}");
            assert_eq!(body["next"], *id);
            since = id;
        }
    });
}

#[test]
fn a_long_poll_after_an_acknowledged_publish_does_not_park() {
    for_threads(|server| {
        let mut since = publish(server.port(), "news", "first");
        for round in 0..ROUNDS {
            let id = publish(server.port(), "news", format!("round {round}"));
            // Had it parked, the deadline of our read would come first.
            let body = get(server.port(), &format!("/news?wait=50&since={since}")).json();
            assert_eq!(body["next"], *id);
            since = id;
        }
    });
}

/// What was published elsewhere comes to a thread together with the question, if it had nothing
/// else to do meanwhile.
#[test]
fn a_poll_is_given_no_more_than_a_topic_retains() {
    for_threads_with(&["--history-messages", "5"], |server| {
        let mut readers: Vec<_> = (0..8).map(|_| Wire::open(server.port())).collect();
        for round in 0..ROUNDS / 10 {
            let (topic, mut wire) = (format!("news-{round}"), Wire::open(server.port()));
            let data: Vec<_> = (0..20).map(|number| number.to_string()).collect();
            for data in &data {
                publish_on(&mut wire, &topic, data);
            }
            for reader in &mut readers {
                let asks = format!("GET /{topic}?since=earliest HTTP/1.1\r\nHost: h\r\n\r\n");
                reader.send(asks);
                assert_eq!(data_of(&reader.answer().json()), data[15..]);
            }
        }
    });
}

#[test]
fn a_sent_event_or_message_is_in_the_log_for_everyone() {
    for_threads(|server| {
        for round in 0..ROUNDS / 10 {
            let mut stream = Wire::open(server.port());
            stream.send("GET /news/sse HTTP/1.0\r\n\r\n");
            stream.head();
            let cursor = next_id(&mut stream);
            let mut socket = open(server, "/news", None);
            let data = format!("round {round}");
            socket.send(tungstenite::Message::text(data.clone())).expect("an open socket");
            let id = next_id(&mut stream);
            let body = get(server.port(), &format!("/news?since={cursor}")).json();
            assert_eq!((data_of(&body), &*text(&body["next"])), (vec![data], &*id));
        }
    });
}

#[test]
fn every_reader_sees_the_order_of_the_ids() {
    for_threads(|server| {
        let port = server.port();
        let streams: Vec<_> = (0..READERS).map(|_| follow_by_sse(port)).collect();
        let sockets: Vec<_> = (0..READERS).map(|_| follow_by_websocket(server)).collect();
        let polls: Vec<_> = (0..READERS).map(|_| follow_by_long_poll(port)).collect();
        let publishers: Vec<_> = (0..PUBLISHERS).map(|number| publish_many(port, number)).collect();

        let mut acknowledged: Vec<_> =
            publishers.into_iter().flat_map(|thread| thread.join().expect("published")).collect();
        acknowledged.sort_by_key(|(id, _)| sequence(id));
        for reader in streams.into_iter().chain(sockets).chain(polls) {
            assert_eq!(reader.join().expect("read"), acknowledged);
        }
        let history = get(port, "/news?since=earliest").json();
        assert_eq!(messages_of(&history), acknowledged);
    });
}

type Seen = Vec<(String, String)>;

fn publish_many(port: u16, number: usize) -> thread::JoinHandle<Seen> {
    thread::spawn(move || {
        let mut wire = Wire::open(port);
        let data = (0..MESSAGES_EACH).map(|count| format!("{number}:{count}"));
        data.map(|data| (publish_on(&mut wire, "news", &data), data)).collect()
    })
}

/// Follows until all messages were seen; returns once the cursor is set.
fn follow_by_sse(port: u16) -> thread::JoinHandle<Seen> {
    let mut stream = Wire::open(port);
    stream.send("GET /news/sse HTTP/1.0\r\n\r\n");
    stream.head();
    next_id(&mut stream);
    thread::spawn(move || {
        let event = |_| {
            let id = next_id(&mut stream);
            let data = stream.line();
            (id, data.strip_prefix("data: ").expect("data after the id").to_owned())
        };
        (0..MESSAGES).map(event).collect()
    })
}

/// Follows by the JSON dialect, which tells ids.
fn follow_by_websocket(server: &crate::server::Server) -> thread::JoinHandle<Seen> {
    let mut socket = open(server, "/news", Some("tollway.v1"));
    let mut next = move || -> serde_json::Value {
        let frame = socket.read().expect("an open socket");
        serde_json::from_str(frame.to_text().expect("text")).expect("JSON")
    };
    text(&next()["next"]);
    thread::spawn(move || {
        let message = |_| {
            let message = next();
            (text(&message["id"]), text(&message["data"]))
        };
        (0..MESSAGES).map(message).collect()
    })
}

/// Follows by one long poll after the other, each on a connection of its own.
fn follow_by_long_poll(port: u16) -> thread::JoinHandle<Seen> {
    thread::spawn(move || {
        let mut seen = Seen::new();
        let mut since = "earliest".to_owned();
        while seen.len() < MESSAGES {
            let answer = get(port, &format!("/news?wait=10&since={since}"));
            if answer.status == 204 {
                continue;
            }
            let body = answer.json();
            assert!(body.get("gap").is_none(), "{body}");
            seen.extend(messages_of(&body));
            since = text(&body["next"]);
        }
        seen
    })
}

fn messages_of(body: &serde_json::Value) -> Seen {
    let messages = body["messages"].as_array().expect("a poll lists messages");
    messages.iter().map(|message| (text(&message["id"]), text(&message["data"]))).collect()
}

/// Reads on to the next `id:` line.
fn next_id(stream: &mut Wire) -> String {
    loop {
        if let Some(id) = stream.line().strip_prefix("id: ") {
            return id.to_owned();
        }
    }
}
