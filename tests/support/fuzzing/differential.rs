//! The requests of a connection, beside another reader: hyper's server, over bytes in memory.
//!
//! Where both take a request they must see the same one: method, target, version, fields, body; and
//! since the whole connection is compared, the same byte where the next one begins. What hyper
//! takes and we refuse is our strictness, and no fault. What we take and hyper refuses, or does not
//! find at its place, has a row in [`REASONS`], or is one.
//!
//! hyper splits heads by `httparse`, as we do, so what it adds is everything around: which framing
//! holds, chunks and their ends, trailers, what is left over, and when a connection is over. The
//! grammar of heads has a reader of its own in `head/by_hand.rs`.
//!
//! Came from: bytes. Goes to: `wire::head` and `wire::body`, and to hyper. Absent on purpose: what
//! requests ask for, and answers.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Response, StatusCode, Uri, Version};
use tollway::limits::HEAD_BYTES_MAX;
use tollway::wire::Parsed;
use tollway::wire::body::{BodyDecoder, Piece};
use tollway::wire::head::{Head, HeadDecoder};

use super::head;

/// Longer than any input.
const BODY_BYTES_MAX: u64 = 1 << 20;

/// A request, as a reader saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    /// What is asked for: behind the authority, if there is one.
    pub target: String,
    pub authority: Option<String>,
    pub minor: u8,
    /// By name in lower case; those of one name in their order.
    pub fields: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
}

/// Why a reader read no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// More bytes are wanted, or none are left.
    Starved,
    Refused,
    /// The last request ends the connection.
    Closed,
}

/// What we take and hyper does not, and why that is as it should be.
type Reason = (&'static str, fn(&Request) -> bool);

pub const REASONS: &[Reason] =
    &[("http::Uri takes fewer characters in a target than browsers send", |request| {
        whole_target(request).parse::<Uri>().is_err()
    })];

/// Where one connection ends and the other goes on, and why that is as it should be: the last
/// request that both saw tells.
pub const ENDED_BY_ONE: &[Reason] = &[(
    "hyper passes over a `Connection` field with a byte beyond ASCII, and what is asked for in it",
    |request| {
        let connection = |field: &&(String, Vec<u8>)| field.0 == "connection";
        let mut values = request.fields.iter().filter(connection);
        values.any(|(_, value)| !value.is_ascii())
    },
)];

fn whole_target(request: &Request) -> String {
    match &request.authority {
        Some(authority) => format!("http://{authority}{}", request.target),
        None => request.target.clone(),
    }
}

pub fn check(input: &[u8]) {
    let (ours, end) = ours(input);
    let theirs = hypers(input);
    for (n, request) in ours.iter().enumerate() {
        match theirs.get(n) {
            Some(theirs) => assert_eq!(request, theirs, "request {n}"),
            None => {
                let refused = REASONS.iter().any(|(_, applies)| applies(request));
                let ended = n > 0 && is_ended_by_one(&ours[n - 1]);
                assert!(refused || ended, "hyper has no request {n}: {request:?}");
                return;
            }
        }
    }
    let more = theirs.get(ours.len());
    let last = ours.last().filter(|_| end == End::Closed);
    let closed = last.is_some_and(is_ended_by_one);
    assert!(
        end == End::Refused || closed || more.is_none(),
        "{end:?} after {} requests, but hyper goes on: {more:?}",
        ours.len()
    );
}

fn is_ended_by_one(last: &Request) -> bool {
    ENDED_BY_ONE.iter().any(|(_, applies)| applies(last))
}

/// What we see.
pub fn ours(bytes: &[u8]) -> (Vec<Request>, End) {
    let (mut requests, mut at) = (Vec::new(), 0);
    loop {
        let (head, used) = match HeadDecoder::default().decode(&bytes[at..], HEAD_BYTES_MAX) {
            Ok(Parsed::Complete { value, used }) => (value, used),
            Ok(Parsed::Partial) => return (requests, End::Starved),
            Err(_) => return (requests, End::Refused),
        };
        let text = &bytes[at..at + used];
        at += used;
        let (body, used) = match read_body(&head, &bytes[at..]) {
            Ok(Some(read)) => read,
            Ok(None) => return (requests, End::Starved),
            Err(()) => return (requests, End::Refused),
        };
        at += used;
        let keep_alive = head.keep_alive;
        requests.push(request(&head, text, body));
        if !keep_alive {
            return (requests, End::Closed);
        }
    }
}

fn request(head: &Head<'_>, text: &[u8], body: Vec<u8>) -> Request {
    let mut fields = head::fields(text);
    fields.sort_by(|a, b| a.0.cmp(&b.0));
    let line = text.split(|&byte| byte == b'\n').find(|line| line.len() > 1);
    let raw = line.and_then(|line| line.split(|&byte| byte == b' ').nth(1));
    let raw = raw.expect("a request line has a target");
    let absolute = !raw.starts_with(b"/") && raw.windows(3).any(|three| three == b"://");
    Request {
        method: head.method_text.to_owned(),
        // An empty path is `/`: RFC 9112 §3.2.1; `wire::target::split` knows it too.
        target: match head.target.starts_with('?') {
            true => format!("/{}", head.target),
            false => head.target.to_owned(),
        },
        authority: absolute.then(|| head.host.expect("it is there").to_owned()),
        minor: u8::from(head.version == tollway::wire::head::Version::Http11),
        fields,
        body,
    }
}

/// The body, and how long it was on the wire. `None`: it is not all here.
fn read_body(head: &Head<'_>, bytes: &[u8]) -> Result<Option<(Vec<u8>, usize)>, ()> {
    let mut decoder = BodyDecoder::new(head.framing, BODY_BYTES_MAX).map_err(drop)?;
    let (mut data, mut at) = (Vec::new(), 0);
    loop {
        match decoder.decode(&bytes[at..]).map_err(drop)? {
            Piece::Partial => return Ok(None),
            Piece::Data { bytes, used } => {
                data.extend_from_slice(bytes);
                at += used;
            }
            Piece::End { used } => return Ok(Some((data, at + used))),
        }
    }
}

/// What hyper sees. It is answered 405 each time: a 200 to `CONNECT` would open a tunnel.
pub fn hypers(bytes: &[u8]) -> Vec<Request> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let service = service_fn(|request: hyper::Request<Incoming>| {
        let seen = Arc::clone(&seen);
        async move {
            let (parts, body) = request.into_parts();
            if let Ok(body) = body.collect().await {
                let request = theirs(&parts, body.to_bytes().to_vec());
                seen.lock().expect("nobody panics").push(request);
            }
            let mut response = Response::new(Empty::<Bytes>::new());
            *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            Ok::<_, Infallible>(response)
        }
    });
    let memory = Memory { bytes: bytes.to_vec(), at: 0 };
    let mut connection = http1::Builder::new().half_close(true).serve_connection(memory, service);
    let mut context = Context::from_waker(Waker::noop());
    // All bytes are there, so one call does it; it yields now and then, to be fair to others.
    for _ in 0..1_000 {
        if Pin::new(&mut connection).poll(&mut context).is_ready() {
            break;
        }
    }
    drop(connection);
    std::mem::take(&mut seen.lock().expect("nobody panics"))
}

fn theirs(parts: &hyper::http::request::Parts, body: Vec<u8>) -> Request {
    let mut fields: Vec<(String, Vec<u8>)> = parts
        .headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
        .collect();
    fields.sort_by(|a, b| a.0.cmp(&b.0));
    let uri = &parts.uri;
    let authority = uri.authority().map(ToString::to_string);
    let (target, authority) = match (uri.path_and_query(), authority) {
        (None, Some(authority)) => (authority, None), // CONNECT
        (path, authority) => (path.map_or(String::new(), ToString::to_string), authority),
    };
    Request {
        method: parts.method.to_string(),
        target,
        authority,
        minor: u8::from(parts.version == Version::HTTP_11),
        fields,
        body,
    }
}

/// A peer that has sent everything, ended its side, and takes every answer.
struct Memory {
    bytes: Vec<u8>,
    at: usize,
}

impl Read for Memory {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let n = buf.remaining().min(self.bytes.len() - self.at);
        buf.put_slice(&self.bytes[self.at..self.at + n]);
        self.at += n;
        Poll::Ready(Ok(()))
    }
}

impl Write for Memory {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, b: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(b.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let post = "POST /a?event=tick HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    let get = "GET /a/poll?since=earliest HTTP/1.1\r\nHost: a\r\n\r\n";
    let chunked = "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
                   5\r\nhello\r\n0\r\n\r\n";
    let stories = [
        [post, get, chunked, get].concat(),
        [chunked, chunked, post].concat(),
        [&chunked.replace("5\r\n", "0005;a=\"b;c\";d=e\r\n"), get].concat(),
        [&chunked.replace("0\r\n\r\n", "0\r\nX: y\r\nHost: b\r\n\r\n"), get].concat(),
        [&get.replace("1.1", "1.0"), get].concat(),
        [&get.replace("1.1\r\n", "1.0\r\nConnection: keep-alive\r\n"), get].concat(),
        [&get.replace("Host", "Connection: close\r\nHost"), get].concat(),
        [&get.replace("Host", "Connection: close, keep-alive\r\nHost"), get].concat(),
        [&post.replace("Host", "Expect: 100-continue\r\nHost"), get].concat(),
        [&post.replace("POST", "GET"), get].concat(),
        [&chunked.replace("POST", "OPTIONS"), get].concat(),
        [&get.replace("/a/", "http://b.example/a/"), get].concat(),
        [&get.replace("GET /a/poll?since=earliest", "OPTIONS *"), get].concat(),
        [&get.replace("GET /a/poll?since=earliest", "CONNECT a:80"), get].concat(),
        [&get.replace("Host", "Upgrade: websocket\r\nConnection: Upgrade\r\nHost"), get].concat(),
        [&get.replace("Host", "Upgrade: h2c\r\nConnection: Upgrade\r\nHost"), get].concat(),
        [&get.replace("Host: a", "Host: a\r\nX:\t y \t\r\nx: \u{e9}\r\nX:"), get].concat(),
        ["\r\n\r\n", get, "\r\n", get].concat(),
        post.replace("5\r", "05\r"),
        post.replace("Length", "Length: 5\r\nContent-Length"),
        chunked.replace("5\r\nhello\r\n", ""),
    ];
    stories.into_iter().map(String::into_bytes).collect()
}
