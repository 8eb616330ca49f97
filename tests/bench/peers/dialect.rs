//! What each server is asked, in bytes, and where in its answers a message and a cursor stand.
//!
//! Came from: `work`. Goes to: sockets, by `swarm`. Absent on purpose: what servers have in common,
//! which is how WebSocket frames, event streams and HTTP answers are read: `line`. Every request
//! has the same fields for every server, beside those of a cursor.

use tollway::client::response::ResponseHead;

/// How a server is talked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// That of `floor`.
    Floor,
    Tollway,
    /// nginx with nchan, by the locations of `servers`.
    Nchan,
    /// Of `uwebsockets/`, `server.ts`, `server.mjs` and `axum/`.
    Script,
}

/// An answer to a poll.
#[derive(Clone, Debug, Default)]
pub(crate) struct PollAnswer {
    /// The message in it, unless it is an empty one.
    pub(crate) message: Option<Vec<u8>>,
    /// What to ask with next time.
    pub(crate) cursor: String,
}

impl Dialect {
    pub(crate) fn websocket(self, topic: u32) -> String {
        let path = match self {
            Self::Floor => format!("/W{topic:05}"),
            Self::Tollway => format!("/t{topic:05}/ws"),
            Self::Nchan => format!("/ws?id=t{topic:05}"),
            Self::Script => format!("/ws/t{topic:05}"),
        };
        format!(
            "GET {path} HTTP/1.1\r\nHost: b\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {WEBSOCKET_KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
    }

    pub(crate) fn sse(self, topic: u32) -> String {
        let path = match self {
            Self::Floor => format!("/S{topic:05}"),
            Self::Tollway => format!("/t{topic:05}/sse"),
            Self::Nchan => format!("/sse?id=t{topic:05}"),
            Self::Script => format!("/sse/t{topic:05}"),
        };
        format!("GET {path} HTTP/1.1\r\nHost: b\r\nAccept: text/event-stream\r\n\r\n")
    }

    pub(crate) fn publish(self, topic: u32, message: &[u8]) -> Vec<u8> {
        let path = match self {
            Self::Floor => format!("/P{topic:05}"),
            Self::Tollway => format!("/t{topic:05}"),
            Self::Nchan => format!("/pub?id=t{topic:05}"),
            Self::Script => format!("/pub/t{topic:05}"),
        };
        let length = message.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: b\r\nContent-Type: text/plain\r\n\
             Content-Length: {length}\r\n\r\n"
        );
        [head.as_bytes(), message].concat()
    }

    /// A poll that waits for what follows `cursor`; for what comes next, when that is empty.
    pub(crate) fn long_poll(self, topic: u32, cursor: &str) -> String {
        let since = if cursor.is_empty() { String::new() } else { format!("&since={cursor}") };
        match self {
            Self::Floor if cursor.is_empty() => poll_request("/L0000000000000000", "", ""),
            Self::Floor => poll_request(&format!("/L{cursor}"), "", ""),
            Self::Tollway => poll_request(&format!("/t{topic:05}/poll?wait=55{since}"), "", ""),
            Self::Nchan => poll_request(&format!("/long?id=t{topic:05}"), cursor, ""),
            Self::Script => poll_request(&format!("/poll/t{topic:05}?wait=55{since}"), "", ""),
        }
    }

    /// A poll for all that is retained of a topic.
    pub(crate) fn short_poll(self, topic: u32) -> String {
        self.poll_for_all(topic, 'A', "")
    }

    /// The same over a connection that ends with the answer.
    pub(crate) fn last_poll(self, topic: u32) -> String {
        self.poll_for_all(topic, 'C', "Connection: close\r\n")
    }

    /// A poll for what follows the newest message: nothing.
    pub(crate) fn empty_poll(self, topic: u32, cursor: &str) -> String {
        match self {
            Self::Floor => poll_request("/E", "", ""),
            Self::Tollway => poll_request(&format!("/t{topic:05}/poll?since={cursor}"), "", ""),
            Self::Nchan => poll_request(&format!("/poll?id=t{topic:05}"), cursor, ""),
            Self::Script => poll_request(&format!("/poll/t{topic:05}?since={cursor}"), "", ""),
        }
    }

    fn poll_for_all(self, topic: u32, letter: char, fields: &str) -> String {
        match self {
            Self::Floor => poll_request(&format!("/{letter}"), "", fields),
            Self::Tollway => poll_request(&format!("/t{topic:05}/poll"), "", fields),
            Self::Nchan => poll_request(&format!("/poll?id=t{topic:05}"), "", fields),
            Self::Script => poll_request(&format!("/poll/t{topic:05}"), "", fields),
        }
    }

    /// Reads an answer to a poll.
    pub(crate) fn answer(self, head: &ResponseHead, body: &[u8]) -> Result<PollAnswer, String> {
        let strange = || format!("{} {}", head.status, String::from_utf8_lossy(body));
        if matches!(head.status, 204 | 304) {
            return Ok(PollAnswer::default());
        }
        if head.status != 200 {
            return Err(strange());
        }
        let field = |name| head.field(name).unwrap_or_default();
        let text = str::from_utf8(body).map_err(|_| strange())?;
        let (message, cursor) = match self {
            Self::Floor => (text, text.to_owned()),
            // What nchan's own clients send back.
            Self::Nchan => (text, cursor_of_nchan(field("last-modified"), field("etag"))),
            Self::Tollway => {
                let message = between(text, "\"data\":\"", "\"}]}").ok_or_else(strange)?;
                (message, field("last-event-id").to_owned())
            }
            Self::Script => {
                let message = between(text, "\"messages\":[\"", "\"]}").ok_or_else(strange)?;
                let next = between(text, "{\"next\":", ",").ok_or_else(strange)?;
                (message, next.to_owned())
            }
        };
        Ok(PollAnswer { message: Some(message.as_bytes().to_vec()), cursor })
    }
}

fn poll_request(path: &str, cursor_fields: &str, fields: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: b\r\n{cursor_fields}{fields}\r\n")
}

fn cursor_of_nchan(last_modified: &str, etag: &str) -> String {
    format!("If-Modified-Since: {last_modified}\r\nIf-None-Match: {etag}\r\n")
}

fn between<'t>(text: &'t str, before: &str, behind: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(behind).map(|(found, _)| found)
}

/// RFC 6455 §1.3. The same for all, since `floor` knows the answer by heart.
pub(crate) const WEBSOCKET_KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
