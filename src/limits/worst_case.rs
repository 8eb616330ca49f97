//! The worst case: how much memory of its own a server takes at most, when every bound is met.
//!
//! One part is for the server, whatever its connections do, and one is for each connection whose
//! peer takes nothing of what it is told. Both follow from the limits by addition, so that an
//! operator can turn them by flags, and a test holds a server to them.
//!
//! Came from: the limits. Goes to: the greeting and `docs/reference/limits.md`. Absent on purpose:
//! what the kernel holds for sockets, which `tcp_mem` of tcp(7) bounds for the whole machine; and
//! files of `--static`, of which a connection has a piece.

use super::{
    DEFLATE_CONTEXT_BITS, EFFECTS_BYTES_MAX, IDEMPOTENCY_KEY_BYTES_MAX, IDEMPOTENCY_KEYS_MAX,
    Limits, MAILBOX_BYTES_MAX, MAILBOX_LETTERS_MAX, MESSAGE_OVERHEAD_BYTES, OUTBOX_BYTES_HIGH,
    OUTBOX_SEGMENTS_HIGH, PUBLISHERS_MAX, READ_BYTES, REDIS_BATCH_BYTES_MAX, REDIS_PIECE_MIN,
    REF_BYTES_MAX, RENDITIONS_BYTES_MIN, STORE_BATCH_BYTES_MAX, TLS_PORTION_BYTES, TOPIC_BYTES_MAX,
    TOPIC_OVERHEAD_BYTES, TOPICS_PER_READER_MAX, UNANSWERED_MAX, UNCOMMITTED_BYTES_MAX,
};

/// The program, and what it loads and keeps from its start on, in bytes.
const PROGRAM_BYTES: usize = 8 * 1024 * 1024;
/// What a thread has beside the bytes of messages: its stack as far as it is used, events, timers,
/// the queues of a turn, three compressors, a report.
const THREAD_BYTES: usize = 4 * 1024 * 1024;
/// A connection in a table, with its socket and its timers.
const CONNECTION_BYTES: usize = 1024;
/// A letter, a segment, or a place in a list, in a queue that may have twice the room it needs.
const PLACE_BYTES: usize = 2 * 64;
/// A remembered key beside its own bytes and its topic's, when no two are of one topic or of one
/// address: each has shares of its own then.
const KEY_OVERHEAD_BYTES: usize = 1280;
/// Keys and buffers of a connection by TLS; about 4 KiB were measured.
const TLS_SESSION_BYTES: usize = 8 * 1024;
/// What a store has beside messages: its thread, and the pages of its file.
const STORE_BYTES: usize = 8 * 1024 * 1024;
/// Where a retained message is in the file, in a list that may have twice the room it needs.
const STORED_PLACE_BYTES: usize = 2 * 40;
/// When an address may publish again, in a table that may have twice the room it needs.
const PUBLISHER_BYTES: usize = 64;
/// What escaping a message in JSON multiplies it by, at most.
const ESCAPED_FACTOR: usize = 6;
/// The allocator's rounding, and holes between blocks in use: a quarter more.
const HOLES_SHARE: usize = 4;

/// The most that a server holds in user space, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorstCase {
    /// Whatever its connections do.
    pub server: usize,
    /// For each connection beside that.
    pub connection: usize,
}

impl WorstCase {
    /// The same for a server that speaks TLS, as if each connection did.
    #[must_use]
    pub fn with_tls(self) -> Self {
        let connection = TLS_SESSION_BYTES + TLS_PORTION_BYTES;
        Self { connection: self.connection.saturating_add(with_holes(connection)), ..self }
    }

    /// The same for a server with a store, which retains so many bytes.
    #[must_use]
    pub fn with_store(self, retain_bytes: usize) -> Self {
        let index = retain_bytes / MESSAGE_OVERHEAD_BYTES * STORED_PLACE_BYTES;
        let store = add(&[STORE_BYTES, 2 * STORE_BATCH_BYTES_MAX, index]);
        Self { server: self.server.saturating_add(with_holes(store)), ..self }
    }

    /// The same for a server whose log is in Redis, with messages of so many bytes.
    #[must_use]
    pub fn with_redis(self, message_bytes_max: usize) -> Self {
        // What was read lies there as it came, and as messages.
        let piece = message_bytes_max.saturating_mul(2 * REDIS_PIECE_MIN);
        let batch = REDIS_BATCH_BYTES_MAX.saturating_add(message_bytes_max).saturating_mul(2);
        let redis = add(&[STORE_BYTES, piece, batch]);
        Self { server: self.server.saturating_add(with_holes(redis)), ..self }
    }
}

impl Limits {
    /// What is remembered of publishers at most: their keys, and how fast they are.
    pub const REMEMBERED_BYTES: usize = {
        let key = IDEMPOTENCY_KEY_BYTES_MAX + TOPIC_BYTES_MAX + KEY_OVERHEAD_BYTES;
        IDEMPOTENCY_KEYS_MAX * key + PUBLISHERS_MAX * PUBLISHER_BYTES
    };

    /// The worst case under these limits, with so many `threads`.
    pub fn worst_case(&self, threads: usize) -> WorstCase {
        let message = self.message_bytes_max.saturating_add(MESSAGE_OVERHEAD_BYTES);
        // While readers are behind an eighth more may be retained, and one message.
        let retained = add(&[self.retain_bytes, self.retain_bytes / 8, message]);
        // What one visit brings is judged when it is there: on each thread, one message more.
        let frame = self.publish_frame_bytes_max();
        let queues = add(&[EFFECTS_BYTES_MAX, message, PLACE_BYTES * MAILBOX_LETTERS_MAX]);
        let each = add(&[THREAD_BYTES, READ_BYTES, RENDITIONS_BYTES_MIN, frame, queues]);
        let server = add(&[
            PROGRAM_BYTES,
            retained,
            Self::REMEMBERED_BYTES,
            self.unfinished_bytes_max,
            MAILBOX_BYTES_MAX,
            UNCOMMITTED_BYTES_MAX,
            each.saturating_mul(threads),
        ]);
        WorstCase { server: with_holes(server), connection: with_holes(self.connection_bytes()) }
    }

    /// A connection whose outbox is full and has one encoded message more, which nobody else has.
    fn connection_bytes(&self) -> usize {
        let encoded = self.message_bytes_max.saturating_mul(ESCAPED_FACTOR);
        add(&[
            CONNECTION_BYTES,
            OUTBOX_BYTES_HIGH,
            OUTBOX_SEGMENTS_HIGH * PLACE_BYTES,
            encoded,
            UNANSWERED_MAX * (REF_BYTES_MAX + PLACE_BYTES),
            TOPICS_PER_READER_MAX * (TOPIC_OVERHEAD_BYTES + PLACE_BYTES),
            1 << DEFLATE_CONTEXT_BITS,
        ])
    }
}

fn add(parts: &[usize]) -> usize {
    parts.iter().fold(0, |sum, part| sum.saturating_add(*part))
}

fn with_holes(bytes: usize) -> usize {
    bytes.saturating_add(bytes / HOLES_SHARE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_that_lets_more_be_held_is_in_the_sum() {
        let usual = Limits::default().worst_case(2);
        let larger = |change: fn(&mut Limits)| {
            let mut limits = Limits::default();
            change(&mut limits);
            limits.worst_case(2)
        };
        let more = 1024 * 1024;
        let retained = larger(|limits| limits.retain_bytes += 1024 * 1024);
        assert!(retained.server >= usual.server + more && retained.connection == usual.connection);
        let unfinished = larger(|limits| limits.unfinished_bytes_max += 1024 * 1024);
        assert!(unfinished.server >= usual.server + more);
        let message = larger(|limits| limits.message_bytes_max += 1024 * 1024);
        assert!(message.server >= usual.server + 2 * more);
        assert!(message.connection >= usual.connection + ESCAPED_FACTOR * more);
        assert!(Limits::default().worst_case(3).server > usual.server);
        let tls = usual.with_tls();
        assert!(tls.connection >= usual.connection + TLS_PORTION_BYTES);
        let stored = usual.with_store(1 << 30);
        assert!(stored.server >= usual.server + (1 << 30) / MESSAGE_OVERHEAD_BYTES * 40);
        assert_eq!((tls.server, stored.connection), (usual.server, usual.connection));
        let endless = Limits { retain_bytes: usize::MAX, ..Limits::default() };
        let endless = endless.worst_case(64).with_store(usize::MAX).with_tls();
        assert_eq!(endless.server, usize::MAX);
    }
}
