//! The count of one client, as the live page asks for it: what stands under a tag.
//!
//! Each technique is used under a tag of its own and by nobody else, so that the account of the tag
//! has to be that of the technique, to the byte; and that one is held against the capture.
//!
//! Came from: `cargo test`. Goes to: `run`, with clients. Absent on purpose: other tags on the same
//! connection, which no capture can tell apart; `tests/ledger.rs` has them.

use crate::clients::{
    Socket, await_readers, get, get_once, messages, publish_all, read_to, stream,
};
use crate::http::Wire;
use crate::run::Run;

#[test]
fn what_one_client_costs() {
    let Some(run) = Run::start("what_one_client_costs", &[]) else {
        return;
    };
    let port = run.port();
    let mut long = Wire::open(port);
    long.send(get("/news/poll?since=latest&wait=20&tag=2", ""));
    let mut sse = stream(port, "/news/sse?tag=3");
    let mut socket = Socket::open(port, "/news/ws?tag=4", "");
    await_readers(port, "news", "long_poll", 1);
    await_readers(port, "news", "websocket", 1);
    publish_all(port, "news");
    assert_eq!(long.answer().status, 200);
    read_to(&mut sse, &format!("data: {}", "x".repeat(5000)));
    for _ in messages() {
        socket.hear();
    }
    let mut short = Wire::open(port);
    for target in ["/news/poll?since=earliest&tag=1", "/news/poll?since=latest&tag=01"] {
        short.send(get(target, ""));
        assert!(short.answer().status < 300);
    }
    let tags = get_once(port, "/-/costs?tag=1,2,3,4", "").json();
    let techniques = get_once(port, "/-/costs", "").json();
    for (tag, technique) in
        [("1", "short_poll"), ("2", "long_poll"), ("3", "sse"), ("4", "websocket")]
    {
        let (own, all) = (&tags["tags"][tag], &techniques["techniques"][technique]);
        for number in ["requests", "answers_empty", "messages", "bytes_in", "bytes_out"] {
            assert_eq!(own[number], all[number], "{number} of {technique}");
        }
        assert!(own["requests"].as_u64() >= Some(1), "{technique}");
    }
    run.compare((long, sse, socket, short));
}
