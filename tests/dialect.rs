//! The WebSocket subprotocol `tollway.v1`, on a whole server without sockets: each fact with one
//! thread and with four, every client on the next thread.
//!
//! Absent on purpose: what a single frame may look like (the codec's own tests) and foreign clients
//! (`loopback.rs`).

#[path = "support/world.rs"]
mod world;

use serde_json::{Value, json};
use tollway::close::CloseReason;
use tollway::ids::ConnId;
use tollway::ledger::{Class, Payer};
use tollway::limits::{Limits, UNANSWERED_MAX};
use world::{Client, Plan, World};

/// A world, and clients on its threads in turn.
struct Stage {
    world: World,
    clients: usize,
    threads: usize,
}

/// Tells a fact with one thread and with four.
fn on_threads(limits: &Limits, fact: impl Fn(&mut Stage)) {
    for threads in [1, 4] {
        let world = World::new(Plan { threads, limits: limits.clone(), ..Plan::default() });
        let threads = usize::from(threads);
        fact(&mut Stage { world, clients: 0, threads });
    }
}

fn on_all_threads(fact: impl Fn(&mut Stage)) {
    on_threads(&Limits::default(), fact);
}

impl Stage {
    fn connect(&mut self) -> Client {
        self.clients += 1;
        let shard = self.clients % self.threads;
        self.world.connect(shard).expect("room for it")
    }

    /// Opens a WebSocket, with these subprotocols in its head. Gives the head of the answer.
    fn open_with(&mut self, target: &str, protocols: &str) -> (Client, String) {
        let client = self.connect();
        let head = format!(
            "GET {target} HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
             {protocols}\r\n"
        );
        self.world.send(client, head.as_bytes());
        self.world.run();
        let received = self.world.pipe(client).take();
        let end = received.windows(4).position(|four| four == b"\r\n\r\n");
        let (head, rest) = received.split_at(end.expect("a whole head") + 4);
        self.world.pipe(client).received = rest.to_vec();
        (client, String::from_utf8(head.to_vec()).expect("ASCII"))
    }

    /// Opens a socket that speaks the dialect.
    fn open(&mut self, target: &str) -> Client {
        let (client, head) = self.open_with(target, "Sec-WebSocket-Protocol: tollway.v1\r\n");
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        client
    }

    /// Opens a socket and passes over its greeting.
    fn open_greeted(&mut self, target: &str) -> Client {
        let client = self.open(target);
        assert!(self.heard(client)[0]["next"].is_string());
        client
    }

    fn say(&mut self, client: Client, text: &(impl ToString + ?Sized)) {
        self.world.send(client, &masked(1, text.to_string().as_bytes()));
    }

    /// The objects that came since the last time.
    fn heard(&mut self, client: Client) -> Vec<Value> {
        let object = |(opcode, payload): (u8, Vec<u8>)| {
            assert_eq!(opcode, 1, "a text frame: {payload:?}");
            serde_json::from_slice(&payload).expect("JSON")
        };
        self.frames(client).into_iter().map(object).collect()
    }

    /// Opcodes and payloads of the frames that came since the last time.
    fn frames(&mut self, client: Client) -> Vec<(u8, Vec<u8>)> {
        self.world.run();
        unframed(&self.world.pipe(client).take())
    }

    /// One request on a connection of its own; gives status and body.
    fn ask(&mut self, request: &str, fields: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let client = self.connect();
        let length = body.len();
        let head =
            format!("{request} HTTP/1.0\r\nHost: h\r\nContent-Length: {length}\r\n{fields}\r\n");
        self.world.send(client, &[head.as_bytes(), body].concat());
        self.world.run();
        let answer = self.world.pipe(client).take();
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
        let (head, body) = answer.split_at(end.expect("a whole head") + 4);
        let status = String::from_utf8_lossy(&head[9..12]).parse();
        (status.expect("three digits"), body.to_vec())
    }

    /// Publishes over HTTP; gives the id.
    fn post(&mut self, target: &str, body: &[u8]) -> String {
        let (status, body) = self.ask(&format!("POST {target}"), "", body);
        assert_eq!(status, 201);
        let body: Value = serde_json::from_slice(&body).expect("JSON");
        body["id"].as_str().expect("an id").to_owned()
    }

    /// What a poll answers; null when it has nothing.
    fn poll(&mut self, target: &str) -> Value {
        let (_, body) = self.ask(&format!("GET {target}"), "", b"");
        serde_json::from_slice(&body).unwrap_or_default()
    }

    /// The data of everything that is retained on a topic.
    fn retained(&mut self, topic: &str) -> Vec<Value> {
        let answer = self.poll(&format!("/{topic}"));
        let messages = answer["messages"].as_array().cloned().unwrap_or_default();
        messages.into_iter().map(|mut message| message["data"].take()).collect()
    }

    /// Thread and connection of a client.
    fn place(&mut self, client: Client) -> (usize, ConnId) {
        let pipe = self.world.pipe(client);
        (pipe.shard, pipe.id)
    }
}

/// A frame as a client sends it.
fn masked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let mut frame = vec![0x80 | opcode];
    match payload.len() {
        length @ 0..126 => frame.push(0x80 | length as u8),
        length @ 126..0x1_0000 => {
            frame.push(0x80 | 0x7E);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 0x7F);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&MASK);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// Frames as a server sends them, read naively.
fn unframed(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while let [first, second, rest @ ..] = bytes {
        let wide = match second {
            0x7E => 2,
            0x7F => 8,
            _ => 0,
        };
        let number = |bytes: &[u8]| bytes.iter().fold(0, |n, &byte| n << 8 | usize::from(byte));
        let length = if wide == 0 { usize::from(*second) } else { number(&rest[..wide]) };
        let (payload, after) = rest[wide..].split_at(length);
        frames.push((first & 0x0F, payload.to_vec()));
        bytes = after;
    }
    assert!(bytes.is_empty(), "a frame is cut: {bytes:?}");
    frames
}

/// The ref and the code of a refusal, whose problem must be whole.
fn refusal(answer: &Value) -> (Value, String) {
    let error = &answer["error"];
    let members = ["code", "detail", "status", "title", "type"];
    let found: Vec<&str> = error.as_object().expect("a problem").keys().map(|k| &**k).collect();
    assert_eq!(found, members, "{answer}");
    assert!(error["status"].as_u64().is_some_and(|status| (400..600).contains(&status)));
    (answer["ref"].clone(), error["code"].as_str().expect("a word").to_owned())
}

#[test]
fn the_dialect_is_chosen_when_it_is_listed_and_only_then() {
    on_all_threads(|stage| {
        for listed in [
            "Sec-WebSocket-Protocol: tollway.v1\r\n",
            "Sec-WebSocket-Protocol: mqtt ,\ttollway.v1\r\n",
            "Sec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Protocol: tollway.v1, stomp\r\n",
        ] {
            let (client, head) = stage.open_with("/news", listed);
            assert!(head.contains("\r\nSec-WebSocket-Protocol: tollway.v1\r\n"), "{head}");
            assert_eq!(stage.heard(client), [json!({"next": "e-0"})]);
        }
        for unlisted in [
            "",
            "Sec-WebSocket-Protocol: mqtt\r\n",
            "Sec-WebSocket-Protocol: Tollway.v1, tollway.v2, tollway\r\n",
        ] {
            let (client, head) = stage.open_with("/news", unlisted);
            assert!(!head.contains("Sec-WebSocket-Protocol"), "{head}");
            assert_eq!(stage.frames(client), []);
        }
    });
}

#[test]
fn a_message_is_what_a_poll_lists() {
    on_all_threads(|stage| {
        let one = stage.open_greeted("/a");
        let several = stage.open_greeted("/a,b/ws");
        stage.post("/a", "plain \"é\" \n".as_bytes());
        stage.post("/a?event=named", b"");
        stage.post("/b", b"elsewhere");
        stage.post("/a", b"\xff\x00");
        for (client, target) in [(one, "/a"), (several, "/a,b")] {
            let listed = stage.poll(target)["messages"].clone();
            let heard = stage.heard(client);
            assert_eq!(Value::from(heard), listed);
        }
        let named = json!({"id": "e-4", "topic": "a", "data": "/wA=", "encoding": "base64"});
        assert_eq!(stage.poll("/a,b")["messages"][3], named);
    });
}

#[test]
fn a_publish_is_acknowledged_with_its_id_and_delivered() {
    on_all_threads(|stage| {
        let client = stage.open_greeted("/news");
        let other = stage.open_greeted("/news");
        stage.say(client, &json!({"ref": 7, "event": "greeting", "data": "hello"}));
        let message = json!({"id": "e-1", "event": "greeting", "data": "hello"});
        let heard = stage.heard(client);
        assert_eq!(heard.len(), 2);
        assert!(heard.contains(&json!({"ref": 7, "id": "e-1"})), "{heard:?}");
        assert!(heard.contains(&message), "{heard:?}");
        assert_eq!(stage.heard(other), [message]);
    });
}

#[test]
fn answers_come_in_the_order_of_the_frames() {
    on_all_threads(|stage| {
        let client = stage.open_greeted("/news");
        for text in [
            r#"{"ref":1e2,"topic":"x","data":""}"#,
            r#"{"ref":{"a": [2]},"topic":"not a topic","data":""}"#,
            "not JSON",
            r#"{"ref":"three","topic":"x","data":""}"#,
            r#"{"topic":"x","data":""}"#,
        ] {
            stage.say(client, text);
        }
        let bytes: Vec<_> = stage.frames(client).into_iter().map(|(_, payload)| payload).collect();
        let begins = [
            r#"{"ref":1e2,"id":"e-1"}"#,
            r#"{"ref":{"a": [2]},"error":{"#,
            r#"{"ref":null,"error":{"#,
            r#"{"ref":"three","id":"e-2"}"#,
            r#"{"ref":null,"id":"e-3"}"#,
        ];
        assert_eq!(bytes.len(), begins.len());
        for (answer, begin) in bytes.iter().zip(begins) {
            let answer = String::from_utf8_lossy(answer);
            assert!(answer.starts_with(begin), "{answer} begins with {begin}");
        }
    });
}

#[test]
fn any_topic_can_be_published_to_and_one_of_several_must_be_named() {
    on_all_threads(|stage| {
        let client = stage.open_greeted("/a,b");
        stage.say(client, &json!({"ref": 1, "data": "to neither"}));
        assert_eq!(refusal(&stage.heard(client)[0]), (json!(1), "topic_missing".into()));
        stage.say(client, &json!({"topic": "c", "data": "to another"}));
        assert_eq!(stage.heard(client), [json!({"ref": null, "id": "e-1"})]);
        stage.say(client, &json!({"topic": "b", "data": "to its own"}));
        let message = json!({"id": "e-2", "topic": "b", "data": "to its own"});
        assert!(stage.heard(client).contains(&message));
        assert_eq!(stage.retained("c"), ["to another"]);
    });
}

#[test]
fn an_offence_is_named_and_costs_neither_the_socket_nor_a_message() {
    on_all_threads(|stage| {
        let client = stage.open_greeted("/news");
        for (text, code) in [
            ("", "not_json"),
            ("[]", "not_an_object"),
            (r#"{"ref":1,"ref":2}"#, "member_double"),
            (r#"{"ref":"r","data":5}"#, "data_not_text"),
            (r#"{"ref":"r","data":"","topic":"a b"}"#, "topic_malformed"),
            (r#"{"ref":"r","data":"","topic":"a,b"}"#, "topics_in_publish"),
            (r#"{"ref":"r","data":"","topic":""}"#, "topic_malformed"),
            (r#"{"ref":"r","data":"","topic":"metrics"}"#, "topic_reserved"),
            (r#"{"ref":"r","data":"","event":"a\nb"}"#, "event_malformed"),
            (r#"{"ref":"r","data":"","encoding":"utf8"}"#, "encoding_unknown"),
            (r#"{"ref":"r","data":"*","encoding":"base64"}"#, "data_not_base64"),
        ] {
            stage.say(client, text);
            let known = if text.contains(r#""r""#) { json!("r") } else { Value::Null };
            assert_eq!(refusal(&stage.heard(client)[0]), (known, code.into()), "{text}");
        }
        stage.world.send(client, &masked(2, br#"{"ref":1,"data":""}"#));
        assert_eq!(refusal(&stage.heard(client)[0]), (Value::Null, "binary_frame".into()));
        assert_eq!(stage.retained("news"), [""; 0]);
        stage.say(client, &json!({"ref": 1, "data": "still open"}));
        assert_eq!(stage.heard(client).len(), 2);
    });
}

#[test]
fn too_much_data_is_refused_and_too_long_a_frame_closes() {
    let limits = Limits { message_bytes_max: 1000, ..Limits::default() };
    on_threads(&limits, |stage| {
        let client = stage.open_greeted("/news");
        stage.say(client, &json!({"ref": 1, "data": "x".repeat(1001)}));
        let answers = stage.heard(client);
        assert_eq!(refusal(&answers[0]), (json!(1), "data_too_big".into()));
        assert_eq!(answers[0]["error"]["status"], 413);
        // What fits is measured as published, not as spelled.
        stage.say(client, &json!({"ref": 2, "topic": "x", "data": "\n".repeat(1000)}));
        assert_eq!(stage.heard(client), [json!({"ref": 2, "id": "e-1"})]);
        stage.say(client, &"x".repeat(limits.publish_frame_bytes_max() + 1));
        let frames = stage.frames(client);
        assert_eq!((frames[0].0, &frames[0].1[..2]), (8, &1009_u16.to_be_bytes()[..]));
        assert!(stage.world.pipe(client).ended());
    });
}

#[test]
fn a_gap_is_told_right_after_the_greeting() {
    let limits = Limits { history_messages: 2, ..Limits::default() };
    on_threads(&limits, |stage| {
        for n in 1..=4 {
            stage.post("/news", n.to_string().as_bytes());
        }
        for (asked, reason) in [("e-1", "expired"), ("f-1", "epoch"), ("e-9", "epoch")] {
            let client = stage.open(&format!("/news?since={asked}"));
            assert_eq!(
                stage.heard(client),
                [
                    // Cut off behind this frame, a reader comes back from before the gap.
                    json!({"next": asked}),
                    json!({"gap": {"from": asked, "to": "e-3", "reason": reason}}),
                    json!({"id": "e-3", "data": "3"}),
                    json!({"id": "e-4", "data": "4"}),
                ]
            );
        }
        let client = stage.open("/news?since=e-2");
        assert_eq!(
            stage.heard(client)[..2],
            [json!({"next": "e-2"}), json!({"id": "e-3", "data": "3"})]
        );
    });
}

#[test]
fn a_slow_reader_is_told_of_its_gap_and_stays() {
    let limits = Limits { history_messages: 2, ..Limits::default() };
    on_threads(&limits, |stage| {
        let client = stage.open_greeted("/news");
        let several = stage.open_greeted("/news,other");
        for client in [client, several] {
            stage.world.pipe(client).room = 0;
        }
        let data = "x".repeat(20_000);
        for _ in 1..=10 {
            stage.post("/news", data.as_bytes());
        }
        for client in [client, several] {
            stage.world.pipe(client).room = usize::MAX;
            let mut seen = stage.heard(client);
            // Four messages fill an outbox of 64 KiB; the log has the last two.
            let gap = json!({"gap": {"from": "e-4", "to": "e-9", "reason": "slow"}});
            assert_eq!(seen.remove(4), gap);
            let ids: Vec<_> = seen.iter().map(|message| &message["id"]).collect();
            assert_eq!(ids, ["e-1", "e-2", "e-3", "e-4", "e-9", "e-10"]);
        }
        stage.say(client, &json!({"ref": "here", "topic": "x", "data": ""}));
        assert_eq!(stage.heard(client), [json!({"ref": "here", "id": "e-11"})]);
    });
}

#[test]
fn a_cursor_of_any_technique_is_good_here_and_the_other_way_round() {
    on_all_threads(|stage| {
        let published: Vec<_> =
            (0..12).map(|n| stage.post("/hop", n.to_string().as_bytes())).collect();
        let mut cursor = "earliest".to_owned();
        let mut seen = Vec::new();
        for n in 0..published.len() {
            let message = match n % 3 {
                0 => {
                    let client = stage.open(&format!("/hop?since={cursor}"));
                    let heard = stage.heard(client);
                    assert!(n > 0 || heard[0] == json!({"next": "e-0"}));
                    assert!(n == 0 || heard[0] == json!({"next": cursor}));
                    heard[1].clone()
                }
                1 => stage.poll(&format!("/hop?limit=1&since={cursor}"))["messages"][0].clone(),
                _ => {
                    let fields = format!("Last-Event-ID: {cursor}\r\n");
                    let (_, body) = stage.ask("GET /hop/sse", &fields, b"");
                    let body = String::from_utf8(body).expect("UTF-8");
                    let event = body.split("\n\n").nth(1).expect("an event");
                    let (id, data) = event.split_once('\n').expect("two lines");
                    json!({"id": &id[4..], "data": &data[6..]})
                }
            };
            assert_eq!(message["data"], n.to_string());
            cursor = message["id"].as_str().expect("an id").to_owned();
            seen.push(cursor.clone());
        }
        assert_eq!(seen, published);
    });
}

#[test]
fn a_key_is_one_that_http_knows_too_and_a_ref_is_none() {
    on_all_threads(|stage| {
        let clients = [(); 4].map(|()| stage.open_greeted("/quiet"));
        let mut publish = |n: usize, topic: &str, reference: Value, key: Option<&str>| {
            let frame = json!({"ref": reference, "topic": topic, "data": "x", "key": key});
            stage.say(clients[n], &frame);
            let answer = stage.heard(clients[n]).remove(0);
            assert_eq!(answer["ref"], reference);
            answer["id"].as_str().expect("an id").to_owned()
        };
        assert_eq!(publish(0, "a", json!(1), Some("k")), "e-1");
        assert_eq!(publish(1, "a", json!(2), Some("k")), "e-1");
        assert_eq!(publish(2, "b", json!(1), Some("k")), "e-2", "keys belong to a topic");
        assert_eq!(publish(3, "a", json!(1), None), "e-3");
        assert_eq!(publish(3, "a", json!("1"), None), "e-4");
        let (status, body) = stage.ask("POST /a", "Idempotency-Key: k\r\n", b"x");
        assert_eq!(status, 201);
        assert!(String::from_utf8_lossy(&body).contains(r#""id":"e-1""#));
        assert_eq!(stage.retained("a").len(), 3);
        stage.say(clients[0], &json!({"topic": "a", "data": "x", "key": 7}));
        assert_eq!(refusal(&stage.heard(clients[0])[0]).1, "key_not_text");
    });
}

#[test]
fn overload_refuses_the_frame_and_keeps_the_socket() {
    on_all_threads(|stage| {
        let client = stage.open_greeted("/news");
        stage.world.overloaded = true;
        stage.say(client, &json!({"ref": 1, "data": "x"}));
        let answers = stage.heard(client);
        assert_eq!(refusal(&answers[0]), (json!(1), "overloaded".into()));
        assert_eq!(answers[0]["error"]["status"], 503);
        stage.world.overloaded = false;
        stage.say(client, &json!({"ref": 1, "topic": "x", "data": "x"}));
        assert_eq!(stage.heard(client), [json!({"ref": 1, "id": "e-1"})]);
    });
}

#[test]
fn a_flood_is_answered_to_the_last_frame_though_the_peer_has_ended_its_side() {
    const FRAMES: usize = 10 * UNANSWERED_MAX + 1;
    on_all_threads(|stage| {
        let client = stage.open_greeted("/news");
        let publish = |n| json!({"ref": n, "topic": "x", "data": ""}).to_string();
        let mut flood: Vec<u8> =
            (1..=FRAMES).flat_map(|n| masked(1, publish(n).as_bytes())).collect();
        let (shard, id) = stage.place(client);
        let broker = &mut stage.world.brokers[shard];
        // All of it at once, and the end of the peer's side before the first is committed.
        broker.received(id, &mut flood, stage.world.now);
        broker.peer_finished(id, stage.world.now);
        let conn = broker.conn(id).expect("its answers are awaited");
        assert!(conn.is_held() && !conn.wants_bytes());
        assert!(conn.flow.inbox.len() > flood.len() / 2, "kept as bytes, not as effects");
        let answer = |n| json!({"ref": n, "id": format!("e-{n}")});
        let expected: Vec<_> = (1..=FRAMES).map(answer).collect();
        assert_eq!(stage.heard(client), expected);
        assert_eq!(stage.world.pipe(client).closed, Some(CloseReason::PeerLeft));
    });
}

#[test]
fn a_peer_that_reads_no_answers_is_not_read_and_loses_none() {
    const FRAMES: usize = 20_000;
    on_all_threads(|stage| {
        let client = stage.open_greeted("/news");
        stage.world.pipe(client).room = 0;
        for n in 1..=FRAMES {
            stage.say(client, &json!({"ref": n, "topic": "x", "data": ""}));
        }
        stage.world.run();
        let (shard, id) = stage.place(client);
        let conn = stage.world.brokers[shard].conn(id).expect("open");
        assert!(conn.flow.outbox.bytes() < 100_000 && conn.flow.inbox.len() <= 65_536);
        assert!(!stage.world.pipe(client).inbound.is_empty());
        stage.world.pipe(client).room = usize::MAX;
        let heard = stage.heard(client);
        assert_eq!(heard.len(), FRAMES);
        assert!(heard.iter().zip(1..).all(|(answer, n)| answer["ref"] == n));
    });
}

#[test]
fn the_two_dialects_read_each_other() {
    on_all_threads(|stage| {
        let client = stage.open_greeted("/news");
        let (raw, _) = stage.open_with("/news", "");
        stage.say(client, &json!({"data": "text", "event": "lost on the raw one"}));
        stage.say(client, &json!({"data": "dGV4dA==", "encoding": "base64"}));
        let frames = [(1, b"text".to_vec()), (2, b"text".to_vec())];
        assert_eq!(stage.frames(raw), frames);
        assert_eq!(stage.heard(client).len(), 4);
        stage.say(raw, "not JSON");
        stage.world.send(raw, &masked(2, b"\xff"));
        let heard = stage.heard(client);
        assert_eq!(heard[0], json!({"id": "e-3", "data": "not JSON"}));
        assert_eq!(heard[1], json!({"id": "e-4", "data": "/w==", "encoding": "base64"}));
    });
}

#[test]
fn a_frame_in_pieces_means_what_it_means_whole() {
    on_all_threads(|stage| {
        let text = json!({"ref": "é", "topic": "x", "data": "häßlich"}).to_string();
        let frame = masked(1, text.as_bytes());
        for cut in 1..frame.len() {
            let client = stage.open_greeted("/news");
            for piece in [&frame[..cut], &frame[cut..]] {
                stage.world.send(client, piece);
                stage.world.run();
            }
            assert_eq!(stage.heard(client)[0]["ref"], "é");
        }
        let client = stage.open_greeted("/news");
        for byte in &frame {
            stage.world.send(client, &[*byte]);
            stage.world.run();
        }
        assert_eq!(stage.heard(client)[0]["ref"], "é");
        assert!(stage.retained("x").iter().all(|data| data == "häßlich"));
    });
}

#[test]
fn every_byte_is_charged_to_what_it_is_for() {
    on_all_threads(|stage| {
        let reader = stage.open("/news");
        let opened = stage.frames(reader);
        let counted = |stage: &Stage, class: Class, out: bool| {
            let ledger = stage.world.ledger();
            let account = ledger.account(Payer::WebSocket);
            let bytes = if out { account.bytes_out } else { account.bytes_in };
            bytes.of(class)
        };
        let greeting = opened[0].1.len() as u64 + 2;
        assert_eq!(counted(stage, Class::Framing, true), greeting);

        let publish = masked(1, br#"{"data":"line\nline"}"#);
        let offence = masked(1, b"offence");
        stage.world.send(reader, &[publish.as_slice(), &offence].concat());
        stage.world.run();
        let received = stage.world.pipe(reader).take().len() as u64;
        assert_eq!(counted(stage, Class::Payload, false), 9, "the data as published");
        assert_eq!(counted(stage, Class::Framing, false), publish.len() as u64 - 9);
        assert_eq!(counted(stage, Class::Body, false), offence.len() as u64);
        assert_eq!(counted(stage, Class::Payload, true), 9);
        assert_eq!(counted(stage, Class::Framing, true), greeting + received - 9);
        let messages = stage.world.ledger().account(Payer::WebSocket).messages;
        assert_eq!(messages, 1, "an acknowledgement is no delivery");
    });
}
