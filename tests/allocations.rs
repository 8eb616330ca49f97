//! Allocations on the paths that are taken most, counted: none for a delivery, however many readers
//! there are, and few for a publish and for a poll.
//!
//! A broker without sockets, so that nothing is counted but its own. `allocation-counter` counts
//! what one thread asks the allocator for.
//!
//! Absent on purpose: instructions (`cargo bench --bench instructions`) and bytes that stay
//! (`tests/memory.rs`).

use std::net::Ipv4Addr;

use allocation_counter::measure;
use tollway::broker::{Broker, Effect, Letter, Setup};
use tollway::hub::Receipt;
use tollway::ids::{ConnId, Door, Micros, Millis, ShardId, TopicName, WallSecond};
use tollway::limits::{BUNDLED_BYTES_MAX, Limits};
use tollway::store::sequencer::{Commit, Sequencer};
use tollway::technique::message::{Draft, Payload, Unnumbered};

const NOW: Millis = Millis(1);
const WEBSOCKET: &str = "GET /t/ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\
     Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
     Sec-WebSocket-Version: 13\r\n\r\n";
const SSE: &str = "GET /t/sse HTTP/1.1\r\nHost: h\r\n\r\n";

struct Bench {
    broker: Broker,
    sequencer: Sequencer,
}

impl Bench {
    fn new() -> Self {
        Self::within(Limits::default())
    }

    fn within(limits: Limits) -> Self {
        let mut broker = Broker::new(Setup { limits, ..Setup::default() });
        broker.wall_clock(WallSecond { unix_s: 784_111_777, ends: Millis(1000) });
        Self { broker, sequencer: Sequencer::default() }
    }

    /// A client that has asked for something, and has its answer, if there is one yet.
    fn client(&mut self, request: &str) -> ConnId {
        let peer = (Ipv4Addr::LOCALHOST, 1).into();
        let id = self.broker.accepted(peer, Door::Public, NOW).expect("there is room");
        self.says(id, request.as_bytes());
        id
    }

    fn says(&mut self, id: ConnId, bytes: &[u8]) {
        let mut scratch = [0; 512];
        let scratch = &mut scratch[..bytes.len()];
        scratch.copy_from_slice(bytes);
        self.broker.received(id, scratch, NOW);
        self.carry_out();
        self.write();
    }

    /// What the broker wants of the sequencer.
    fn carry_out(&mut self) {
        while let Some(change) = self.broker.next_subscriber_change() {
            self.sequencer.take(&change, ShardId(0));
        }
        while let Some(effect) = self.broker.next_effect() {
            if let Effect::Publish { conn, draft } = effect {
                self.commit(draft, Some(conn));
            }
        }
    }

    fn commit(&mut self, draft: Draft, conn: Option<ConnId>) {
        let Commit::Appended { message, subscribers, .. } = self.sequencer.commit(draft, Micros(0))
        else {
            panic!("nothing keeps it from being appended");
        };
        let receipt = conn.map(|conn| Receipt { conn, seq: message.seq, subscribers });
        self.broker.letter(Letter::Committed { message, receipt }, NOW);
    }

    /// A message comes from another thread.
    fn posted(&mut self) {
        self.posted_of(16);
    }

    fn posted_of(&mut self, bytes: usize) {
        let topic = TopicName::parse("t").expect("a name");
        let from = std::net::IpAddr::from(Ipv4Addr::LOCALHOST).into();
        let payload = Payload::posted(vec![b'x'; bytes]);
        let draft =
            Draft { message: Unnumbered::new(topic, None, payload), from, idempotency_key: None };
        self.commit(draft, None);
    }

    /// All that is in the log goes to outboxes, and all that is there is taken.
    fn deliver(&mut self) {
        while self.broker.deliver(NOW) {}
        self.write();
    }

    fn write(&mut self) {
        while let Some(id) = self.broker.next_dirty() {
            while let Some(outbox) = self.broker.outbox(id).filter(|outbox| !outbox.is_empty()) {
                let bytes = outbox.gathered_bytes();
                self.broker.sent(id, bytes, NOW.micros());
            }
        }
    }
}

/// Allocations of delivering so many messages at once to so many readers that keep up.
fn to_deliver(request: &str, readers: usize, messages: usize) -> u64 {
    to_deliver_of(request, readers, &vec![16; messages])
}

/// The same for messages of these lengths.
fn to_deliver_of(request: &str, readers: usize, lengths: &[usize]) -> u64 {
    let mut bench = Bench::new();
    for _ in 0..readers {
        bench.client(request);
    }
    // Queues have the room that they need when a round has passed.
    for _ in 0..3 {
        for &bytes in lengths {
            bench.posted_of(bytes);
        }
        bench.deliver();
    }
    for &bytes in lengths {
        bench.posted_of(bytes);
    }
    measure(|| bench.deliver()).count_total
}

#[test]
fn a_delivery_allocates_nothing() {
    for request in [WEBSOCKET, SSE] {
        let few = to_deliver(request, 10, 1);
        assert_eq!(to_deliver(request, 1000, 1), few, "the message is encoded once");
        assert!(few <= 5, "{few} for a message");
    }
}

#[test]
fn a_delivery_of_a_burst_allocates_nothing() {
    for request in [WEBSOCKET, SSE] {
        let few = to_deliver(request, 10, 50);
        assert_eq!(to_deliver(request, 1000, 50), few, "the burst is put together once");
        assert!(few <= 50 * 5 + 16, "{few} for 50 messages");
    }
}

#[test]
fn a_burst_that_cannot_be_bundled_is_not_tried_anew_for_each_reader() {
    let (long, mixed) = ([BUNDLED_BYTES_MAX + 1; 30], [BUNDLED_BYTES_MAX, BUNDLED_BYTES_MAX + 1]);
    for lengths in [long.to_vec(), mixed.repeat(15)] {
        let [few, many] = [10, 210].map(|readers| to_deliver_of(WEBSOCKET, readers, &lengths));
        // The queue of a reader's segments grows as it needs.
        assert!(many - few <= 200 * 6, "{few} for 10 readers, {many} for 210");
    }
}

#[test]
fn a_publish_allocates_little() {
    let mut bench = Bench::new();
    let socket = bench.client(WEBSOCKET);
    let frame = [&[0x81, 0x84, 0, 0, 0, 0][..], b"text"].concat();
    let over_http = bench.client("GET /-/healthy HTTP/1.1\r\nHost: h\r\n\r\n");
    let request = b"PUT /t HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\ntext";
    for _ in 0..3 {
        bench.says(socket, &frame);
        bench.says(over_http, request);
        bench.deliver();
    }
    let framed = measure(|| bench.says(socket, &frame)).count_total;
    assert!(framed <= 3, "{framed} for a frame that publishes");
    bench.deliver();
    let posted = measure(|| bench.says(over_http, request)).count_total;
    assert!(
        posted <= 3,
        "{posted} for a request that publishes behind a head that was heard before"
    );
    // Behind these, no queue has to grow.
    let unfamiliar = |n| format!("PUT /t?{n} HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\ntext");
    for n in 0..3 {
        bench.deliver();
        bench.says(over_http, unfamiliar(n).as_bytes());
    }
    bench.deliver();
    let request = unfamiliar(3);
    let posted = measure(|| bench.says(over_http, request.as_bytes())).count_total;
    assert!(posted <= 5, "{posted} for a request that publishes");
}

#[test]
fn a_publish_allocates_nothing_where_as_many_messages_fall_off_as_come() {
    let mut bench = Bench::within(Limits { history_messages: 2, ..Limits::default() });
    let topic = |n| WEBSOCKET.replace("/t/", &format!("/t{n}/"));
    let sockets: Vec<_> = (0..100).map(|n| bench.client(&topic(n))).collect();
    let frame = [&[0x81, 0x84, 0, 0, 0, 0][..], b"text"].concat();
    // A hundred come before a hundred fall off.
    let mut turn = || {
        for socket in &sockets {
            bench.says(*socket, &frame);
        }
        bench.deliver();
    };
    // Behind these, no queue has to grow, or to shrink, and what fell off is swept out of them.
    (0..30).for_each(|_| turn());
    assert_eq!(measure(|| (0..10).for_each(|_| turn())).count_total, 0);
}

#[test]
fn a_poll_allocates_little() {
    for (request, first_max, again_max) in [
        ("GET /t?since=earliest HTTP/1.1\r\nHost: h\r\n\r\n", 9, 0),
        ("GET /t?since=latest HTTP/1.1\r\nHost: h\r\n\r\n", 7, 0),
    ] {
        let mut bench = Bench::new();
        bench.posted();
        let client = bench.client(request);
        bench.broker.wall_clock(WallSecond { unix_s: 784_111_778, ends: Millis(1000) });
        let first = measure(|| bench.says(client, request.as_bytes())).count_total;
        assert!(first <= first_max, "{first} for an answer that nobody had: {request}");
        let again = measure(|| bench.says(client, request.as_bytes())).count_total;
        assert!(again <= again_max, "{again} for one that somebody had: {request}");
    }
}
