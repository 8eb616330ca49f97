//! tollway: one topic, four ways to read it.

pub mod broker;
pub mod close;
pub mod conn;
pub mod hub;
pub mod ids;
pub mod ledger;
pub mod limits;
pub mod technique;
pub mod timer;
pub mod wire;
