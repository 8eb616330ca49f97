//! Bounds of what stands between publishers and a store, and of the store itself.
//!
//! Came from: `limits`, which hands them on. Goes to: whoever holds to them. Absent on purpose: the
//! bounds of retention, which hold for a store and for memory alike.

/// Messages that a store is asked to append in one piece; the rest of the line is the next batch.
pub const STORE_BATCH_MAX: usize = 4_096;
/// Bytes of messages in one such batch. One is always taken, however long.
pub const STORE_BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;
/// How long a publish may wait for the store. Beyond: 503 `store_unavailable`, an error in
/// `tollway.v1`, a raw WebSocket close with 1013. What the store says later is told to nobody.
pub const COMMIT_MS_MAX: u64 = 30_000;
/// How long a server that takes over from another waits for its file.
pub const STORE_LOCK_MS_MAX: u64 = 120_000;
/// Messages in a store that are older than this, ten years, are as if they were that old: the
/// server's clock begins no further ahead, so that connections can keep their moments in 40 bits.
pub const STORE_AHEAD_MS_MAX: u64 = 10 * 366 * 24 * 60 * 60 * 1000;
/// Numberings that have ended of which a thread knows which subscriber stood in which.
pub const EARLIER_EPOCHS_MAX: usize = 64;
/// The first pause before a store that has failed is tried again; each is twice the one before.
pub const STORE_RETRY_MS_MIN: u64 = 100;
/// The longest such pause.
pub const STORE_RETRY_MS_MAX: u64 = 5_000;
/// Numbers left out when a loss of power may have taken the newest messages of a file: whoever has
/// read them must not take others for them. More than are ever not on the disk yet.
pub const STORE_NUMBERS_SKIPPED: u64 = 4 * 1024 * 1024 * 1024;
