//! The signals by which a process is told to end.
//!
//! Came from: whoever has a loop that is to hear of them. Goes to: the kernel. Absent on purpose:
//! what a first signal leads to; the loop knows.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use super::sys;

/// The signals to listen for: SIGTERM, SIGINT, and SIGHUP unless the process was started by `nohup`
/// and is to outlive the terminal. From now on the second of them, wherever the process hangs by
/// then, ends it with the exit code that a shell expects of the signal.
pub fn heard() -> io::Result<Vec<i32>> {
    let mut heard = vec![SIGTERM, SIGINT];
    if !sys::is_ignored(SIGHUP) {
        heard.push(SIGHUP);
    }
    let ending = Arc::new(AtomicBool::new(false));
    for &signal in &heard {
        // In this order: the first signal finds the flag down and only then raises it.
        flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&ending))?;
        flag::register(signal, Arc::clone(&ending))?;
    }
    Ok(heard)
}
