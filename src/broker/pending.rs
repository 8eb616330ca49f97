//! Reports that are being collected from all threads, and the connections that wait for them.
//!
//! Came from: `report`, with connections that ask and threads that answer. Goes to: the same, with
//! the sum of all answers. Absent on purpose: what a report says.

use crate::ids::ConnId;
use crate::ledger::{Scope, ShardReport};

/// The report that is collected, and the connections that wait for it or for a later one.
#[derive(Debug, Default)]
pub(super) struct PendingReports {
    current: Option<PendingReport>,
    /// Those that wait for one that has not begun, in the order of asking.
    waiting: Vec<(ConnId, Scope)>,
}

/// A report that is being collected.
#[derive(Debug)]
struct PendingReport {
    scope: Scope,
    readers: Vec<ConnId>,
    /// Threads that have not answered yet.
    awaited: u16,
    sum: ShardReport,
}

impl PendingReports {
    /// A connection waits for a report. It gets one that has not begun yet.
    pub(super) fn wait(&mut self, id: ConnId, scope: Scope) {
        self.waiting.push((id, scope));
    }

    /// Begins the report that is waited for longest, if none is being collected: tells what all
    /// `threads` are to be asked. Everyone that wants the same gets it.
    pub(super) fn begin(&mut self, threads: u16) -> Option<Scope> {
        let &(_, scope) = self.waiting.first()?;
        if self.current.is_some() {
            return None;
        }
        let same = |&mut (_, other): &mut (ConnId, Scope)| other == scope;
        let readers = self.waiting.extract_if(.., same).map(|(id, _)| id).collect();
        let sum = ShardReport::default();
        self.current = Some(PendingReport { scope, readers, awaited: threads, sum });
        Some(scope)
    }

    /// A thread has answered. If it was the last: the sum, and the connections that wait for it.
    pub(super) fn add(&mut self, report: ShardReport) -> Option<(ShardReport, Vec<ConnId>)> {
        let pending = self.current.as_mut()?;
        pending.sum += report;
        pending.awaited -= 1;
        if pending.awaited > 0 {
            return None;
        }
        let PendingReport { scope, readers, mut sum, .. } = self.current.take()?;
        if let Scope::Rows(rows) = scope {
            sum.sort(&rows);
        }
        Some((sum, readers))
    }
}
