//! What a connection holds: the grant of the token that its request has shown, for as long as that
//! is good.
//!
//! Came from: `holding`, with a grant. Goes to: [`super::Conn`], which keeps it. Absent on purpose:
//! connections of servers that ask for no rights. They hold nothing.

use std::sync::Arc;

use crate::ids::{Millis, WallSecond};
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
    /// Of a grant that is shown when it is `second` on the wall.
    pub fn new(grant: Arc<Grant>, second: WallSecond) -> Self {
        let until = grant.until_s.map_or(Millis::NEVER, |until_s| second.begins(until_s));
        Self { grant, until }
    }
}
