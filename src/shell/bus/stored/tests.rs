//! What is handed over and told, without a store: the test plays its thread.

use std::net::IpAddr;

use super::super::super::mailbox::{self, Mailbox};
use super::*;
use crate::ids::{ConnId, Epoch, Seq, TopicName};
use crate::limits::{Limits, UNCOMMITTED_MAX};
use crate::technique::message::{Draft, Payload, Unnumbered};

/// A bus with two threads and a line, without the threads.
fn bus(limits: &Limits) -> (Bus, [Mailbox; 2]) {
    let [(first, own), (second, other)] = [0, 1].map(|_| {
        let poll = mio::Poll::new().expect("a descriptor");
        mailbox::new(mio::Waker::new(poll.registry(), mio::Token(0)).expect("a descriptor"))
    });
    (Bus::new(limits, vec![first, second], true), [own, other])
}

fn conn(slot: u32) -> ConnId {
    ConnId { slot, generation: 0 }
}

fn order(slot: u32) -> (ConnId, Draft) {
    let draft = Draft {
        message: Unnumbered::new(
            TopicName::parse("a").expect("a good name"),
            None,
            Payload::posted(b"x"),
        ),
        from: IpAddr::from([192, 0, 2, 1]).into(),
        idempotency_key: None,
    };
    (conn(slot), draft)
}

fn hand_over(bus: &Bus, batch: &mut Batch, orders: &[u32]) {
    batch.orders.extend(orders.iter().map(|&slot| order(slot)));
    assert_eq!(bus.handle(batch, ShardId(0), Micros(0)), 0, "nothing is posted yet");
}

/// Takes what stands in the line.
fn taken(bus: &Bus) -> Vec<StoreOrder> {
    let mut orders = Vec::new();
    bus.next_orders(&mut orders, Duration::ZERO);
    orders
}

fn appended(seq: u64, slot: Option<u32>) -> StoreAnswer {
    let (_, draft) = order(0);
    let message = draft.message.number(Seq(seq), Micros(0));
    let asker = slot.map(|slot| Asker { shard: ShardId(0), conn: conn(slot) });
    StoreAnswer::Appended { message, asker }
}

fn read(mailbox: &Mailbox) -> Vec<String> {
    let mut letters = Vec::new();
    mailbox.drain(&mut letters);
    mailbox.note_unread((0, 0));
    let short = |letter| match letter {
        Letter::Committed { message, receipt } => {
            format!("{} {:?}", message.seq.0, receipt.map(|receipt| receipt.conn.slot))
        }
        Letter::Unavailable(conn) => format!("unavailable {}", conn.slot),
        Letter::Refused(conn) => format!("refused {}", conn.slot),
        Letter::TooFast { conn, .. } => format!("too fast {}", conn.slot),
        Letter::StoreState(fault) => format!("{fault:?}"),
        Letter::Anew { epoch, past } => format!("anew {} {}", epoch.0, past.messages.len()),
        other => format!("{other:?}"),
    };
    letters.into_iter().map(short).collect()
}

#[test]
fn nobody_hears_before_the_store_has_answered() {
    let (bus, [own, other]) = bus(&Limits::default());
    let mut batch = Batch::default();
    hand_over(&bus, &mut batch, &[7, 8]);
    assert!(batch.is_empty() && own.is_empty() && other.is_empty());
    let orders = taken(&bus);
    assert_eq!(orders.iter().map(|order| order.asker.conn.slot).collect::<Vec<_>>(), [7, 8]);
    let unavailable = StoreAnswer::Unavailable(orders[1].asker);
    bus.tell(&mut vec![appended(1, Some(7)), unavailable, appended(2, None)]);
    assert_eq!(read(&own), ["1 Some(7)", "unavailable 8", "2 None"]);
    assert_eq!(read(&other), ["1 None", "2 None"]);
    bus.tell_store_state(Some(&"full".into()));
    assert_eq!(read(&other), [r#"Some("full")"#]);
}

#[test]
fn every_thread_hears_in_its_place_that_numbers_begin_anew_and_is_woken() {
    let (bus, [own, other]) = bus(&Limits::default());
    let mut batch = Batch::default();
    hand_over(&bus, &mut batch, &[7]);
    assert!(own.fall_asleep() && other.fall_asleep());
    let anew = StoreAnswer::Anew { epoch: Epoch(15), past: Arc::default() };
    bus.tell(&mut vec![appended(9, None), anew, appended(1, Some(7))]);
    assert!(bus.addresses.iter().all(|address| !address.wake_if_asleep()), "nobody sleeps on");
    assert_eq!(read(&own), ["9 None", "anew 15 0", "1 Some(7)"]);
    assert_eq!(read(&other), ["9 None", "anew 15 0", "1 None"]);
}

#[test]
fn what_is_in_flight_counts_as_if_it_lay_in_the_boxes() {
    let (bus, [own, other]) = bus(&Limits::default());
    other.note_unread((MAILBOX_LETTERS_MAX - 2, 0));
    let mut batch = Batch::default();
    hand_over(&bus, &mut batch, &[1, 2, 3]);
    assert_eq!((taken(&bus).len(), batch.orders.len()), (2, 1), "room for two answers");
    hand_over(&bus, &mut batch, &[]);
    assert_eq!((taken(&bus).len(), batch.orders.len()), (0, 1));
    bus.tell(&mut vec![appended(1, Some(1)), appended(2, Some(2))]);
    hand_over(&bus, &mut batch, &[]);
    assert_eq!(taken(&bus).len(), 0, "they lie in the boxes now");
    other.note_unread((0, 0));
    read(&other);
    hand_over(&bus, &mut batch, &[]);
    assert_eq!((taken(&bus).len(), read(&own).len()), (1, 2));
}

#[test]
fn bytes_of_a_slow_store_are_bounded_and_one_message_always_goes() {
    let (bus, [_own, other]) = bus(&Limits::default());
    other.note_unread((1, MAILBOX_BYTES_MAX));
    let mut batch = Batch::default();
    hand_over(&bus, &mut batch, &[1, 2]);
    assert_eq!((taken(&bus).len(), batch.orders.len()), (1, 1));
}

#[test]
fn a_refusal_waits_for_the_answers_of_its_own_connection_only() {
    let (bus, [own, other]) = bus(&Limits::default());
    other.note_unread((MAILBOX_LETTERS_MAX - 1, 0));
    let mut batch = Batch::default();
    hand_over(&bus, &mut batch, &[1]);
    batch.orders.extend([order(1), order(2)]);
    batch.orders.resize(UNCOMMITTED_MAX + 2, order(3));
    bus.handle(&mut batch, ShardId(0), Micros(0));
    assert_eq!((read(&own), batch.orders.len()), (vec!["refused 2".into()], UNCOMMITTED_MAX));
    let orders = taken(&bus);
    assert!(
        matches!(orders[1], StoreOrder { asker, asked: StoreAsk::Refused } if asker.conn == conn(1))
    );
    bus.tell(&mut vec![appended(1, Some(1)), StoreAnswer::Refused(orders[1].asker)]);
    assert_eq!(read(&own), ["1 Some(1)", "refused 1"]);
}

#[test]
fn who_is_too_fast_is_told_so_in_the_order_of_asking() {
    let limits = Limits { publishes_per_second_max: 1, publish_burst: 1, ..Limits::default() };
    let (bus, [own, _other]) = bus(&limits);
    let mut batch = Batch::default();
    hand_over(&bus, &mut batch, &[1, 1, 2]);
    assert_eq!(read(&own), ["too fast 2"], "it waits for nothing else");
    let orders = taken(&bus);
    assert!(matches!(orders[1].asked, StoreAsk::TooFast { .. }));
}

#[test]
fn a_store_ends_when_all_is_taken() {
    let (bus, _boxes) = bus(&Limits::default());
    let mut batch = Batch::default();
    hand_over(&bus, &mut batch, &[1]);
    bus.end_store();
    let mut orders = Vec::new();
    assert_eq!(bus.next_orders(&mut orders, Duration::from_secs(9)), NextStep::Append);
    orders.clear();
    assert_eq!(bus.next_orders(&mut orders, Duration::from_secs(9)), NextStep::End);
}
