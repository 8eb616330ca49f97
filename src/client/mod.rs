//! The client halves: what a browser or a program does at the other end of each technique.
//!
//! The codecs and the [`subscriber`] are sans-IO like the server: bytes in, bytes out, and a test
//! feeds them as it likes. [`swarm`] is the one loop that has sockets: as many subscribers as are
//! wanted, in one thread.
//!
//! Came from: `compare`, which says how many clients read which topic in which way. Goes to:
//! `wire`, for what both halves share. Absent on purpose: reconnecting with a cursor after a loss.
//! A comparison in which a connection broke is void, and mending it would hide that.

pub mod checklist;
pub mod delay;
pub mod events;
pub mod frames;
pub mod quantiles;
pub mod response;
pub mod stamp;
pub mod subscriber;
pub mod swarm;
pub mod trace;
