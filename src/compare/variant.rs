//! The variants: each technique in the ways in which people use it.
//!
//! Came from: `flags`. Goes to: `mod`, which runs one after the other. Absent on purpose: variants
//! that differ in nothing a server could notice.

use super::flags::CompareOptions;
use crate::client::subscriber::ReadMode;
use crate::config::Span;
use crate::technique::Technique;

/// One row of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// Who pays.
    pub technique: Technique,
    /// What sets it apart from the technique's other variants.
    pub name: String,
    /// How a client reads.
    pub mode: ReadMode,
    /// Between two short polls; 0 for whoever does not poll by the clock.
    pub interval_ms: u64,
}

impl Variant {
    /// Those that are asked for, in the order in which they run and are shown.
    pub fn all(options: &CompareOptions) -> Vec<Self> {
        let mut all = Vec::new();
        for &technique in &options.techniques {
            let mut add = |name: String, mode, interval_ms| {
                all.push(Self { technique, name, mode, interval_ms });
            };
            match technique {
                Technique::ShortPoll => {
                    for &ms in &options.poll_intervals_ms {
                        let interval = Span(ms);
                        for (kept_alive, name) in [(true, KEPT_ALIVE), (false, ANEW)] {
                            let mode = ReadMode::ShortPoll { kept_alive };
                            add(format!("{interval} {name}"), mode, ms);
                        }
                    }
                }
                Technique::LongPoll => {
                    let mode = ReadMode::LongPoll { wait_s: WAIT_S };
                    add(format!("wait {WAIT_S}s"), mode, 0);
                }
                Technique::Sse => add("stream".into(), ReadMode::Sse, 0),
                Technique::WebSocket => {
                    add("raw".into(), ReadMode::WebSocket { v1: false }, 0);
                    add("tollway.v1".into(), ReadMode::WebSocket { v1: true }, 0);
                }
            }
        }
        all
    }

    /// Technique and variant, for people.
    pub fn label(&self) -> String {
        label(self.technique, &self.name)
    }
}

/// A technique and its variant, for people.
pub fn label(technique: Technique, variant: &str) -> String {
    let technique = match technique {
        Technique::ShortPoll => "short poll",
        Technique::LongPoll => "long poll",
        Technique::Sse => "SSE",
        Technique::WebSocket => "WebSocket",
    };
    format!("{technique} {variant}")
}

/// The variant of a poll that keeps its connection.
pub const KEPT_ALIVE: &str = "keep-alive";
/// The variant of a poll that connects anew each time.
pub const ANEW: &str = "new connection";
/// How long a long poll may be kept waiting: below the 30 s after which some proxies give up.
const WAIT_S: u64 = 25;
