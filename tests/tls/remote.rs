//! `tollway sub` and `tollway pub` by TLS.

use std::process::{Command, Output};

use crate::client::await_closed;
use crate::pairs::{Pair, for_threads, server as server_of, text};

fn tollway(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollway"));
    command.env_remove("TOLLWAY_URL").env_remove("TOLLWAY_TOKEN").env_remove("TOLLWAY_TLS_CA");
    command.args(arguments).output().expect("the binary was built for this test")
}

fn said(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn messages_are_published_and_read_by_every_technique() {
    for_threads(&[], |server, pair| {
        let url = format!("https://localhost:{}", server.port());
        let ca = text(&pair.certificate);
        let to = ["--url", &url, "--tls-ca", ca];
        let long = "x".repeat(100_000);
        for (via, data) in [("post", "one"), ("ws", "two"), ("post", &long)] {
            let done = tollway(&[&["pub", "news", data, "--via", via], &to[..]].concat());
            assert!(done.status.success(), "{}", said(&done.stderr));
        }
        for via in ["ws", "sse", "long-poll", "poll"] {
            let flags = ["sub", "news", "--since", "earliest", "--count", "3", "--via", via];
            let done = tollway(&[&flags[..], &to[..]].concat());
            assert!(done.status.success(), "{via}: {}", said(&done.stderr));
            assert!(said(&done.stdout) == format!("one\ntwo\n{long}\n"), "{via}");
        }
        // They have ended in good order.
        await_closed(server, &pair.der, "tls_truncated", 0);
    });
}

#[test]
fn who_is_not_vouched_for_is_not_talked_to() {
    let (pair, other) = (Pair::of(&["localhost"]), Pair::of(&["localhost"]));
    let server = server_of(&pair, &["--listen", "127.0.0.1:0"]);
    let url = format!("https://localhost:{}", server.port());
    let patience = ["--patience", "500ms"];
    let publish = |url: &str, ca: &Pair| {
        let flags = ["pub", "news", "secret", "--url", url, "--tls-ca", text(&ca.certificate)];
        let done = tollway(&[&flags[..], &patience].concat());
        (done.status.code(), said(&done.stderr))
    };
    let (code, why) = publish(&url, &other);
    assert!(code == Some(1) && why.contains("nobody vouches for its certificate"), "{why}");
    let elsewhere = format!("https://127.0.0.1:{}", server.port());
    let (code, why) = publish(&elsewhere, &pair);
    assert!(code == Some(1) && why.contains("its certificate is for another name"), "{why}");
    assert_eq!(publish(&url, &pair).0, Some(0));
    let authority = Pair::of_authority(&["localhost"]);
    let server = server_of(&authority, &[]);
    let (code, why) = publish(&format!("https://localhost:{}", server.port()), &authority);
    assert!(code == Some(1) && why.contains("make one with basicConstraints=critical"), "{why}");
}
