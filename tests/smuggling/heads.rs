//! Lines, fields, targets and versions that not all read alike.

use super::vector::{Vector, vector};

pub(crate) const LINES: &[Vector] = &[
    vector(
        "all lines end in LF",
        "GET /news?since=latest HTTP/1.1\nHost: tollway.example\n\n",
        &["400 bare_line_feed", "close"],
        "RFC 9112 §2.2 lets it end a line; we do not",
    ),
    vector(
        "blank line is LF alone",
        "GET /news?since=latest HTTP/1.1\r\nHost: tollway.example\r\n\n{smuggled}",
        &["400 bare_line_feed", "close"],
        "as above",
    ),
    vector(
        "lines end in CR",
        "GET /news?since=latest HTTP/1.1\rHost: tollway.example\r\r\n\r\n",
        &["400 bare_carriage_return", "close"],
        "RFC 9112 §2.2",
    ),
    vector(
        "NUL in a name",
        "GET /news?since=latest HTTP/1.1\r\nHost: tollway.example\r\nX\0: y\r\n\r\n",
        &["400 nul_byte", "close"],
        "where C ends a text, others go on",
    ),
    vector(
        "field without a name",
        "GET /news?since=latest HTTP/1.1\r\nHost: tollway.example\r\n: y\r\n\r\n",
        &["400 bad_field_name", "close"],
        "a name is a token",
    ),
    vector(
        "field without a colon",
        "GET /news?since=latest HTTP/1.1\r\nHost: tollway.example\r\nX\r\n\r\n",
        &["400 bad_field_name", "close"],
        "as above",
    ),
    vector(
        "white space before the request line",
        " GET /news?since=latest HTTP/1.1\r\nHost: tollway.example\r\n\r\n",
        &["400 bad_method", "close"],
        "RFC 9112 §2.2 lets it be dropped; we do not",
    ),
    vector(
        "white space before the first field",
        "GET /news?since=latest HTTP/1.1\r\n X: y\r\nHost: tollway.example\r\n\r\n",
        &["400 obsolete_fold", "close"],
        "RFC 9112 §2.2",
    ),
    vector(
        "empty lines before a request",
        "\r\n\r\nGET /news?since=latest HTTP/1.1\r\nHost: tollway.example\r\n\r\n",
        &["204"],
        "RFC 9112 §2.2: they are skipped, and nothing else is",
    ),
    vector(
        "field that is too long",
        "GET /news?since=latest HTTP/1.1\r\nHost: tollway.example\r\nX: {x*70000}\r\n\r\n",
        &["431 head_too_large", "close"],
        "nothing is cut off: what is too long is refused",
    ),
    vector(
        "target that is too long",
        "GET /{x*70000} HTTP/1.1\r\nHost: tollway.example\r\n\r\n",
        &["414 target_too_long", "close"],
        "as above",
    ),
];

pub(crate) const TARGETS: &[Vector] = &[
    vector(
        "two hosts",
        "GET /news?since=latest HTTP/1.1\r\nHost: tollway.example\r\nHost: else\r\n\r\n",
        &["400 host_double", "close"],
        "RFC 9112 §3.2",
    ),
    vector(
        "host with more in it",
        "GET /news?since=latest HTTP/1.1\r\nHost: tollway.example@else/\r\n\r\n",
        &["400 host_malformed", "close"],
        "RFC 9112 §3.2",
    ),
    vector(
        "absolute target, another host",
        "GET http://tollway.example/news?since=latest HTTP/1.1\r\nHost: else.example\r\n\r\n",
        &["204"],
        "RFC 9112 §3.2.2: the target has the last word",
    ),
    vector(
        "absolute target, no host",
        "GET http://tollway.example/news?since=latest HTTP/1.1\r\n\r\n",
        &["400 host_missing", "close"],
        "RFC 9112 §3.2: there must be one all the same",
    ),
    vector(
        "target with a space",
        "GET /news?since=latest /x HTTP/1.1\r\nHost: tollway.example\r\n\r\n",
        &["400 bad_target", "close"],
        "some take the last word for the version, others the third",
    ),
    vector(
        "two spaces",
        "GET  /news?since=latest HTTP/1.1\r\nHost: tollway.example\r\n\r\n",
        &["400 bad_target", "close"],
        "RFC 9112 §3: one space",
    ),
    vector(
        "tab for a space",
        "GET\t/news?since=latest HTTP/1.1\r\nHost: tollway.example\r\n\r\n",
        &["400 bad_method", "close"],
        "as above",
    ),
    vector(
        "target with a fragment",
        "GET /news#/../smuggled HTTP/1.1\r\nHost: tollway.example\r\n\r\n",
        &["400 bad_target", "close"],
        "RFC 9112 §3.2: it is not sent",
    ),
    vector(
        "HTTP/0.9",
        "GET /news?since=latest\r\n",
        &["400 version_malformed", "close"],
        "an answer without a head is nobody's",
    ),
    vector(
        "HTTP/1.2",
        "GET /news?since=latest HTTP/1.2\r\nHost: tollway.example\r\n\r\n",
        &["505 version_unsupported", "close"],
        "it does not exist",
    ),
    vector(
        "HTTP/01.1",
        "GET /news?since=latest HTTP/01.1\r\nHost: tollway.example\r\n\r\n",
        &["400 version_malformed", "close"],
        "RFC 9112 §2.3: one digit, a point, one digit",
    ),
    vector(
        "HTTP/2 preface",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        &["505 version_unsupported", "close"],
        "HTTP/2 is not spoken on this port",
    ),
];

pub(crate) const CONNECTIONS: &[Vector] = &[
    vector(
        "pipelining",
        "{begin}Content-Length: 5\r\n\r\nhelloGET /news?since=latest HTTP/1.1\r\n\
        Host: tollway.example\r\n\r\n",
        &["201", "204"],
        "what follows a whole request is the next one; answers come in order",
    ),
    vector(
        "bytes behind `Connection: close`",
        "{begin}Connection: close\r\nContent-Length: 5\r\n\r\nhello{smuggled}",
        &["201", "close"],
        "RFC 9112 §9.6: nothing behind it is read",
    ),
    vector(
        "HTTP/1.0 and bytes behind",
        "POST /news HTTP/1.0\r\nHost: tollway.example\r\nContent-Length: 5\r\n\r\nhello{smuggled}",
        &["201", "close"],
        "HTTP/1.0 closes where nothing else is said",
    ),
    vector(
        "Expect",
        "{begin}Expect: 100-continue\r\nContent-Length: {all}\r\n\r\n{smuggled}",
        &["201"],
        "the body is read, whether the interim answer was awaited or not",
    ),
    vector(
        "Expect in a GET",
        "GET /news?since=latest HTTP/1.1\r\nHost: tollway.example\r\nExpect: 100-continue\r\n\
        Content-Length: {all}\r\n\r\n{smuggled}",
        &["204"],
        "as above",
    ),
    vector(
        "Expect, something else",
        "{begin}Expect: 200-ok\r\nContent-Length: {all}\r\n\r\n{smuggled}",
        &["417 expectation_unknown", "close"],
        "what is not understood is refused, and nothing behind it is read",
    ),
    vector(
        "h2c",
        "GET /news?since=latest HTTP/1.1\r\nHost: tollway.example\r\nUpgrade: h2c\r\n\
        HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\nConnection: Upgrade, HTTP2-Settings\r\n\r\n\
        PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        &["204", "505 version_unsupported", "close"],
        "no upgrade but `websocket`: no tunnel is opened, the preface is a request",
    ),
    vector(
        "WebSocket of another version",
        "GET /news HTTP/1.1\r\nHost: tollway.example\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Version: 777\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n{smuggled}",
        &["426 version_unsupported", "close"],
        "it stays HTTP and ends; a proxy that believes in a tunnel before the \
         101 is mistaken",
    ),
    vector(
        "WebSocket with a body",
        "GET /news HTTP/1.1\r\nHost: tollway.example\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nContent-Length: {all}\r\n\r\n{smuggled}",
        &["400 body_present", "close"],
        "behind the head come frames, so there is no room for a body",
    ),
    vector(
        "bytes behind a WebSocket's head",
        "GET /news HTTP/1.1\r\nHost: tollway.example\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n{smuggled}",
        &["101", "close"],
        "they are frames, and no good ones: the socket is closed with 1002",
    ),
    vector(
        "CONNECT",
        "CONNECT tollway.example:80 HTTP/1.1\r\nHost: tollway.example:80\r\n\r\n{smuggled}",
        &["405 method_not_allowed", "201"],
        "no tunnel is opened, and the next request is one",
    ),
];
