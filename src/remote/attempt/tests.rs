//! What a technique does when a connection cannot be made, and how long it says it has waited.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{self, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;
use std::{iter, thread};

use mio::{Events, Poll};
use rcgen::{CertificateParams, KeyPair};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::*;
use crate::client::endpoint::Endpoint;
use crate::shell::tls::trust::{Trust, trust};
use crate::wire::handshake;

const NOW: u64 = 1_000;
/// Milliseconds.
const PATIENCE: u64 = 300;
const TOKEN: Token = Token(0);

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = listener.local_addr().expect("bound");
    (listener, address)
}

/// An address whose connections are never made: so many wait to be accepted already that the kernel
/// drops whatever else comes. They are there as long as what is given.
fn deaf() -> ((TcpListener, Vec<net::TcpStream>), SocketAddr) {
    let (listener, address) = listener();
    rustix::net::listen(&listener, 0).expect("it listens already");
    let patience = Duration::from_millis(200);
    let connect = || net::TcpStream::connect_timeout(&address, patience).ok();
    let waiting: Vec<_> = iter::from_fn(connect).take(100).collect();
    assert!(waiting.len() < 100, "the kernel takes them all");
    ((listener, waiting), address)
}

/// A certificate for `a.example`: what believes it, and what shows it.
fn tls() -> (Trust, Arc<ServerConfig>) {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(["a.example".to_owned()]).expect("a name");
    let made = params.self_signed(&key).expect("a certificate");
    let der = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let settings = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|settings| {
            settings.with_no_client_auth().with_single_cert(vec![made.der().clone()], der)
        });
    let trust = trust("a.example", Some(&made.pem())).expect("it names an authority");
    (trust, Arc::new(settings.expect("settings")))
}

/// The head that comes with the first connection, and that connection.
fn asked_of(
    listener: &TcpListener,
    settings: Arc<ServerConfig>,
) -> (String, StreamOwned<ServerConnection, net::TcpStream>) {
    let (socket, _) = listener.accept().expect("it is tried");
    let tls = ServerConnection::new(settings).expect("settings");
    let (mut open, mut asked) = (StreamOwned::new(tls, socket), Vec::new());
    while !asked.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        open.read_exact(&mut byte).expect("all of it comes");
        asked.push(byte[0]);
    }
    (String::from_utf8(asked).expect("a head is text"), open)
}

fn plan(addresses: &[SocketAddr]) -> ReadPlan {
    let endpoint = Endpoint { host: "a.example".into(), prefix: String::new(), token: None };
    ReadPlan {
        server: ServerAddress {
            endpoint,
            name: "a.example:80".into(),
            addresses: addresses.to_vec(),
            trust: None,
        },
        topics: vec!["a".into()],
        wait_s: 25,
        interval_ms: 50,
        timings: Timings::of(PATIENCE),
    }
}

fn began(technique: Technique, plan: &ReadPlan, poll: &Poll) -> Attempt {
    let mut attempt = Attempt::new(technique, plan, "latest", TOKEN, NOW);
    attempt.ask(plan, poll.registry(), NOW).expect("the first address connects");
    attempt
}

/// Lets the connection be made, and what was asked go out on it.
fn connected(attempt: &mut Attempt, plan: &ReadPlan, poll: &mut Poll) {
    let mut events = Events::with_capacity(4);
    while !attempt.socket.as_ref().is_some_and(Channel::has_sent) {
        poll.poll(&mut events, Some(Duration::from_secs(10))).expect("events");
        assert!(!events.is_empty(), "it does not connect");
        attempt.write(plan, poll.registry(), NOW).expect("somebody listens");
    }
    attempt.is_connected(NOW);
}

/// What came is there when an event has said so.
fn readable(poll: &mut Poll) {
    let mut events = Events::with_capacity(4);
    while !events.iter().any(mio::event::Event::is_readable) {
        poll.poll(&mut events, Some(Duration::from_secs(10))).expect("events");
        assert!(!events.is_empty(), "nothing has come");
    }
}

/// Takes in what has come, when it has.
fn came(attempt: &mut Attempt, plan: &ReadPlan, poll: &mut Poll, now: u64) -> Vec<Told> {
    let mut told = Vec::new();
    readable(poll);
    attempt.read(plan, poll.registry(), now, 0, &mut told).expect("it is good");
    told
}

/// The next head of a request that comes by this connection.
fn head_of(peer: &mut net::TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        peer.read_exact(&mut byte).expect("all of it comes");
        head.push(byte[0]);
    }
    String::from_utf8(head).expect("a head is text")
}

#[test]
fn whatever_keeps_a_connection_from_being_made_leads_to_the_next_address() {
    for kind in [
        ErrorKind::ConnectionRefused,
        ErrorKind::HostUnreachable,
        ErrorKind::NetworkUnreachable,
        ErrorKind::TimedOut,
        ErrorKind::ConnectionReset,
    ] {
        let ((_first, first), (second, next)) = (listener(), listener());
        let (plan, poll) = (plan(&[first, next]), Poll::new().expect("a descriptor"));
        let mut attempt = began(Technique::Sse, &plan, &poll);
        let unsent = attempt.unsent.clone();
        attempt.lost(&kind.into(), &plan, poll.registry(), NOW).expect("there is another address");
        second.accept().expect("it is tried");
        assert_eq!(attempt.unsent, unsent, "{kind:?}: it is asked the same");
        // There is no third one.
        let end = attempt.lost(&kind.into(), &plan, poll.registry(), NOW);
        assert!(end.is_err(), "{kind:?}");
    }
}

#[test]
fn a_connection_that_was_made_and_breaks_leads_to_no_other_address() {
    let ((_first, first), (_second, next)) = (listener(), listener());
    let (plan, poll) = (plan(&[first, next]), Poll::new().expect("a descriptor"));
    let mut attempt = began(Technique::Sse, &plan, &poll);
    attempt.address = None;
    let error = io::Error::from(ErrorKind::ConnectionReset);
    let setback = attempt.lost(&error, &plan, poll.registry(), NOW).expect_err("it is lost");
    assert_eq!(setback.what, "was cut");
}

#[test]
fn an_address_that_says_nothing_to_a_connection_is_left_for_the_next() {
    let ((_first, first), (second, next)) = (listener(), listener());
    let (plan, poll) = (plan(&[first, next]), Poll::new().expect("a descriptor"));
    let mut attempt = began(Technique::ShortPoll, &plan, &poll);
    let late = attempt.due_ms();
    assert_eq!(late, NOW + PATIENCE);
    attempt.expire(&plan, poll.registry(), late).expect("there is another address");
    second.accept().expect("it is tried");
    assert_eq!(attempt.due_ms(), late + PATIENCE);
    let setback = attempt.expire(&plan, poll.registry(), late + PATIENCE).expect_err("it is late");
    assert_eq!(setback.what, "said nothing for 300 ms");
}

/// What is written by TLS before a connection is made is kept by TLS, and lost with it.
#[test]
fn an_address_that_does_not_connect_by_tls_is_left_for_the_next_and_that_is_asked_the_same() {
    for kind in [None, Some(ErrorKind::ConnectionRefused), Some(ErrorKind::ConnectionReset)] {
        let (deaf, first) = deaf();
        let (second, next) = listener();
        let (trust, settings) = tls();
        let (mut plan, mut poll) = (plan(&[first, next]), Poll::new().expect("a descriptor"));
        plan.server.trust = Some(trust);
        let mut attempt = Attempt::new(Technique::Sse, &plan, "latest", TOKEN, NOW);
        let mut told = Vec::new();
        attempt.advance(&plan, poll.registry(), NOW, 0, &mut told).expect("it connects");
        assert!(attempt.unsent.is_empty(), "TLS has it all");
        let served = thread::spawn(move || asked_of(&second, settings));
        let mut now = NOW;
        match kind {
            None => now += PATIENCE,
            Some(kind) => attempt
                .lost(&kind.into(), &plan, poll.registry(), NOW)
                .expect("there is another address"),
        }
        let mut events = Events::with_capacity(4);
        let mut turns = 0..1_000;
        while !served.is_finished() {
            assert!(turns.next().is_some(), "{kind:?}: nothing was asked");
            attempt.advance(&plan, poll.registry(), now, 0, &mut told).expect("it is asked");
            poll.poll(&mut events, Some(Duration::from_millis(10))).expect("events");
        }
        let (asked, _open) = served.join().expect("no panic");
        assert_eq!(asked.as_bytes(), attempt.request, "{kind:?}");
        drop(deaf);
    }
}

#[test]
fn a_connection_that_was_made_and_is_silent_by_tls_leads_to_no_other_address() {
    let ((_first, first), (_second, next)) = (listener(), listener());
    let (mut plan, mut poll) = (plan(&[first, next]), Poll::new().expect("a descriptor"));
    plan.server.trust = Some(tls().0);
    let mut attempt = began(Technique::Sse, &plan, &poll);
    connected(&mut attempt, &plan, &mut poll);
    let late = attempt.due_ms();
    let setback = attempt.expire(&plan, poll.registry(), late).expect_err("it is late");
    assert_eq!(setback.what, "said nothing for 300 ms");
}

#[test]
fn how_long_nothing_was_said_is_how_long_it_was_waited_for() {
    let (_listener, address) = listener();
    let (plan, mut poll) = (plan(&[address]), Poll::new().expect("a descriptor"));
    let registry = poll.registry().try_clone().expect("a descriptor");
    let said = |attempt: &mut Attempt| {
        let late = attempt.due_ms();
        let setback = attempt.expire(&plan, &registry, late).expect_err("nothing came");
        (late - NOW, setback.what)
    };
    // What has read before may be withheld as long as was asked for.
    let mut long_poll = Attempt::new(Technique::LongPoll, &plan, "e-1", TOKEN, NOW);
    long_poll.opened_ms = Some(NOW);
    long_poll.ask(&plan, poll.registry(), NOW).expect("it connects");
    connected(&mut long_poll, &plan, &mut poll);
    assert_eq!(said(&mut long_poll), (25_300, "said nothing for 25300 ms".to_owned()));
    let mut stream = began(Technique::Sse, &plan, &poll);
    assert_eq!(said(&mut stream), (300, "said nothing for 300 ms".to_owned()));
    // A WebSocket that is silent is asked before it is given up.
    let mut socket = began(Technique::WebSocket, &plan, &poll);
    socket.opened_ms = Some(NOW);
    socket.wait_for(plan.timings.silence_ms, NOW);
    let late = socket.due_ms();
    socket.expire(&plan, poll.registry(), late).expect("a Ping goes out");
    assert_eq!(said(&mut socket), (3_900, "said nothing for 3900 ms".to_owned()));
}

#[test]
fn an_answer_that_comes_slowly_is_waited_for_and_one_that_stops_is_not() {
    for technique in [Technique::ShortPoll, Technique::LongPoll] {
        let (listener, address) = listener();
        let (plan, mut poll) = (plan(&[address]), Poll::new().expect("a descriptor"));
        let mut attempt = began(technique, &plan, &poll);
        let (mut peer, _) = listener.accept().expect("it connects");
        let (mut now, mut told) = (NOW, Vec::new());
        for piece in ["HTTP/1.1 200 OK\r\n", "Content-Length: 99\r\n", "\r\n", "{"] {
            now += PATIENCE - 1;
            peer.write_all(piece.as_bytes()).expect("it is open");
            told.extend(came(&mut attempt, &plan, &mut poll, now));
            assert_eq!(attempt.deadline_ms, now + PATIENCE, "{technique:?}: {piece:?}");
        }
        assert!(told.is_empty(), "{told:?}");
    }
}

const EMPTY: &str = "HTTP/1.1 204 No Content\r\nLast-Event-ID: e-1\r\n\r\n";

/// A long poll that has read before, with the connection that it asks on.
fn parked(plan: &ReadPlan, poll: &mut Poll, listener: &TcpListener) -> (Attempt, net::TcpStream) {
    let mut attempt = Attempt::new(Technique::LongPoll, plan, "e-1", TOKEN, NOW);
    attempt.opened_ms = Some(NOW);
    attempt.ask(plan, poll.registry(), NOW).expect("it connects");
    connected(&mut attempt, plan, poll);
    let (mut peer, _) = listener.accept().expect("it connects");
    head_of(&mut peer);
    (attempt, peer)
}

#[test]
fn an_address_that_works_is_the_first_to_be_tried_and_connecting_has_a_bound_of_its_own() {
    let (_deaf, first) = deaf();
    let (second, next) = listener();
    let (plan, mut poll) = (plan(&[first, next]), Poll::new().expect("a descriptor"));
    let mut attempt = Attempt::new(Technique::LongPoll, &plan, "e-1", TOKEN, NOW);
    attempt.opened_ms = Some(NOW);
    attempt.ask(&plan, poll.registry(), NOW).expect("it begins to connect");
    assert_eq!(attempt.due_ms(), NOW + PATIENCE, "an answer may take longer");
    attempt.expire(&plan, poll.registry(), NOW + PATIENCE).expect("there is another address");
    connected(&mut attempt, &plan, &mut poll);
    assert_eq!(attempt.due_ms(), NOW + 25_000 + PATIENCE, "it may be withheld there too");
    let (mut peer, _) = second.accept().expect("it is tried");
    peer.write_all(EMPTY.as_bytes()).expect("it is open");
    came(&mut attempt, &plan, &mut poll, NOW + 25_000);
    assert_eq!(attempt.addresses, [next, first]);
    drop(peer);
    attempt.socket = None;
    attempt.ask(&plan, poll.registry(), NOW + 25_000).expect("it connects");
    second.accept().expect("it is tried first");
}

#[test]
fn who_says_nothing_without_waiting_is_asked_as_often_as_by_short_polls() {
    let message = r#"{"next":"e-2","messages":[{"id":"e-2","data":"x"}]}"#;
    let message = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{message}", message.len());
    let granting =
        |wait: &str| EMPTY.replacen("\r\n", &format!("\r\nPreference-Applied: {wait}\r\n"), 1);
    let (short, none, generous) =
        (granting("x, Wait=\"1\""), granting("wait=0"), granting("wait=99"));
    // At chance 0 an interval is a tenth shorter. Half of the wait is a wait.
    for (interval_ms, answer, after, due) in [
        (50, EMPTY, 1, 45),
        (50, EMPTY, 44, 45),
        (50, EMPTY, 46, 46),
        (50, &*message, 1, 1),
        (60_000, EMPTY, 1, 12_500),
        (60_000, EMPTY, 25_000, 25_000),
        // Of the wait that was granted.
        (60_000, &*short, 1_000, 1_000),
        (60_000, &*short, 1, 500),
        (60_000, &*none, 1, 12_500),
        (60_000, &*generous, 1, 12_500),
    ] {
        let (listener, address) = listener();
        let (mut plan, mut poll) = (plan(&[address]), Poll::new().expect("a descriptor"));
        plan.interval_ms = interval_ms;
        let (mut attempt, mut peer) = parked(&plan, &mut poll, &listener);
        peer.write_all(answer.as_bytes()).expect("it is open");
        came(&mut attempt, &plan, &mut poll, NOW + after);
        assert_eq!(attempt.ask_ms, Some(NOW + due), "{answer:.20} after {after} ms");
    }
}

/// Some servers do not merely end a connection that was idle for too long.
#[test]
fn a_408_that_nobody_asked_for_is_the_end_of_a_connection_and_no_failure() {
    let late = "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n";
    for crosses in [false, true] {
        let (listener, address) = listener();
        let (plan, mut poll) = (plan(&[address]), Poll::new().expect("a descriptor"));
        let (mut attempt, mut peer) = parked(&plan, &mut poll, &listener);
        peer.write_all(EMPTY.as_bytes()).expect("it is open");
        came(&mut attempt, &plan, &mut poll, NOW + 1);
        if crosses {
            attempt.ask(&plan, poll.registry(), NOW + 50).expect("it is connected");
        }
        peer.write_all(late.as_bytes()).expect("it is open");
        came(&mut attempt, &plan, &mut poll, NOW + 50);
        assert!(attempt.socket.is_none() && attempt.ask_ms.is_some(), "{crosses}");
        attempt.ask(&plan, poll.registry(), NOW + 60).expect("it connects");
        connected(&mut attempt, &plan, &mut poll);
        let (mut other, _) = listener.accept().expect("it connects anew");
        assert!(head_of(&mut other).contains("since=e-1&wait=25 "), "{crosses}");
    }
}

#[test]
fn a_websocket_hears_that_it_is_left() {
    for closes in [false, true] {
        let (listener, address) = listener();
        let (plan, mut poll) = (plan(&[address]), Poll::new().expect("a descriptor"));
        let mut attempt = began(Technique::WebSocket, &plan, &poll);
        connected(&mut attempt, &plan, &mut poll);
        let (mut peer, _) = listener.accept().expect("it connects");
        let asked = head_of(&mut peer);
        let key = asked.split("Sec-WebSocket-Key: ").nth(1).and_then(|rest| rest.get(..24));
        let accept = handshake::accept_key(key.expect("a key").as_bytes());
        let head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {}\r\nSec-WebSocket-Protocol: tollway.v1\r\n\r\n",
            str::from_utf8(&accept).expect("base64")
        );
        peer.write_all(&[head.as_bytes(), b"\x81\x0e{\"next\":\"e-1\"}"].concat()).expect("open");
        assert_eq!(came(&mut attempt, &plan, &mut poll, NOW), [Told::Cursor("e-1".into())]);
        // What is under way when it leaves must not have the kernel reset the connection.
        peer.write_all(if closes { b"\x88\x02\x03\xe9" } else { b"\x89\x00" }).expect("open");
        readable(&mut poll);
        if closes {
            let outcome = attempt.read(&plan, poll.registry(), NOW, 0, &mut Vec::new());
            assert!(outcome.expect_err("it is closed").is_goodbye);
        }
        assert!(attempt.leave().bytes_out.framing > 0);
        let mut left = Vec::new();
        peer.read_to_end(&mut left).expect("it ends in good order");
        assert_eq!((left.len(), &left[..2]), (8, &[0x88, 0x82][..]));
        let code = u16::from_be_bytes([left[6] ^ left[2], left[7] ^ left[3]]);
        assert_eq!(code, if closes { 1001 } else { 1000 });
    }
}
