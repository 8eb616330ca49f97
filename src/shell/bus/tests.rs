//! What is posted to whom, and who is held back.

use super::super::mailbox::{self, Mailbox};
use super::*;
use crate::limits::{MAILBOX_PILE_BYTES, MAILBOX_PILE_LETTERS};
use crate::technique::Technique;
use crate::technique::message::{Payload, Unnumbered};

/// A bus with two threads, without the threads.
fn bus() -> (Bus, [Mailbox; 2]) {
    let [(first, own), (second, other)] = [0, 1].map(|_| {
        // Nobody waits on the poll: a thread is asleep when its box says so.
        let poll = mio::Poll::new().expect("a descriptor");
        mailbox::new(mio::Waker::new(poll.registry(), mio::Token(0)).expect("a descriptor"))
    });
    let bus = Bus::new(&Limits::default(), vec![first, second], false);
    (bus, [own, other])
}

fn conn(slot: u32) -> ConnId {
    ConnId { slot, generation: 0 }
}

fn order(slot: u32, key: Option<&str>) -> (ConnId, Draft) {
    let draft = Draft {
        message: Unnumbered::new(
            TopicName::parse("a").expect("a good name"),
            None,
            Payload::posted(b"x"),
        ),
        from: std::net::IpAddr::from([192, 0, 2, 1]).into(),
        idempotency_key: key.map(Into::into),
    };
    (conn(slot), draft)
}

/// The letters of a box in short: number and addressee.
fn read(mailbox: &Mailbox) -> Vec<String> {
    let mut letters = Vec::new();
    mailbox.drain(&mut letters);
    mailbox.note_unread((0, 0));
    let short = |letter| match letter {
        Letter::Committed { message, receipt } => {
            let to = receipt.map(|receipt| (receipt.conn.slot, receipt.seq == message.seq));
            format!("{} {to:?}", message.seq.0)
        }
        Letter::Repeated(receipt) => format!("again {}", receipt.seq.0),
        Letter::Refused(conn) => format!("refused {}", conn.slot),
        Letter::TooFast { conn, .. } => format!("too fast {}", conn.slot),
        Letter::Unavailable(conn) => format!("unavailable {}", conn.slot),
        Letter::Counted { conn, .. } => format!("counted {}", conn.slot),
        Letter::StoreState(fault) => format!("store {fault:?}"),
        Letter::Anew { epoch, .. } => format!("anew {}", epoch.0),
        Letter::ReportWanted { from, .. } => format!("report wanted by {}", from.0),
        Letter::ShardReport(part) => format!("part of {}", part.threads),
    };
    letters.into_iter().map(short).collect()
}

#[test]
fn everyone_gets_the_message_and_the_asker_the_receipt() {
    let (bus, [own, other]) = bus();
    let mut batch = Batch::default();
    batch.orders.extend([order(7, Some("k")), order(8, Some("k")), order(9, None)]);
    assert_eq!(bus.handle(&mut batch, ShardId(0), Micros(0)), 0, "nobody sleeps");
    assert!(batch.is_empty());
    assert_eq!(read(&own), ["1 Some((7, true))", "again 1", "2 Some((9, true))"]);
    assert_eq!(read(&other), ["1 None", "2 None"]);
}

fn reader_came(shard: u16) -> (SubscriberChange, ShardId) {
    let topic = TopicName::parse("a").expect("a good name");
    let change = SubscriberChange { topic, technique: Technique::Sse, difference: 1 };
    (change, ShardId(shard))
}

/// The other thread has a reader.
fn bus_with_reader() -> (Bus, [Mailbox; 2]) {
    let (bus, boxes) = bus();
    let (change, shard) = reader_came(1);
    let mut batch = Batch { subscriber_changes: vec![change], ..Batch::default() };
    assert_eq!(bus.handle(&mut batch, shard, Micros(0)), 0);
    (bus, boxes)
}

#[test]
fn only_the_other_thread_is_woken_and_not_for_a_repeat() {
    let (bus, [own, other]) = bus_with_reader();
    let mut batch = Batch::default();
    assert!(own.fall_asleep() && other.fall_asleep());
    batch.orders.push_back(order(1, Some("k")));
    assert_eq!(bus.handle(&mut batch, ShardId(0), Micros(0)), 1);
    batch.orders.push_back(order(1, None));
    assert_eq!(bus.handle(&mut batch, ShardId(0), Micros(0)), 0, "woken before");
    other.wake_up();
    other.drain(&mut Vec::new());
    assert!(other.fall_asleep());
    batch.orders.push_back(order(1, Some("k")));
    assert_eq!(bus.handle(&mut batch, ShardId(0), Micros(0)), 0, "nothing for it");
}

#[test]
fn a_thread_without_a_reader_is_not_woken_before_its_letters_pile_up() {
    let (bus, [own, other]) = bus();
    let mut batch = Batch::default();
    assert!(own.fall_asleep() && other.fall_asleep());
    for n in 1..=MAILBOX_PILE_LETTERS {
        batch.orders.push_back(order(1, None));
        let woken = bus.handle(&mut batch, ShardId(0), Micros(0));
        assert_eq!(woken, usize::from(n == MAILBOX_PILE_LETTERS), "{n}");
        own.drain(&mut Vec::new());
    }
    other.wake_up();
    assert_eq!(read(&other).len(), MAILBOX_PILE_LETTERS, "they lay there all the time");
    assert!(other.fall_asleep());
    let mut long = order(1, None);
    let payload = Payload::posted(vec![b'x'; MAILBOX_PILE_BYTES]);
    long.1.message = Unnumbered::new(long.1.message.topic.clone(), None, payload);
    batch.orders.push_back(long);
    assert_eq!(bus.handle(&mut batch, ShardId(0), Micros(0)), 1, "much in one letter");
}

#[test]
fn a_full_box_holds_publishers_back_and_does_not_grow() {
    let (bus, [own, other]) = bus();
    let mut batch = Batch::default();
    batch.orders.resize(MAILBOX_LETTERS_MAX + 1, order(1, None));
    bus.handle(&mut batch, ShardId(0), Micros(0));
    assert_eq!((read(&own).len(), batch.orders.len()), (MAILBOX_LETTERS_MAX, 1));
    batch.orders.push_back(order(2, None));
    bus.handle(&mut batch, ShardId(0), Micros(0));
    assert_eq!(read(&own).len(), 0, "the other thread has not looked into its box");
    assert_eq!(read(&other).len(), MAILBOX_LETTERS_MAX);
    other.note_unread((MAILBOX_LETTERS_MAX - 1, 0));
    bus.handle(&mut batch, ShardId(0), Micros(0));
    let first = MAILBOX_LETTERS_MAX + 1;
    assert_eq!(read(&other), [format!("{first} None")], "it has read one of them");
    other.note_unread((0, 0));
    bus.handle(&mut batch, ShardId(0), Micros(0));
    assert_eq!(read(&other), [format!("{} None", first + 1)]);
    let committed = |seq, slot| format!("{seq} {:?}", Some((slot, true)));
    assert_eq!(read(&own), [committed(first, 1), committed(first + 1, 2)]);
}

#[test]
fn what_waits_is_bounded_and_the_oldest_is_refused() {
    let (bus, [own, other]) = bus();
    other.note_unread((MAILBOX_LETTERS_MAX, 0));
    let mut batch = Batch::default();
    batch.orders.push_back(order(1, None));
    batch.orders.resize(UNCOMMITTED_MAX + 1, order(2, None));
    bus.handle(&mut batch, ShardId(0), Micros(0));
    assert_eq!(read(&own), ["refused 1"]);
    assert_eq!(batch.orders.len(), UNCOMMITTED_MAX);
}
