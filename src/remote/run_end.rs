//! How a command ended that reads or publishes.
//!
//! Came from: `reader` and `publisher`. Goes to: `main`, which has an exit code for each. Absent on
//! purpose: those codes.

/// How a command ended.
#[derive(Debug)]
pub enum RunEnd {
    /// All that was asked for is done, or whoever read it has seen enough.
    Done,
    /// By a signal, with work left to do.
    Signal(i32),
    /// A line for people.
    Failed(String),
}
