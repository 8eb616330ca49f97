//! A line on a terminal that says how far a run is.
//!
//! Came from: `load`, several times a second. Goes to: standard error, if that is a terminal.
//! Absent on purpose: a crate for it. It is one line that is written anew.

use std::io::{self, IsTerminal, Write};

/// The line.
pub struct RunProgress {
    shown: bool,
    label: String,
}

impl RunProgress {
    /// Nothing is shown yet.
    pub fn begin(label: String) -> Self {
        Self { shown: io::stderr().is_terminal(), label }
    }

    /// Shows how much of a whole is done, and a few words.
    pub fn show(&self, done: u64, of: u64, words: &str) {
        if self.shown {
            let line = self.line(done, of, words);
            let _ = write!(io::stderr(), "\r\x1b[K{line}");
        }
    }

    fn line(&self, done: u64, of: u64, words: &str) -> String {
        // Exact: at most the width of the bar.
        let full = (u128::from(done.min(of)) * WIDTH / u128::from(of.max(1))) as usize;
        let bar = "█".repeat(full) + &"░".repeat(WIDTH as usize - full);
        format!("{bar} {}: {words}", self.label)
    }
}

impl Drop for RunProgress {
    /// Also when a run failed: the line that says why begins at the margin.
    fn drop(&mut self) {
        if self.shown {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

const WIDTH: u128 = 24;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_fills() {
        let progress = RunProgress { shown: false, label: "SSE".into() };
        let full = |done, of| progress.line(done, of, "").matches('█').count();
        assert_eq!(
            [full(0, 10), full(5, 10), full(10, 10), full(11, 10), full(0, 0)],
            [0, 12, 24, 24, 0]
        );
        assert!(progress.line(1, 2, "3 messages").ends_with(" SSE: 3 messages"));
    }
}
