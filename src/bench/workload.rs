//! The workloads: who publishes, who reads, and which flags say something about that.
//!
//! Came from: `flags`. Goes to: `load`, which does it. Absent on purpose: what is measured, which
//! is the same of all.

/// What is done to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// Few publish, all read.
    FanOut,
    /// Each has a topic of its own, and reads what it publishes.
    Echo,
    /// All read; nothing is published, until one message at the end.
    Idle,
    /// Readers leave and come back; nothing is published, until one message at the end.
    Churn,
}

impl Workload {
    /// All, in the order of the docs.
    pub const ALL: [Self; 4] = [Self::FanOut, Self::Echo, Self::Idle, Self::Churn];

    /// As it is typed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FanOut => "fan-out",
            Self::Echo => "echo",
            Self::Idle => "idle",
            Self::Churn => "churn",
        }
    }

    /// The one of this name; the error is the line to print.
    pub fn named(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|workload| workload.name() == name).ok_or_else(|| {
            let all = Self::ALL.map(Self::name).join(", ");
            format!("there is no workload {name}; choose from {all}")
        })
    }

    /// Whether nothing is published but a message to each topic at the end.
    pub const fn is_silent(self) -> bool {
        matches!(self, Self::Idle | Self::Churn)
    }

    /// Whether flags that were given say something about this workload.
    pub fn takes(self, given: &[(&str, bool)]) -> Result<(), String> {
        let without: &[(&str, &str)] = match self {
            Self::FanOut => &[],
            Self::Echo => &[
                ("--topics", "each reader has a topic of its own"),
                ("--burst", "the next message follows the one before it"),
                ("--v1", "a WebSocket publishes raw, by the socket that reads"),
            ],
            Self::Idle => &[
                ("--rate", "nothing is published until the end"),
                ("--burst", "nothing is published until the end"),
                ("--in-flight", "nothing is published until the end"),
                ("--count", "it lasts as long as --for says"),
            ],
            Self::Churn => &[
                ("--burst", "readers leave one after the other"),
                ("--in-flight", "nothing is published until the end"),
            ],
        };
        let wrong = without.iter().find(|(flag, _)| given.contains(&(*flag, true)));
        wrong.map_or(Ok(()), |(flag, why)| {
            Err(format!("{flag} has no effect on {}: {why}; leave it out", self.name()))
        })
    }
}
