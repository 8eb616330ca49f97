//! **tollway**: one topic, four ways to read it — short polling, long polling, Server-Sent Events,
//! WebSocket — over one hand-written stack, and what each of them costs.
//!
//! Two ideas carry the whole. **One log, four ways to read it:** a message is appended to a bounded
//! log, and a reader is a cursor into it; the techniques differ only in when they look and how they
//! word what they find. **Bytes in, bytes out:** the server is a value, [`broker::Broker`], that is
//! told what happened and asked what it wants; sockets and clocks are somebody else's.
//!
//! # The walk of a byte
//!
//! A message is published over HTTP and reaches a WebSocket. Sixteen stops, down through the rooms
//! and up again:
//!
//! | stop | place | what happens to the byte |
//! | --- | --- | --- |
//! | 1 | [`shell::event_loop`] | the kernel says that a socket is readable |
//! | 2 | [`shell::socket`] | one `read` brings it into the thread's scratch |
//! | 3 | [`broker::Broker::received`] | it is handed over, where it lies |
//! | 4 | [`conn::Conn::next_ask`] | it is understood as far as it goes |
//! | 5 | [`wire::head`] | a head: method, target, fields, the rules of RFC 9112 |
//! | 6 | [`conn::route`] | what is asked, and who pays |
//! | 7 | [`wire::body`] | the body: the payload |
//! | 8 | `broker::publish` | a draft, and an effect: publish this |
//! | 9 | [`store::sequencer`] | its number in the one sequence; posted to every thread |
//! | 10 | [`hub::Hub::append`] | every thread's log has it; a round begins |
//! | 11 | `broker::pump` | a subscriber of the topic has room |
//! | 12 | [`hub::log::Entry::encoded`] | encoded for its technique, once for all readers |
//! | 13 | [`technique::websocket`] | … as a frame |
//! | 14 | [`wire::frame`] | … with a header of two to ten bytes |
//! | 15 | [`conn::outbox`] | a segment that shares those bytes |
//! | 16 | [`shell::event_loop`] | one write per connection and turn |
//!
//! # A server without sockets
//!
//! The caller is the shell: it hands over bytes, carries out effects, and takes what is to be sent.
//! Here a message is published and read, without a thread, a socket or a clock.
//!
//! ```
//! use tollway::broker::{Broker, Effect, Letter, Setup};
//! use tollway::hub::Receipt;
//! use tollway::ids::{ConnId, Door, Millis};
//! use tollway::store::sequencer::{Commit, Sequencer};
//!
//! fn all_output(broker: &mut Broker, id: ConnId, now: Millis) -> String {
//!     let mut slices = [std::io::IoSlice::new(&[]); 64];
//!     let filled = broker.outbox(id).expect("it is open").slices(&mut slices);
//!     let bytes: Vec<u8> = slices[..filled].iter().flat_map(|slice| slice.to_vec()).collect();
//!     broker.sent(id, bytes.len(), now.micros());
//!     String::from_utf8(bytes).expect("text")
//! }
//!
//! let (now, mut sequencer) = (Millis(0), Sequencer::default());
//! let mut broker = Broker::new(Setup::default());
//! let peer = ([127, 0, 0, 1], 50_000).into();
//! let id = broker.accepted(peer, Door::Public, now).expect("there is room");
//!
//! let mut bytes = *b"POST /chat HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
//! broker.received(id, &mut bytes, now);
//! let Some(Effect::Publish { conn, draft }) = broker.next_effect() else { panic!() };
//! let Commit::Appended { message, subscribers, .. } = sequencer.commit(draft, now.micros()) else {
//!     panic!()
//! };
//! let receipt = Some(Receipt { conn, seq: message.seq, subscribers });
//! broker.letter(Letter::Committed { message, receipt }, now);
//! assert!(all_output(&mut broker, id, now).starts_with("HTTP/1.1 201 Created\r\n"));
//!
//! let mut bytes = *b"GET /chat HTTP/1.1\r\nHost: a\r\n\r\n";
//! broker.received(id, &mut bytes, now);
//! assert!(all_output(&mut broker, id, now).ends_with(r#""data":"hello"}]}"#));
//! ```
//!
//! # What this crate is not
//!
//! A stable library. The program is the product; the crate is public so that its parts can be
//! tested, fuzzed and read, and any of them may change with any release.
//!
//! # What is not there
//!
//! No queue per reader: a slow reader is an old cursor. No lock that is held while anything is
//! encoded, copied or written; reading takes none. No clock, no socket and no system call outside
//! [`shell`]. No `unsafe` outside `shell::sys`. Nothing a stranger sends makes anything grow beyond
//! a row of [`limits`].

pub mod ids;
pub mod limits;
mod named;

/// Chance for unit tests, shared with those in `tests/`.
#[cfg(test)]
#[path = "../tests/support/dice.rs"]
mod dice;

pub mod config;
pub mod shell;

pub mod broker;
pub mod conn;
pub mod hub;
pub mod rights;
pub mod store;
pub mod technique;
pub mod wire;

pub mod close;
pub mod ledger;
mod spare;
mod swept;
pub mod timer;

pub mod bench;
pub mod client;
pub mod compare;
pub mod manual;
pub mod remote;
