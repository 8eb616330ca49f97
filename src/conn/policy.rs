//! The policy: bounds and rules that every request is judged by.
//!
//! Came from: `broker`, which is set up with it, and tells it the time. Goes to: `conn`, with each
//! request. Absent on purpose: judging.

use std::sync::Arc;

use super::origin::Origins;
use crate::limits::Limits;
use crate::rights::Rights;

/// What every request is judged by.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// The bounds that flags can turn.
    pub limits: Limits,
    /// Which pages may ask from a browser, and which hosts are served.
    pub origins: Origins,
    /// Whether `--static` was given.
    pub serves_files: bool,
    /// Whether `--admin-listen` was given: reports are there, and nowhere else.
    pub admin_listens: bool,
    /// Who may do what; without, everybody may do everything.
    pub rights: Option<Arc<Rights>>,
    /// The time on the wall, in whole seconds since 1970, which tokens end by.
    pub unix_s: u64,
    /// The server is to end: every answer is the last of its connection.
    pub draining: bool,
}
