//! Where a reader of churn is: there, leaving, or on its way back.
//!
//! Came from: `churn`, which changes it. Goes to: `readers`, which keeps it. Absent on purpose:
//! when somebody leaves; `load` knows the schedule.

use std::collections::VecDeque;

/// Who may leave.
pub(super) struct Churn {
    /// Readers that are there, the one that came first in front.
    pub(super) there: VecDeque<usize>,
}

/// Where a reader is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReaderVisit {
    /// It is there, or comes for the first time.
    Stays,
    /// It has sent a Close frame, and was to leave at this moment, in microseconds.
    Leaves(u64),
    /// It connects again, and was to leave at this moment.
    Returns(u64),
}
