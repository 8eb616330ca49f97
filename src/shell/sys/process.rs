//! System calls about processes: signals, and children.
//!
//! Came from: `signals` and `mod`; `compare`, for its processes. Goes to: the kernel. Absent on
//! purpose: what a signal leads to.

use std::io;
use std::mem::zeroed;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

use libc::c_int;
use signal_hook::low_level;

use super::checked;

/// Whether this process was started with `signal` ignored, as `nohup` starts one with SIGHUP.
pub fn is_ignored(signal: c_int) -> bool {
    // SAFETY: `sigaction` is integers and a pointer to a function, which may be null.
    let mut action: libc::sigaction = unsafe { zeroed() };
    // SAFETY: nothing is changed; `action` is whole and outlives the call.
    let told = unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut action) };
    told == 0 && action.sa_sigaction == libc::SIG_IGN
}

/// A file that would grow beyond `ulimit -f` is an error of its write, and not the process's end.
pub fn survive_file_size_limit() {
    // SAFETY: no pointers; that nobody handles the signal is all that changes.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}

/// Whenever `signal` comes and `ends` says so, the process ends where it is, with the exit code
/// that a shell expects of it. `ends` is called in the handler of the signal: it may do what
/// signal-safety(7) allows, and must not panic.
pub fn end_at(signal: c_int, ends: impl Fn() -> bool + Send + Sync + 'static) -> io::Result<()> {
    let action = move || {
        if ends() {
            low_level::exit(128 + signal);
        }
    };
    // SAFETY: `_exit` may be called in a handler, and `ends` is as its caller promises.
    unsafe { low_level::register(signal, action) }.map(drop)
}

/// Asks a child of ours to end, as an operator would (SIGTERM).
pub fn terminate(child: &Child) -> io::Result<()> {
    // Exact: a process id is a C int, and that of a child that was not waited for is still its own.
    let process = child.id().cast_signed();
    // SAFETY: no pointers.
    checked(unsafe { libc::kill(process, libc::SIGTERM) }).map(drop)
}

/// Whatever ends this thread, `command`'s process gets a SIGTERM then: nobody is left behind.
pub fn ends_with_us(command: &mut Command) -> &mut Command {
    let signal = || {
        // SAFETY: no pointers; the call is one that may be made between fork and exec.
        checked(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM) }).map(drop)
    };
    // SAFETY: the closure makes one system call and allocates nothing.
    unsafe { command.pre_exec(signal) }
}
