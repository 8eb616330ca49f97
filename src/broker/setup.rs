//! What a broker is made of: its place among the threads, bounds, and who may do what.
//!
//! Came from: the shell, a simulator, a fuzzer. Goes to: `broker`. Absent on purpose: anything that
//! changes while the server runs.

use std::sync::Arc;

use super::pool::UnfinishedPool;
use crate::conn::origin::Origins;
use crate::conn::proxies::Proxies;
use crate::hub::past::Past;
use crate::ids::{Epoch, Millis, ShardId};
use crate::limits::Limits;
use crate::rights::Rights;

/// What a broker is made of. By default: one thread, the default bounds, epoch 1.
#[derive(Debug)]
pub struct Setup {
    /// Which thread it serves.
    pub shard: ShardId,
    /// How many threads the server has.
    pub threads: u16,
    /// The numbering of messages; the same for all threads.
    pub epoch: Epoch,
    /// Messages of earlier runs, where a store has kept them.
    pub past: Option<Arc<Past>>,
    /// When the server began, on its clock.
    pub began: Millis,
    /// The bounds that flags can turn.
    pub limits: Limits,
    /// What input that is not complete may take, on all threads together.
    pub unfinished: UnfinishedPool,
    /// Which pages may ask from a browser.
    pub origins: Origins,
    /// Whether `--static` was given.
    pub serves_files: bool,
    /// Whether `--admin-listen` was given: reports are there, and nowhere else.
    pub admin_listens: bool,
    /// Who may do what; without, everybody may do everything. All threads share them.
    pub rights: Option<Arc<Rights>>,
    /// Who is believed to bring requests of others.
    pub proxies: Proxies,
    /// Where the jitter of `retry:` begins.
    pub seed: u64,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            shard: ShardId(0),
            threads: 1,
            epoch: Epoch(1),
            past: None,
            began: Millis(0),
            limits: Limits::default(),
            unfinished: UnfinishedPool::new(Limits::default().unfinished_bytes_max),
            origins: Origins::default(),
            serves_files: false,
            admin_listens: false,
            rights: None,
            proxies: Proxies::default(),
            seed: 1,
        }
    }
}
