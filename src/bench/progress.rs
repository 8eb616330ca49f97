//! A line on a terminal that says how far a run is.
//!
//! Came from: `load`, after each turn. Goes to: standard error, if that is a terminal, a few times
//! a second. Absent on purpose: a crate for it. It is one line that is written anew.

use std::io::{self, IsTerminal, Write};

/// The line.
pub struct RunProgress {
    shown: bool,
    label: String,
    /// When it may be written again.
    next_us: u64,
}

impl RunProgress {
    /// Nothing is shown yet.
    pub fn begin(label: String) -> Self {
        Self { shown: io::stderr().is_terminal(), label, next_us: 0 }
    }

    /// Shows how much of a whole is done, and a few words, if it is time to: a terminal that is
    /// written to after each turn slows down what is measured.
    pub fn show(&mut self, now: u64, look: impl FnOnce() -> (u64, u64, String)) {
        if self.is_due(now) {
            let (done, of, words) = look();
            let line = self.line(done, of, &words);
            let _ = write!(io::stderr(), "\r\x1b[K{line}");
        }
    }

    fn is_due(&mut self, now: u64) -> bool {
        let is_due = self.shown && now >= self.next_us;
        if is_due {
            self.next_us = now + SHOW_EVERY_US;
        }
        is_due
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
/// Between two showings.
const SHOW_EVERY_US: u64 = 200_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_shown_a_few_times_a_second_and_never_without_a_terminal() {
        for (shown, times) in [(true, 5), (false, 0)] {
            let mut progress = RunProgress { shown, label: String::new(), next_us: 0 };
            let due = (0..1_000_000).step_by(100).filter(|now| progress.is_due(*now));
            assert_eq!(due.count(), times);
            progress.shown = false;
        }
    }

    #[test]
    fn the_bar_fills() {
        let progress = RunProgress { shown: false, label: "SSE".into(), next_us: 0 };
        let full = |done, of| progress.line(done, of, "").matches('█').count();
        assert_eq!(
            [full(0, 10), full(5, 10), full(10, 10), full(11, 10), full(0, 0)],
            [0, 12, 24, 24, 0]
        );
        assert!(progress.line(1, 2, "3 messages").ends_with(" SSE: 3 messages"));
    }
}
