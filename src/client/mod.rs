//! The client halves: what a browser or a program does at the other end of each technique.
//!
//! The codecs and the [`subscriber`] are sans-IO like the server: bytes in, bytes out, and a test
//! feeds them as it likes. [`swarm`] is the one loop that has sockets: as many subscribers as are
//! wanted, in one thread.
//!
//! [`reading`] and [`ladder`] are for readers who want the messages, whatever becomes of their
//! connections: the one reads by one technique, the other says which. A [`subscriber`] does neither
//! resume nor change: a comparison in which a connection broke is void, and mending it would hide
//! that.
//!
//! Came from: `compare`, which says how many clients read which topic in which way; `remote`, which
//! reads and publishes for a person. Goes to: `wire`, for what both halves share. Absent on
//! purpose: deciding what becomes of what was read.

pub mod checklist;
pub mod cipher;
pub mod delay;
pub mod endpoint;
pub mod events;
pub mod fault;
pub mod frames;
pub mod grid;
pub mod ladder;
pub mod quantiles;
pub mod reading;
pub mod response;
pub mod saying;
pub mod setback;
pub mod stamp;
pub mod subscriber;
pub mod swarm;
pub mod told;
pub mod trace;
pub mod traffic;
