//! A witness of the ledger: a packet capture of the same run.
//!
//! The server says what each technique costs (`/-/costs`). Here `tcpdump` listens while clients
//! made by hand use the real server, and parsers of our own, which share no line with the
//! product's, derive the same figures from the captured bytes. Both must be equal: connections,
//! requests, messages, every byte of every class in each direction, and every segment but those
//! that come, or may come, after the kernel was asked for the last time (`witness/end.rs` says
//! which, and why). A second witness, `strace`, counts system calls.
//!
//! Without `tcpdump` or `strace`, or without the right to use them (root has it), the tests are
//! skipped by name.
//!
//! Absent on purpose: clients that others wrote (`loopback.rs`), and loss: the loopback interface
//! has none.

#[path = "support/foreign.rs"]
mod foreign;
#[path = "support/http.rs"]
mod http;
#[path = "support/server.rs"]
mod server;

#[path = "witness/account.rs"]
mod account;
#[path = "witness/alone.rs"]
mod alone;
#[path = "witness/classes.rs"]
mod classes;
#[path = "witness/clients.rs"]
mod clients;
#[path = "witness/connection.rs"]
mod connection;
#[path = "witness/end.rs"]
mod end;
#[path = "witness/events.rs"]
mod events;
#[path = "witness/exchange.rs"]
mod exchange;
#[path = "witness/frames.rs"]
mod frames;
#[path = "witness/json.rs"]
mod json;
#[path = "witness/mixed.rs"]
mod mixed;
#[path = "witness/page.rs"]
mod page;
#[path = "witness/pcap.rs"]
mod pcap;
#[path = "witness/run.rs"]
mod run;
#[path = "witness/strace.rs"]
mod strace;
#[path = "witness/tagged.rs"]
mod tagged;
#[path = "witness/tcpdump.rs"]
mod tcpdump;
#[path = "witness/tls.rs"]
mod tls;
