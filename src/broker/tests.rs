//! What the shell asks between its steps: is there work, and may more be read.

use std::io::IoSlice;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;

use super::{Broker, Letter, Setup, Teardown, accounting};
use crate::conn::Conn;
use crate::conn::outbox::Outbox;
use crate::conn::response_context::Quoted;
use crate::conn::state::{State, Upload};
use crate::hub::past::Past;
use crate::ids::{ConnId, Door, Millis, Seat, Seq, TopicName};
use crate::ledger::{Call, Ledger, Order, Payer, Process, Refusal, RefusedConnection, Rows, Scope};
use crate::limits::{
    DELIVERY_STEP_BYTES, DELIVERY_STEPS_PER_PORTION, EFFECTS_BYTES_MAX, EXPIRIES_PER_TURN, Limits,
    OUTBOX_BYTES_HIGH, SLICES_MAX, UNANSWERED_MAX,
};
use crate::technique::message::{Message, Payload};

const NOW: Millis = Millis(0);

fn connect(broker: &mut Broker, port: u16) -> ConnId {
    let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    broker.accepted(peer, Door::Public, NOW).expect("there is room")
}

fn letter(seq: u64) -> Letter {
    letter_of(seq, b"hello")
}

fn letter_of(seq: u64, text: &[u8]) -> Letter {
    let message = Arc::new(Message {
        seq: Seq(seq),
        topic: TopicName::parse("t").expect("a topic"),
        event: None,
        payload: Payload::posted(text),
        at: NOW.micros(),
    });
    Letter::Committed { message, receipt: None }
}

#[test]
fn a_socket_to_be_closed_is_work_and_a_connection_that_waits_is_none() {
    let mut broker = Broker::new(Setup::default());
    let id = connect(&mut broker, 1024);
    assert!(!broker.has_work());
    broker.peer_finished(id, NOW);
    assert!(broker.has_work());
    broker.next_teardown().expect("it is to be closed");
    broker.socket_closed(id, None, NOW);
    assert!(!broker.has_work());
}

#[test]
fn an_unread_letter_is_work_until_its_readers_were_served() {
    let mut broker = Broker::new(Setup::default());
    let id = connect(&mut broker, 1024);
    broker.received(id, &mut b"GET /t/sse HTTP/1.1\r\nHost: h\r\n\r\n".to_vec(), NOW);
    broker.sent(id, broker.outbox(id).expect("a greeting").bytes(), NOW.micros());
    assert!(!broker.has_work());
    broker.letter(letter(1), NOW);
    assert!(broker.has_work() && !broker.has_output(id));
    assert!(!broker.deliver(NOW), "one portion is enough");
    assert!(!broker.has_work() && broker.has_output(id));
}

#[test]
fn a_message_that_is_too_old_when_its_letter_is_read_is_told_to_nobody() {
    let mut broker = Broker::new(Setup::default());
    let late = NOW.plus(Limits::default().history_age_ms);
    for (now, answer) in [(Millis(late.0 - 1), "HTTP/1.1 200 "), (late, "HTTP/1.1 204 ")] {
        broker.letter(letter(now.0), now);
        let id = connect(&mut broker, 1024);
        broker.received(
            id,
            &mut b"GET /t?since=earliest HTTP/1.1\r\nHost: h\r\n\r\n".to_vec(),
            now,
        );
        let told = broker.outbox(id).and_then(Outbox::only_slice).expect("an answer");
        assert!(told.starts_with(answer.as_bytes()), "{}", String::from_utf8_lossy(told));
    }
}

#[test]
fn a_message_of_an_earlier_run_that_is_too_old_is_gone_before_anybody_asks() {
    let late = NOW.plus(Limits::default().history_age_ms);
    for (now, answer) in [(Millis(late.0 - 1), "HTTP/1.1 200 "), (late, "HTTP/1.1 204 ")] {
        let Letter::Committed { message, .. } = letter(1) else { panic!("it is one") };
        let past = Past { tip: Seq(1), messages: vec![(message, Seq(0))], ..Past::default() };
        let mut broker = Broker::new(Setup { past: Some(Arc::new(past)), ..Setup::default() });
        assert_eq!(broker.next_deadline(), Some(late));
        broker.expire(now);
        let id = connect(&mut broker, 1024);
        let mut request = b"GET /t?since=earliest HTTP/1.1\r\nHost: h\r\n\r\n".to_vec();
        broker.received(id, &mut request, now);
        let told = broker.outbox(id).and_then(Outbox::only_slice).expect("an answer");
        assert!(told.starts_with(answer.as_bytes()), "{}", String::from_utf8_lossy(told));
    }
}

/// What the kernel takes of an outbox, up to so many bytes at a time, until it is empty.
fn taken(broker: &mut Broker, id: ConnId, at_a_time: usize) -> Vec<u8> {
    let mut all = Vec::new();
    while broker.has_output(id) {
        let outbox = broker.outbox(id).expect("it is connected");
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let filled = outbox.slices(&mut slices);
        let bytes: Vec<u8> = slices[..filled].iter().flat_map(|slice| slice.to_vec()).collect();
        let taken = bytes.len().min(at_a_time);
        all.extend_from_slice(&bytes[..taken]);
        broker.sent(id, taken, NOW.micros());
    }
    all
}

#[test]
fn a_reader_that_has_caught_up_is_waited_for_as_before() {
    let limits = Limits { history_messages: 10, ..Limits::default() };
    let mut broker = Broker::new(Setup { limits, ..Setup::default() });
    let id = connect(&mut broker, 1024);
    broker.received(id, &mut b"GET /t/sse HTTP/1.0\r\n\r\n".to_vec(), NOW);
    taken(&mut broker, id, usize::MAX);
    let text = [b'x'; OUTBOX_BYTES_HIGH / 8];
    let tell = |broker: &mut Broker, seqs: RangeInclusive<u64>, at_a_time| {
        let messages = seqs.clone().count();
        seqs.for_each(|seq| broker.letter(letter_of(seq, &text), NOW));
        let mut told = Vec::new();
        while broker.deliver(NOW) || broker.has_output(id) {
            told.extend(taken(broker, id, at_a_time));
        }
        let told = String::from_utf8(told).expect("text");
        assert!(!told.contains("event: gap"), "it had room");
        assert_eq!(told.matches("\ndata: x").count(), messages);
    };
    tell(&mut broker, 1..=30, usize::MAX);
    tell(&mut broker, 31..=34, OUTBOX_BYTES_HIGH / 4); // Of less than is high.
    tell(&mut broker, 35..=64, usize::MAX);
}

#[test]
fn letters_that_wait_for_a_lagging_reader_are_no_work() {
    let mut broker = Broker::new(Setup::default());
    broker.shard.hub.lag(true);
    let bound = broker.shard.policy.limits.history_messages as u64;
    (1..=3 * bound).for_each(|seq| broker.letter(letter(seq), NOW));
    while broker.deliver(NOW) {}
    let (unread, bytes) = broker.unread_letters();
    assert!(unread > 0, "there is no room for all of them");
    assert!(bytes >= unread * b"hello".len(), "{bytes}");
    assert!(!broker.has_work());
    broker.shard.hub.lag(false);
    assert!(broker.has_work());
    while broker.deliver(NOW) {}
    assert_eq!(broker.unread_letters().0, 0);
}

#[test]
fn few_long_publishes_stop_input_until_they_are_carried_out() {
    let mut broker = Broker::new(Setup::default());
    let body = vec![b'x'; EFFECTS_BYTES_MAX / 8];
    let head = format!("POST /t HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", body.len());
    for n in 0..8 {
        assert!(broker.takes_input(), "{n}");
        let id = connect(&mut broker, 1024 + n);
        broker.received(id, &mut [head.as_bytes(), &body].concat(), NOW);
    }
    assert!(!broker.takes_input());
    broker.next_effect().expect("a publish");
    assert!(broker.takes_input());
}

#[test]
fn whoever_is_refused_for_its_address_is_counted_among_the_refused_and_by_itself() {
    let mut ledger = Ledger::default();
    for refusal in [Refusal::AddressFull, Refusal::Full, Refusal::AddressFull] {
        let (written, read) = (Call::Write { bytes: 300 }, Call::Read { bytes: 70 });
        accounting::refused_unseen(&mut ledger, RefusedConnection { written, read, refusal });
    }
    assert_eq!((ledger.shared.refused, ledger.shared.refused_by_address), (3, 2));
}

/// Bytes of the heap of a new connection that has sent `text`.
fn held_after(broker: &mut Broker, text: &str) -> usize {
    let id = connect(broker, 1024);
    broker.received(id, &mut text.as_bytes().to_vec(), NOW);
    broker.sent(id, broker.outbox(id).expect("just accepted").bytes(), NOW.micros());
    broker.conn(id).expect("it stays").heap_bytes()
}

#[test]
fn a_connection_says_what_it_holds() {
    let mut broker = Broker::new(Setup::default());
    assert!(held_after(&mut broker, "GET /t HT") >= 9);
    let stream = |path| format!("GET {path}/sse HTTP/1.1\r\nHost: h\r\n\r\n");
    let one = held_after(&mut broker, &stream("/t"));
    let three = held_after(&mut broker, &stream("/t,u,v"));
    assert_eq!(one, size_of::<ConnId>());
    assert_eq!(three, 3 * (size_of::<Seat>() + size_of::<ConnId>()));
    // A parked poll holds no more, but what its client has already.
    let poll =
        |fields: &str| format!("GET /t?since=latest&wait=9 HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
    assert_eq!(held_after(&mut broker, &poll("")), one);
    let tag = format!("\"{}\"", "x".repeat(8_000));
    let with_tag = held_after(&mut broker, &poll(&format!("If-None-Match: {tag}\r\n")));
    assert_eq!(with_tag, one + size_of::<Quoted>() + tag.len());
}

#[test]
fn the_room_of_an_upload_grows_when_it_is_full_and_not_before() {
    let mut broker = Broker::new(Setup::default());
    let id = connect(&mut broker, 1024);
    let head = b"POST /t HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n";
    broker.received(id, &mut head.to_vec(), NOW);
    let room = |broker: &Broker| {
        let conn = broker.conn(id).expect("it stays");
        assert!(conn.aside.inbox().is_none(), "all of it is in the upload");
        conn.heap_bytes() - conn.aside.heap_bytes() - size_of::<Upload>()
    };
    for expected in [10, 20, 40, 40, 80] {
        broker.received(id, &mut [b'x'; 10], NOW);
        assert_eq!(room(&broker), expected);
    }
    broker.received(id, &mut [b'x'; 550], NOW);
    broker.received(id, &mut [b'x'; 300], NOW);
    assert_eq!(room(&broker), 1_000, "nothing beyond can come");
}

#[test]
fn what_is_read_of_a_body_is_paid_by_its_request() {
    let mut broker = Broker::new(Setup::default());
    let id = connect(&mut broker, 1024);
    let owed = |broker: &Broker| broker.conn(id).expect("it stays").costs.owed.reads;
    broker.charge(id, Call::Read { bytes: 50 });
    assert_eq!(owed(&broker), 1, "nobody knows yet what is asked");
    let head = b"POST /t HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n";
    broker.received(id, &mut head.to_vec(), NOW);
    assert_eq!(owed(&broker), 0);
    broker.charge(id, Call::Read { bytes: 10 });
    assert_eq!(owed(&broker), 0);
}

#[test]
fn a_socket_that_has_said_enough_is_not_read() {
    let mut broker = Broker::new(Setup::default());
    let id = connect(&mut broker, 1024);
    let handshake = b"GET /t/ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    broker.received(id, &mut handshake.to_vec(), NOW);
    broker.sent(id, broker.outbox(id).expect("a greeting").bytes(), NOW.micros());
    let frame = [0x81, 0x81, 0, 0, 0, 0, b'x'];
    broker.received(id, &mut frame.repeat(UNANSWERED_MAX - 1), NOW);
    assert!(broker.wants_bytes(id));
    broker.received(id, &mut frame.to_vec(), NOW);
    assert!(!broker.wants_bytes(id), "none of them is in the log yet");
}

#[test]
fn a_socket_that_fails_behind_a_message_without_an_answer_is_not_looked_at_over_and_over() {
    let limits = Limits { body_ms_max: 1_000, ..Limits::default() };
    let mut broker = Broker::new(Setup { limits, ..Setup::default() });
    let id = connect(&mut broker, 1024);
    let mut said =
        b"GET /t/ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            .to_vec();
    // One message, and the beginning of another.
    said.extend(b"\x81\x81\0\0\0\0x\x81\x82\0\0\0\0x");
    broker.received(id, &mut said, NOW);
    broker.sent(id, broker.outbox(id).expect("it is open").bytes(), NOW.micros());
    let late = NOW.plus(1_000);
    broker.expire(late);
    let Some(State::Open(socket)) = broker.conn(id).map(|conn| &conn.state) else {
        panic!("what was said before is still on its way");
    };
    assert!(socket.unanswered.is_failing());
    assert!(broker.next_deadline().is_some_and(|at| at > late), "{:?}", broker.next_deadline());
}

#[test]
fn a_report_counts_a_connection_with_its_slot_and_what_it_holds() {
    let mut broker = Broker::new(Setup::default());
    let text = b"GET /t,u/sse HTTP/1.1\r\nHost: h\r\n\r\n";
    let ids = [1024, 1025].map(|port| connect(&mut broker, port));
    for id in ids {
        broker.received(id, &mut text.to_vec(), NOW);
    }
    let held = broker.conn(ids[0]).expect("it stays").heap_bytes();
    assert!(held > 0);
    let report = broker.shard_report(Scope::Sums, Process::default(), NOW, |_| None);
    let user_bytes = report.gauges[Payer::Sse as usize].user_bytes;
    assert_eq!(user_bytes, 2 * (size_of::<Conn>() + held) as u64);
}

#[test]
fn a_portion_of_deliveries_is_so_many_readers_and_the_rest_are_still_to_come() {
    let mut broker = Broker::new(Setup::default());
    let text = b"GET /t/sse HTTP/1.1\r\nHost: h\r\n\r\n";
    let ids: Vec<ConnId> = (0..3 * DELIVERY_STEPS_PER_PORTION as u16)
        .map(|n| {
            let id = connect(&mut broker, 1024 + n);
            broker.received(id, &mut text.to_vec(), NOW);
            broker.sent(id, broker.outbox(id).expect("a greeting").bytes(), NOW.micros());
            id
        })
        .collect();
    broker.letter(letter(1), NOW);
    let mut served = Vec::new();
    let mut more = true;
    while more {
        more = broker.deliver(NOW);
        served.push(ids.iter().filter(|&&id| broker.has_output(id)).count());
    }
    assert_eq!(served[..3], [1, 2, 3].map(|portions| portions * DELIVERY_STEPS_PER_PORTION));
}

#[test]
fn a_portion_of_deliveries_is_the_smaller_the_more_each_reader_gets() {
    let mut broker = Broker::new(Setup::default());
    let text = b"GET /t/sse HTTP/1.1\r\nHost: h\r\n\r\n";
    let ids: Vec<ConnId> = (0..DELIVERY_STEPS_PER_PORTION as u16)
        .map(|n| {
            let id = connect(&mut broker, 1024 + n);
            broker.received(id, &mut text.to_vec(), NOW);
            broker.sent(id, broker.outbox(id).expect("a greeting").bytes(), NOW.micros());
            id
        })
        .collect();
    // More than an outbox takes: that of each reader that is served is full.
    let text = [b'x'; DELIVERY_STEP_BYTES];
    let enough = OUTBOX_BYTES_HIGH / DELIVERY_STEP_BYTES;
    (0..enough as u64).for_each(|n| broker.letter(letter_of(1 + n, &text), NOW));
    assert!(broker.deliver(NOW), "not all were served");
    let is_full = |id: &&ConnId| broker.outbox(**id).is_some_and(Outbox::is_high);
    assert_eq!(ids.iter().filter(is_full).count(), DELIVERY_STEPS_PER_PORTION.div_ceil(enough + 1));
}

#[test]
fn when_the_time_to_drain_is_over_everybody_is_cut_however_many_there_are() {
    let mut broker = Broker::new(Setup::default());
    let text = b"GET /t/sse HTTP/1.1\r\nHost: h\r\n\r\n";
    let readers = EXPIRIES_PER_TURN as u16 * 3 / 2;
    for n in 0..readers {
        let id = connect(&mut broker, 1024 + n);
        broker.received(id, &mut text.to_vec(), NOW); // It never takes the greeting.
    }
    let end = NOW.plus(broker.shard.policy.limits.drain_ms);
    broker.drain(NOW, end);
    for _ in 0..16 {
        broker.expire(end);
        while let Some((id, teardown)) = broker.next_teardown() {
            if !matches!(teardown, Teardown::HalfClose) {
                broker.socket_closed(id, None, end);
            }
        }
    }
    assert_eq!(broker.connections(), 0);
    assert_eq!(broker.drain_counts().expect("it drains").cut, u64::from(readers));
}

#[test]
fn a_row_says_accepted_until_the_first_request_is_understood() {
    let mut broker = Broker::new(Setup::default());
    let id = connect(&mut broker, 1024);
    let state = |broker: &Broker| {
        let rows = Rows { open: true, closed: false, order: Order::default(), most: 1 };
        let report = broker.shard_report(Scope::Rows(rows), Process::default(), NOW, |_| None);
        report.rows[0].state
    };
    broker.received(id, &mut b"POST /t HT".to_vec(), NOW);
    assert_eq!(state(&broker), "accepted");
    let rest = b"TP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nx";
    broker.received(id, &mut rest.to_vec(), NOW);
    assert_eq!(state(&broker), "body");
    broker.received(id, &mut b"x".to_vec(), NOW);
    assert_eq!(state(&broker), "awaiting");
}

#[test]
fn who_was_answered_makes_room_in_the_same_millisecond_and_who_was_not_heard_does_not() {
    let limits = Limits { connections_max: 1, ..Limits::default() };
    let mut broker = Broker::new(Setup { limits, ..Setup::default() });
    let id = connect(&mut broker, 1024);
    let newcomer = SocketAddr::from((Ipv4Addr::LOCALHOST, 1025));
    assert_eq!(broker.accepted(newcomer, Door::Public, NOW), None);
    broker.received(id, &mut b"GET /-/healthy HTTP/1.1\r\nHost: h\r\n\r\n".to_vec(), NOW);
    assert_eq!(broker.accepted(newcomer, Door::Public, NOW), None, "it has not its answer");
    broker.sent(id, broker.outbox(id).expect("an answer").bytes(), NOW.micros());
    assert!(broker.accepted(newcomer, Door::Public, NOW).is_some());
}
