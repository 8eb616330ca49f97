//! The end of a loop: an operator is heard, nobody new is let in, and the loop goes on until its
//! broker has no connection left.
//!
//! Came from: a signal, on one thread; the bus, on the others. Goes to: the acceptor, which stops,
//! and the broker, which drains. Absent on purpose: the second signal. It
//! ends the process where it is.

use signal_hook_mio::v1_0::Signals;

use super::super::notify;
use super::EndPhase;
use super::EventLoop;
use crate::ids::Millis;

impl EventLoop {
    /// The first signal asks all loops to end. One that was sent twice is heard once.
    pub(super) fn on_signals(&mut self) {
        let drain_ms = self.drain_ms;
        for signal in self.signals.iter_mut().flat_map(Signals::pending) {
            if self.effects.bus().drains_until().is_some() {
                continue;
            }
            self.effects.bus().drain(self.now.plus(drain_ms));
            // When this is read, no thread answers as if nothing had happened.
            log::info!("signal {signal}: ending within {drain_ms} ms");
            notify::tell(notify::STOPPING);
        }
        self.drain();
    }

    /// Goes on with the end, if anybody wants one.
    pub(super) fn drain(&mut self) {
        let Some(until) = self.effects.bus().drains_until() else {
            return;
        };
        if self.end_phase == EndPhase::Serving {
            self.end_phase = EndPhase::Draining;
            self.begin_to_drain(until);
        }
        let empty = self.broker.connections() == 0;
        if self.end_phase == EndPhase::Draining && self.acceptor.is_stopped(self.now) && empty {
            self.end_phase = EndPhase::Drained;
            self.effects.bus().drained(self.broker.drain_counts().unwrap_or_default());
        }
    }

    fn begin_to_drain(&mut self, until: Millis) {
        self.acceptor.stop(self.poll.registry(), self.now, until);
        self.broker.drain(self.now, until);
    }
}
