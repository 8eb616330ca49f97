//! permessage-deflate on a whole server without sockets: each fact with one thread and with four,
//! every client on the next thread.
//!
//! Absent on purpose: what compressed bytes mean (the codec's own tests), what is agreed on and
//! refused (`transcripts/deflate`), and foreign clients (`loopback.rs`).

#[path = "support/dice.rs"]
mod dice;
#[path = "support/readers/mod.rs"]
mod readers;
#[path = "support/world.rs"]
mod world;

use dice::Dice;
use readers::frames;
use tollway::ledger::{Class, Payer};
use tollway::limits::{DEFLATE_BYTES_MIN, Limits};
use tollway::wire::deflate::{Inflater, Window, deflate};
use world::{Client, Plan, World};

/// What clients offer, and the window in which they are then spoken to.
const OFFERS: [(&str, Option<Window>); 5] = [
    ("", None),
    ("permessage-deflate", Some(Window::Bits15)),
    ("permessage-deflate; client_max_window_bits", Some(Window::Bits15)),
    ("permessage-deflate; server_max_window_bits=14", Some(Window::Bits12)),
    ("permessage-deflate; server_max_window_bits=9", Some(Window::Bits9)),
];

struct Stage {
    world: World,
    readers: Vec<(Client, Option<Window>)>,
    /// All that went in and out.
    bytes_in: usize,
    bytes_out: usize,
}

/// Tells a fact with one thread and with four, to a reader for each offer.
fn on_all_threads(target: &str, fields: &str, fact: impl Fn(&mut Stage)) {
    for threads in [1, 4] {
        let limits = Limits { deflate: true, ..Limits::default() };
        let mut stage = Stage {
            world: World::new(Plan { threads, limits, ..Plan::default() }),
            readers: Vec::new(),
            bytes_in: 0,
            bytes_out: 0,
        };
        for (n, (offer, window)) in OFFERS.into_iter().enumerate() {
            let client = stage.open(n % usize::from(threads), target, offer, fields);
            stage.readers.push((client, window));
        }
        fact(&mut stage);
        stage.compare_with_the_ledger();
    }
}

impl Stage {
    fn open(&mut self, shard: usize, target: &str, offer: &str, fields: &str) -> Client {
        let client = self.world.connect(shard).expect("room for it");
        let head = format!(
            "GET {target} HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
             Sec-WebSocket-Extensions: {offer}\r\n{fields}\r\n"
        );
        self.send(client, head.as_bytes());
        let answer = String::from_utf8_lossy(&self.heard(client)).into_owned();
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        let agreed = answer.contains("\r\nSec-WebSocket-Extensions: permessage-deflate; server_no");
        assert_eq!(agreed, !offer.is_empty(), "{answer}");
        client
    }

    fn send(&mut self, client: Client, bytes: &[u8]) {
        self.bytes_in += bytes.len();
        self.world.send(client, bytes);
        self.world.run();
    }

    fn heard(&mut self, client: Client) -> Vec<u8> {
        let bytes = self.world.pipe(client).take();
        self.bytes_out += bytes.len();
        bytes
    }

    /// What each reader heard: the first byte of the frame, and its payload as it came.
    fn frames(&mut self) -> Vec<(Option<Window>, u8, Vec<u8>)> {
        let readers = self.readers.clone();
        let frame = |(client, window)| {
            let bytes = self.heard(client);
            let frame = frames::server_frame(&bytes, 0b100).expect("a whole frame");
            assert_eq!(frame.used, bytes.len(), "one frame");
            (window, bytes[0], frame.payload)
        };
        readers.into_iter().map(frame).collect()
    }

    fn charged(&self, class: Class) -> (usize, usize) {
        let ledger = self.world.ledger();
        let account = ledger.account(Payer::WebSocket);
        let (came, went) = (account.bytes_in.of(class), account.bytes_out.of(class));
        (came as usize, went as usize)
    }

    fn compare_with_the_ledger(&self) {
        let classes = Class::ALL.map(|class| self.charged(class));
        let total = classes.iter().fold((0, 0), |sum, c| (sum.0 + c.0, sum.1 + c.1));
        assert_eq!(total, (self.bytes_in, self.bytes_out));
    }
}

/// A client's frame, with FIN; `reserved` is 4 for a compressed one.
fn masked(reserved: u8, opcode: u8, payload: &[u8]) -> Vec<u8> {
    let header = frames::header(true, reserved, opcode, payload.len() as u64, [0; 4]);
    [&header, payload].concat()
}

fn inflated(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let taken = Inflater::new(None).take(payload, true, &mut out, 1 << 20);
    assert_eq!(taken, Ok(()));
    out
}

fn text() -> String {
    "a line of many, as the others are; ".repeat(200)
}

#[test]
fn a_message_reaches_each_reader_in_the_window_that_was_agreed_on() {
    on_all_threads("/news", "", |stage| {
        let text = text();
        let sender = stage.readers[1].0;
        let sent = deflate(text.as_bytes(), Window::Bits15).expect("it shrinks");
        stage.send(sender, &masked(0b100, frames::TEXT, &sent));

        let frames = stage.frames();
        let mut payloads = 0;
        for (window, first, payload) in &frames {
            payloads += payload.len();
            match window {
                None => assert_eq!((*first, &**payload), (0x81, text.as_bytes())),
                Some(window) => {
                    assert_eq!((*first, inflated(payload)), (0xC1, text.clone().into_bytes()));
                    assert_eq!(deflate(text.as_bytes(), *window).as_ref(), Some(payload));
                }
            }
        }
        assert_eq!(stage.charged(Class::Payload), (sent.len(), payloads));
    });
}

#[test]
fn what_would_gain_nothing_goes_out_as_it_is() {
    on_all_threads("/news", "", |stage| {
        let sender = stage.readers[1].0;
        // Too short to try; and long enough, but of random digits in all its bytes.
        let mut dice = Dice(1);
        let noise = (0..1000).map(|_| dice.roll() as u8);
        for data in [vec![b'x'; DEFLATE_BYTES_MIN - 1], noise.collect()] {
            stage.send(sender, &masked(0, frames::BINARY, &data));
            for (_, first, payload) in stage.frames() {
                assert_eq!((first, &payload), (0x82, &data));
            }
        }
    });
}

#[test]
fn the_second_dialect_is_compressed_in_both_directions() {
    let fields = "Sec-WebSocket-Protocol: tollway.v1\r\n";
    on_all_threads("/news", fields, |stage| {
        let text = text();
        let object = format!(r#"{{"ref":1,"data":"{text}"}}"#);
        let sent = deflate(object.as_bytes(), Window::Bits12).expect("it shrinks");
        let (sender, _) = stage.readers.remove(2);
        stage.send(sender, &masked(0b100, frames::TEXT, &sent));
        let answer = stage.heard(sender);
        let acknowledged = br#"{"ref":1,"id":"e-1"}"#;
        let told = answer.windows(acknowledged.len()).any(|w| w == acknowledged);
        assert!(told, "{}", answer.escape_ascii());

        let object = format!(r#"{{"id":"e-1","data":"{text}"}}"#);
        for (window, first, payload) in stage.frames() {
            match window {
                None => assert_eq!((first, &*payload), (0x81, object.as_bytes())),
                Some(_) => {
                    assert_eq!((first, inflated(&payload)), (0xC1, object.clone().into_bytes()));
                }
            }
        }
        // Of what came, the data have their share.
        let (came, _) = stage.charged(Class::Payload);
        assert!(came < sent.len() && came + 10 > sent.len(), "{came} of {}", sent.len());
    });
}

#[test]
fn between_messages_a_connection_holds_the_context_that_was_agreed_on_and_no_more() {
    on_all_threads("/news", "", |stage| {
        let memory = |stage: &mut Stage, n: usize| {
            let client = stage.readers[n].0;
            let (shard, id) = (stage.world.pipe(client).shard, stage.world.pipe(client).id);
            let conn = stage.world.brokers[shard].conn(id).expect("it is open");
            match &conn.state {
                tollway::conn::state::State::Open(socket) => socket.assembler.memory(),
                other => panic!("{other:?}"),
            }
        };
        let text = "x".repeat(5000);
        let sent = deflate(text.as_bytes(), Window::Bits15).expect("it shrinks");
        for (n, held) in [(1, 0), (2, 4096), (3, 0)] {
            let idle = memory(stage, n);
            assert!((1..100).contains(&idle), "{idle}");
            let sender = stage.readers[n].0;
            stage.send(sender, &masked(0b100, frames::TEXT, &sent));
            stage.frames();
            assert_eq!(memory(stage, n), idle + held);
        }
        assert_eq!(memory(stage, 0), 0);
    });
}
