//! What a connection holds: the grant of the token that its request has shown, for as long as that
//! is good.
//!
//! Came from: `holding`, with a grant. Goes to: [`super::Conn`], which keeps it. Absent on purpose:
//! connections of servers that ask for no rights. They hold nothing.

use std::sync::Arc;

use crate::ids::Millis;
use crate::rights::Grant;

/// A grant, and until when it is good.
#[derive(Debug)]
pub struct Hold {
    /// What its holder may do.
    pub grant: Arc<Grant>,
    /// The moment from which on it is not. [`Millis::NEVER`] for a token of the operator's.
    pub until: Millis,
}

impl Hold {
    /// Of a grant that is shown now: at `now`, and at `unix_s` on the wall.
    pub fn new(grant: Arc<Grant>, now: Millis, unix_s: u64) -> Self {
        let left_s = grant.until_s.map(|until_s| until_s.saturating_sub(unix_s));
        let until = left_s.map_or(Millis::NEVER, |s| now.plus(s.saturating_mul(1000)));
        Self { grant, until }
    }
}
