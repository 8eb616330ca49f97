//! The clock: the only file that asks what time it is.
//!
//! Came from: `event_loop`, after it waited and every so many writes; `effects`, when messages are
//! committed; `compare`, whose processes need one clock. Goes to: everything else, as an argument.
//! Absent on purpose: any notion of what a moment is good for. Code that gets time as an argument
//! can be run by a simulator a million times faster than by a clock.

use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::sys;
use crate::ids::{Micros, Millis};

/// Tells the time since one zero, which all threads of the server share: moments are compared
/// across threads (a message carries the moment when it was committed).
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    zero: Instant,
    ahead: Duration,
}

/// What a clock on the wall says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wall {
    /// Whole seconds since 1970, for the `Date` field.
    pub unix_s: u64,
    /// Milliseconds until the second changes, 1 to 1,000: no need to look before.
    pub changes_in_ms: u64,
}

impl Clock {
    /// A clock that says 0 now.
    #[must_use]
    pub fn start() -> Self {
        Self::start_ahead(Duration::ZERO)
    }

    /// A clock that has run for so long already: moments before the start have a place on it.
    #[must_use]
    pub fn start_ahead(ahead: Duration) -> Self {
        Self { zero: Instant::now(), ahead }
    }

    /// Never goes backwards. Truncated: a deadline that it has reached has really passed.
    pub fn now(&self) -> Millis {
        self.now_us().millis()
    }

    /// The same moment in microseconds, for measuring latencies.
    pub fn now_us(&self) -> Micros {
        // Exact: 2^64 microseconds are 584 thousand years.
        Micros((self.zero.elapsed() + self.ahead).as_micros() as u64)
    }
}

impl Wall {
    /// Looks at the wall. A machine that believes to live before 1970 is in its first second.
    #[must_use]
    pub fn look() -> Self {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            unix_s: since_1970.as_secs(),
            changes_in_ms: 1_000 - u64::from(since_1970.subsec_millis()),
        }
    }
}

impl Wall {
    /// Milliseconds since 1970: what a moment is called where it has to outlive the process.
    #[must_use]
    pub fn unix_ms() -> u64 {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // Exact: 2^64 milliseconds are 584 million years.
        since_1970.as_millis() as u64
    }
}

/// Microseconds on the clock that all processes of this machine share.
#[must_use]
pub fn shared_us() -> u64 {
    sys::monotonic_us()
}

/// Sleeps until [`shared_us`] says `moment_us`; not at all when that has passed.
pub fn sleep_until_us(moment_us: u64) {
    thread::sleep(Duration::from_micros(moment_us.saturating_sub(shared_us())));
}
