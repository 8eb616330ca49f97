//! One connection of a whole server: what is answered, to it and to others, and why it ends do not
//! depend on how its bytes were cut.
//!
//! Two things may. An interim `100 Continue` is sent only to a client whose body is not there yet.
//! And a WebSocket that is closed in the same read in which it spoke may not hear its own last
//! messages, nor anyone's answer to a Ping before them: a message goes the long way through the
//! log, a Pong does not.
//!
//! (Retention may too, and is left unbounded here: within a turn the bounds of a log are soft.)
//!
//! Came from: bytes; the first two choose bounds and cuts. Goes to: `World`. Absent on purpose:
//! reports of costs, which count reads.

use std::collections::BTreeMap;
use std::ops::Range;

use tollway::close::CloseReason;
use tollway::conn::origin::Origins;
use tollway::limits::Limits;
use tollway::wire::authority::OriginPattern;

use super::readers::frames::{self, Frame};
use super::readers::{find, http};
use super::world::{Client, Plan, World};
use super::{choice, cuts, head};

/// What came of it, at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Outcome {
    received: Vec<u8>,
    half_closed: bool,
    closed: Option<CloseReason>,
    /// What two others heard: the log, in effect.
    others: [Vec<u8>; 2],
    holdings: (usize, usize, usize),
}

const INTERIM: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
const SWITCHED: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n";
const UPGRADE: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

pub fn check(input: &[u8]) {
    let (bounds, input) = choice(input);
    let (seed, bytes) = choice(input);
    let bytes = &bytes[..bytes.len().min(2048)];
    let costs = [&b"/metrics"[..], b"/-/co"];
    if costs.iter().any(|path| find(bytes, path).is_some()) {
        return;
    }
    let [whole, drip, pieces] = cuts(seed, bytes.len()).map(|cuts| play(bounds, bytes, &cuts));
    same(&whole, &drip);
    same(&whole, &pieces);
    let end = &whole[2];
    assert!(end.closed.is_some() || !end.half_closed, "a half-closed connection ends");
}

/// Plays the bytes and then silence; what came of it after the bytes, after the client's end, and
/// after every deadline has passed.
fn play(bounds: u8, bytes: &[u8], cuts: &[Range<usize>]) -> [Outcome; 3] {
    let mut world = World::new(plan(bounds));
    let others = [
        listener(&mut world, &format!("GET /a,chat/ws HTTP/1.1\r\nHost: a\r\n{UPGRADE}\r\n")),
        listener(&mut world, "GET /a,b,chat/sse HTTP/1.0\r\n\r\n"),
    ];
    let client = world.connect(0).expect("there is room");
    for cut in cuts {
        world.send(client, &bytes[cut.clone()]);
        world.run();
    }
    let said = outcome(&mut world, client, others);
    world.finish(client);
    world.run();
    let finished = outcome(&mut world, client, others);
    world.advance(130_000);
    [said, finished, outcome(&mut world, client, others)]
}

fn plan(bounds: u8) -> Plan {
    let files = [("index.html", "<p>"), ("a/b.txt", "0123456789"), ("a/index.html", "")];
    let files = files.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec()));
    let defaults = Limits::default();
    let limits = Limits {
        head_bytes_max: if bounds & 1 > 0 { 200 } else { defaults.head_bytes_max },
        message_bytes_max: if bounds & 2 > 0 { 20 } else { defaults.message_bytes_max },
        deflate: bounds & 8 > 0,
        ..defaults
    };
    Plan {
        limits,
        origins: Origins {
            allowed: vec![OriginPattern::parse("https://a.example").expect("an origin")],
            ports: vec![80],
            ..Origins::default()
        },
        files: (bounds & 4 == 0).then(|| BTreeMap::from(files)),
        ..Plan::default()
    }
}

fn listener(world: &mut World, request: &str) -> Client {
    let client = world.connect(0).expect("there is room");
    world.send(client, request.as_bytes());
    world.run();
    client
}

fn outcome(world: &mut World, client: Client, others: [Client; 2]) -> Outcome {
    let pipe = world.pipe(client);
    let (half_closed, closed) = (pipe.half_closed, pipe.closed);
    Outcome {
        received: without_interims(&pipe.received),
        half_closed,
        closed,
        others: others.map(|other| world.pipe(other).received.clone()),
        holdings: world.brokers[0].hub().holdings(),
    }
}

/// Of HTTP: what a WebSocket carries may look like one, and is left as it is.
fn without_interims(received: &[u8]) -> Vec<u8> {
    let (mut http, frames) = received.split_at(find(received, SWITCHED).unwrap_or(received.len()));
    let mut kept = Vec::new();
    while let Some(at) = find(http, INTERIM) {
        kept.extend_from_slice(&http[..at]);
        http = &http[at + INTERIM.len()..];
    }
    [&kept, http, frames].concat()
}

fn same(whole: &[Outcome; 3], cut: &[Outcome; 3]) {
    for (whole, cut) in whole.iter().zip(cut) {
        let (ours, theirs) = (split(&whole.received), split(&cut.received));
        if whole.received != cut.received {
            let (whole, cut) = (whole.received.escape_ascii(), cut.received.escape_ascii());
            assert!(ours.0 == theirs.0, "whole: {whole}\nin pieces: {cut}");
            same_frames(&ours.1, &theirs.1);
        }
        let rest = |outcome: &Outcome| Outcome { received: Vec::new(), ..outcome.clone() };
        assert_eq!(rest(whole), rest(cut));
    }
}

/// What was sent as HTTP, and the frames behind it.
fn split(received: &[u8]) -> (Vec<u8>, Vec<Frame>) {
    let from = find(received, SWITCHED);
    let head = from.and_then(|from| Some(from + http::head(&received[from..])?.used));
    let (http, sent) = received.split_at(head.unwrap_or(received.len()));
    let (frames, left) = frames::server(sent);
    assert!(left.is_empty(), "frames go out whole");
    (http.to_vec(), frames)
}

/// What a frame is, as far as order goes: each kind keeps its own.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Control,
    /// An answer to a publish, in `tollway.v1`.
    Answer,
    Message,
}

fn kind(frame: &Frame) -> Kind {
    match frame.opcode {
        8.. => Kind::Control,
        _ if frame.payload.starts_with(b"{\"ref\":") => Kind::Answer,
        _ => Kind::Message,
    }
}

/// The same of each kind, but for the last ones of a socket that was closed.
fn same_frames(ours: &[Frame], theirs: &[Frame]) {
    let closed = ours.iter().any(|frame| frame.opcode == 8);
    for this in [Kind::Control, Kind::Answer, Kind::Message] {
        let pick = |frames: &[Frame]| -> Vec<(u8, Vec<u8>)> {
            let picked = frames.iter().filter(|frame| kind(frame) == this);
            picked.map(|frame| (frame.opcode, frame.payload.clone())).collect()
        };
        let (few, many) = (pick(ours), pick(theirs));
        assert!(many.starts_with(&few), "cut finer, no fewer: {few:?}, {many:?}");
        assert!(few == many || (closed && this != Kind::Control), "{few:?}, {many:?}");
    }
    for frames in [ours, theirs] {
        let close = frames.iter().position(|frame| frame.opcode == 8);
        assert!(close.is_none_or(|at| at + 1 == frames.len()), "Close is the last frame");
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let frame = |opcode, payload: &[u8]| frames::client(true, opcode, payload, [1, 2, 3, 4]);
    let post = "POST /a?event=tick HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    let chunked = "POST /chat HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
                   5\r\nhello\r\n0\r\n\r\n";
    let get = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
    let socket = format!("GET /a HTTP/1.1\r\nHost: a\r\n{UPGRADE}\r\n").into_bytes();
    let mut seeds: Vec<Vec<u8>> = head::HEADS.iter().map(|head| head.as_bytes().to_vec()).collect();
    for story in [
        [post, &get("/a/poll?since=earliest"), chunked, &get("/a,chat"), &get("/a/info")].concat(),
        [post, post, post, &get("/a?since=e-1"), &get("/a?since=x&limit=1")].concat(),
        [&get("/a?wait=5"), post, &get("/")].concat(),
        [post, &get("/a/sse?since=e-0"), "ignored"].concat(),
        [get("/static/a/b.txt"), get("/static/a"), get("/static/"), get("/static/x")].concat(),
        [get("/-/healthy"), get("/-/ready"), get("/a/ws"), get("/a/info/x")].concat(),
        post.replace("hello", "").replace("5", "0"),
        post.replace("Content-Length", "Expect: 100-continue\r\nContent-Length"),
        post.replace("\r\nContent", "\r\nIdempotency-Key: k\r\nContent").repeat(2),
        post.replace("Host: a", "Host: a\r\nOrigin: http://else"),
        post.replace("HTTP/1.1", "HTTP/1.0"),
        post.replace("Length: 5", "Length: 50"),
        chunked.replace("5\r\nhello", "x\r\nhello"),
    ] {
        seeds.push(story.into_bytes());
    }
    for frames in [
        vec![frame(1, b"Hello"), frame(2, b"\xFF"), frame(9, b"?"), frame(8, b"\x03\xE8")],
        vec![frame(1, b"\xFF"), frame(1, b"more")],
        vec![frame(1, b"a"), frame(9, b""), frame(1, b"b")],
        vec![frames::client(false, 1, b"Hel", [5; 4]), frame(9, b"!"), frame(0, b"lo")],
        vec![frame(1, &[b'x'; 30]), frame(10, b""), frame(8, b"")],
        vec![vec![0x81, 0x05]],
    ] {
        seeds.push([socket.clone(), frames.concat()].concat());
    }
    let v1 = UPGRADE.replace("Key", "Protocol: tollway.v1\r\nSec-WebSocket-Key");
    let v1 = format!("GET /a?since=x HTTP/1.1\r\nHost: a\r\n{v1}\r\n").into_bytes();
    let said = [&br#"{"ref":1,"data":"x"}"#[..], br#"{"ref":[2],"data":5}"#, b"x"];
    for end in [frame(9, b""), frame(8, b"\x03\xE8"), frame(2, b"bytes")] {
        let said: Vec<Vec<u8>> = said.iter().map(|text| frame(1, text)).collect();
        seeds.push([v1.clone(), said.concat(), end].concat());
    }
    let deflates = UPGRADE.replace("Key", "Extensions: permessage-deflate\r\nSec-WebSocket-Key");
    let deflates = format!("GET /chat HTTP/1.1\r\nHost: a\r\n{deflates}\r\n");
    let said = [0xC1, 0x87, 0, 0, 0, 0, 0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00];
    seeds.push([deflates.as_bytes(), &said, &frame(8, b"")].concat());
    let many = String::from_utf8(socket.clone()).unwrap().replace("/a ", "/a,b ");
    seeds.push([many.as_bytes(), &frame(1, b"not here")].concat());
    // Clients that say what only the server means.
    for words in [
        &br#"{"gap":{"from":"x","to":"y","reason":"slow"}}"#[..],
        b"gap: slow from x to y",
        b"\r\nid: 1\nevent: gap\n\"reason\":\"slow\"",
    ] {
        let length = format!("Length: {}", words.len());
        let post = post.replace("Length: 5", &length).replace("hello", "");
        seeds.push([post.as_bytes(), words].concat());
        seeds
            .push([&socket[..], &frame(1, words), &frame(9, INTERIM), &frame(1, INTERIM)].concat());
        seeds.push([&v1[..], &frame(9, words)].concat());
    }
    let bounds = [8, 0, 8, 2, 4, 1, 8];
    let seed = |(n, story): (usize, Vec<u8>)| [&[bounds[n % 7], n as u8], &*story].concat();
    seeds.into_iter().enumerate().map(seed).collect()
}
