//! The budget of a turn: how long it may take before everyone has another turn.
//!
//! Every bound of a single connection, times all connections, is a turn of seconds. So a turn has
//! one budget for all of them, shared out among its phases: a phase may begin steps until its share
//! is over, and it may always begin one, so that none starves. What is left stands in a queue,
//! first come, first served.
//!
//! Came from: `event_loop`, between steps. Goes to: the same, as a yes or no. Absent on purpose:
//! interrupting a step. One step is bounded by itself: a read, a portion of deliveries, a write.

use super::clock::Clock;
use crate::ids::{Micros, Millis};
use crate::limits::TURN_US;

/// A part of a turn; each has its share of the time.
#[derive(Debug, Clone, Copy)]
pub enum Phase {
    /// Accepting connections.
    Accept,
    /// Reading sockets, and understanding what came.
    TakeIn,
    /// Effects, letters, requests behind others.
    Effects,
    /// Answers, before a crowd is served.
    Answer,
    /// From the log to outboxes, and from those that had nothing else to the kernel.
    Deliver,
    /// From outboxes to the kernel, and what that makes room for.
    Write,
    /// Sockets that are done with.
    Close,
}

/// Parts of a turn.
const PARTS: u64 = 21;

impl Phase {
    fn parts(self) -> u64 {
        match self {
            Self::Accept | Self::Close => 1,
            Self::Effects => 1, // Three times in a turn.
            Self::Answer => 1,
            Self::TakeIn => 4,
            // A write costs the kernel several times what it cost us to prepare.
            Self::Deliver => 6,
            Self::Write => 5,
        }
    }
}

/// The budget of one turn.
#[derive(Debug)]
pub struct Budget {
    clock: Clock,
    /// The time, when it was last looked at.
    at: Micros,
    /// When the share of the phase is over. `None`: it has taken one step at most, and nobody has
    /// looked at the clock for it.
    ends: Option<Micros>,
    /// The share of the phase.
    share_us: u64,
    /// Steps that may be taken without looking again.
    unseen: u32,
}

/// Steps between two looks at the clock. A look costs less than a tenth of the cheapest step.
const STEPS_PER_LOOK: u32 = 4;

impl Budget {
    /// A budget of nothing.
    pub fn new(clock: Clock) -> Self {
        let now = clock.now_us();
        Self { clock, at: now, ends: Some(now), share_us: 0, unseen: 0 }
    }

    /// A phase begins, and has its whole share: one that took too long takes nothing from those
    /// behind it. The share counts from the first look at the clock, after the first step: most
    /// phases of most turns have one step or none, and need no look.
    pub fn begin(&mut self, phase: Phase) {
        self.share_us = TURN_US * phase.parts() / PARTS;
        self.ends = None;
        self.unseen = 0;
    }

    /// The same, and tells the time.
    pub fn begin_now(&mut self, phase: Phase) -> Millis {
        self.begin(phase);
        let now = self.look();
        self.ends = Some(Micros(now.0 + self.share_us));
        now.millis()
    }

    fn look(&mut self) -> Micros {
        self.at = self.clock.now_us();
        self.unseen = STEPS_PER_LOOK;
        self.at
    }

    /// The time, as it was last looked at.
    pub fn at(&self) -> Micros {
        self.at
    }

    /// Whether the phase may begin another step.
    pub fn has_left(&mut self) -> bool {
        if self.unseen == 0 {
            self.look();
        }
        self.unseen -= 1;
        let ends = *self.ends.get_or_insert(Micros(self.at.0 + self.share_us));
        self.at < ends
    }

    /// A step took long: the next one looks at the clock.
    pub fn look_soon(&mut self) {
        self.unseen = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phase_has_its_share_whatever_those_before_it_took() {
        let mut budget = Budget::new(Clock::start());
        for phase in [Phase::TakeIn, Phase::Write, Phase::Accept] {
            budget.begin(phase);
            assert!(budget.has_left(), "it has just begun");
            let ends = budget.ends.expect("it was asked");
            assert_eq!(ends.since(budget.at), TURN_US * phase.parts() / PARTS);
            // As if so much time had passed at the last look.
            for (at, left) in [(0, true), (1, false)] {
                budget.at = Micros(ends.0 - 1 + at);
                budget.unseen = 1;
                assert_eq!(budget.has_left(), left);
            }
            while budget.has_left() {
                budget.look_soon();
            }
            assert!(budget.at >= ends, "it ends");
            let now = budget.begin_now(phase);
            assert_eq!(now, budget.at().millis());
            assert!(budget.has_left());
        }
    }
}
