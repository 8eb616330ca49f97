//! What the kernel tells of another process: its CPU time and its memory. proc(5).
//!
//! Came from: `bench`, with the process id of a server that is measured. Goes to: `/proc`. Absent
//! on purpose: this process; `sys` asks about it without files.

use std::fs;
use std::io::{self, ErrorKind};

use super::sys;

/// A process at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessSample {
    /// CPU time in user space so far, of all its threads, to a tick: 10 ms.
    pub cpu_user_us: u64,
    /// The same in the kernel.
    pub cpu_system_us: u64,
    /// Bytes that are in memory (`VmRSS`).
    pub resident: u64,
    /// Those of them that no file stands for (`RssAnon`): heap and stacks.
    pub anonymous: u64,
}

/// Looks at a process. An error of [`ErrorKind::NotFound`]: there is none, or it has ended.
pub fn look(pid: u32) -> io::Result<ProcessSample> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    read(&stat, &status, sys::clock_ticks()).ok_or_else(|| ErrorKind::NotFound.into())
}

/// `None`: a process that has ended and is not waited for, which has no memory; or none of Linux.
fn read(stat: &str, status: &str, ticks: u64) -> Option<ProcessSample> {
    // The name in parentheses may have anything in it, parentheses and spaces too.
    let (_, fields) = stat.rsplit_once(") ")?;
    // The first of these is the third of all, `state`; `utime` and `stime` are the 14th and 15th.
    let mut times = fields.split(' ').skip(14 - 3);
    let mut micros = || Some(times.next()?.parse::<u64>().ok()? * 1_000_000 / ticks);
    let bytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
    };
    Some(ProcessSample {
        cpu_user_us: micros()?,
        cpu_system_us: micros()?,
        resident: bytes("VmRSS:")?,
        anonymous: bytes("RssAnon:")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_read_whatever_its_name_is() {
        let stat = "77 (a ) b (c)) S 1 77 77 0 -1 4194560 100 0 0 0 250 31 0 0 20 0 1 0 5 6 7";
        let status = "Name:\ta\nVmRSS:\t    1024 kB\nRssAnon:\t     512 kB\nThreads:\t1\n";
        let expected = ProcessSample {
            cpu_user_us: 2_500_000,
            cpu_system_us: 310_000,
            resident: 1024 * 1024,
            anonymous: 512 * 1024,
        };
        assert_eq!(read(stat, status, 100), Some(expected));
        assert_eq!(read(stat, "Name:\ta\n", 100), None, "it has ended");
        assert_eq!(read("77", status, 100), None);
    }

    #[test]
    fn this_process_is_there_and_another_is_not() {
        assert!(look(std::process::id()).expect("we are running").resident > 0);
        // Above what Linux gives out: 2^22.
        assert_eq!(look(1 << 30).expect_err("nobody").kind(), ErrorKind::NotFound);
    }
}
