//! What a connection costs, and who pays: the notes that accounting takes on each.
//!
//! Came from: `broker::accounting`, which writes them, and `conn`, which knows whose bytes it
//! understands. Goes to: the ledger, the table of connections. Absent on purpose: sums.

use crate::ledger::{CostTag, Due, Payer, Sample, Tagged, Tally};

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
    /// The tag of what is being understood or answered, if it has one.
    pub tag: Option<CostTag>,
    /// The tag that it is charged to beside.
    pub tagged: Option<Box<Tagged>>,
    /// What its next request has to pay.
    pub owed: Due,
    /// What the kernel had counted when the last change of kind was accounted for.
    pub accounted: Option<Box<Sample>>,
}

impl Default for Costs {
    fn default() -> Self {
        Self {
            payer: Payer::Other,
            kind: None,
            tally: Tally::default(),
            tag: None,
            tagged: None,
            owed: Due::default(),
            accounted: None,
        }
    }
}

impl Costs {
    /// Whether the request that is understood now changes who pays or by what tag, or has something
    /// to pay.
    pub fn change_with_request(&self) -> bool {
        let tag = self.tagged.as_ref().map(|tagged| tagged.tag());
        self.kind != Some(self.payer) || tag != self.tag || !self.owed.is_empty()
    }

    /// What the kernel had counted by then; nothing for most connections.
    pub fn accounted(&self) -> Sample {
        self.accounted.as_deref().copied().unwrap_or_default()
    }
}
