//! The hub's facts: rounds, retention, forgetting, and where readers start.

use super::*;
use crate::ids::{Cursor, Millis};
use crate::limits::{
    ENTRY_OVERHEAD_BYTES, MESSAGE_OVERHEAD_BYTES, RENDITIONS_BYTES_MIN, RENDITIONS_SHARE,
    TOPIC_OVERHEAD_BYTES,
};
use crate::technique::message::{Message, Payload};
use crate::technique::{Format, GapReason};
use crate::wire::deflate::Window;

fn name(text: &str) -> TopicName {
    TopicName::parse(text).expect("a good name")
}

fn conn(slot: u32) -> ConnId {
    ConnId { slot, generation: 1 }
}

/// A hub, and the sequence that feeds it.
struct Bench {
    hub: Hub,
    seq: u64,
}

impl Bench {
    fn new(limits: &Limits) -> Self {
        Self { hub: Hub::new(Epoch(14), limits, 1), seq: 0 }
    }

    fn publish(&mut self, topic: &str, at: u64) -> Seq {
        self.seq += 1;
        self.hub.append(Arc::new(Message {
            seq: Seq(self.seq),
            topic: name(topic),
            event: None,
            payload: Payload::posted(b"x"),
            at: Millis(at).micros(),
        }));
        Seq(self.seq)
    }

    /// Ends all rounds, and tells who was served.
    fn rounds(&mut self) -> Vec<u32> {
        std::iter::from_fn(|| self.hub.next_subscriber()).map(|id| id.slot).collect()
    }

    fn start(&self, topics: &[&str], asked: &Cursor) -> (u64, Option<(String, u64, GapReason)>) {
        let names: Vec<_> = topics.iter().map(|t| name(t)).collect();
        let start = self.hub.start(&names, asked);
        let gap = start.gap.map(|g| (g.from.to_string(), g.to.seq.0, g.reason));
        (start.cursor.0, gap)
    }

    fn after(&self, topic: &str, seq: u64) -> (u64, Option<(String, u64, GapReason)>) {
        self.start(&[topic], &Cursor::After(self.hub.id(Seq(seq))))
    }
}

fn few(messages: usize) -> Limits {
    Limits { history_messages: messages, ..Limits::default() }
}

#[test]
fn a_round_serves_every_reader_once_and_a_message_within_it_opens_another() {
    let mut bench = Bench::new(&Limits::default());
    for slot in 0..3 {
        bench.hub.subscribe(&name("a"), conn(slot), Technique::Sse);
    }
    bench.publish("a", 0);
    assert_eq!(bench.hub.next_subscriber(), Some(conn(2)));
    bench.publish("a", 0);
    assert_eq!(bench.rounds(), [1, 0, 2, 1, 0]);
    assert!(!bench.hub.has_rounds());
}

#[test]
fn nobody_is_passed_over_when_readers_leave_within_a_round() {
    for leaver in 0..4_u32 {
        for served in 0..4 {
            let mut bench = Bench::new(&Limits::default());
            let seats: Vec<_> = (0..4)
                .map(|slot| bench.hub.subscribe(&name("a"), conn(slot), Technique::Sse))
                .collect();
            bench.publish("a", 0);
            let mut seen: Vec<u32> =
                (0..served).filter_map(|_| bench.hub.next_subscriber().map(|id| id.slot)).collect();
            bench.hub.unsubscribe(seats[leaver as usize], Technique::Sse);
            seen.extend(bench.rounds());
            for slot in (0..4).filter(|&slot| slot != leaver) {
                assert!(seen.contains(&slot), "{slot} when {leaver} left after {served}");
            }
        }
    }
}

#[test]
fn a_topic_keeps_its_newest_messages_and_trims_only_between_rounds() {
    let mut bench = Bench::new(&few(2));
    bench.hub.subscribe(&name("a"), conn(0), Technique::Sse);
    for _ in 0..4 {
        bench.publish("a", 0);
    }
    let topic = bench.hub.find(&name("a")).expect("it is held");
    assert_eq!(bench.hub.log(topic).len(), 4, "a round is on");
    assert_eq!(bench.rounds(), [0, 0]);
    assert_eq!(bench.hub.log(topic).len(), 2);
    assert_eq!(bench.hub.log(topic).evicted(), Seq(2));
}

#[test]
fn at_twice_the_bound_there_is_no_room_until_everyone_was_served() {
    let mut bench = Bench::new(&few(2));
    bench.hub.subscribe(&name("a"), conn(0), Technique::Sse);
    let mut published = 0;
    while bench.hub.has_room() {
        bench.publish("a", 0);
        published += 1;
    }
    assert_eq!(published, 5, "twice the bound, and a message");
    let topic = bench.hub.find(&name("a")).expect("it is held");
    assert_eq!(bench.hub.log(topic).evicted(), Seq(0), "nothing went unoffered");
    bench.rounds();
    assert!(bench.hub.has_room());
    assert_eq!(bench.hub.log(topic).evicted(), Seq(3));
}

const ONE: usize = 1 + MESSAGE_OVERHEAD_BYTES;

/// Bounds under which one thread retains so many messages of one byte, on so many topics.
fn retaining(messages: usize, topics: usize) -> Limits {
    let cost = messages * (ONE + ENTRY_OVERHEAD_BYTES) + topics * TOPIC_OVERHEAD_BYTES;
    // What is for renditions comes on top.
    Limits { retain_bytes: cost * RENDITIONS_SHARE / (RENDITIONS_SHARE - 1) + 1, ..few(1000) }
}

#[test]
fn nothing_falls_off_while_anybody_lags_whatever_the_bound() {
    let one = ONE;
    let limits = Limits { history_age_ms: 100, history_messages: 2, ..retaining(3, 2) };
    let mut bench = Bench::new(&limits);
    for slot in 0..2 {
        bench.hub.subscribe(&name("a"), conn(slot), Technique::Sse);
    }
    bench.hub.lag(true);
    bench.hub.lag(true);
    for _ in 0..4 {
        bench.publish("a", 0);
        bench.publish("b", 0);
    }
    bench.rounds();
    bench.hub.expire(Millis(100));
    bench.hub.lag(false);
    bench.rounds();
    assert_eq!(bench.hub.holdings(), (2, 8, 8 * one));
    assert!(!bench.hub.has_room());
    bench.hub.lag(false);
    bench.rounds();
    assert_eq!(bench.hub.holdings(), (2, 3, 3 * one), "then by count, and by bytes in all");
    assert!(bench.hub.has_room());
    bench.publish("a", 99);
    bench.hub.expire(Millis(100));
    assert_eq!(bench.hub.holdings().1, 4, "a round is on");
    bench.rounds();
    bench.hub.expire(Millis(100));
    assert_eq!(bench.hub.holdings().1, 1, "and then by age");
}

#[test]
fn the_oldest_message_of_the_server_goes_first() {
    let one = ONE;
    let mut bench = Bench::new(&retaining(3, 2));
    for topic in ["a", "b", "a", "c", "c"] {
        bench.publish(topic, 0);
        bench.rounds();
    }
    assert_eq!(bench.hub.holdings(), (2, 3, 3 * one));
    assert!(bench.hub.find(&name("b")).is_none(), "nothing left, nobody there");
}

#[test]
fn the_newest_message_stays_however_little_may_be_retained() {
    let mut bench = Bench::new(&retaining(0, 0));
    for topic in ["a", "b", "b"] {
        assert!(bench.hub.has_room());
        bench.publish(topic, 0);
        bench.rounds();
        assert_eq!(bench.hub.holdings().1, 1);
    }
}

#[test]
fn renditions_go_before_messages_and_the_oldest_of_them_first() {
    let mut hub = Hub::new(Epoch(14), &Limits { retain_bytes: 1, ..Limits::default() }, 1);
    hub.lag(true);
    let mut held = 0;
    for seq in 1..=200 {
        let message = Message {
            seq: Seq(seq),
            topic: name("a"),
            event: None,
            payload: Payload::posted(vec![b'x'; 10_000]),
            at: Millis(0).micros(),
        };
        hub.append(Arc::new(message)); // Somebody lags: all of them stay.
        let topic = hub.find(&name("a")).expect("it is held");
        let entry = hub.log(topic).get(seq as usize - 1).expect("just appended");
        let first = std::rc::Rc::as_ptr(hub.encoded((topic, entry), Format::Poll, None));
        hub.encoded((topic, entry), Format::Frame, Some(Window::Bits9));
        let again = std::rc::Rc::as_ptr(hub.encoded((topic, entry), Format::Poll, None));
        assert_eq!(again, first, "shared");
        held = hub.rendered_bytes();
        hub.trim_renditions();
        assert!(hub.rendered_bytes() <= RENDITIONS_BYTES_MIN.min(held));
    }
    assert!(held > RENDITIONS_BYTES_MIN, "the last one passed the bound");
    assert_eq!(hub.holdings().1, 200);
    let log = hub.log(hub.find(&name("a")).expect("it is held"));
    let kept: Vec<bool> = (0..200).map(|n| log.get(n).expect("held").has_renditions()).collect();
    let first = kept.iter().position(|kept| *kept).expect("the newest are kept");
    assert!((100..199).contains(&first) && kept[first..].iter().all(|kept| *kept), "{first}");
    hub.hold_renditions(0);
    assert_eq!(hub.rendered_bytes(), 0);
}

#[test]
fn what_is_evicted_takes_its_renditions_and_its_cost_along() {
    let mut bench = Bench::new(&few(3));
    for n in 0..5_000_u64 {
        bench.publish(["a", "b"][(n % 2) as usize], 0);
        let topic = bench.hub.newest.expect("just published");
        let log = bench.hub.log(topic);
        let entry = log.get(log.len() - 1).expect("just published");
        bench.hub.encoded((topic, entry), Format::Event, None);
        bench.rounds();
        bench.hub.trim_renditions();
        assert!(bench.hub.rendered_bytes() < 10_000);
    }
    bench.hub.expire(Millis(u64::MAX));
    assert_eq!((bench.hub.holdings(), bench.hub.cost()), ((0, 0, 0), 0));
}

#[test]
fn age_takes_messages_and_then_their_topics() {
    let mut bench = Bench::new(&Limits { history_age_ms: 100, ..Limits::default() });
    bench.publish("a", 0);
    bench.publish("b", 50);
    bench.rounds();
    assert_eq!(bench.hub.next_deadline(), Some(Millis(100)));
    bench.hub.expire(Millis(99));
    assert_eq!(bench.hub.holdings().1, 2);
    bench.hub.expire(Millis(100));
    assert_eq!(bench.hub.holdings().0, 1);
    bench.hub.expire(Millis(150));
    assert_eq!(bench.hub.holdings(), (0, 0, 0));
    assert_eq!(bench.hub.next_deadline(), None);
}

#[test]
fn the_queue_of_ages_does_not_grow_with_messages_long_gone() {
    let mut bench = Bench::new(&few(1));
    for n in 0..20_000 {
        bench.publish("a", n);
        bench.rounds();
    }
    assert!(bench.hub.ages.len() < 2_000, "{}", bench.hub.ages.len());
    bench.hub.expire(Millis(u64::MAX));
    assert_eq!(bench.hub.holdings(), (0, 0, 0));
}

#[test]
fn a_cursor_of_this_numbering_starts_where_it_says() {
    let mut bench = Bench::new(&few(2));
    assert_eq!(bench.start(&["a"], &Cursor::Latest), (0, None));
    for _ in 0..3 {
        bench.publish("a", 0);
    }
    bench.publish("b", 0);
    bench.rounds();
    assert_eq!(bench.start(&["a"], &Cursor::Latest), (4, None));
    assert_eq!(bench.start(&["a"], &Cursor::Earliest), (1, None));
    assert_eq!(bench.after("a", 1), (1, None));
    assert_eq!(bench.after("a", 4), (4, None));
    assert_eq!(bench.start(&["a", "b"], &Cursor::Earliest), (1, None));
}

#[test]
fn a_gap_says_from_where_to_where_and_why() {
    let mut bench = Bench::new(&few(2));
    for _ in 0..4 {
        bench.publish("a", 0);
    }
    bench.rounds();
    assert_eq!(bench.after("a", 1), (2, Some(("e-1".into(), 3, GapReason::Expired))));
    assert_eq!(bench.after("a", 5), (2, Some(("e-5".into(), 3, GapReason::Epoch))));
    let foreign = Cursor::parse("f-3");
    let epoch = |from: &str| Some((from.to_string(), 3, GapReason::Epoch));
    assert_eq!(bench.start(&["a"], &foreign), (2, epoch("f-3")));
    let unknown = Cursor::parse("newest");
    assert_eq!(bench.start(&["a"], &unknown), (2, epoch("newest")));
}

#[test]
fn a_forgotten_topic_still_owns_up_to_what_it_lost() {
    let mut bench = Bench::new(&Limits { history_age_ms: 100, ..Limits::default() });
    for _ in 0..3 {
        bench.publish("a", 0);
    }
    bench.rounds();
    bench.hub.expire(Millis(100));
    assert_eq!(bench.hub.holdings().0, 0);
    assert_eq!(bench.after("a", 1), (3, Some(("e-1".into(), 3, GapReason::Expired))));
    assert_eq!(bench.after("a", 3), (3, None));
    assert_eq!(bench.start(&["a"], &Cursor::Earliest), (3, None));
}

#[test]
fn a_reader_at_the_tip_has_missed_nothing_and_one_behind_has() {
    let mut bench = Bench::new(&few(1));
    bench.publish("a", 0);
    bench.rounds();
    let evictions_seen = bench.hub.evictions();
    let seat = bench.hub.subscribe(&name("a"), conn(0), Technique::Sse);
    bench.publish("a", 0);
    bench.publish("a", 0);
    bench.rounds();
    assert!(bench.hub.missed(seat.topic, Seq(1), evictions_seen));
    assert!(!bench.hub.missed(seat.topic, Seq(3), evictions_seen));
    assert!(!bench.hub.missed(seat.topic, Seq(1), bench.hub.evictions()), "it was told");
}

#[test]
fn readers_that_come_and_go_between_two_changes_are_not_mentioned() {
    let mut bench = Bench::new(&Limits::default());
    let seat = bench.hub.subscribe(&name("a"), conn(0), Technique::LongPoll);
    bench.hub.unsubscribe(seat, Technique::LongPoll);
    assert_eq!(bench.hub.next_subscriber_change(), None);
    assert_eq!(bench.hub.holdings().0, 0, "and their topic is forgotten");
    bench.hub.subscribe(&name("a"), conn(0), Technique::LongPoll);
    let change = bench.hub.next_subscriber_change().expect("one came");
    assert_eq!((change.technique, change.difference), (Technique::LongPoll, 1));
}

#[test]
fn a_message_is_compressed_once_a_window_and_not_copied_where_that_gains_nothing() {
    let mut hub = Hub::new(Epoch(14), &Limits::default(), 1);
    for (seq, payload) in [(1, vec![b'x'; 1000]), (2, vec![b'x'; 10])] {
        hub.append(Arc::new(Message {
            seq: Seq(seq),
            topic: name("a"),
            event: None,
            payload: Payload::posted(payload),
            at: Millis(0).micros(),
        }));
    }
    let topic = || hub.find(&name("a")).into_iter();
    let (long, short) = (hub.next(topic(), Seq(0)), hub.next(topic(), Seq(1)));
    let (long, short) = (long.expect("there"), short.expect("there"));
    let deflated = |entry: &log::Entry, window| {
        std::rc::Rc::as_ptr(entry.deflated(Format::Frame, window, Epoch(14)))
    };
    let plain = |entry: &log::Entry| std::rc::Rc::as_ptr(entry.encoded(Format::Frame, Epoch(14)));

    let once = Window::ALL.map(|window| deflated(long, window));
    assert_eq!(Window::ALL.map(|window| deflated(long, window)), once);
    assert!(once[0] != once[1] && once[1] != once[2]);
    assert!(!once.contains(&plain(long)));
    for window in Window::ALL {
        assert_eq!(deflated(short, window), plain(short));
    }
}

#[test]
fn messages_of_several_topics_come_in_the_order_of_their_numbers_from_any_cursor() {
    let mut bench = Bench::new(&Limits::default());
    for n in 0..200_u32 {
        // Runs of one topic, changes of topic, and one topic that ends early.
        let topic = ["a", "b", "c", "d", "b"][(n * n / 7 % 5) as usize];
        bench.publish(if n > 50 && topic == "d" { "a" } else { topic }, 0);
    }
    let hub = &bench.hub;
    for names in [&["a"][..], &["b", "d"], &["d", "c", "b", "a"], &["nobody"], &[]] {
        let ids: Vec<_> = names.iter().filter_map(|topic| hub.find(&name(topic))).collect();
        for cursor in (0..=201).map(Seq) {
            let mut expected: Vec<Seq> = ids
                .iter()
                .flat_map(|&id| (0..).map_while(move |n| hub.log(id).get(n)))
                .map(log::Entry::seq)
                .filter(|seq| *seq > cursor)
                .collect();
            expected.sort();
            let merged = || hub.merge(ids.iter().copied(), cursor);
            assert!(merged().map(|(_, entry)| entry.seq()).eq(expected.iter().copied()));
            assert!(merged().all(|(id, entry)| hub.name(id) == entry.topic()));
            let next = hub.next(ids.iter().copied(), cursor);
            assert_eq!(next.map(log::Entry::seq), expected.first().copied());
        }
    }
}
