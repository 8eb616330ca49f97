//! A numbering that begins anew: what is forgotten, what there is instead, and who hears of it.

use std::sync::Arc;

use super::*;
use crate::ids::{ConnId, Cursor, Id, Micros, Millis, TopicName};
use crate::limits::{EARLIER_EPOCHS_MAX, Limits};
use crate::technique::message::{Message, Payload};
use crate::technique::{Format, GapReason, Technique};

fn name(text: &str) -> TopicName {
    TopicName::parse(text).expect("a good name")
}

fn message(seq: u64, topic: &str) -> Arc<Message> {
    let payload = Payload::posted(format!("{topic}{seq}").into_bytes());
    Arc::new(Message { seq: Seq(seq), topic: name(topic), event: None, payload, at: Micros(seq) })
}

/// A hub in epoch 14, with messages of `topics` by turns.
fn hub(topics: &[&str], messages: u64) -> Hub {
    let mut hub = Hub::new(Epoch(14), &Limits::default(), 1);
    for seq in 1..=messages {
        hub.append(message(seq, topics[seq as usize % topics.len()]));
    }
    while hub.next_subscriber().is_some() {}
    hub
}

fn subscribe(hub: &mut Hub, topic: &str, slot: u32) -> TopicId {
    let conn = ConnId { slot, generation: 0 };
    hub.subscribe(&name(topic), conn, Technique::Sse).topic
}

/// Ends all rounds, and tells who was served.
fn rounds(hub: &mut Hub) -> Vec<u32> {
    std::iter::from_fn(|| hub.next_subscriber()).map(|id| id.slot).collect()
}

fn past(tip: u64, messages: &[(u64, &str, u64)]) -> Past {
    let messages = messages.iter();
    let messages = messages.map(|&(seq, topic, before)| (message(seq, topic), Seq(before)));
    Past { tip: Seq(tip), messages: messages.collect(), ..Past::default() }
}

#[test]
fn nothing_of_the_numbering_before_is_left_and_every_subscriber_has_a_round() {
    let mut hub = hub(&["a", "b"], 40);
    let (a, c) = (subscribe(&mut hub, "a", 1), subscribe(&mut hub, "c", 2));
    while hub.next_subscriber_change().is_some() {}
    let log = hub.log(a);
    let (first, seen) = (log.first().expect("it has messages"), hub.evictions());
    hub.encoded((a, first), Format::Event, None);
    assert!(hub.rendered_bytes() > 0);
    hub.begin_anew(Epoch(15), &Past::default());
    assert_eq!((hub.epoch(), hub.holdings()), (Epoch(15), (2, 0, 0)), "a and c are read");
    assert_eq!((hub.cost(), hub.retained_topics(), hub.next_deadline()), (0, 0, None));
    assert!(hub.find(&name("b")).is_none() && hub.find(&name("a")) == Some(a));
    assert!(hub.missed(a, Seq(40), seen) && hub.missed(c, Seq(0), seen));
    let since = hub.evictions();
    assert!(!hub.missed(a, Seq(0), since), "whoever comes now has missed nothing");
    assert_eq!((hub.ended_epoch(seen), hub.ended_epoch(since)), (Some(Epoch(14)), None));
    let mut served = rounds(&mut hub);
    served.sort_unstable();
    assert_eq!(served, [1, 2]);
    hub.append(message(1, "a"));
    hub.append(message(2, "b"));
    assert_eq!(rounds(&mut hub), [1], "rounds go on as ever");
}

#[test]
fn what_there_is_instead_is_told_as_at_a_start() {
    let mut hub = hub(&["a", "b"], 9);
    let a = subscribe(&mut hub, "a", 1);
    hub.begin_anew(Epoch(15), &past(7, &[(5, "a", 3), (6, "c", 0), (7, "a", 5)]));
    assert_eq!(rounds(&mut hub), [1], "one round for all of them");
    let start = |epoch, seq| {
        let id = Id { epoch: Epoch(epoch), seq: Seq(seq) };
        let start = hub.start(&[name("a")], &Cursor::After(id));
        (start.cursor.0, start.gap.map(|gap| (gap.to.seq.0, gap.reason)))
    };
    assert_eq!(start(14, 9), (4, Some((5, GapReason::Epoch))));
    assert_eq!(start(15, 2), (4, Some((5, GapReason::Expired))), "3 was lost");
    assert_eq!((start(15, 3), start(15, 7)), ((3, None), (7, None)));
    assert_eq!(start(15, 8), (4, Some((5, GapReason::Epoch))), "nobody has given that");
    assert_eq!((hub.log(a).len(), hub.log(a).evicted()), (2, Seq(3)));
    hub.append(message(8, "a"));
}

#[test]
fn a_topic_that_has_lost_all_says_so_to_whoever_reads_it() {
    let mut hub = hub(&["a"], 3);
    let a = subscribe(&mut hub, "a", 1);
    let group = super::super::forgotten::group(5, &name("a"));
    let past = Past { tip: Seq(9), group_key: 5, lost: vec![(group, Seq(8))], ..Past::default() };
    hub.begin_anew(Epoch(15), &past);
    assert_eq!(hub.log(a).evicted(), Seq(8));
    hub.append(message(10, "a"));
}

#[test]
fn a_subscriber_that_was_not_told_yet_is_known_by_the_numbering_it_stood_in() {
    let mut hub = hub(&["a"], 3);
    let a = subscribe(&mut hub, "a", 1);
    let mut stood = Vec::new();
    for epoch in 15..20 {
        stood.push((hub.evictions(), hub.epoch()));
        hub.begin_anew(Epoch(epoch), &past(2, &[(2, "a", 1)]));
    }
    for (seen, epoch) in stood {
        assert_eq!(hub.ended_epoch(seen), Some(epoch));
        assert!(hub.missed(a, Seq(2), seen));
    }
    let seen = hub.evictions();
    (0..=EARLIER_EPOCHS_MAX as u64).for_each(|n| hub.begin_anew(Epoch(20 + n), &Past::default()));
    assert_eq!(hub.ended_epoch(seen), Some(Epoch(20)), "19 is forgotten");
    assert!(hub.missed(a, Seq(2), seen), "and is told nevertheless");
    assert_eq!(rounds(&mut hub), [1]);
}

#[test]
fn bounds_hold_again_when_its_rounds_are_over() {
    let limits = Limits { history_messages: 3, ..Limits::default() };
    let mut hub = Hub::new(Epoch(14), &limits, 1);
    let a = subscribe(&mut hub, "a", 1);
    let all: Vec<_> = (1..=600).map(|seq| (seq, "a", seq - 1)).collect();
    hub.begin_anew(Epoch(15), &past(600, &all));
    assert_eq!(rounds(&mut hub), [1]);
    assert_eq!((hub.log(a).len(), hub.log(a).evicted()), (3, Seq(597)));
    hub.expire(Millis(0));
}
