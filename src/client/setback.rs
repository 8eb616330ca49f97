//! Why a technique stopped, and what that means for the next attempt.
//!
//! Came from: `reading`, and whoever has the sockets. Goes to: `ladder`, and in words to people.
//! Absent on purpose: giving up. That is decided where it is known what else there is to try.

use std::fmt::Write as _;

use serde::Deserialize;

use super::response::ResponseHead;

/// Why a technique, or a publish, does not go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setback {
    /// What happened, in words, without the subject: `was refused: 404 Not Found. …`.
    pub what: String,
    /// To ask again is pointless: the request itself is wrong.
    pub is_final: bool,
    /// Not to come back earlier, in milliseconds, as the server has it; `ladder` has a bound.
    pub retry_after_ms: Option<u64>,
}

/// The members of an `application/problem+json`, RFC 9457, that people read.
#[derive(Default, Deserialize)]
struct ProblemBody {
    #[serde(default)]
    title: String,
    #[serde(default)]
    detail: String,
}

impl Setback {
    /// The connection, or what came over it, is no good.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), is_final: false, retry_after_ms: None }
    }

    /// An answer with another status than is wanted. What a stranger says is made fit to be shown.
    pub fn refused(head: &ResponseHead, body: &[u8]) -> Self {
        let problem: ProblemBody = serde_json::from_slice(body).unwrap_or_default();
        let mut what = format!("was refused: {}", head.status);
        for part in [&problem.title, &problem.detail] {
            let part: String = part.chars().take(SHOWN_CHARS_MAX).collect();
            if !part.is_empty() {
                what.push_str(if what.ends_with('.') || part == problem.title {
                    " "
                } else {
                    ". "
                });
                what.push_str(&printable(&part));
            }
        }
        if let Some(place) = head.field("location").filter(|_| head.status / 100 == 3) {
            let place: String = place.chars().take(SHOWN_CHARS_MAX).collect();
            let place = printable(&place);
            write!(what, " (it says that it is at {place})").expect("a string takes it");
        }
        let after = head.field("retry-after").and_then(|value| value.trim().parse::<u64>().ok());
        Self {
            what,
            is_final: is_final(head.status),
            retry_after_ms: after.map(|s| s.saturating_mul(1000)),
        }
    }

    /// The same, with what it happened to before it.
    #[must_use]
    pub fn of(self, subject: &str) -> Self {
        Self { what: format!("{subject} {}", self.what), ..self }
    }

    /// A WebSocket was closed by its server. RFC 6455 §7.4.1.
    pub fn closed(code: u16, why: &str) -> Self {
        let what = format!("was closed with {code} {}", printable(why));
        // A rule was broken, or a message is too big; all other codes are about the moment.
        Self { is_final: matches!(code, 1002 | 1003 | 1007..=1010), ..Self::new(what.trim_end()) }
    }
}

/// Whether an answer with this status, sent again, would come again. A redirection would.
pub fn is_final(status: u16) -> bool {
    (300..500).contains(&status) && !matches!(status, 408 | 425 | 429)
}

/// `text` with every control character spelled out: what a terminal obeys stays out of what a
/// server, or whoever publishes on it, has shown there.
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}

const SHOWN_CHARS_MAX: usize = 400;

#[cfg(test)]
mod tests {
    use super::*;

    fn head(status: u16, fields: &[(&str, &str)]) -> ResponseHead {
        let fields = fields.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
        ResponseHead { status, fields: fields.collect() }
    }

    #[test]
    fn a_refusal_is_told_in_the_servers_words_without_what_a_terminal_obeys() {
        let body = br#"{"title":"Bad Request","detail":"A topic\u001b[2J is wrong.","code":"x"}"#;
        let setback = Setback::refused(&head(400, &[]), body);
        assert_eq!(setback.what, "was refused: 400 Bad Request. A topic\\u{1b}[2J is wrong.");
        assert!(setback.is_final);
        let plain = Setback::refused(&head(502, &[]), b"<html>");
        assert_eq!((&*plain.what, plain.is_final), ("was refused: 502", false));
        let moved = Setback::refused(&head(301, &[("location", "https://b.example/")]), b"");
        assert!(moved.is_final && moved.what.contains("it is at https://b.example/"));
    }

    #[test]
    fn patience_that_is_asked_for_is_no_end() {
        let after = |value| Setback::refused(&head(429, &[("retry-after", value)]), b"");
        assert_eq!(after("3").retry_after_ms, Some(3000));
        assert_eq!(after("18446744073709551615").retry_after_ms, Some(u64::MAX));
        assert_eq!(after("soon").retry_after_ms, None);
        assert!(!after("3").is_final);
    }

    #[test]
    fn a_close_is_final_when_it_is_about_what_was_said() {
        assert!(Setback::closed(1009, "too big").is_final);
        let gone = Setback::closed(1001, "");
        assert_eq!((&*gone.what, gone.is_final), ("was closed with 1001", false));
    }
}
