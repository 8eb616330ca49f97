//! The bounds of retention, and what tells which message is the oldest of the hub.
//!
//! Came from: the limits, and every append. Goes to: `retention`, which holds the hub to them.
//! Absent on purpose: dropping anything.

use crate::ids::{Millis, Seq, TopicId};
use crate::limits::{ENTRY_OVERHEAD_BYTES, Limits, RENDITIONS_SHARE, TOPIC_OVERHEAD_BYTES};

/// The bounds that an operator gave.
#[derive(Debug)]
pub(super) struct Retention {
    pub(super) messages: usize,
    pub(super) bytes: usize,
    pub(super) age_ms: u64,
    /// What messages may cost in all. Renditions have the rest of `--retain-bytes`.
    pub(super) total_cost: usize,
    /// What each message and each topic that has any costs on all threads together.
    pub(super) entry_bytes: usize,
    pub(super) topic_bytes: usize,
}

/// A message held, or once held.
#[derive(Debug)]
pub(super) struct Age {
    pub(super) at: Millis,
    pub(super) seq: Seq,
    pub(super) topic: TopicId,
}

impl Retention {
    pub(super) fn new(limits: &Limits, threads: usize) -> Self {
        Self {
            messages: limits.history_messages,
            bytes: limits.history_bytes,
            age_ms: limits.history_age_ms,
            total_cost: limits.retain_bytes - limits.retain_bytes / RENDITIONS_SHARE,
            entry_bytes: threads * ENTRY_OVERHEAD_BYTES,
            topic_bytes: threads * TOPIC_OVERHEAD_BYTES,
        }
    }
}
