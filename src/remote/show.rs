//! What a person, or the next program of a pipe, gets to see.
//!
//! A line for each message, written at once: the next program has it before another one comes. On a
//! terminal, control characters are spelled out: whoever publishes to a topic must not be able to
//! steer the terminals of those who read it. In JSON that is DEL and the controls of ISO 6429 at
//! U+0080, which it does not escape. A file or a pipe gets the bytes as they are.
//!
//! Came from: `reader` and `publisher`. Goes to: `reader` as lines, standard output, and standard
//! error for everything that is no message. Absent on purpose: colours.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::flags::{Shown, via};
use crate::client::setback::printable;
use crate::client::told::{Delivery, MissedSpan};
use crate::client::traffic::{BytesByClass, Traffic};
use crate::technique::Technique;

/// A message as `--json` shows it: as a poll's answer does.
#[derive(Serialize)]
struct MessageLine<'m> {
    id: &'m str,
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<&'m str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'m str>,
    data: &'m str,
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding: Option<&'static str>,
}

/// What `--costs` says of one technique, or of publishing.
#[derive(Serialize)]
struct CostsLine<'c> {
    via: &'c str,
    #[serde(flatten)]
    traffic: &'c Traffic,
    ms: u64,
}

/// One message as it is to be written. `topic`: the only one that is read, where the server need
/// not say it.
pub fn message(
    delivery: &Delivery,
    topic: Option<&str>,
    shown: Shown,
    is_terminal: bool,
) -> Vec<u8> {
    if shown.json {
        let line = json_line(delivery, topic);
        (if is_terminal { escaped_json(&line) } else { line }).into_bytes()
    } else if is_terminal {
        terminal_line(&delivery.data).into_bytes()
    } else {
        [&delivery.data[..], b"\n"].concat()
    }
}

/// Writes a line of JSON that is there already.
pub fn line(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let escaped = if out.is_terminal() { escaped_json(text) } else { text.to_owned() };
    out.write_all(escaped.as_bytes())?;
    out.write_all(b"\n")?;
    out.flush()
}

/// The same JSON, with nothing that a terminal would obey. Control characters stand within its
/// strings, and an escape there means the same: RFC 8259 §7.
fn escaped_json(line: &str) -> String {
    let mut escaped = String::with_capacity(line.len());
    for c in line.chars() {
        if c.is_control() && c != '\n' {
            write!(escaped, "\\u{:04x}", u32::from(c)).expect("a string takes everything");
        } else {
            escaped.push(c);
        }
    }
    escaped
}

fn json_line(delivery: &Delivery, topic: Option<&str>) -> String {
    let Delivery { id, topic: named, event, data, is_binary } = delivery;
    let text = if *is_binary { None } else { str::from_utf8(data).ok() };
    let encoded = text.map_or_else(|| STANDARD.encode(data), str::to_owned);
    let line = MessageLine {
        id,
        topic: named.as_deref().or(topic),
        event: event.as_deref(),
        data: &encoded,
        encoding: text.is_none().then_some("base64"),
    };
    serde_json::to_string(&line).expect("plain data") + "\n"
}

/// Data for a terminal: text with its lines and tabs, and nothing that the terminal would obey.
fn terminal_line(data: &[u8]) -> String {
    let mut line = String::with_capacity(data.len() + 1);
    for chunk in data.utf8_chunks() {
        for c in chunk.valid().chars() {
            if matches!(c, '\n' | '\t') {
                line.push(c);
            } else {
                line.push_str(&printable(c.encode_utf8(&mut [0; 4])));
            }
        }
        for byte in chunk.invalid() {
            write!(line, "\\x{byte:02x}").expect("a string takes everything");
        }
    }
    line.push('\n');
    line
}

/// Says a line on standard error, if that can be had.
pub fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "tollway: {text}");
}

/// Says what was missed.
pub fn gap(gap: &MissedSpan) {
    let MissedSpan { from, to, reason } = gap;
    let why = match reason.as_str() {
        "epoch" => "the server was restarted, is another one, or lost its store",
        "expired" => "they are no longer retained",
        "slow" => "they were read too slowly",
        other => other,
    };
    let [from, to, why] = [from, to, why].map(printable);
    note(&format!("gap: messages between {from} and {to} cannot be had: {why}"));
}

/// Says what it cost, a line for each way that was used.
pub fn costs(rows: &[(Option<Technique>, Traffic)], ms: u64, shown: Shown) {
    for (technique, traffic) in rows.iter().filter(|(_, traffic)| traffic.connections > 0) {
        let name = technique.map_or("pub", via);
        if shown.json {
            let line = CostsLine { via: name, traffic, ms };
            let _ = writeln!(
                io::stderr().lock(),
                "{}",
                serde_json::to_string(&line).expect("plain data")
            );
        } else {
            note(&costs_line(name, traffic, ms));
        }
    }
}

fn costs_line(name: &str, traffic: &Traffic, ms: u64) -> String {
    let Traffic { connections, requests, empty, messages, bytes_in, bytes_out } = traffic;
    let count = |n: u64, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
    let empty =
        if *empty > 0 { format!(" ({empty} answered with nothing)") } else { String::new() };
    format!(
        "{name}: {}, {}, {}{empty}, {ms} ms; {}; {}",
        count(*messages, "message"),
        count(*connections, "connection"),
        count(*requests, "request"),
        bytes("in", bytes_in),
        bytes("out", bytes_out),
    )
}

fn bytes(direction: &str, bytes: &BytesByClass) -> String {
    let BytesByClass { head, framing, payload, heartbeat, body } = *bytes;
    let classes = [
        ("head", head),
        ("framing", framing),
        ("payload", payload),
        ("heartbeat", heartbeat),
        ("body", body),
    ];
    let parts = classes.iter().filter(|(_, n)| *n > 0).map(|(name, n)| format!("{name} {n}"));
    let parts: Vec<String> = parts.collect();
    let total = bytes.total();
    if parts.is_empty() {
        format!("{direction} 0 bytes")
    } else {
        format!("{direction} {total} bytes: {}", parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(data: &[u8], is_binary: bool) -> Delivery {
        Delivery { id: "e-1".into(), topic: None, event: None, data: data.into(), is_binary }
    }

    #[test]
    fn a_terminal_is_shown_what_it_would_obey() {
        assert_eq!(terminal_line("ü\ta\nb".as_bytes()), "ü\ta\nb\n");
        assert_eq!(terminal_line(b"\x1b[2J\r\x00"), "\\u{1b}[2J\\r\\u{0}\n");
        assert_eq!(terminal_line("\u{9b}1m".as_bytes()), "\\u{9b}1m\n");
        assert_eq!(terminal_line(b"a\xff\x00b"), "a\\xff\\u{0}b\n");
    }

    #[test]
    fn json_on_a_terminal_means_the_same_and_steers_nothing() {
        let data = "\x7f\u{85}\u{9b}31m\x1b\u{fc}";
        let shown = Shown { json: true, costs: false, verbose: false };
        let delivery = delivery(data.as_bytes(), false);
        let piped = message(&delivery, None, shown, false);
        let typed = String::from_utf8(message(&delivery, None, shown, true)).expect("text");
        assert!(piped.windows(2).any(|pair| pair == "\u{9b}".as_bytes()), "as it is");
        let end = "\"data\":\"\\u007f\\u0085\\u009b31m\\u001b\u{fc}\"}\n";
        assert!(typed.ends_with(end), "{typed}");
        let read = |text: &[u8]| serde_json::from_slice::<serde_json::Value>(text).expect("JSON");
        assert_eq!(read(typed.as_bytes()), read(&piped));
    }

    #[test]
    fn a_line_of_json_has_what_a_poll_tells_and_the_topic() {
        let mut text = delivery("two\nlines\"".as_bytes(), false);
        assert_eq!(
            json_line(&text, Some("chat")),
            "{\"id\":\"e-1\",\"topic\":\"chat\",\"data\":\"two\\nlines\\\"\"}\n"
        );
        text.topic = Some("news".into());
        text.event = Some("x".into());
        let named =
            "{\"id\":\"e-1\",\"topic\":\"news\",\"event\":\"x\",\"data\":\"two\\nlines\\\"\"}\n";
        assert_eq!(json_line(&text, Some("chat")), named);
        assert_eq!(
            json_line(&delivery(&[255, 0], true), Some("chat")),
            "{\"id\":\"e-1\",\"topic\":\"chat\",\"data\":\"/wA=\",\"encoding\":\"base64\"}\n"
        );
    }

    #[test]
    fn costs_leave_out_what_did_not_occur() {
        let mut traffic = Traffic { connections: 1, requests: 2, empty: 1, ..Traffic::default() };
        traffic.messages = 1;
        traffic.bytes_in = BytesByClass { head: 10, payload: 5, ..BytesByClass::default() };
        assert_eq!(
            costs_line("poll", &traffic, 7),
            "poll: 1 message, 1 connection, 2 requests (1 answered with nothing), 7 ms; in 15 \
             bytes: head 10, payload 5; out 0 bytes"
        );
    }
}
