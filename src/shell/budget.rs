//! The budget of a turn: how long it may take before everyone has another turn.
//!
//! Every bound of a single connection, times all connections, is a turn of seconds. So a turn has
//! one budget for all of them, shared out among its phases: a phase may begin steps until its share
//! of the turn is over, and it may always begin one, so that none starves. What is left stands in a
//! queue, first come, first served.
//!
//! Came from: `event_loop`, between steps. Goes to: the same, as a yes or no. Absent on purpose:
//! interrupting a step. One step is bounded by itself: a read, a portion of deliveries, a write.

use super::clock::Clock;
use crate::ids::{Micros, Millis};
use crate::limits::TURN_US;

/// A part of a turn. Each ends its share where the next begins.
#[derive(Debug, Clone, Copy)]
pub enum Phase {
    /// Accepting connections: a quarter of what taking in has.
    Accept = 1,
    /// Reading sockets, and understanding what came.
    TakeIn = 4,
    /// Effects, letters, requests behind others.
    Effects = 5,
    /// From the log to outboxes.
    Deliver = 7,
    /// From outboxes to the kernel, and what that makes room for.
    Write = 10,
}

/// The budget of one turn.
#[derive(Debug)]
pub struct Budget {
    clock: Clock,
    began: Micros,
    /// The time, when it was last looked at.
    at: Micros,
    /// Steps that may be taken without looking again.
    unseen: u32,
}

/// Steps between two looks at the clock. A look costs less than a tenth of the cheapest step.
const STEPS_PER_LOOK: u32 = 4;

impl Budget {
    /// A budget that begins now.
    pub fn new(clock: Clock) -> Self {
        let now = clock.now_us();
        Self { clock, began: now, at: now, unseen: 0 }
    }

    /// A new turn begins. Tells when.
    pub fn begin(&mut self) -> Millis {
        self.began = self.look();
        self.began.millis()
    }

    /// Looks at the clock.
    pub fn look(&mut self) -> Micros {
        self.at = self.clock.now_us();
        self.unseen = STEPS_PER_LOOK;
        self.at
    }

    /// The time, as it was last looked at.
    pub fn at(&self) -> Micros {
        self.at
    }

    /// Whether `phase` may begin another step.
    pub fn has_left(&mut self, phase: Phase) -> bool {
        if self.unseen == 0 {
            self.look();
        }
        self.unseen = self.unseen.saturating_sub(1);
        self.at.since(self.began) < TURN_US * phase as u64 / Phase::Write as u64
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
    fn phases_end_one_after_the_other() {
        let mut budget = Budget::new(Clock::start());
        let phases = [Phase::Accept, Phase::TakeIn, Phase::Effects, Phase::Deliver, Phase::Write];
        for spent in 0..TURN_US + 10 {
            // As if the turn had begun so long before the last look.
            budget.unseen = u32::MAX;
            budget.at = Micros(TURN_US);
            budget.began = Micros(TURN_US.saturating_sub(spent));
            let left = phases.map(|phase| budget.has_left(phase));
            assert!(left.is_sorted(), "{spent}: {left:?}");
            assert_eq!(left[4], spent < TURN_US);
        }
    }
}
