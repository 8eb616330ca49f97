//! The book, as a test: its toys are started, its dialogues are held with them, and what each toy
//! gets wrong is shown, beside the server, which gets it right by the same bytes.
//!
//! The toys are the examples `step_…` of this package. Absent on purpose: the pages' links,
//! listings and mentions; `docs.rs` checks those.

#[path = "support/http.rs"]
mod http;
#[path = "support/readers/mod.rs"]
mod readers;
#[path = "support/server.rs"]
mod server;

#[path = "book/all_four.rs"]
mod all_four;
#[path = "book/crowd.rs"]
mod crowd;
#[path = "book/dialogue.rs"]
mod dialogue;
#[path = "book/kernel.rs"]
mod kernel;
#[path = "book/long_poll.rs"]
mod long_poll;
#[path = "book/short_poll.rs"]
mod short_poll;
#[path = "book/slow.rs"]
mod slow;
#[path = "book/socket.rs"]
mod socket;
#[path = "book/sse.rs"]
mod sse;
#[path = "book/stream.rs"]
mod stream;
#[path = "book/toy.rs"]
mod toy;
#[path = "book/websocket.rs"]
mod websocket;
