//! TLS over real sockets: the four techniques, ends that are good and that are not, strangers,
//! operators, and clients that we did not write.
//!
//! The certificates are made here. Absent on purpose: what TLS carries, which is told by the
//! transcripts as it stands, and records cut at random (`corpora.rs`).

#[path = "support/foreign.rs"]
mod foreign;
#[path = "support/server.rs"]
mod server;

#[path = "tls/client.rs"]
mod client;
#[path = "tls/ends.rs"]
mod ends;
#[path = "tls/handover.rs"]
mod handover;
#[path = "tls/lanes.rs"]
mod lanes;
#[path = "tls/operators.rs"]
mod operators;
#[path = "tls/others.rs"]
mod others;
#[path = "tls/pairs.rs"]
mod pairs;
#[path = "tls/remote.rs"]
mod remote;
#[path = "tls/strangers.rs"]
mod strangers;
