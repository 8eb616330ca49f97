//! Reports that are being collected from all threads, and the connections that wait for them.
//!
//! Came from: `report`, with connections that ask and threads that answer. Goes to: the same, with
//! the sum of all answers. Absent on purpose: what a report says.

use std::collections::VecDeque;
use std::rc::Rc;

use crate::conn::request::Report;
use crate::ids::{ConnId, Millis};
use crate::ledger::{Scope, ShardReport};
use crate::limits::{REPORTS_PER_SECOND, SNAPSHOT_MS};

/// Bodies kept of the newest report: one for each address, and a few pages of the table.
const BODIES_MAX: usize = 8;

/// The report that is collected, and the connections that wait for it or for a later one.
#[derive(Debug, Default)]
pub(super) struct PendingReports {
    current: Option<PendingReport>,
    /// Those that wait for one that has not begun, in the order of asking.
    waiting: Vec<(ConnId, Scope)>,
    /// When the newest were begun.
    begun: VecDeque<Millis>,
    latest: Option<Latest>,
}

/// The newest report that is complete.
#[derive(Debug)]
struct Latest {
    begun: Millis,
    scope: Scope,
    sum: Rc<ShardReport>,
    /// What it was written as.
    bodies: Vec<(Report, Rc<str>)>,
}

/// A report that is being collected.
#[derive(Debug)]
struct PendingReport {
    begun: Millis,
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

    /// Begins the report that is waited for longest, if none is being collected, and not too many
    /// were in this second: tells what all `threads` are to be asked. Everyone that wants the same
    /// gets it.
    pub(super) fn begin(&mut self, threads: u16, now: Millis) -> Option<Scope> {
        let &(_, scope) = self.waiting.first()?;
        if self.current.is_some() || self.is_asked_too_often(now) {
            return None;
        }
        self.begun.truncate(REPORTS_PER_SECOND - 1);
        self.begun.push_front(now);
        let same = |&mut (_, other): &mut (ConnId, Scope)| other == scope;
        let readers = self.waiting.extract_if(.., same).map(|(id, _)| id).collect();
        let sum = ShardReport::default();
        self.current = Some(PendingReport { begun: now, scope, readers, awaited: threads, sum });
        Some(scope)
    }

    /// A thread has answered. If it was the last: the sum, and the connections that wait for it.
    pub(super) fn add(&mut self, report: ShardReport) -> Option<(Rc<ShardReport>, Vec<ConnId>)> {
        let pending = self.current.as_mut()?;
        pending.sum += report;
        pending.awaited -= 1;
        if pending.awaited > 0 {
            return None;
        }
        let PendingReport { begun, scope, readers, mut sum, .. } = self.current.take()?;
        if let Scope::Rows(rows) = scope {
            sum.sort(&rows);
        }
        let sum = Rc::new(sum);
        let latest = Latest { begun, scope, sum: Rc::clone(&sum), bodies: Vec::new() };
        self.latest = Some(latest);
        Some((sum, readers))
    }

    /// Whether so many were begun in the last second that no other may.
    fn is_asked_too_often(&self, now: Millis) -> bool {
        let first = self.begun.get(REPORTS_PER_SECOND - 1);
        first.is_some_and(|&first| now < first.plus(SNAPSHOT_MS))
    }

    /// When one may begin that is waited for, if that is known.
    pub(super) fn next_deadline(&self) -> Option<Millis> {
        let waits = self.current.is_none() && !self.waiting.is_empty();
        let first = self.begun.get(REPORTS_PER_SECOND - 1).filter(|_| waits);
        first.map(|first| first.plus(SNAPSHOT_MS))
    }

    /// The newest report, for who asks for that while too many ask; `None` when it is of another
    /// scope, or older than a second.
    pub(super) fn recent(&self, scope: Scope, now: Millis) -> Option<Rc<ShardReport>> {
        let latest = self.latest.as_ref()?;
        let fresh = latest.scope == scope && now < latest.begun.plus(SNAPSHOT_MS);
        (fresh && self.is_asked_too_often(now)).then(|| Rc::clone(&latest.sum))
    }

    /// What `sum` is written as for `wanted`: by `write`, unless it was before.
    pub(super) fn body(
        &mut self,
        sum: &Rc<ShardReport>,
        wanted: &Report,
        write: impl FnOnce() -> String,
    ) -> Rc<str> {
        let latest = self.latest.as_mut().filter(|latest| Rc::ptr_eq(&latest.sum, sum));
        let Some(latest) = latest else {
            return write().into();
        };
        if let Some((_, body)) = latest.bodies.iter().find(|(written, _)| written == wanted) {
            return Rc::clone(body);
        }
        let body: Rc<str> = write().into();
        latest.bodies.truncate(BODIES_MAX - 1);
        latest.bodies.insert(0, (wanted.clone(), Rc::clone(&body)));
        body
    }
}
