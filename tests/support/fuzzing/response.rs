//! Answers: a head, a chunked body and a problem that we write are what a naive reader reads.
//!
//! Came from: text, cut into values. Goes to: `wire::response`, `conn::response_context`. Absent on
//! purpose: values with line breaks, which are the caller's error and asserted against.

use std::fmt::Display;

use tollway::conn::outbox::Outbox;
use tollway::conn::response_context::{Body, Quoted, ResponseContext};
use tollway::ledger::Payer;
use tollway::limits::SLICES_MAX;
use tollway::wire::response::{self, CHUNK_END, CommonFields, LAST_CHUNK, Status, chunk_begin};

use super::readers::json::Json;
use super::readers::{http, json};
use super::{choice, cuts};

pub fn check(input: &[u8]) {
    let (which, input) = choice(input);
    let (seed, bytes) = choice(input);
    let status = Status::ALL[usize::from(which) % Status::ALL.len()];
    let text = String::from_utf8_lossy(bytes);
    heads(status, &text);
    chunks(bytes, seed);
    problems(status, &text);
    replies(status, seed, bytes, &text);
}

/// Pieces of `text` that can be values.
fn values(text: &str) -> Vec<&str> {
    text.split(['\r', '\n', '\0']).collect()
}

fn heads(status: Status, text: &str) {
    let values = values(text);
    let mut out = b"before".to_vec();
    let mut writer = response::head(&mut out, status, &CommonFields::at("a date"));
    for value in &values {
        writer = writer.field("X-Value", value);
    }
    writer.finish();
    let head = http::head(out.strip_prefix(b"before").unwrap()).expect("a whole head");
    assert_eq!(head.used, out.len() - 6);
    assert_eq!((head.status, head.phrase.as_str()), (status.code(), status.phrase()));
    let fixed = [("Server", "tollway"), ("Date", "a date")];
    let expected = fixed.into_iter().chain(values.into_iter().map(|value| ("X-Value", value)));
    let read = head.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    assert!(read.eq(expected));
}

fn chunks(bytes: &[u8], seed: u8) {
    for pieces in cuts(seed, bytes.len()) {
        let mut out = Vec::new();
        for piece in pieces {
            chunk_begin(piece.len(), &mut out);
            out.extend_from_slice(&bytes[piece]);
            out.extend_from_slice(CHUNK_END);
        }
        out.extend_from_slice(LAST_CHUNK);
        let body = http::chunked(&out);
        assert_eq!((body.data.as_slice(), body.ended, body.used), (bytes, true, out.len()));
    }
}

fn problems(status: Status, text: &str) {
    let (code, detail) = text.split_at(text.floor_char_boundary(text.len() / 2));
    let problem = json::read(&response::problem(status, code, detail));
    assert_eq!(problem.text("type"), "about:blank");
    assert_eq!(problem.text("title"), status.phrase());
    assert_eq!(problem.get("status"), Some(&Json::Number(status.code().into())));
    assert_eq!((problem.text("code"), problem.text("detail")), (code, detail));
}

fn replies(status: Status, bits: u8, bytes: &[u8], text: &str) {
    let values = values(text);
    let reply = ResponseContext {
        http10: bits & 1 > 0,
        keep_alive: bits & 2 > 0,
        head_only: bits & 4 > 0,
        allow_credentials: bits & 16 > 0,
        wait_s: None,
        quoted: Quoted::any((bits & 8 > 0).then(|| values[0].into()), None),
    };
    let fields: Vec<(&str, &dyn Display)> =
        values.iter().map(|value| ("X-Value", value as &dyn Display)).collect();
    let body = if bytes.is_empty() { Body::EMPTY } else { Body::own("text/plain", bytes) };
    let mut outbox = Outbox::default();
    let (first, second) = reply.whole(status, &CommonFields::at("a date"), &fields, body);
    for segment in [first].into_iter().chain(second) {
        outbox.push(segment, Payer::Other);
    }
    let out = gathered(&outbox);
    let answer = http::answer(&out, reply.head_only).expect("a whole head");
    assert_eq!(answer.head.status, status.code());
    assert!(answer.body.ended);
    let connection = match (reply.keep_alive, reply.http10) {
        (false, _) => Some("close"),
        (true, true) => Some("keep-alive"),
        (true, false) => None,
    };
    assert_eq!(answer.head.field("Connection"), connection);
    assert_eq!(answer.head.field("Access-Control-Allow-Origin"), reply.allow_origin());
    let length = answer.head.field("Content-Length").map(|length| length.parse().unwrap());
    assert_eq!(length, status.has_body().then_some(bytes.len()));
    if status.has_body() {
        assert_eq!(answer.body.data, if reply.head_only { b"" } else { bytes });
        assert_eq!(answer.head.used + answer.body.used, out.len());
    }
}

/// What the outbox would send, as far as one gathered write goes.
pub fn gathered(outbox: &Outbox) -> Vec<u8> {
    let mut slices = [std::io::IoSlice::new(&[]); SLICES_MAX];
    let filled = outbox.slices(&mut slices);
    let mut bytes = Vec::new();
    for slice in &slices[..filled] {
        bytes.extend_from_slice(slice);
    }
    bytes
}

pub fn seeds() -> Vec<Vec<u8>> {
    let text = "value\nno-cache, private\r\"e-1\"\0caf\u{e9} \u{2603}\nwait=5\n";
    let mut seeds: Vec<Vec<u8>> = (0..Status::ALL.len() as u8)
        .map(|which| [&[which, which.wrapping_mul(37)], text.as_bytes()].concat())
        .collect();
    seeds.push(vec![2, 2]);
    seeds.push([&[2, 0][..], b"HTTP/1.1 200 OK\r\nX: y\r\n\r\n0\r\n\r\n"].concat());
    seeds
}
