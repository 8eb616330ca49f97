//! A log that cannot be joined ends the server at its start, with one line that names the remedy,
//! and not the password.

use std::process::{Command, Stdio};
use std::time::Instant;

use crate::rig::Redis;
use crate::server::Server;
use crate::{node, publish, reads};

/// A server that cannot start: what it says. Exit code 2.
fn refused(flags: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollway"));
    command.args(["--listen", "127.0.0.1:0"]).args(flags);
    let out = command.stdin(Stdio::null()).output().expect("the binary was built");
    let said = String::from_utf8(out.stderr).expect("text");
    assert_eq!(out.status.code(), Some(2), "{said}");
    let last = said.lines().last().expect("a line").to_owned();
    assert!(last.starts_with("tollway: --redis"), "{said}");
    assert!(!said.contains("secret"), "{said}");
    last
}

#[test]
fn flags_that_cannot_be_meant_are_told_so() {
    let refused = |flags: &[&str]| refused(flags);
    assert!(refused(&["--redis", "http://:secret@h"]).contains("begin with redis://"));
    assert!(refused(&["--redis", "redis://h", "--data", "f"]).contains("give one of them"));
    let lone = ["--redis-wait", "1"];
    assert!(refused(&lone).contains("of no use without --redis"));
    let with = |flag, value| refused(&["--redis", "redis://:secret@h", flag, value]);
    assert!(with("--redis-wait", "99").contains("beyond the 16 replicas"));
    assert!(with("--redis-prefix", "a b").contains("visible characters"));
    assert!(refused(&["--redis", "redis://:secret@h:port"]).contains("is no address"));
}

#[test]
fn a_password_is_used_and_a_wrong_one_is_told_at_once() {
    let flags = ["--requirepass", "secret1"];
    let Some(redis) = Redis::start("a_password_is_used", &flags) else { return };
    let began = Instant::now();
    let at = |user: &str| format!("redis://{user}127.0.0.1:{}/3", redis.port());
    for user in ["", ":secret2@", "somebody:secret1@"] {
        assert!(refused(&["--redis", &at(user)]).contains("refuses the password"), "{user}");
    }
    assert!(began.elapsed().as_millis() < u128::from(crate::PATIENCE_MS), "not tried again");
    let server = node(&at(":secret1@"), &[]);
    publish(server.port(), "one");
    assert!(!server.log().contains("secret1"), "{}", server.log());
}

#[test]
fn the_rights_that_the_docs_list_are_all_that_is_needed() {
    let Some(redis) = Redis::start("the_rights_that_the_docs_list", &[]) else { return };
    let docs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operate.md");
    let docs = std::fs::read_to_string(docs).expect("text");
    let list = docs.split("~tollway:*\n").nth(1).and_then(|rest| rest.split("```").next());
    let rights: Vec<&str> = list.expect("a list").split_whitespace().collect();
    let user = ["ACL", "SETUSER", "somebody", "on", ">secret3", "~tollway:*", "-@all"];
    redis.say(&[&user[..], &rights[..]].concat());
    let url = format!("redis://somebody:secret3@127.0.0.1:{}/1", redis.port());
    let (one, two) = (node(&url, &["--redis-wait", "0"]), node(&url, &[]));
    let id = crate::post(one.port(), "t", "one", Some("k")).json()["id"].clone();
    assert_eq!(id, crate::post(two.port(), "t", "one", Some("k")).json()["id"]);
    let mut reader = crate::http::Wire::open(one.port());
    reader.send("GET /t/sse HTTP/1.1\r\nHost: h\r\n\r\n");
    let told = crate::within(crate::PATIENCE_MS, || {
        let info = crate::ask(two.port(), "/t/info").json();
        (info["subscribers"]["sse"] == 1).then_some(())
    });
    told.expect("counted");
    one.end_by("KILL");
    let told = crate::within(crate::PATIENCE_MS, || {
        let info = crate::ask(two.port(), "/t/info").json();
        (info["subscribers"]["sse"] == 0).then_some(())
    });
    told.expect("taken away");
    assert_eq!(crate::ready(two.port()).0, 200);
    for prefix in ["other", "tollway2"] {
        let line = refused(&["--redis", &url, "--redis-prefix", prefix]);
        assert!(line.contains("does not give us the right"), "{line}");
    }
}

#[test]
fn what_is_not_ours_is_told_so_and_left_as_it_is() {
    let Some(redis) = Redis::start("what_is_not_ours", &[]) else { return };
    let refused = |prefix: &str| refused(&["--redis", &redis.url(), "--redis-prefix", prefix]);
    redis.say(&["SET", "a:log", "text"]);
    assert!(refused("a").contains("a:log is a string"));
    redis.say(&["XADD", "b:log", "*", "field", "value"]);
    assert!(refused("b").contains("b:log is a stream of another program"));
    redis.say(&["HSET", "c:meta", "version", "9", "epoch", "1"]);
    assert!(refused("c").contains("version 9"));
    redis.say(&["SADD", "d:keys", "x"]);
    assert!(refused("d").contains("d:keys is a set"));
    let kept = redis.ask(&["EXISTS", "a:log", "b:log", "c:meta", "d:keys"]);
    assert_eq!(kept, Ok(redis::Value::Int(4)));
}

#[test]
fn a_redis_that_is_away_at_the_start_is_waited_for() {
    let Some(mut redis) = Redis::start("a_redis_that_is_away", &[]) else { return };
    redis.kill();
    let url = redis.url();
    assert!(refused(&["--redis", &url]).contains("cannot be reached"), "it gives up");
    let late = std::thread::spawn(move || node(&url, &[]));
    redis.bring_back();
    let server: Server = late.join().expect("it starts");
    publish(server.port(), "one");
    reads(server.port(), "earliest", &["one"]);
}

#[test]
fn a_server_begins_with_what_the_stream_holds_and_says_what_it_does_not() {
    let Some(redis) = Redis::start("a_server_begins_with", &[]) else { return };
    let first = node(&redis.url(), &[]);
    let texts: Vec<String> = (0..3_000).map(|n| format!("message {n}")).collect();
    let ids: Vec<String> = texts.iter().map(|text| publish(first.port(), text)).collect();
    redis.say(&["XTRIM", "tollway:log", "MAXLEN", "=", "500"]);
    let second = node(&redis.url(), &[]);
    let (read, gap) = crate::read(second.port(), &ids[2_499]);
    assert_eq!((&read[..], gap), (&texts[2_500..], None), "it ends where the stream begins");
    let (read, gap) = crate::read(second.port(), &ids[2_498]);
    assert_eq!((&read[..], gap.as_deref()), (&texts[2_500..], Some("expired")));
    // A topic of which nothing is left, and one that never had anything.
    for text in ["lost", "lost too"] {
        assert_eq!(crate::post(first.port(), "quiet", text, None).status, 201);
    }
    for n in 0..200 {
        publish(first.port(), &format!("more {n}"));
    }
    redis.say(&["XTRIM", "tollway:log", "MAXLEN", "=", "100"]);
    let third = node(&redis.url(), &[]);
    let said =
        |topic: &str| crate::ask(third.port(), &format!("/{topic}/poll?since={}", ids[2_999]));
    assert_eq!(said("quiet").json()["gap"]["reason"], "expired");
    assert_eq!(said("never").status, 204);
}
