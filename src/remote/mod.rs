//! `tollway sub` and `tollway pub`: a running server's topics, read and written from a terminal.
//!
//! Both keep the promises of the browser's client: a reader gets each message once, in order, by
//! the best technique that works where it is, and is told of what it missed; a message that is
//! published is added once, however often it had to be sent.
//!
//! Came from: `main`, with what was asked for. Goes to: `client` for what is said on the wire; to a
//! server; and to standard output. Absent on purpose: TLS, and anything that a client written by
//! somebody else could not do as well.

pub mod address;
pub mod attempt;
pub mod complaints;
pub mod exchange;
pub mod flags;
pub mod input;
pub mod outlet;
pub mod publish_frame;
pub mod publisher;
pub mod reader;
pub mod receipts;
pub mod run_end;
pub mod show;
pub mod spelling;
pub mod unpublished;
