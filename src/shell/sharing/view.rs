//! What a node knows of the log at one time: how far it has read, and what time it is there.
//!
//! Came from: `sharing`, at the start; `reading`, from then on. Goes to: the same. Absent on
//! purpose: messages; those are with the threads.

use crate::hub::past::Past;
use crate::ids::Micros;
use crate::limits::Limits;
use crate::shell::clock::Clock;
use crate::shell::sys;
use crate::store::redis::{Joined, Reach, RedisFault, RedisLink, recall};

/// What a node knows of the log at one time.
#[derive(Debug)]
pub(super) struct View {
    pub(super) joined: Joined,
    pub(super) reach: Reach,
    pub(super) time: RedisTime,
}

/// One moment on two clocks: the server's, and that of Redis, by which entries are dated.
#[derive(Debug, Clone, Copy)]
pub(super) struct RedisTime {
    pub(super) now: Micros,
    pub(super) wall_ms: u64,
}

impl RedisTime {
    /// When it was, on the server's clock, that Redis said `wall_ms`; not in the future.
    pub(super) fn moment(self, wall_ms: u64, now: Micros) -> Micros {
        let Self { now: then, wall_ms: then_ms } = self;
        let later_us = wall_ms.saturating_sub(then_ms).saturating_mul(1000);
        let earlier_us = then_ms.saturating_sub(wall_ms).saturating_mul(1000);
        Micros(then.0.saturating_add(later_us).saturating_sub(earlier_us)).min(now)
    }
}

/// Reads the whole log through `link`, which has joined.
pub(super) fn view(
    link: &mut RedisLink,
    joined: Joined,
    limits: &Limits,
    clock: Clock,
) -> Result<(Past, View), RedisFault> {
    let time = RedisTime { now: clock.now_us(), wall_ms: joined.wall_ms };
    let moment = |wall_ms| time.moment(wall_ms, clock.now_us());
    let (past, reach) = recall(link, &joined, limits, moment)?;
    Ok((past, View { joined, reach, time }))
}

/// Two times 64 bits of the system's randomness.
pub(super) fn random() -> [u64; 2] {
    // It fails where there is no such system call, and there the server does not start.
    [(); 2].map(|()| sys::random_bits().unwrap_or_default())
}
