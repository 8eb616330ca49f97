//! The bounds that a flag can turn.
//!
//! Came from: `config`, with what was typed; otherwise the defaults hold, which stand in `limits`
//! with their reasons. Goes to: every file that keeps to one of them. Absent on purpose: whether
//! the values fit together; `config` says that.

use super::{
    BODY_MS_MAX, CONNECTIONS_MAX, CONNECTIONS_PER_ADDRESS_MAX, DRAIN_MS, HEAD_BYTES_MAX,
    HEAD_MS_MAX, HEARTBEAT_MS, HISTORY_AGE_MS, HISTORY_BYTES, HISTORY_MESSAGES, IDLE_MS_MAX,
    MESSAGE_BYTES_MAX, PUBLISH_BURST, PUBLISH_OVERHEAD_BYTES, PUBLISHES_PER_SECOND_MAX,
    RETAIN_BYTES, SPELLING_FACTOR, STALL_MS_MAX, TOPICS_MAX, UNFINISHED_BYTES_MAX, WAIT_MS_MAX,
};

/// The bounds that a flag can turn, with their defaults.
#[derive(Clone, Debug)]
pub struct Limits {
    /// `--max-head`: [`HEAD_BYTES_MAX`].
    pub head_bytes_max: usize,
    /// `--max-message`: [`MESSAGE_BYTES_MAX`].
    pub message_bytes_max: usize,
    /// `--max-connections`, shared out among the threads: [`CONNECTIONS_MAX`].
    pub connections_max: usize,
    /// `--max-connections-per-address`: [`CONNECTIONS_PER_ADDRESS_MAX`].
    pub connections_per_address_max: usize,
    /// `--max-topics`: [`TOPICS_MAX`].
    pub topics_max: usize,
    /// `--max-publishes`: [`PUBLISHES_PER_SECOND_MAX`].
    pub publishes_per_second_max: usize,
    /// `--publish-burst`: [`PUBLISH_BURST`].
    pub publish_burst: usize,
    /// `--max-wait`: [`WAIT_MS_MAX`].
    pub wait_ms_max: u64,
    /// `--history-messages`: [`HISTORY_MESSAGES`].
    pub history_messages: usize,
    /// `--history-bytes`: [`HISTORY_BYTES`].
    pub history_bytes: usize,
    /// `--history-age`: [`HISTORY_AGE_MS`].
    pub history_age_ms: u64,
    /// `--retain-bytes`: [`RETAIN_BYTES`].
    pub retain_bytes: usize,
    /// `--max-unfinished`: [`UNFINISHED_BYTES_MAX`].
    pub unfinished_bytes_max: usize,
    /// `--heartbeat`: [`HEARTBEAT_MS`].
    pub heartbeat_ms: u64,
    /// `--head-timeout`: [`HEAD_MS_MAX`].
    pub head_ms_max: u64,
    /// `--body-timeout`: [`BODY_MS_MAX`].
    pub body_ms_max: u64,
    /// `--idle-timeout`: [`IDLE_MS_MAX`].
    pub idle_ms_max: u64,
    /// `--stall-timeout`: [`STALL_MS_MAX`].
    pub stall_ms_max: u64,
    /// `--drain`: [`DRAIN_MS`].
    pub drain_ms: u64,
    /// `--deflate`: WebSocket messages may be compressed.
    pub deflate: bool,
}

impl Limits {
    /// The longest frame of `tollway.v1`: data up to the bound of a message, in JSON's longest
    /// spelling. Beyond: a close with 1009. A frame takes the memory of what has come of it.
    pub const fn publish_frame_bytes_max(&self) -> usize {
        self.message_bytes_max
            .saturating_mul(SPELLING_FACTOR)
            .saturating_add(PUBLISH_OVERHEAD_BYTES)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes_max: HEAD_BYTES_MAX,
            message_bytes_max: MESSAGE_BYTES_MAX,
            connections_max: CONNECTIONS_MAX,
            connections_per_address_max: CONNECTIONS_PER_ADDRESS_MAX,
            topics_max: TOPICS_MAX,
            publishes_per_second_max: PUBLISHES_PER_SECOND_MAX,
            publish_burst: PUBLISH_BURST,
            wait_ms_max: WAIT_MS_MAX,
            history_messages: HISTORY_MESSAGES,
            history_bytes: HISTORY_BYTES,
            history_age_ms: HISTORY_AGE_MS,
            retain_bytes: RETAIN_BYTES,
            unfinished_bytes_max: UNFINISHED_BYTES_MAX,
            heartbeat_ms: HEARTBEAT_MS,
            head_ms_max: HEAD_MS_MAX,
            body_ms_max: BODY_MS_MAX,
            idle_ms_max: IDLE_MS_MAX,
            stall_ms_max: STALL_MS_MAX,
            drain_ms: DRAIN_MS,
            deflate: false,
        }
    }
}
