//! tollway: one topic, four ways to read it.

pub mod ids;
pub mod limits;
pub mod wire;
