//! What operators do: certificates by name, certificates that are renewed, and mistakes.

use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime};

use crate::client::{VERSIONS, Wire, all_of, connect, get, settings};
use crate::pairs::{Pair, server, text};
use crate::server::{Server, fresh_path, within};

/// A server that does not start: its exit code, and what it says.
fn refused(flags: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollway"));
    let output = command.args(flags).output().expect("the binary was built for this test");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Changes files while the server stands still. Between two lines a test may wait for the processor
/// for as long as the server takes for two looks, and what is half done would be read.
fn at_once(server: &Server, change: impl FnOnce()) {
    server.signal("STOP");
    let stands = within(20_000, || has_stopped(server.process()).then_some(()));
    assert!(stands.is_some(), "a stopped process runs");
    change();
    server.signal("CONT");
}

/// Whether no thread of the process runs. proc(5): the state stands behind the name in brackets.
fn has_stopped(process: u32) -> bool {
    let threads = fs::read_dir(format!("/proc/{process}/task")).expect("Linux");
    threads.flatten().all(|thread| {
        let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
    })
}

/// A file with this text.
fn file(text: &str) -> PathBuf {
    let path = fresh_path("pem");
    fs::write(&path, text).expect("the scratch directory is writable");
    path
}

#[test]
fn what_cannot_be_served_is_named_with_a_remedy_and_exit_code_2() {
    let (pair, other) = (Pair::of(&["localhost"]), Pair::of(&["localhost"]));
    let (certificate, key) = (text(&pair.certificate), text(&pair.key));
    let (empty, torn) = (file("nothing\n"), file("-----BEGIN CERTIFICATE-----\nMIIB\n"));
    let locked =
        file("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n");
    let at = ["--listen", "https://127.0.0.1:0"];
    let with = |certificate: &str, key: &str| {
        refused(&[&at[..], &["--tls-cert", certificate, "--tls-key", key]].concat())
    };
    for ((code, line), says) in [
        (with("/nowhere/c", key), "--tls-cert /nowhere/c: No such file"),
        (with(certificate, "/nowhere/k"), "--tls-key /nowhere/k: No such file"),
        (with(text(&empty), key), "has no certificate in PEM; give the file that begins with"),
        (with(text(&torn), key), "is no sound PEM (a section has no end); fetch it anew"),
        (with(certificate, text(&empty)), "has no key in PEM; give the file that begins with"),
        (with(certificate, text(&locked)), "is locked by a passphrase"),
        (with(certificate, text(&other.key)), "is not the key of --tls-cert"),
        (refused(&at), "--listen https://127.0.0.1:0 speaks TLS and has no certificate; give"),
        (
            refused(&[&at[..], &["--tls-cert", certificate]].concat()),
            "1 times and --tls-key 0 times",
        ),
        (refused(&pair.flags()), "is for no address; give --listen https://HOST:PORT"),
        (refused(&["--listen", "https://localhost:0/x"]), "has something behind its port; write"),
        (refused(&["--listen", "ftp://localhost:0"]), "is not an address; write"),
    ] {
        assert!(line.contains(says) && line.lines().count() == 1, "{says}: {line}");
        assert_eq!(code, Some(2), "{line}");
    }
    for path in [empty, torn, locked] {
        fs::remove_file(path).expect("it was written");
    }
}

#[test]
fn a_certificate_is_chosen_by_the_name_that_is_asked_for() {
    let (first, second) = (Pair::of(&["a.example"]), Pair::of(&["b.example", "*.c.example"]));
    let server = server(&first, &second.flags());
    let shown = |name: &str, root: &Pair| {
        let trust = Arc::new(settings(&root.der, &VERSIONS));
        let mut wire = Wire::open_as(name, server.port(), &trust);
        wire.ask(&get("/-/healthy"));
        wire.stream.conn.peer_certificates().expect("it was shown")[0].clone().into_owned()
    };
    assert_eq!(shown("a.example", &first), first.der);
    assert_eq!(shown("b.example", &second), second.der);
    assert_eq!(shown("x.c.example", &second), second.der);
    // The first is for whoever asks for none of them, or for none: a client says what is wrong.
    let trust = Arc::new(settings(&first.der, &VERSIONS));
    let mut wire = Wire::open_as("d.example", server.port(), &trust);
    let error = wire.rest().expect_err("another name").to_string();
    assert!(error.contains("NotValidForName") || error.contains("not valid for name"), "{error}");
}

#[test]
fn a_certificate_that_is_renewed_is_served_and_a_bad_one_is_not() {
    let mut pair = Pair::of(&["localhost"]);
    let server = server(&pair, &["-v"]);
    let mut kept = Wire::to(&server, &pair.der);
    kept.ask(&get("/-/healthy"));
    pair.renew(&["localhost"]);
    let log = |words: &str| {
        let found = within(20_000, || server.log().contains(words).then_some(()));
        assert!(found.is_some(), "{words}: {}", server.log());
    };
    log(": renewed");
    Wire::to(&server, &pair.der).ask(&get("/-/healthy"));
    assert_eq!(kept.ask(&get("/-/healthy")).1, b"ok\n", "with what it began with");
    // Half of a renewal, or a bad one.
    let good = pair.der.clone();
    let still_served = || Wire::to(&server, &good).ask(&get("/-/healthy"));
    fs::write(&pair.certificate, "not yet\n").expect("our file");
    log("has no certificate in PEM");
    log("the one before is still served");
    still_served();
    at_once(&server, || {
        pair.renew(&["localhost"]);
        fs::remove_file(&pair.key).expect("our file");
    });
    log("name a file that we may read; the one before is still served");
    still_served();
    pair.renew(&["localhost"]);
    let renewed = || Some(server.log()).filter(|log| log.matches(": renewed").count() >= 2);
    assert!(within(20_000, renewed).is_some(), "{}", server.log());
    Wire::to(&server, &pair.der).ask(&get("/-/healthy"));
}

/// Whether we may read a key does not show in its size nor in the moment when it was written. Who
/// runs a test may read everything: here the key is put right without a trace of that kind.
#[test]
fn a_key_that_is_put_right_later_is_read_though_nothing_else_shows() {
    let (pair, next) = (Pair::of(&["localhost"]), Pair::of(&["localhost"]));
    let server = server(&pair, &["-v"]);
    let (key, written) = (fs::read(&next.key).expect("our file"), SystemTime::now());
    let put = |text: &[u8]| {
        fs::write(&pair.key, text).expect("our file");
        let file = File::options().write(true).open(&pair.key).expect("our file");
        file.set_modified(written).expect("our file");
    };
    at_once(&server, || {
        fs::copy(&next.certificate, &pair.certificate).expect("our file");
        put(&vec![b'x'; key.len()]);
    });
    let count = |words: &str| server.log().matches(words).count();
    let bad = "has no key in PEM";
    assert!(within(20_000, || (count(bad) > 0).then_some(())).is_some(), "{}", server.log());
    Wire::to(&server, &pair.der).ask(&get("/-/healthy"));
    // A few looks, each of which reads it.
    thread::sleep(Duration::from_millis(3_500));
    assert_eq!((count(bad), count(": renewed")), (1, 0), "told once: {}", server.log());
    at_once(&server, || put(&key));
    let renewed = within(20_000, || (count(": renewed") > 0).then_some(()));
    assert!(renewed.is_some(), "{}", server.log());
    Wire::to(&server, &next.der).ask(&get("/-/healthy"));
}

#[test]
fn what_an_operator_should_know_is_a_warning() {
    let old = Pair::between(&["localhost"], 2000, 2001);
    let early = Pair::between(&["localhost"], 3000, 3001);
    fs::set_permissions(&old.key, Permissions::from_mode(0o644)).expect("our file");
    let server = server(&old, &early.flags());
    // The greeting is the last of it.
    let greeted =
        || Some(server.log()).filter(|log| log.contains("listening on https://localhost:"));
    let log = within(20_000, greeted).expect("a greeting");
    for words in [
        " days ago; clients refuse it; renew it",
        " days; clients refuse it until then; is the clock right?",
        "everybody on this machine may read it; take that right away",
    ] {
        assert_eq!(log.matches(words).count(), 1, "{words}: {log}");
    }
}

#[test]
fn plain_addresses_and_those_of_tls_are_served_side_by_side() {
    let pair = Pair::of(&["localhost"]);
    let more = ["--listen", "127.0.0.1:0", "--admin-listen", "https://127.0.0.1:0"];
    let server = server(&pair, &more);
    let said = within(20_000, || Some(server.log()).filter(|log| log.contains("/-/costs")));
    let said = said.expect("a greeting");
    let port = |before: &str| -> u16 {
        let (_, behind) = said.split_once(before).unwrap_or_else(|| panic!("{before}: {said}"));
        behind.split('/').next().and_then(|port| port.parse().ok()).expect("a port")
    };
    assert!(said.contains(&format!("listening on https://localhost:{}/", server.port())));
    let mut stream = connect(port("listening on http://localhost:"));
    let request = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).expect("it reads");
    let page = String::from_utf8(all_of(&mut stream)).expect("text");
    // A page may connect to all our ports, by the scheme that each speaks.
    let policy = page.lines().find(|line| line.starts_with("Content-Security-Policy: "));
    let source = format!(" wss://localhost:{}", server.port());
    assert!(policy.is_some_and(|policy| policy.contains(&source)), "{policy:?}");
    // Reports are for operators, by TLS as well.
    let reports = port("curl https://localhost:");
    let trust = Arc::new(settings(&pair.der, &VERSIONS));
    let status = |port| Wire::open(port, &trust).ask(&get("/-/costs")).0;
    assert!(status(reports).starts_with("HTTP/1.1 200 "));
    assert!(status(server.port()).starts_with("HTTP/1.1 404 "));
}
