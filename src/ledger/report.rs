//! The ledger as text: the Prometheus exposition of `/metrics`.
//!
//! Came from: `broker`, on request. Goes to: the body of an answer. Absent on purpose: topics as
//! labels; their number has no bound, and a metric's labels must.

use std::fmt::Write as _;

use super::{Account, Books, Class, Counter, Payer};
use crate::close::CloseReason;

/// The media type of [`prometheus`].
pub const PROMETHEUS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Picks one counter of an account.
type Pick = fn(&Account) -> &Counter;

/// Every counter of `books`, summed over the threads.
pub fn prometheus(books: &Books) -> String {
    let mut out = String::new();
    let plain: [(&str, &str, Pick); 5] = [
        ("requests", "Request heads read.", |a| &a.requests),
        ("answers_empty", "Answers that carried no message.", |a| {
            &a.answers_empty
        }),
        (
            "messages",
            "Messages delivered; for publish, taken in.",
            |a| &a.messages,
        ),
        (
            "connections_opened",
            "Connections, by the technique of their first request.",
            |a| &a.opened,
        ),
        (
            "connections_closed",
            "Connections ended, by the technique they were of.",
            |a| &a.closed,
        ),
    ];
    for (name, help, pick) in plain {
        family(&mut out, name, help);
        for payer in Payer::ALL {
            let value = books.sum(|l| pick(l.account(payer)));
            line(&mut out, name, &[("technique", payer.name())], value);
        }
    }
    bytes(
        &mut out,
        books,
        "bytes_in",
        "Bytes that read brought.",
        |a| &a.bytes_in,
    );
    bytes(
        &mut out,
        books,
        "bytes_out",
        "Bytes that write took.",
        |a| &a.bytes_out,
    );
    closes(&mut out, books);
    system_calls(&mut out, books);
    out
}

fn bytes(
    out: &mut String,
    books: &Books,
    name: &str,
    help: &str,
    pick: fn(&Account) -> &[Counter; 5],
) {
    family(out, name, help);
    for payer in Payer::ALL {
        for class in Class::ALL {
            let value = books.sum(|l| &pick(l.account(payer))[class as usize]);
            line(
                out,
                name,
                &[("technique", payer.name()), ("class", class.name())],
                value,
            );
        }
    }
}

fn closes(out: &mut String, books: &Books) {
    family(out, "closes", "Connections ended, by reason.");
    for &reason in CloseReason::ALL {
        let value = books.sum(|l| l.closes(reason));
        line(out, "closes", &[("reason", reason.name())], value);
    }
    family(
        out,
        "connections_refused",
        "Connections refused at the door.",
    );
    line(out, "connections_refused", &[], books.sum(|l| &l.refused));
}

fn system_calls(out: &mut String, books: &Books) {
    let own: [(&str, Pick); 5] = [
        ("accept", |a| &a.accepts),
        ("read", |a| &a.reads),
        ("write", |a| &a.writes),
        ("would_block", |a| &a.would_blocks),
        ("end", |a| &a.ends),
    ];
    family(
        out,
        "syscalls",
        "System calls made for the connections of a technique.",
    );
    for payer in Payer::ALL {
        for (call, pick) in own {
            let value = books.sum(|l| pick(l.account(payer)));
            line(
                out,
                "syscalls",
                &[("technique", payer.name()), ("call", call)],
                value,
            );
        }
    }
    family(
        out,
        "syscalls_shared",
        "System calls made for all connections of a thread.",
    );
    line(
        out,
        "syscalls_shared",
        &[("call", "epoll_wait")],
        books.sum(|l| &l.waits),
    );
    line(
        out,
        "syscalls_shared",
        &[("call", "epoll_ctl")],
        books.sum(|l| &l.controls),
    );
}

fn family(out: &mut String, name: &str, help: &str) {
    let _ = writeln!(
        out,
        "# HELP tollway_{name}_total {help}\n# TYPE tollway_{name}_total counter"
    );
}

fn line(out: &mut String, name: &str, labels: &[(&str, &str)], value: u64) {
    let labels: Vec<_> = labels.iter().map(|(k, v)| format!("{k}=\"{v}\"")).collect();
    let braces = if labels.is_empty() {
        String::new()
    } else {
        format!("{{{}}}", labels.join(","))
    };
    let _ = writeln!(out, "tollway_{name}_total{braces} {value}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ShardId;

    #[test]
    fn every_line_is_a_comment_or_a_sample_and_threads_are_summed() {
        let books = Books::new(2);
        for shard in 0..2 {
            books
                .ledger(ShardId(shard))
                .account(Payer::Sse)
                .messages
                .add(21);
        }
        let text = prometheus(&books);
        assert!(text.contains("tollway_messages_total{technique=\"sse\"} 42\n"));
        for line in text.lines() {
            let sample = line
                .rsplit_once(' ')
                .is_some_and(|(_, v)| v.parse::<u64>().is_ok());
            assert!(line.starts_with("# ") || sample, "{line}");
        }
    }
}
