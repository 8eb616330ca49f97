//! The names of our keys in Redis, all below one prefix.
//!
//! Came from: `--redis-prefix`. Goes to: `link` and `census`, and to the scripts, by their place.
//! Absent on purpose: what the keys hold; each script says that.

/// The keys that are ours, all below one prefix.
#[derive(Debug, Clone)]
pub(super) struct Names([String; 10]);

impl Names {
    const META: usize = 0;
    const LOG: usize = 1;
    const GROUPS: usize = 2;
    /// As many as the script that joins takes, and the one that appends.
    const OF_LOG: usize = 7;

    /// In the order in which the scripts take them; then those of who reads.
    pub(super) fn new(prefix: &str) -> Self {
        let ends = [
            "meta",
            "log",
            "groups",
            "keys",
            "keys:age",
            "keys:from",
            "keys:shares",
            "nodes",
            "readers",
            "readers:",
        ];
        Self(ends.map(|end| format!("{prefix}:{end}")))
    }

    pub(super) fn of_log(&self) -> &[String] {
        &self.0[..Self::OF_LOG]
    }

    /// Nodes that live; sums; what the counts of one node begin with.
    pub(super) fn census(&self) -> [String; 3] {
        [self.0[7].clone(), self.0[8].clone(), self.0[9].clone()]
    }

    pub(super) fn meta(&self) -> &str {
        &self.0[Self::META]
    }

    pub(super) fn log(&self) -> &str {
        &self.0[Self::LOG]
    }

    pub(super) fn groups(&self) -> &str {
        &self.0[Self::GROUPS]
    }
}
