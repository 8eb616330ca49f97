//! The bounds of a log that is kept in Redis.
//!
//! Came from: `limits`, of which this is a part. Goes to: `store::redis`, and the threads of the
//! shell that use it. Absent on purpose: flags. What is retained has the same bounds as without
//! Redis.

/// How long Redis may take for an answer, and for a connection; beyond, it counts as away.
pub const REDIS_ANSWER_MS_MAX: u64 = 5_000;
/// How long a server that starts tries to reach Redis before it gives up.
pub const REDIS_START_MS_MAX: u64 = 10_000;
/// How long a server that ends waits for what Redis was asked last, also when its drain is over.
pub const REDIS_END_MS_MIN: u64 = 250;
/// How long a node waits for what is new before it looks whether all is as it was.
pub const REDIS_LOOK_MS: u64 = 500;
/// How often a node says how many read its topics, and so how late such a count may be.
pub const REDIS_COUNT_MS: u64 = 1_000;
/// Topics whose counts a node says at once; the others follow a second later.
pub const REDIS_COUNTS_MAX: usize = 1_000;
/// How long a node that says nothing is believed to live; then its readers do not count any more.
pub const REDIS_NODE_MS_MAX: u64 = 10_000;
/// Publishes that one script appends: Redis does nothing else meanwhile.
pub const REDIS_BATCH_MAX: usize = 256;
/// Bytes of messages in one such batch. One is always taken, however long.
pub const REDIS_BATCH_BYTES_MAX: usize = 1024 * 1024;
/// Entries of the stream read at once, at least.
pub const REDIS_PIECE_MIN: usize = 16;
/// Entries of the stream read at once, at most.
pub const REDIS_PIECE_MAX: usize = 4_096;
/// Bytes of payloads that one such piece is to have, by what the one before it had.
pub const REDIS_PIECE_BYTES: usize = 1024 * 1024;
/// Numbers left out when Redis is another process than before: it may have forgotten the newest
/// entries, and whoever has read them must not take others for them. More than it can forget.
pub const REDIS_NUMBERS_SKIPPED: u64 = 4 * 1024 * 1024 * 1024;
/// Replicas that `--redis-wait` may ask for.
pub const REDIS_REPLICAS_MAX: usize = 16;
/// Bytes of `--redis-prefix`.
pub const REDIS_PREFIX_BYTES_MAX: usize = 128;
