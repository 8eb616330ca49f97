//! Bytes that two readers may understand differently: our one answer to each, by itself, and behind
//! the proxies that people put in front of a server.
//!
//! By itself the server is played in one thread, fed whole, byte by byte and cut at random. Behind
//! nginx, `HAProxy` and Caddy, what counts is that nobody is served what another asked for: the
//! requests that the server answered are those that the proxy says it sent, and each client gets
//! its own answer on connections that the proxy uses again.
//!
//! `VECTOR=CL.TE cargo test --test smuggling` plays those whose name has this in it.

#[path = "support/dice.rs"]
mod dice;
#[path = "support/foreign.rs"]
mod foreign;
#[path = "support/http.rs"]
mod http;
#[path = "support/proxies.rs"]
mod proxies;
#[path = "support/readers/mod.rs"]
mod readers;
#[path = "support/server.rs"]
mod server;
#[path = "support/world.rs"]
mod world;

#[path = "smuggling/behind.rs"]
mod behind;
#[path = "smuggling/tap.rs"]
mod tap;
#[path = "smuggling/vectors.rs"]
mod vectors;

use dice::Dice;
use vectors::Vector;
use world::{Plan, World};

/// Feedings with random cuts, for each vector.
const CUTS: u64 = 3;

/// The vectors to play: all, or those that `VECTOR` names.
fn wanted() -> impl Iterator<Item = &'static Vector> {
    let wanted = std::env::var("VECTOR").unwrap_or_default();
    let all = vectors::GROUPS.iter().flat_map(|(_, _, vectors)| *vectors);
    let mut named = all.filter(move |vector| vector.name.contains(&wanted)).peekable();
    assert!(named.peek().is_some(), "no vector has the name that VECTOR asks for");
    named
}

/// How long each piece is, by its number.
type Cut<'c> = &'c mut dyn FnMut() -> usize;

/// What the server answers to these bytes, in the words of [`Vector::answers`].
fn answers(bytes: &[u8], cut: Cut<'_>) -> Vec<String> {
    let mut world = World::new(Plan::default());
    let client = world.connect(0).expect("there is room");
    let mut rest = bytes;
    while !rest.is_empty() {
        let piece;
        (piece, rest) = rest.split_at(cut().clamp(1, rest.len()));
        world.send(client, piece);
        world.run();
    }
    let ended = world.pipe(client).ended();
    let received = world.pipe(client).take();
    let mut told = Vec::new();
    let mut at = 0;
    while let Some(answer) = readers::http::answer(&received[at..], false) {
        assert!(answer.body.ended, "an answer without its end: {answer:?}");
        at += answer.head.used + answer.body.used;
        match answer.head.status {
            100 => {}
            101 => {
                told.push("101".to_owned());
                at = received.len(); // Frames.
            }
            status => {
                let body = serde_json::from_slice::<serde_json::Value>(&answer.body.data);
                let code = body.ok().and_then(|body| Some(body["code"].as_str()?.to_owned()));
                told.push(code.map_or(status.to_string(), |code| format!("{status} {code}")));
            }
        }
    }
    assert_eq!(at, received.len(), "bytes that are no answer");
    if ended {
        told.push("close".to_owned());
    }
    told
}

#[test]
fn each_vector_has_one_answer_however_it_is_cut() {
    let mut wrong = Vec::new();
    for vector in wanted() {
        let bytes = vector.bytes();
        let whole = answers(&bytes, &mut || usize::MAX);
        if whole != vector.answers {
            wrong.push(format!("{}: {whole:?}", vector.name));
            continue;
        }
        let one_by_one = answers(&bytes, &mut || 1);
        assert_eq!(one_by_one, whole, "{}, byte by byte", vector.name);
        for seed in 0..CUTS {
            let mut dice = Dice::new(seed);
            let cut = answers(&bytes, &mut || dice.wide(1, 40) as usize);
            assert_eq!(cut, whole, "{}, cut by seed {seed}", vector.name);
        }
    }
    assert!(wrong.is_empty(), "other answers than were told:\n{}", wrong.join("\n"));
}
