//! What the kernel tells of a process, from outside: threads, memory, sockets, and whether it can
//! go on.
//!
//! Came from: tests that compare a toy with the server. Goes to: `/proc`, by `proc_pid_status(5)`
//! and `proc_net_tcp(5)`. Absent on purpose: what a process says of itself.

use std::fs;

/// States of a socket.
pub(crate) const ESTABLISHED: &str = "01";
pub(crate) const CLOSE_WAIT: &str = "08";

/// A row of `/proc/net/tcp`: a socket as one of its two ends has it.
struct Row {
    local: u16,
    remote: u16,
    state: String,
    /// Bytes that wait here to be sent or acknowledged.
    unsent: usize,
    /// Bytes that wait here to be read; of a listening socket, connections to be accepted.
    unread: usize,
}

fn number(process: u32, field: &str) -> usize {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("Linux tells it");
    line.split_whitespace().next().and_then(|word| word.parse().ok()).expect("a number")
}

/// How many threads it has.
pub(crate) fn threads(process: u32) -> usize {
    number(process, "Threads:")
}

/// How many bytes of it are in memory.
pub(crate) fn memory(process: u32) -> usize {
    number(process, "VmRSS:") * 1024
}

/// How many sockets it has open.
pub(crate) fn sockets(process: u32) -> usize {
    let folder = fs::read_dir(format!("/proc/{process}/fd")).expect("it is ours");
    let links = folder.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    links.filter(|link| link.to_string_lossy().starts_with("socket:")).count()
}

/// The sockets of a server on 127.0.0.1, its own ends and its clients' ends.
fn rows(port: u16) -> Vec<Row> {
    let table = fs::read_to_string("/proc/net/tcp").expect("Linux");
    let hex = |text: &str| usize::from_str_radix(text, 16).ok();
    let port_of = |address: &str| u16::from_str_radix(address.split_once(':')?.1, 16).ok();
    let row = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (unsent, unread) = words.get(4)?.split_once(':')?;
        Some(Row {
            local: port_of(words[1])?,
            remote: port_of(words[2])?,
            state: words[3].to_owned(),
            unsent: hex(unsent)?,
            unread: hex(unread)?,
        })
    };
    let rows = table.lines().filter_map(row);
    rows.filter(|row| row.local == port || row.remote == port).collect()
}

/// How many of the sockets of a server are in a state.
pub(crate) fn in_state(port: u16, state: &str) -> usize {
    rows(port).iter().filter(|row| row.local == port && row.state == state).count()
}

/// Whether a server has read all that was sent to it, and sleeps with every thread. Then nothing
/// will happen before its clients do something.
pub(crate) fn is_at_rest(process: u32, port: u16) -> bool {
    // The end of the other side counts as a byte that waits, until it is read itself.
    let ends = |row: &Row| usize::from(row.state == CLOSE_WAIT);
    let has_read =
        |row: &Row| if row.local == port { row.unread <= ends(row) } else { row.unsent == 0 };
    let tasks = fs::read_dir(format!("/proc/{process}/task")).expect("it runs");
    let sleeps = |path: std::path::PathBuf| {
        let stat = fs::read_to_string(path.join("stat")).unwrap_or_default();
        // Behind the name, which is in parentheses: the state, `S` for one that can be woken.
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('S'))
    };
    // The threads are looked at last: one that sleeps then has nothing left to read.
    rows(port).iter().all(has_read) && tasks.flatten().all(|task| sleeps(task.path()))
}
