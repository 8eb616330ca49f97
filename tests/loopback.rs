//! Real sockets, and clients that we did not write.
//!
//! Each client library reads the standards with its own eyes; what they agree on is the protocol.
//! One module per client, one test per fact, every test with one thread and with four.
//!
//! Absent on purpose: the parsers' corner cases (the transcripts have them, byte by byte) and
//! browsers (`browser.rs`).

#[path = "support/foreign.rs"]
mod foreign;
#[path = "support/http.rs"]
mod http;
#[path = "support/server.rs"]
mod server;

#[path = "loopback/curl_publish.rs"]
mod curl_publish;
#[path = "loopback/curl_read.rs"]
mod curl_read;
#[path = "loopback/draining.rs"]
mod draining;
#[path = "loopback/environment.rs"]
mod environment;
#[path = "loopback/goodbye.rs"]
mod goodbye;
#[path = "loopback/java.rs"]
mod java;
#[path = "loopback/names.rs"]
mod names;
#[path = "loopback/node.rs"]
mod node;
#[path = "loopback/order.rs"]
mod order;
#[path = "loopback/output.rs"]
mod output;
#[path = "loopback/python.rs"]
mod python;
#[path = "loopback/raw.rs"]
mod raw;
#[path = "loopback/reports.rs"]
mod reports;
#[path = "loopback/rights.rs"]
mod rights;
#[path = "loopback/rust.rs"]
mod rust;
#[path = "loopback/strangers.rs"]
mod strangers;
#[path = "loopback/writes.rs"]
mod writes;
