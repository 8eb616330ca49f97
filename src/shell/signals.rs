//! The signals by which a process is told to end.
//!
//! Came from: whoever has a loop that is to hear of them. Goes to: the kernel. Absent on purpose:
//! what a first signal leads to; the loop knows.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::{clock, sys};

/// What comes so soon after the first signal, in microseconds, is that signal again. Timeout(1)
/// tells its child and then the whole group, its child among them; a terminal that is closed is
/// heard of from the shell and from the kernel. Nobody presses Ctrl-C twice in a tenth of a second.
const SAME_US: u64 = 100_000;

/// The signals to listen for: SIGTERM, SIGINT, and SIGHUP unless the process was started by `nohup`
/// and is to outlive the terminal. From now on the second of them, wherever the process hangs by
/// then, ends it with the exit code that a shell expects of the signal.
pub fn heard() -> io::Result<Vec<i32>> {
    let mut heard = vec![SIGTERM, SIGINT];
    if !sys::is_ignored(SIGHUP) {
        heard.push(SIGHUP);
    }
    let first = Arc::new(AtomicU64::new(NONE));
    for &signal in &heard {
        let first = Arc::clone(&first);
        sys::end_at(signal, move || is_second(&first, clock::shared_us()))?;
    }
    Ok(heard)
}

/// No signal has come. The clock has begun before this process.
const NONE: u64 = 0;

/// Whether a signal that comes now is another one than the first.
fn is_second(first_us: &AtomicU64, now_us: u64) -> bool {
    let first = first_us.compare_exchange(NONE, now_us, Ordering::Relaxed, Ordering::Relaxed);
    first.is_err_and(|first_us| now_us.saturating_sub(first_us) >= SAME_US)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_that_was_sent_twice_is_one_and_who_insists_is_heard() {
        let first = AtomicU64::new(NONE);
        for (now_us, second) in
            [(7_000_000, false), (7_000_001, false), (7_099_999, false), (7_100_000, true)]
        {
            assert_eq!(is_second(&first, now_us), second, "{now_us}");
        }
    }
}
