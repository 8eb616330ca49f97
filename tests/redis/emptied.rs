//! A log that was emptied while servers use it: what they knew of the old numbering is of no use
//! in the new one, and does no harm there.

use crate::rig::Redis;
use crate::server::within;
use crate::{PATIENCE_MS, node, publish, publish_in_time, read};

#[test]
fn what_comes_first_into_an_emptied_log_is_not_trimmed_by_the_old_numbers() {
    let Some(redis) = Redis::start("what_comes_first_into_an_emptied_log", &[]) else { return };
    let small = ["--max-message", "1KiB", "--history-bytes", "8KiB", "--retain-bytes", "16KiB"];
    let server = node(&redis.url(), &small);
    let port = server.port();
    for n in 0..1_000 {
        publish(port, &format!("message {n}"));
    }
    let there = redis.ask(&["XLEN", "tollway:log"]).expect("a stream");
    assert_ne!(there, redis::Value::Int(1_000), "it has been trimmed");
    redis.say(&["FLUSHALL"]);
    let joined = within(PATIENCE_MS, || {
        let epoch = redis.ask(&["HGET", "tollway:meta", "epoch"]).ok()?;
        (epoch != redis::Value::Nil).then_some(())
    });
    joined.expect("it joins again");
    // At once: by now nothing of the new log has been read.
    publish_in_time(port, "first");
    assert_eq!(redis.ask(&["XLEN", "tollway:log"]), Ok(redis::Value::Int(1)));
    publish_in_time(port, "second");
    assert_eq!(read(port, "earliest").0, ["first", "second"]);
}

#[test]
fn a_script_that_is_told_to_trim_beyond_what_there_was_trims_nothing() {
    let Some(redis) = Redis::start("a_script_that_is_told_to_trim", &[]) else { return };
    redis.say(&["CONFIG", "SET", "stream-node-max-entries", "1"]); // Trimmed to the entry.
    redis.say(&["HSET", "meta", "epoch", "1", "run", "r", "tip", "0"]);
    let script = include_str!("../../src/store/redis/append.lua");
    let keys = ["7", "meta", "log", "groups", "keys", "age", "from", "shares"];
    let left_by = |oldest: &str| {
        let bounds = ["1", "r", oldest, "600000", "100", "100"];
        let publish = ["t", "text", "0", "", "", "network", "3"];
        redis.say(&[&["EVAL", script], &keys[..], &bounds[..], &publish[..]].concat());
        redis.ask(&["XLEN", "log"])
    };
    assert_eq!(left_by("5000"), Ok(redis::Value::Int(1)), "a number of another numbering");
    assert_eq!(left_by("2"), Ok(redis::Value::Int(2)), "the number that it gives");
    assert_eq!(left_by("2"), Ok(redis::Value::Int(2)), "the newest one before");
    assert_eq!(left_by("0"), Ok(redis::Value::Int(3)));
}
