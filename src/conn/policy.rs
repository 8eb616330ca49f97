//! The policy: bounds and rules that every request is judged by.
//!
//! Came from: `broker`, which is set up with it, and tells it the time. Goes to: `conn`, with each
//! request. Absent on purpose: judging.

use std::sync::Arc;

use super::origin::Origins;
use super::proxies::Proxies;
use super::request::Want;
use crate::ids::WallSecond;
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
    /// Who is believed to bring requests of others.
    pub proxies: Proxies,
    /// Who may do what; without, everybody may do everything.
    pub rights: Option<Arc<Rights>>,
    /// The time on the wall, which tokens end by.
    pub second: WallSecond,
    /// How far the server has come with its end.
    pub drain: DrainPhase,
}

impl Policy {
    /// Whether another request may follow one that wants this.
    pub fn keeps_alive(&self, want: &Want) -> bool {
        match self.drain {
            DrainPhase::Serving => true,
            DrainPhase::Grace => want.polls(),
            DrainPhase::Leaving => false,
        }
    }

    /// Whether the server is to end.
    pub fn is_draining(&self) -> bool {
        self.drain != DrainPhase::Serving
    }
}

/// How far a server has come with its end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DrainPhase {
    /// Nobody wants it to end.
    #[default]
    Serving,
    /// Readers stay, by whatever technique; every other answer is the last of its connection.
    Grace,
    /// Readers leave: every answer is the last of its connection, and no poll waits any more.
    Leaving,
}
