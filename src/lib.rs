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
//! | 8 | `broker::answer` | a draft, and an effect: publish this |
//! | 9 | [`hub::sequencer`] | its number in the one sequence; posted to every thread |
//! | 10 | [`hub::Hub::append`] | every thread's log has it; a round begins |
//! | 11 | `broker::pump` | a reader of the topic has room |
//! | 12 | [`hub::log::Entry::encoded`] | encoded for its technique, once for all readers |
//! | 13 | [`technique::websocket`] | … as a frame |
//! | 14 | [`wire::frame`] | … with a header of two to ten bytes |
//! | 15 | [`conn::outbox`] | a segment that shares those bytes |
//! | 16 | [`shell::event_loop`] | one `writev` per connection and turn |
//!
//! # What is not there
//!
//! No queue per reader: a slow reader is an old cursor. No lock on the path of a byte but the
//! sequencer's. No clock, no socket and no system call outside [`shell`]. No `unsafe` outside
//! `shell::sys`. Nothing a stranger sends makes anything grow beyond a row of [`limits`].

pub mod ids;
pub mod limits;

pub mod config;
pub mod shell;

pub mod broker;
pub mod conn;
pub mod hub;
pub mod technique;
pub mod wire;

pub mod close;
pub mod ledger;
pub mod timer;

pub mod client;
pub mod compare;
