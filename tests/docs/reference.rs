//! The pages of docs/reference that are made from the code: limits, close reasons, states, errors.

use std::fmt::Write as _;

use tollway::close::CloseReason;
use tollway::conn::problem::Rule;
use tollway::conn::state::EDGES;
use tollway::limits::{Limits, WorstCase};
use tollway::rights::Denial;
use tollway::wire::body::BodyError;
use tollway::wire::handshake::HandshakeError;
use tollway::wire::head::HeadError;
use tollway::wire::message::MessageError;
use tollway::wire::response::Status;
use tollway::wire::target::TargetError;
use tollway::wire::v1::PublishError;

use crate::command_line::help;
use crate::item;
use crate::map::unlinked;
use crate::pages::{keep, read};

const MADE: &str = "<!-- Made from the code by tests/docs.rs; UPDATE_DOCS=1 writes it anew. -->\n";

/// Where constants stand.
const LIMITS: [&str; 4] =
    ["src/limits.rs", "src/limits/shared.rs", "src/limits/stored.rs", "src/limits/turned.rs"];

/// A constant of limits.rs.
struct Bound {
    name: String,
    value: u64,
    about: String,
    flag: Option<String>,
}

impl Bound {
    /// The value as the command line would spell it, by the unit in the name.
    fn shown(&self) -> String {
        let of = |units: &[(&str, u64)]| {
            let fits = |(_, factor): &&(&str, u64)| self.value.is_multiple_of(*factor);
            let (unit, factor) = units.iter().find(fits).expect("the smallest is 1");
            format!("{}{unit}", self.value / factor)
        };
        let words: Vec<&str> = self.name.split('_').collect();
        if words.contains(&"BYTES") {
            of(&[("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("", 1)])
        } else if words.contains(&"MS") {
            of(&[("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)])
        } else {
            self.value.to_string()
        }
    }
}

/// `16 * 1024`, and nothing more difficult.
fn product(expression: &str) -> Option<u64> {
    let factors = expression.split('*');
    factors.map(|factor| factor.trim().replace('_', "").parse::<u64>().ok()).product()
}

fn bounds(text: &str) -> Vec<Bound> {
    let mut found: Vec<Bound> = Vec::new();
    let mut about: Vec<&str> = Vec::new();
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("///") {
            about.push(comment.trim());
            continue;
        }
        if let Some(rest) = line.strip_prefix("pub const ") {
            let (name, rest) = rest.split_once(": ").expect("a type");
            let (_, value) = rest.split_once(" = ").expect("a value");
            let value = value.trim_end_matches(';');
            found.push(Bound {
                name: name.to_owned(),
                value: product(value).unwrap_or_else(|| panic!("{name} is {value}?")),
                about: unlinked(&about.join(" ")),
                flag: flag_of(text, name),
            });
        }
        about.clear();
    }
    found
}

/// The flag that turns a bound: `Limits` names it with the constant, as `--flag` and a link.
fn flag_of(text: &str, name: &str) -> Option<String> {
    let link = format!("[`{name}`]");
    let field =
        text.lines().find(|line| line.trim().starts_with("/// `--") && line.contains(&link))?;
    field.split('`').nth(1).map(str::to_owned)
}

fn relations(text: &str) -> String {
    let assertion = |line: &str| {
        line.strip_prefix("const _: () = assert!(")?
            .strip_suffix(");")
            .map(|relation| format!("- `{relation}`\n"))
    };
    text.lines().filter_map(assertion).collect()
}

/// How much memory the limits allow together, by default and with less.
fn worst_cases() -> String {
    let mut text = String::from(
        "\n## All limits together\n\n\
         What the process holds at most, by `src/limits/worst_case.rs`; the greeting says it with \
         `-v`, for the flags in\nforce. The first number is for the server, whatever its \
         connections do: what is retained, what is unfinished, queues,\nand threads. The second \
         is for each connection whose peer does not read: an outbox, and one encoded message \
         that\nnobody else reads. `--max-connections` times the second is what readers can make \
         it hold who never read; a smaller\n`--max-message` makes it small. The kernel's \
         buffers come on top: `tcp_mem` bounds them for the machine.\n\n\
         | flags | threads | server | each connection |\n| --- | --- | --- | --- |\n",
    );
    let small = Limits {
        message_bytes_max: 64 << 10,
        retain_bytes: 32 << 20,
        unfinished_bytes_max: 16 << 20,
        ..Limits::default()
    };
    let few = "`--max-message 64KiB --retain-bytes 32MiB --max-unfinished 16MiB`";
    let mut row = |flags: &str, threads: usize, worst: WorstCase| {
        let (server, connection) =
            (worst.server.div_ceil(1 << 20), worst.connection.div_ceil(1 << 10));
        let row = format!("| {flags} | {threads} | {server} MiB | {connection} KiB |");
        writeln!(text, "{row}").expect("a string");
    };
    for (flags, limits) in [("none", Limits::default()), (few, small)] {
        for threads in [1, 4] {
            row(flags, threads, limits.worst_case(threads));
        }
    }
    let usual = Limits::default();
    row("`--listen https://…`", 1, usual.worst_case(1).with_tls());
    row("`--data FILE`", 1, usual.worst_case(1).with_store(usual.retain_bytes));
    row("`--redis URL`", 1, usual.worst_case(1).with_redis(usual.message_bytes_max));
    text
}

#[test]
fn limits() {
    let text = LIMITS.map(read).concat();
    let bounds = bounds(&text);
    assert!(bounds.len() > 40);
    let mut page = format!(
        "# Limits\n\n{MADE}\n\
         Every bound on what a stranger or an operator can make grow: its default, the flag that \
         turns it, and the\nreason. A bound without a flag is fixed. Each flag has an environment \
         variable of the same name: `--max-head` is\n`TOLLWAY_MAX_HEAD`. What happens beyond a \
         bound stands with it; the statuses are explained in [errors](errors.md), the\nends of \
         connections in [close reasons](close-reasons.md).\n\n\
         | bound | default | flag | reason |\n| --- | --- | --- | --- |\n"
    );
    for bound in &bounds {
        let flag = bound.flag.as_ref().map_or(String::new(), |f| format!("`{f}`"));
        let (name, shown, about) = (&bound.name, bound.shown(), &bound.about);
        writeln!(page, "| `{name}` | {shown} | {flag} | {about} |").expect("a string");
    }
    page.push_str("\nRelations that the compiler checks:\n\n");
    page.push_str(&relations(&text));
    page.push_str(&worst_cases());
    keep("docs/reference/limits.md", |_| page);
}

#[test]
fn flags_default_to_their_bounds() {
    let help: String = help().split_whitespace().collect::<Vec<_>>().join(" ");
    let text = LIMITS.map(read).concat();
    let bounds = bounds(&text);
    let turned = bounds.iter().filter_map(|b| Some((b.flag.as_ref()?, b)));
    let mut count = 0;
    for (flag, bound) in turned {
        count += 1;
        let (_, rest) = help
            .split_once(&format!("{flag} <"))
            .unwrap_or_else(|| panic!("--help does not know {flag}"));
        let default = rest.split_once("[default: ").and_then(|(_, d)| d.split(']').next());
        assert_eq!(default, Some(&*bound.shown()), "{flag}");
    }
    let fields = item::text_of(&text, "Limits").expect("it is there");
    let switches = fields.matches(": bool,").count();
    let bounds = fields.matches("\n    pub ").count() - switches;
    assert_eq!(count, bounds, "a field without its flag");
}

#[test]
fn close_reasons() {
    let mut page = format!(
        "# Close reasons\n\n{MADE}\n\
         Why a connection ended: the first reason counts. `/metrics` counts each as \
         `tollway_connections_closed_total`,\nand `-vv` logs it. A number in parentheses is \
         the HTTP status or the WebSocket close code that the peer is told.\n\n\
         | reason | meaning |\n| --- | --- |\n"
    );
    for reason in CloseReason::ALL {
        writeln!(page, "| `{}` | {} |", reason.name(), reason.sentence()).expect("a string");
    }
    keep("docs/reference/close-reasons.md", |_| page);
}

/// The comment of each variant of an enum.
fn variants(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut about: Vec<&str> = Vec::new();
    for line in text.lines() {
        let Some(line) = line.strip_prefix("    ").filter(|l| !l.starts_with(' ')) else {
            continue;
        };
        if let Some(comment) = line.strip_prefix("///") {
            about.push(comment.trim());
            continue;
        }
        let name: String = line.chars().take_while(|c| c.is_alphanumeric()).collect();
        if !name.is_empty() {
            found.push((name, unlinked(&about.join(" "))));
        }
        about.clear();
    }
    found
}

#[test]
fn states() {
    let text = read("src/conn/state.rs");
    let state = item::text_of(&text, "State").expect("it is there");
    let due = item::text_of(&text, "due").expect("it is there");
    let mut page = format!(
        "# States of a connection\n\n{MADE}\n\
         A connection is in one state at a time. There is one way from state to \
         state, `src/conn/transition.rs::shift`,\nand a debug build asserts there that the \
         edge is one of these.\n\n```mermaid\nstateDiagram-v2\n    [*] --> Head: accepted\n"
    );
    for (from, exits) in EDGES {
        for (to, _) in *exits {
            writeln!(page, "    {from:?} --> {to:?}").expect("a string");
        }
    }
    page.push_str(
        "    Closed --> [*]\n```\n\n\
         | state | what the connection is doing |\n| --- | --- |\n",
    );
    let variants = variants(&state);
    assert_eq!(variants.len(), EDGES.len());
    for ((name, about), (from, _)) in variants.iter().zip(EDGES) {
        assert_eq!(*name, format!("{from:?}"), "one order in both lists");
        writeln!(page, "| `{name}` | {about} |").expect("a string");
    }
    page.push_str("\n| from | to | on what |\n| --- | --- | --- |\n");
    for (from, exits) in EDGES {
        for (to, what) in *exits {
            writeln!(page, "| `{from:?}` | `{to:?}` | {what} |").expect("a string");
        }
    }
    write!(
        page,
        "\nEach state has at most one deadline of its own. Output that the peer does not take has \
         another, `--stall-timeout`,\nwhatever the state.\n\n\
         ```rust src=src/conn/state.rs::due\n{due}```\n"
    )
    .expect("a string");
    keep("docs/reference/states.md", |_| page);
}

/// A table of refusals: status, code, sentence.
fn refusals(page: &mut String, title: &str, about: &str, rows: &[(Status, &str, &str)]) {
    let head = "| status | code | detail |\n| --- | --- | --- |";
    writeln!(page, "\n## {title}\n\n{about}\n\n{head}").expect("a string");
    for (status, code, detail) in rows {
        writeln!(page, "| {} | `{code}` | {detail} |", status.code()).expect("a string");
    }
}

macro_rules! rows {
    ($error:ty) => {
        <$error>::ALL.iter().map(|e| (e.status(), e.code(), e.detail())).collect::<Vec<_>>()
    };
}

#[test]
fn errors() {
    // The refusals that are made in advance, for when there is nothing left to make one with.
    for code in ["too_many_connections", Rule::AddressFull.code()] {
        let written = format!("\\\"code\\\":\\\"{code}\\\"");
        assert!(read("src/shell/acceptor.rs").contains(&written), "{code}");
    }
    let mut page = format!(
        "# Errors\n\n{MADE}\n\
         An HTTP error has a body of type `application/problem+json` (RFC 9457) whose `code` is \
         one of these and stays the\nsame, and whose `detail` is a sentence for people and may \
         change. A WebSocket is told the same in fewer words,\nas the reason of the Close frame, \
         which has at most 123 bytes.\n\n\
         Two more are sent when a connection cannot be kept at all, with `Retry-After`, and the \
         connection is closed: `503`,\n`too_many_connections`, when no place is left, and `429`, \
         `address_full`, when its address has as many as\n\
         `--max-connections-per-address` allows.\n"
    );
    let of_head = "The request head. The connection is closed after any of these: where the next \
                   request would begin is in doubt.";
    refusals(&mut page, "Head", of_head, &rows!(HeadError));
    let of_body = "The request body. The connection is closed after any of these.";
    refusals(&mut page, "Body", of_body, &rows!(BodyError));
    let of_target = "Path and query. The connection goes on.";
    refusals(&mut page, "Target", of_target, &rows!(TargetError));
    let of_rule = "Rules of the server's own. The connection goes on, unless the answer says \
                   `Connection: close`: after a timeout (408), where there is no room for \
                   what comes, where the client cannot be told, and while the server ends.";
    refusals(&mut page, "Request", of_rule, &rows!(Rule));
    let of_right = "Rights, when the server asks for any; see [security](../security.md). The \
                    connection goes on. Answers of 400, 401 and 403 carry `WWW-Authenticate`.";
    refusals(&mut page, "Rights", of_right, &rows!(Denial));
    let of_handshake = "The opening handshake of WebSocket. The connection is closed: frames may \
                        follow.";
    refusals(&mut page, "Handshake", of_handshake, &rows!(HandshakeError));
    let of_publish = "Frames of `tollway.v1` that publish nothing, in the `error` of the answer; \
                      so are rules and rights from above. The connection goes on.";
    refusals(&mut page, "tollway.v1", of_publish, &rows!(PublishError));
    page.push_str(
        "\n## WebSocket\n\nFrames and messages. The code is for logs; the peer gets the close code \
         and the sentence.\n\n| close code | code | reason |\n| --- | --- | --- |\n",
    );
    for error in MessageError::ALL {
        let (close, code, detail) = (error.close_code().number(), error.code(), error.detail());
        writeln!(page, "| {close} | `{code}` | {detail} |").expect("a string");
    }
    keep("docs/reference/errors.md", |_| page);
}
