//! What a connection may do: the grant of the token that its request has shown, for as long as that
//! is good.
//!
//! Came from: `conn`, with a request; `broker`, with a ticket that was taken back. Goes to: the
//! timer wheel, as a deadline, and `broker`, which asks before a frame is published. Absent on
//! purpose: connections of servers that ask for no rights. They hold nothing.

use std::sync::Arc;

use super::Conn;
use super::state::Name;
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

impl Conn {
    /// From now on the connection has this grant, or none. `unix_s` is now, on the wall.
    pub fn hold(&mut self, grant: Option<Arc<Grant>>, now: Millis, unix_s: u64) {
        self.hold = grant.map(|grant| {
            let left_s = grant.until_s.map(|until_s| until_s.saturating_sub(unix_s));
            let until = left_s.map_or(Millis::NEVER, |s| now.plus(s.saturating_mul(1000)));
            Box::new(Hold { grant, until })
        });
    }

    /// The same grant, for a ticket.
    pub fn shared_grant(&self) -> Option<Arc<Grant>> {
        self.hold.as_deref().map(|hold| Arc::clone(&hold.grant))
    }

    /// What it may do, beside what everybody may.
    pub fn grant(&self) -> Option<&Grant> {
        self.hold.as_deref().map(|hold| &*hold.grant)
    }

    /// When a reader that stays has to go, because its token is good until then and no longer.
    pub fn expires_at(&self) -> Option<Millis> {
        let hold = self.hold.as_deref().filter(|hold| hold.until != Millis::NEVER)?;
        let stays = matches!(self.state.name(), Name::Parked | Name::Streaming | Name::Open);
        stays.then_some(hold.until)
    }
}
