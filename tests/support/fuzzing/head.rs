//! Request heads: the verdict does not depend on cuts, a twin that reads by hand gives the same one
//! and sees the same parts, an offence is really there, and a head that is written anew means the
//! same.
//!
//! Came from: bytes; the first two choose a bound and the cuts. Goes to: `wire::head`. Absent on
//! purpose: what a head asks for; `target` and `conn` go on from here.

use tollway::limits::{HEAD_BYTES_MAX, HEAD_FIELDS_MAX, TARGET_BYTES_MAX};
use tollway::wire::Parsed;
use tollway::wire::head::{Framing, Head, HeadDecoder, HeadError, Version};

use super::{choice, cuts};

pub mod by_hand;

/// A head, or the offence, and after how many bytes that was known. `None`: not yet.
type Verdict<'b> = Option<(Result<Head<'b>, HeadError>, usize)>;

pub fn check(input: &[u8]) {
    let (bound, input) = choice(input);
    let (seed, bytes) = choice(input);
    let bound = match bound {
        0..128 => HEAD_BYTES_MAX,
        small => usize::from(small - 127) * 4,
    };
    let mut decoder = HeadDecoder::default();
    let whole = decoder.decode(bytes, bound);
    agrees_with_its_twin(&whole, by_hand::read(bytes, bound));
    if !matches!(whole, Ok(Parsed::Partial)) {
        let again = decoder.decode(bytes, bound);
        assert_eq!(whole, again, "after a verdict a decoder is as new");
    }
    let [_, drip, pieces] = cuts(seed, bytes.len());
    let dripped = feed(bytes, drip.iter().map(|piece| piece.end), bound);
    let cut = feed(bytes, pieces.iter().map(|piece| piece.end), bound);
    match &whole {
        Ok(Parsed::Partial) => {
            assert_eq!(dripped, None);
            assert_eq!(cut, None);
        }
        Err(offence) => {
            let (verdict, due) = dripped.expect("a drip is judged too");
            assert_eq!(verdict.as_ref(), Err(offence));
            assert_eq!(cut.map(|(verdict, _)| verdict), Some(verdict));
            offence_is_there(*offence, &bytes[..due], bound);
        }
        Ok(Parsed::Complete { value, used }) => {
            let due = *used;
            assert_eq!(dripped, Some((Ok(value.clone()), due)), "as soon as it is whole");
            assert_eq!(cut.map(|(verdict, _)| verdict), Some(Ok(value.clone())));
            assert!(due <= bound);
            agrees_with_naive_reading(value, &bytes[..due]);
            means_the_same_written_anew(value, &bytes[..due]);
        }
    }
}

/// Shows `bytes` up to each of `ends` in turn.
fn feed(bytes: &[u8], ends: impl Iterator<Item = usize>, bound: usize) -> Verdict<'_> {
    let mut decoder = HeadDecoder::default();
    for end in ends {
        match decoder.decode(&bytes[..end], bound) {
            Ok(Parsed::Partial) => {}
            Ok(Parsed::Complete { value, used }) => return Some((Ok(value), used)),
            Err(offence) => return Some((Err(offence), end)),
        }
    }
    None
}

/// The same verdict: not yet, the same offence, or the same head up to the same byte.
fn agrees_with_its_twin(
    ours: &Result<Parsed<Head<'_>>, HeadError>,
    twin: Option<Result<by_hand::Parts<'_>, HeadError>>,
) {
    match (ours, twin) {
        (Ok(Parsed::Partial), None) => {}
        (Err(offence), Some(Err(twin))) => assert_eq!(*offence, twin),
        (Ok(Parsed::Complete { value, used }), Some(Ok(twin))) => {
            assert_eq!(*used, twin.used);
            assert_eq!(value.method_text.as_bytes(), twin.method);
            assert_eq!(value.version == Version::Http11, twin.minor == 1);
            let target = str::from_utf8(twin.target).expect("visible ASCII");
            assert!(target.ends_with(value.target) || value.target == "/", "{target}");
            let hosts = twin.fields.iter().filter(|field| field.0.eq_ignore_ascii_case(b"host"));
            let host = hosts.map(|field| field.1).next();
            match target.split_once("://") {
                Some((_, rest)) if !target.starts_with('/') => {
                    let authority = rest.split(['/', '?']).next();
                    assert_eq!(value.host, authority, "an absolute target has the last word");
                }
                _ => assert_eq!(value.host.map(str::as_bytes), host),
            }
        }
        (ours, twin) => panic!("{ours:?}, but by hand it is {twin:?}"),
    }
}

/// Name and value of each field line, by the letter of RFC 9112 §5.
pub fn fields(head: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut fields = Vec::new();
    for line in lines(head).skip_while(|line| line.is_empty()).skip(1) {
        let Some(colon) = line.iter().position(|&byte| byte == b':') else {
            continue;
        };
        let name = str::from_utf8(&line[..colon]).expect("a token is ASCII");
        let mut value = &line[colon + 1..];
        while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
            value = rest;
        }
        fields.push((name.to_ascii_lowercase(), value.to_vec()));
    }
    fields
}

fn lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    head.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

fn agrees_with_naive_reading(head: &Head<'_>, bytes: &[u8]) {
    assert!(bytes.ends_with(b"\r\n\r\n") && !bytes.contains(&0));
    let line_feeds = bytes.iter().filter(|&&byte| byte == b'\n').count();
    let line_ends = bytes.windows(2).filter(|two| two == b"\r\n").count();
    let returns = bytes.iter().filter(|&&byte| byte == b'\r').count();
    assert_eq!((line_feeds, returns), (line_ends, line_ends), "each CR before an LF");
    let fields = fields(bytes);
    assert!(fields.len() <= HEAD_FIELDS_MAX && head.target.len() <= TARGET_BYTES_MAX);
    let values = |name: &str| -> Vec<&[u8]> {
        let named = fields.iter().filter(|field| field.0 == name);
        named.map(|(_, value)| value.as_slice()).collect()
    };
    for (name, value) in [
        ("origin", head.origin),
        ("last-event-id", head.last_event_id),
        ("event", head.event),
        ("idempotency-key", head.idempotency_key),
        ("if-modified-since", head.if_modified_since),
        ("range", head.range),
        ("if-range", head.if_range),
        ("access-control-request-headers", head.request_headers),
    ] {
        assert_eq!(values(name), Vec::from_iter(value), "{name}");
    }
    assert_eq!(values("if-none-match"), head.if_none_match);
    assert_eq!(!values("access-control-request-method").is_empty(), head.preflight);
    let (lengths, codings) = (values("content-length"), values("transfer-encoding"));
    match head.framing {
        Framing::Empty => assert!(lengths.is_empty() && codings.is_empty()),
        Framing::Length(length) => {
            assert!(lengths.len() == 1 && codings.is_empty());
            let digits = str::from_utf8(lengths[0]).unwrap();
            assert!(digits.bytes().all(|b| b.is_ascii_digit()));
            assert_eq!(digits.parse().unwrap_or(u64::MAX), length);
        }
        Framing::Chunked => {
            assert!(lengths.is_empty() && head.version == Version::Http11);
            let all = codings.join(&b',').to_ascii_lowercase();
            let named = all.split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
            let named: Vec<_> = named.filter(|coding| !coding.is_empty()).collect();
            assert_eq!(named, [b"chunked"]);
        }
    }
    let hosts = values("host");
    assert!(hosts.len() == 1 || (hosts.is_empty() && head.version == Version::Http10));
    let options = values("connection").join(&b',').to_ascii_lowercase();
    let closes = options.split(|&byte| byte == b',').any(|word| word.trim_ascii() == b"close");
    // What a quoted comma means in a list of tokens, nobody says.
    assert!(!(closes && head.keep_alive) || options.contains(&b'"'), "close wins");
}

/// The same head with its fields in capitals and no white space is the same head.
fn means_the_same_written_anew(head: &Head<'_>, bytes: &[u8]) {
    let line = lines(bytes).find(|line| !line.is_empty()).expect("a request line");
    let mut anew = line.to_vec();
    for (name, value) in fields(bytes) {
        anew.extend([b"\r\n", name.to_ascii_uppercase().as_bytes(), b":", &value].concat());
    }
    anew.extend_from_slice(b"\r\n\r\n");
    let read = HeadDecoder::default().decode(&anew, anew.len());
    let (value, used) = (head.clone(), anew.len());
    assert_eq!(read, Ok(Parsed::Complete { value, used }));
}

/// An offence that names a byte or a number is one that the bytes have.
fn offence_is_there(offence: HeadError, bytes: &[u8], bound: usize) {
    let line_feeds = bytes.iter().filter(|&&byte| byte == b'\n').count();
    let count = |name: &str| {
        let text = String::from_utf8_lossy(bytes).to_ascii_lowercase();
        text.lines().filter(|line| line.starts_with(name)).count()
    };
    assert!(match offence {
        HeadError::BareLineFeed => !bytes.ends_with(b"\r\n") && bytes.ends_with(b"\n"),
        HeadError::BareCarriageReturn => bytes.contains(&b'\r'),
        HeadError::NulByte => bytes.contains(&0),
        HeadError::HeadTooLarge => bytes.len() == bound,
        HeadError::TooManyFields => line_feeds > HEAD_FIELDS_MAX,
        HeadError::TargetTooLong => bytes.len() > TARGET_BYTES_MAX,
        HeadError::HostMissing => count("host:") == 0,
        HeadError::HostDouble => count("host:") > 1,
        HeadError::LengthDouble => count("content-length:") > 1,
        HeadError::LengthWithTransferEncoding => {
            count("content-length:") > 0 && count("transfer-encoding:") > 0
        }
        _ => true,
    });
    assert!(offence.status().code() >= 400 && offence.detail().ends_with('.'));
}

/// Heads by the RFCs, each with a mark of its own.
pub const HEADS: &[&str] = &[
    "GET / HTTP/1.1\r\nHost: localhost:8080\r\n\r\n",
    "GET /news HTTP/1.0\r\n\r\n",
    "\r\n\r\nGET /news?since=e-1&limit=5 HTTP/1.1\r\nHost: [::1]:80\r\nPrefer: wait=30\r\n\r\n",
    "POST /news?event=tick HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\
     Expect: 100-continue\r\n\r\n",
    "PUT /news HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip , Chunked\r\n\r\n",
    "POST /news HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nEvent: tick\r\n\
     Idempotency-Key: 8e03978e-40d5-43e8-bc93-6894a57f9324\r\n\
     Connection: keep-alive, close\r\n\r\n",
    "GET /a,b HTTP/1.1\r\nHost: a\r\nAccept: text/html;q=0.5, text/event-stream;q=0.9\r\n\
     Last-Event-ID: e-7\r\nCache-Control: no-cache\r\nOrigin: https://a.example\r\n\r\n",
    "GET /a/ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
     Sec-WebSocket-Protocol: chat, superchat\r\n\
     Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n",
    "OPTIONS /a HTTP/1.1\r\nHost: a\r\nOrigin: http://b\r\n\
     Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: event\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost:\r\n\r\n",
    "GET HTTP://Example.com:80?since=latest HTTP/1.1\r\nHost: else\r\n\r\n",
    "CONNECT a.example:443 HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /static/app.js HTTP/1.1\r\nHost: a\r\nIf-None-Match: \"a\", W/\"b\"\r\n\
     If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\nRange: bytes=0-9\r\n\
     If-Range: \"a\"\r\n\r\n",
    "GET /a HTTP/1.1\r\nHost: a\r\nPrefer: respond-async, wait=\"10\"; x=y\r\n\
     Prefer: wait=5\r\n\r\n",
    "get /a HTTP/1.9\r\nhost:a\r\naccept:*/*\r\n\r\n",
    "GET /a HTTP/2.0\r\nHost: a\r\n\r\n",
    "GET /a HTTP/1.1\nHost: a\n\n",
    "GET /a HTTP/1.1\r\nHost : a\r\n\r\n",
    "GET /a HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
    "GET /a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
    "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\n",
    "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n",
    "POST /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
    "GET /a HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
    "GET /a HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
    "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /a HTTP/1.1\r\nHost: a@b\r\n\r\n",
    "\x16\x03\x01\x02",
];

pub fn seeds() -> Vec<Vec<u8>> {
    let seed = |head: &&str| [&[0, 7], head.as_bytes()].concat();
    let mut seeds: Vec<Vec<u8>> = HEADS.iter().map(seed).collect();
    let many = "a:\r\n".repeat(HEAD_FIELDS_MAX + 1);
    seeds.push(format!("\0\u{1}GET / HTTP/1.1\r\n{many}\r\n").into_bytes());
    seeds.push([&[130, 3], HEADS[0].as_bytes()].concat());
    seeds
}
