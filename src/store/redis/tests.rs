//! Entries, pieces and complaints, without a Redis. What needs one is in `tests/redis.rs`.

use ::redis::{ErrorKind, RedisError, Value};

use super::entry::{all, all_of_one, number};
use super::*;
use crate::ids::Seq;

fn text(text: &str) -> Value {
    Value::BulkString(text.as_bytes().to_vec())
}

fn entry(id: &str, fields: &[&str]) -> Value {
    Value::Array(vec![text(id), Value::Array(fields.iter().map(|field| text(field)).collect())])
}

const WHOLE: [&str; 8] = ["t", "news", "p", "hello", "w", "1700000000123", "b", "6"];

#[test]
fn an_entry_is_read_whatever_the_order_of_its_fields_and_with_those_of_later_versions() {
    let more = [&["z", "later"], &WHOLE[2..], &WHOLE[..2], &["e", "named", "x", "1"]].concat();
    let read = all(Value::Array(vec![entry("7-0", &WHOLE), entry("9-0", &more)]));
    let read = read.expect("both are ours");
    let [first, second] = &read[..] else { panic!("two") };
    assert_eq!((first.seq, first.before, first.wall_ms), (Seq(7), Seq(6), 1_700_000_000_123));
    assert_eq!((first.topic.as_str(), first.event.as_deref()), ("news", None));
    assert_eq!((first.payload.bytes(), first.payload.is_binary()), (&b"hello"[..], false));
    assert_eq!((second.seq, second.event.as_deref()), (Seq(9), Some("named")));
    assert!(second.payload.is_binary());
}

#[test]
fn an_entry_that_is_none_of_ours_is_refused_and_nothing_panics() {
    for n in 0..4 {
        let mut fields = WHOLE.to_vec();
        fields.drain(2 * n..2 * n + 2);
        assert!(
            all(Value::Array(vec![entry("7-0", &fields)])).is_err(),
            "without {}",
            WHOLE[2 * n]
        );
    }
    for (at, wrong) in [(1, ""), (1, "-/costs"), (5, "today"), (7, "-1")] {
        let mut fields = WHOLE;
        fields[at] = wrong;
        assert!(all(Value::Array(vec![entry("7-0", &fields)])).is_err(), "{wrong:?}");
    }
    for value in [Value::Int(1), Value::Array(vec![]), Value::Array(vec![text("7-0")])] {
        assert!(all(Value::Array(vec![value])).is_err());
    }
    for id in ["7-1", "7", "-0", "x-0", "99999999999999999999-0"] {
        assert_eq!(number(id.as_bytes()), None, "{id}");
    }
}

#[test]
fn an_answer_to_xread_is_that_of_its_one_stream() {
    let stream = Value::Array(vec![text("p:log"), Value::Array(vec![entry("7-0", &WHOLE)])]);
    let read = all_of_one(Value::Array(vec![stream])).expect("ours");
    assert_eq!(read.len(), 1);
    assert_eq!(all_of_one(Value::Nil), Ok(vec![]), "nothing came in time");
}

#[test]
fn pieces_grow_while_they_are_small_and_shrink_when_they_are_large() {
    let entries = |count: usize, bytes: usize| {
        let payload = "x".repeat(bytes);
        let fields = ["t", "news", "p", &payload, "w", "1", "b", "0"];
        let list = (1..=count).map(|n| entry(&format!("{n}-0"), &fields)).collect();
        all(Value::Array(list)).expect("ours")
    };
    let mut size = PieceSize::default();
    let first = size.entries();
    size.took(&entries(first - 1, 10));
    assert_eq!(size.entries(), first, "there was no more");
    while size.entries() < crate::limits::REDIS_PIECE_MAX {
        let before = size.entries();
        size.took(&entries(before, 10));
        assert_eq!(size.entries(), (2 * before).min(crate::limits::REDIS_PIECE_MAX));
    }
    for _ in 0..20 {
        size.took(&entries(16, 100_000));
    }
    assert_eq!(size.entries(), first);
}

#[test]
fn a_complaint_has_no_password_and_a_url_that_is_none_is_told_so() {
    let redis = Redis::new("redis://user:secret@example.org:1234/5", "p").expect("a good URL");
    assert_eq!(redis.place(), "example.org:1234");
    assert!(!format!("{:?}", redis.place()).contains("secret"));
    let tls = Redis::new("rediss://:secret@example.org", "p").expect("a good URL");
    assert_eq!(tls.place(), "example.org:6379");
    for wrong in ["", "redis://", "redis://h:x", "redis://h/database"] {
        let why = Redis::new(wrong, "p").expect_err(wrong);
        assert!(!why.is_empty() && !why.contains('\n'), "{wrong}: {why}");
    }
}

#[test]
fn what_can_be_done_about_a_fault_follows_from_what_redis_says() {
    let kind = |error: RedisError| RedisFault::of("h:1", &error).kind;
    let said = |code: &str| {
        let extension = ::redis::make_extension_error(code.to_owned(), Some("detail".to_owned()));
        kind(extension)
    };
    assert_eq!(said("TOLLWAYANEW"), FaultKind::Changed);
    assert_eq!(said("TOLLWAYKEY"), FaultKind::Setup);
    assert_eq!(said("NOAUTH"), FaultKind::Setup);
    assert_eq!(said("OOM"), FaultKind::Refuses);
    assert_eq!(said("MISCONF"), FaultKind::Refuses);
    assert_eq!(said("SOMETHING"), FaultKind::Away, "whatever else is tried again");
    assert_eq!(kind(RedisError::from((ErrorKind::Io, "gone"))), FaultKind::Away);
    let line = RedisFault::of("h:1", &RedisError::from((ErrorKind::Io, "gone"))).line;
    assert!(line.starts_with("redis at h:1 ") && !line.contains('\n'), "{line}");
}
