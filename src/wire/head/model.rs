//! What a request head says, as values that borrow from the bytes.
//!
//! Came from: `head::fields`, which fills them in. Goes to: `conn`, and the codecs that go on from
//! a head: `wire::body`, `wire::handshake`. Absent on purpose: fields that no part of the server
//! asks about, and what any value means to the server.

use crate::wire::coding::AcceptedCodings;
use crate::wire::credentials::Hidden;
use crate::wire::grammar::is_token;

/// What is asked for. The name is case-sensitive: `get` is `Other`. RFC 9110 §9.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "a method's name is its documentation")]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Options,
    /// Any other token, DELETE and CONNECT among them; [`Head::method_text`] has it.
    Other,
}

/// What the client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "a version's name is its documentation")]
pub enum Version {
    Http10,
    Http11,
}

/// How the end of the body is found. RFC 9112 §6.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Neither `Content-Length` nor `Transfer-Encoding`: there is no body.
    Empty,
    /// `Content-Length`, which may be 0.
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
}

/// One request head, borrowed from the bytes that it came in. Values are without the white space
/// around them, and are `None` when the field is absent (`Some(b"")` when it is there and empty).
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Head<'b> {
    /// The method, as far as we know it.
    pub method: Method,
    /// The method as it was sent.
    pub method_text: &'b str,
    /// Path and query, visible ASCII without `#`. An absolute target is reduced to them, and may
    /// leave a query alone, or `/`; `*` for `OPTIONS *`, the authority for CONNECT.
    pub target: &'b str,
    /// The version spoken.
    pub version: Version,
    /// How the end of the body is found.
    pub framing: Framing,
    /// Whether the client takes another answer on this connection.
    pub keep_alive: bool,
    /// Whether the client waits for a 100 before it sends a body. Never in HTTP/1.0, and never
    /// where there is no body. RFC 9110 §10.1.1.
    pub expect_continue: bool,
    /// Whom the client took us for: authority of an absolute target, else `Host`. `None` in
    /// HTTP/1.0 only.
    pub host: Option<&'b str>,
    /// `Origin`.
    pub origin: Option<&'b [u8]>,
    /// `Sec-Fetch-Site`: where a browser says that the page stands which asks. Fetch Metadata §2.
    pub fetch_site: Option<&'b [u8]>,
    /// `Authorization`; the first one when there are several.
    pub authorization: Option<Hidden<'b>>,
    /// `Cookie`; the first one when there are several.
    pub cookie: Option<Hidden<'b>>,
    /// `Authorization` or `Cookie` came more than once.
    pub credentials_double: bool,
    /// Whether `Accept` names `text/event-stream`, itself and not by a wildcard, with a weight
    /// above 0.
    pub accepts_event_stream: bool,
    /// What `Accept-Encoding` says of the codings that we have.
    pub accepted_codings: AcceptedCodings,
    /// The `wait` preference, in seconds, as large as 64 bits hold. `None` when it is malformed.
    /// RFC 7240 §4.3.
    pub prefer_wait_s: Option<u64>,
    /// `Last-Event-ID`.
    pub last_event_id: Option<&'b [u8]>,
    /// Every `If-None-Match`, in order: together they are one list.
    pub if_none_match: Vec<&'b [u8]>,
    /// `If-Modified-Since`.
    pub if_modified_since: Option<&'b [u8]>,
    /// `Range`.
    pub range: Option<&'b [u8]>,
    /// `If-Range`.
    pub if_range: Option<&'b [u8]>,
    /// `Event`: the name of a published message.
    pub event: Option<&'b [u8]>,
    /// `Idempotency-Key`.
    pub idempotency_key: Option<&'b [u8]>,
    /// Whether `Content-Encoding` names a coding other than `identity`.
    pub content_coded: bool,
    /// Whether `Access-Control-Request-Method` is there: with OPTIONS, a CORS preflight.
    pub preflight: bool,
    /// `Access-Control-Request-Headers`.
    pub request_headers: Option<&'b [u8]>,
    /// Whether `Access-Control-Request-Private-Network` says `true`.
    pub private_network: bool,
    /// What the `Sec-WebSocket-` fields say; `Some` if and only if `Upgrade` lists `websocket`.
    pub upgrade: Option<OpeningHandshake<'b>>,
}

impl Head<'_> {
    /// The lines of `If-None-Match` as one list, RFC 9110 §5.3; `None` when there is no line.
    pub fn if_none_match_list(&self) -> Option<Box<[u8]>> {
        (!self.if_none_match.is_empty()).then(|| self.if_none_match.join(&b", "[..]).into())
    }
}

/// The opening handshake of a WebSocket, the client's half. RFC 6455 §4.1. Values are as they
/// came, not yet judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpeningHandshake<'b> {
    /// `Connection` lists the token `upgrade`, in any case.
    pub connection_upgrade: bool,
    /// `Sec-WebSocket-Key`; the first one when there are several.
    pub key: Option<&'b [u8]>,
    /// `Sec-WebSocket-Key` came more than once.
    pub key_double: bool,
    /// `Sec-WebSocket-Version`.
    pub version: Option<&'b [u8]>,
    /// Every `Sec-WebSocket-Protocol`, in order.
    pub protocols: Vec<&'b [u8]>,
    /// Every `Sec-WebSocket-Extensions`, in order.
    pub extensions: Vec<&'b [u8]>,
}

impl<'b> OpeningHandshake<'b> {
    /// The subprotocols asked for, in the client's order of preference (RFC 6455 §4.1, point 10).
    /// A list split over several fields is one list (§11.3.4). What is not a token can name nothing
    /// that we speak, and is passed over.
    pub fn protocols(&self) -> impl Iterator<Item = &'b str> {
        let elements = self.protocols.iter().flat_map(|value| value.split(|&byte| byte == b','));
        elements
            .filter_map(|element| str::from_utf8(element).ok())
            .map(|element| element.trim_matches([' ', '\t']))
            .filter(|element| is_token(element.as_bytes()))
    }
}
