//! A server as a client addresses it: what stands in the head of every request.
//!
//! Came from: `reading`, and `remote` for its publishes. Goes to: a server. Absent on purpose:
//! where the server is, which is for whoever has sockets; and showing a token to anybody.

use std::fmt;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

/// Whom requests are for, and on whose behalf.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// `host:port`, as in the field `Host`.
    pub host: String,
    /// What stands before each topic in a path: empty, or `/base`.
    pub prefix: String,
    /// Sent as `Authorization: Bearer`. Visible ASCII, which the field takes.
    pub token: Option<BearerToken>,
}

/// A token as it was given, which `Debug` does not show.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BearerToken(String);

impl BearerToken {
    /// The token, for whoever sends it.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// The field that shows it, with the end of its line; nothing when there is none.
    pub fn field(token: Option<&Self>) -> String {
        token.map_or_else(String::new, |Self(text)| format!("Authorization: Bearer {text}\r\n"))
    }
}

impl From<&str> for BearerToken {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(not shown)")
    }
}

impl Endpoint {
    /// The beginning of a request: its line, and the fields that all have. More fields and an
    /// empty line follow. `target` begins with a slash.
    pub fn head(&self, method: &str, target: &str) -> String {
        let Self { host, prefix, token } = self;
        let (version, token) = (env!("CARGO_PKG_VERSION"), BearerToken::field(token.as_ref()));
        format!(
            "{method} {prefix}{target} HTTP/1.1\r\nHost: {host}\r\n\
             User-Agent: tollway/{version}\r\n{token}"
        )
    }
}

/// `text` as a part of a path or a query: what is not unreserved is percent-encoded. RFC 3986 §2.3.
pub fn percent_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("a string takes everything");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_names_the_host_and_the_token_and_nothing_shows_the_token() {
        let endpoint = Endpoint {
            host: "a.example:81".into(),
            prefix: "/base".into(),
            token: Some("s3cret".into()),
        };
        let head = endpoint.head("GET", "/chat/sse");
        assert!(head.starts_with("GET /base/chat/sse HTTP/1.1\r\nHost: a.example:81\r\n"));
        assert!(head.ends_with("\r\nAuthorization: Bearer s3cret\r\n"));
        assert!(!format!("{endpoint:?}").contains("s3cret"));
    }

    #[test]
    fn nothing_in_a_name_can_end_the_request_line() {
        assert_eq!(percent_encode("a b\r\nX:/?ü~"), "a%20b%0D%0AX%3A%2F%3F%C3%BC~");
    }
}
