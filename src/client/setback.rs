//! Why a technique stopped, and what that means for the next attempt.
//!
//! Came from: `reading`, and whoever has the sockets. Goes to: `ladder`, and in words to people.
//! Absent on purpose: giving up. That is decided where it is known what else there is to try.

use std::fmt::Write as _;

use serde::Deserialize;

use super::response::ResponseHead;
use crate::wire::{date, number};

/// Why a technique, or a publish, does not go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setback {
    /// What happened, in words, without the subject: `was refused: 404 Not Found. …`.
    pub what: String,
    /// To ask again is pointless: the request itself is wrong.
    pub is_final: bool,
    /// Not to come back earlier, in milliseconds, as the server has it; `ladder` has a bound.
    pub retry_after_ms: Option<u64>,
    /// The server goes away and says so: the technique that it said it by works.
    pub is_goodbye: bool,
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
        Self { what: what.into(), is_final: false, retry_after_ms: None, is_goodbye: false }
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
        let is_final = is_final(head.status);
        // What will be refused for good is not worth a pause, whatever the server says of it.
        let retry_after_ms = retry_after_ms(head).filter(|_| !is_final);
        Self { is_final, retry_after_ms, ..Self::new(what) }
    }

    /// The same, with what it happened to before it.
    #[must_use]
    pub fn of(self, subject: &str) -> Self {
        Self { what: format!("{subject} {}", self.what), ..self }
    }

    /// A WebSocket was closed by its server. RFC 6455 §7.4.1.
    pub fn closed(code: u16, why: &str) -> Self {
        let what = format!("was closed with {code} {}", printable(why));
        Self {
            // A rule was broken, or a message is too big; all other codes are about the moment.
            is_final: matches!(code, 1002 | 1003 | 1007..=1010),
            // Going away, and service restart.
            is_goodbye: matches!(code, 1001 | 1012),
            ..Self::new(what.trim_end())
        }
    }
}

/// What `Retry-After` asks for, RFC 9110 §10.2.3: seconds, or a date. The server's own `Date` says
/// how far off that is, whatever the time is here; without one a date is passed over.
fn retry_after_ms(head: &ResponseHead) -> Option<u64> {
    let value = head.field("retry-after")?.as_bytes();
    let seconds = number::saturating(value).or_else(|| {
        let date = date::read(value)?;
        let sent = date::read(head.field("date")?.as_bytes())?;
        Some(u64::try_from(date - sent).unwrap_or(0)) // It may have passed.
    });
    seconds.map(|seconds| seconds.saturating_mul(1000))
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
        assert_eq!(after("99999999999999999999").retry_after_ms, Some(u64::MAX));
        for none in ["soon", "+3", "-3", "1.5", ""] {
            assert_eq!(after(none).retry_after_ms, None, "{none}");
        }
        assert!(!after("3").is_final);
        let refused = Setback::refused(&head(403, &[("retry-after", "3")]), b"");
        assert_eq!((refused.is_final, refused.retry_after_ms), (true, None));
    }

    #[test]
    fn a_date_of_patience_is_as_far_off_as_the_server_has_it() {
        let later = "Sun, 06 Nov 1994 08:49:37 GMT";
        let until = |fields: &[_]| Setback::refused(&head(503, fields), b"").retry_after_ms;
        for (sent, ms) in [
            ("Sun, 06 Nov 1994 08:48:07 GMT", Some(90_000)),
            ("Sun, 06 Nov 1994 08:50:00 GMT", Some(0)),
            ("now", None),
        ] {
            assert_eq!(until(&[("retry-after", later), ("date", sent)]), ms, "{sent}");
        }
        assert_eq!(until(&[("retry-after", later)]), None);
    }

    #[test]
    fn a_close_is_final_when_it_is_about_what_was_said() {
        assert!(Setback::closed(1009, "too big").is_final);
        let gone = Setback::closed(1001, "");
        assert_eq!((&*gone.what, gone.is_final), ("was closed with 1001", false));
        let goodbyes =
            [1000, 1001, 1006, 1012, 1013].map(|code| Setback::closed(code, "").is_goodbye);
        assert_eq!(goodbyes, [false, true, false, true, false]);
    }
}
