//! Holding: what a connection may do beside what everybody may, and until when.
//!
//! Came from: `conn`, with a request; `broker`, with a ticket that was taken back. Goes to: the
//! timer wheel, as a deadline, and `broker`, which asks before a frame is published. Absent on
//! purpose: what everybody may do; `rights` knows.

use std::sync::Arc;

use super::Conn;
use super::hold::Hold;
use super::state::Name;
use crate::ids::{Millis, WallSecond};
use crate::rights::Grant;

impl Conn {
    /// From now on the connection has this grant, or none. It is `second` on the wall.
    pub fn hold(&mut self, grant: Option<Arc<Grant>>, second: WallSecond) {
        self.aside.set_hold(grant.map(|grant| Hold::new(grant, second)));
    }

    /// The grant that it has, for a ticket.
    pub fn shared_grant(&self) -> Option<Arc<Grant>> {
        self.aside.hold().map(|hold| Arc::clone(&hold.grant))
    }

    /// What it may do.
    pub fn grant(&self) -> Option<&Grant> {
        self.aside.hold().map(|hold| &*hold.grant)
    }

    /// When a reader that stays has to go, because its token is good until then and no longer.
    pub fn expires_at(&self) -> Millis {
        let Some(hold) = self.aside.hold() else {
            return Millis::NEVER;
        };
        match self.state.name() {
            Name::Parked | Name::Streaming | Name::Open => hold.until,
            _ => Millis::NEVER,
        }
    }
}
