//! Rights over real sockets: by `curl`, Python, Node's `ws` and its crypto; and that no secret is
//! ever said.

use std::fs;
use std::process::{Command, Stdio};

use crate::curl_read::ask;
use crate::foreign::Foreign;
use crate::http::{Answer, Wire};
use crate::server::{Server, for_threads_with, fresh_path};

const BOTH: &str = "both-rights-of-the-operator";
const READER: &str = "a-token-that-only-reads";
const ADMIN: &str = "a-token-of-the-operator";

/// What both sides know; the other half of the public key is in `rights_client.mjs`.
const SECRET: &str = "a-secret-that-both-sides-know:-32";
const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\n\
                      MCowBQYDK2VwAyEAqFHxi9CYfId48ZjTyiVOSehH2hncECpTZMz6RvfIWFU=\n\
                      -----END PUBLIC KEY-----\n";

/// Gives `body` a server of one thread and one of four, whose keys come from a file.
fn with_keys(body: impl FnMut(&Server)) {
    let file = fresh_path("keys");
    fs::write(&file, format!("{SECRET}\n{PUBLIC}")).expect("the scratch directory is writable");
    let keys = format!("@{}", file.display());
    let (both, reader) = (format!("*={BOTH}"), READER);
    let flags = [
        "--jwt-key",
        keys.as_str(),
        "--publish-token",
        BOTH,
        "--subscribe-token",
        both.as_str(),
        "--subscribe-token",
        reader,
        "--admin-token",
        ADMIN,
    ];
    for_threads_with(&flags, body);
    fs::remove_file(&file).expect("it was written");
}

fn tell_node(fact: &str) {
    if let Some(node) = Foreign::node(fact, &["ws"], "loopback/rights_client.mjs") {
        with_keys(|server| {
            node.run(&[&server.port().to_string(), fact]);
        });
    }
}

fn tell_python(fact: &str) {
    let script = "loopback/rights_client.py";
    if let Some(python) = Foreign::python(fact, &["requests", "websockets"], script) {
        with_keys(|server| {
            python.run(&[&server.port().to_string(), fact]);
        });
    }
}

macro_rules! facts {
    ($tell:ident: $($fact:ident)*) => {$(
        #[test]
        fn $fact() {
            $tell(stringify!($fact));
        }
    )*};
}

facts! { tell_node:
    jwts_of_both_algorithms_open_every_technique
    jwts_that_are_not_good_are_named
    a_ticket_opens_one_websocket
    a_socket_is_closed_when_its_token_ends
}

facts! { tell_python:
    a_bearer_reads_and_publishes_as_it_may
    a_cookie_counts_for_its_own_origin
    a_reader_on_a_websocket_may_not_publish
    a_ticket_is_good_once
}

#[test]
fn curl_shows_a_token_a_cookie_and_a_ticket() {
    let Some(curl) = Foreign::curl("curl_shows_a_token_a_cookie_and_a_ticket") else {
        return;
    };
    with_keys(|server| {
        let news = server.url("/news");
        let refused = ask(&curl, &["-d", "x", &news]);
        assert_eq!(refused.status, 401);
        assert_eq!(refused.field("www-authenticate"), Some("Bearer realm=\"tollway\""));
        let bearer = format!("Authorization: Bearer {BOTH}");
        assert_eq!(ask(&curl, &["-H", &bearer, "-d", "x", &news]).status, 201);
        let cookie = format!("tollway_token={READER}");
        assert_eq!(ask(&curl, &["-b", &cookie, &news]).status, 200);
        let answer = ask(&curl, &["-X", "POST", "-H", &bearer, &server.url("/-/ticket")]);
        let answer = answer.json();
        let ticket = answer["ticket"].as_str().expect("a ticket");
        let by_ticket = format!("{news}?ticket={ticket}");
        assert_eq!(ask(&curl, &[&by_ticket]).status, 200);
        assert_eq!(ask(&curl, &[&by_ticket]).status, 401);
        let admin = format!("Authorization: Bearer {ADMIN}");
        assert_eq!(ask(&curl, &["-H", &bearer, &server.url("/metrics")]).status, 403);
        assert_eq!(ask(&curl, &["-H", &admin, &server.url("/metrics")]).status, 200);
    });
}

fn say(port: u16, head: &str) -> Answer {
    let mut wire = Wire::open(port);
    wire.send(head);
    wire.answer()
}

/// Secrets of every kind, shown rightly and wrongly to a server that tells everything.
#[test]
fn no_secret_is_ever_said() {
    const HUSH: [&str; 6] = [
        "hush-publish-token-1",
        "hush-subscribe-token",
        "hush-operators-token",
        "hush-key-of-32-characters-or-more",
        "hush-unknown-token-22",
        "hush-query-token-9999",
    ];
    let [publish, subscribe, admin, key, unknown, query] = HUSH;
    let flags = ["-vv", "--publish-token", publish, "--admin-token", admin, "--jwt-key", key];
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollway"));
    command.env("TOLLWAY_SUBSCRIBE_TOKEN", subscribe).env("RUST_BACKTRACE", "1");
    let server = Server::start_by(command, &flags);
    let mut said = String::new();
    let mut heads = Vec::new();
    for token in HUSH {
        for field in
            ["Authorization: Bearer ", "Authorization: Bearer a b ", "Cookie: tollway_token="]
        {
            for path in ["/news", "/-/connections?state=all", "/metrics", "/-/costs", "/a,b?wait=x"]
            {
                heads.push(format!("GET {path} HTTP/1.1\r\nHost: h\r\n{field}{token}\r\n\r\n"));
            }
        }
    }
    for name in ["token", "access_token", "ticket", "jwt", "Authorization"] {
        heads.push(format!("GET /news?{name}={query} HTTP/1.1\r\nHost: h\r\n\r\n"));
        heads.push(format!("GET /news?{name}={query}&wait=x HTTP/1.1\r\nHost: h\r\n\r\n"));
        heads.push(format!("BREW /news?{name}={query} HTTP/1.1\r\nHost: h\r\n\r\n"));
    }
    heads
        .push(format!("POST /news HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {unknown}\r\n\r\n"));
    heads.push(format!("GET /n HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {key}\x01\r\n\r\n"));
    for head in &heads {
        let answer = say(server.port(), head);
        said.extend(answer.fields.iter().flat_map(|(name, value)| [name.as_str(), value]));
        said.push_str(&String::from_utf8_lossy(&answer.body));
    }
    let head =
        format!("POST /-/ticket HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {subscribe}\r\n\r\n");
    let given = say(server.port(), &head).json();
    let ticket = given["ticket"].as_str().expect("a ticket");
    let shown = format!("GET /news?ticket={ticket} HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(say(server.port(), &shown).status, 204);
    said.push_str(&String::from_utf8_lossy(&say(server.port(), &shown).body));
    // Whole: lines are written behind the answers.
    let log = server.stop_and_read();
    let lines = log.lines().filter(|line| line.contains("GET /news?ticket=(hidden)"));
    assert!(lines.count() >= 2, "the log tells each request: {log}");
    // What a user is told of a command line that is wrong, or asks for help.
    for more in [&["--help"][..], &["--zzzz"], &["--max-head", "1"], &["--jwt-key", "hush-short"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tollway"));
        command.args(flags).args(more).env("TOLLWAY_SUBSCRIBE_TOKEN", subscribe);
        let output = command.stdin(Stdio::null()).output().expect("it was built");
        said.push_str(&String::from_utf8_lossy(&output.stdout));
        said.push_str(&String::from_utf8_lossy(&output.stderr));
    }
    for (text, place) in [(&said, "answers and complaints"), (&log, "the log")] {
        for secret in ["hush", ticket] {
            let at = text.find(secret).map(|at| &text[at.saturating_sub(200)..at + secret.len()]);
            assert_eq!(at, None, "{secret} in {place}");
        }
    }
}
