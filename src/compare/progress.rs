//! A bar on a terminal that says how far a comparison is.
//!
//! Came from: `mod`, at each step. Goes to: standard error, if that is a terminal. Absent on
//! purpose: guesses. What is left is the schedule, which is known.

use std::io::{self, IsTerminal, Write};

use super::flags::CompareOptions;
use super::variant::Variant;

/// How far it is.
pub struct Progress {
    shown: bool,
    variants: u64,
    messages: u64,
    /// Variants begun.
    begun: u64,
    label: String,
}

impl Progress {
    /// Nothing is done yet.
    pub fn begin(options: &CompareOptions, variants: &[Variant]) -> Self {
        Self {
            shown: io::stderr().is_terminal(),
            variants: variants.len() as u64,
            messages: options.messages,
            begun: 0,
            label: String::new(),
        }
    }

    /// The next variant begins.
    pub fn next(&mut self, variant: &Variant) {
        self.begun += 1;
        self.label = variant.label();
        self.show(0);
    }

    /// So many messages of this variant are published.
    pub fn published(&self, messages: u64) {
        self.show(messages);
    }

    /// Takes the bar away.
    pub fn end(&mut self) {
        self.erase();
        self.shown = false;
    }

    fn show(&self, messages: u64) {
        if self.shown {
            let line = self.line(messages);
            let _ = write!(io::stderr(), "\r\x1b[K{line}");
        }
    }

    fn erase(&self) {
        if self.shown {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }

    fn line(&self, messages: u64) -> String {
        let done = (self.begun - 1) * self.messages + messages;
        let all = self.variants * self.messages;
        // Exact: at most the width of the bar.
        let full = (done * WIDTH / all) as usize;
        let bar = "█".repeat(full) + &"░".repeat(WIDTH as usize - full);
        let (begun, variants) = (self.begun, self.variants);
        format!("{bar} {begun} of {variants}: {}", self.label)
    }
}

impl Drop for Progress {
    /// Also when a run failed: the line that says why begins at the margin.
    fn drop(&mut self) {
        self.erase();
    }
}

const WIDTH: u64 = 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_fills_with_the_schedule() {
        let mut progress = Progress {
            shown: false,
            variants: 2,
            messages: 10,
            begun: 1,
            label: "SSE stream".into(),
        };
        let full = |progress: &Progress, n| progress.line(n).matches('█').count();
        assert_eq!(full(&progress, 0), 0);
        assert_eq!(full(&progress, 10), 15);
        progress.begun = 2;
        assert_eq!(full(&progress, 10), 30);
        assert!(progress.line(10).ends_with("2 of 2: SSE stream"));
    }
}
