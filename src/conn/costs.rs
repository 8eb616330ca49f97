//! What a connection costs, and who pays: the notes that accounting takes on each.
//!
//! Came from: `broker::accounting`, which writes them, and `conn`, which knows whose bytes it
//! understands. Goes to: the ledger, the table of connections. Absent on purpose: sums.

use super::aside::Aside;
use crate::ledger::{Carry, Due, Passed, Payer, Tally};

/// The costs of one connection.
#[derive(Debug)]
pub struct Costs {
    /// Who pays for what is being understood or answered.
    pub payer: Payer,
    /// The payer of its last request, which the connection itself is charged to. `None`: no request
    /// has come yet.
    pub kind: Option<Payer>,
    /// What it has cost so far, under whatever payer.
    pub tally: Tally,
    /// What the tally has carried over.
    pub carry: Carry,
    /// What its next request has to pay.
    pub owed: Due,
}

impl Default for Costs {
    fn default() -> Self {
        let (tally, carry) = (Tally::default(), Carry::default());
        Self { payer: Payer::Other, kind: None, tally, carry, owed: Due::default() }
    }
}

impl Costs {
    /// All that has passed.
    pub fn so_far(&self) -> Passed {
        self.tally.sums(&self.carry)
    }

    /// Whether the request that is understood now changes who pays or by what tag, or has something
    /// to pay.
    pub fn change_with_request(&self, aside: &Aside) -> bool {
        self.kind != Some(self.payer) || aside.changes_tag() || !self.owed.is_empty()
    }
}
