//! `tcpdump`, listening on the loopback interface while a test runs.
//!
//! Came from: `run`. Goes to: a capture file, which `pcap` reads, while it grows and at its end.
//! Absent on purpose: sleeping. `tcpdump` says when it listens, and its file when it has heard.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::UdpSocket;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Stdio};

use crate::foreign::missed;
use crate::pcap::{self, Segment};
use crate::server::{fresh_path, within};

/// From the signal to the end of the process.
const STOP_MS_MAX: u64 = 60_000;
/// Until something that happened is in the file.
const HEARD_MS_MAX: u64 = 60_000;

/// A running capture of one port. Dropping it kills the process and removes the file.
pub(crate) struct Capture {
    child: Child,
    said: BufReader<ChildStderr>,
    file: PathBuf,
    server_port: u16,
    /// What the kernel dropped before the filter was set: packets of anybody.
    dropped_before: String,
}

impl Capture {
    /// Listens to `server_port`, or skips `test`: without the program, or without the right to
    /// capture.
    pub(crate) fn start(test: &str, server_port: u16) -> Option<Self> {
        let file = fresh_path("pcap");
        let probe = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let probe_at = probe.local_addr().expect("it is bound");
        let filter = format!("tcp port {server_port} or udp port {}", probe_at.port());
        let spawned = Command::new("tcpdump")
            // -U and --immediate-mode: a packet is in the file as soon as it was there. -B, in KiB,
            // is room for what comes faster than it is written: every packet takes as much of it as
            // -s allows, and that is two for each 64 KiB. -Z: as root it would become another user,
            // who may not write here.
            .args(["-i", "lo", "-n", "-U", "--immediate-mode"])
            .args(["-s", "32000", "-B", "65536", "-Z", &user(), "-w"])
            .arg(&file)
            .arg(filter)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .env("LC_ALL", "C")
            .spawn();
        let Ok(mut child) = spawned else {
            return missed(test, "tcpdump");
        };
        let mut said = BufReader::new(child.stderr.take().expect("asked for above"));
        let mut heard = String::new();
        loop {
            let before = heard.len();
            let read = said.read_line(&mut heard).expect("tcpdump speaks ASCII");
            if read == 0 {
                let _ = child.wait();
                let why = heard.lines().last().unwrap_or_default();
                let why = why.trim_matches(['(', ')']);
                return missed(test, &format!("the right to capture ({why})"));
            }
            if heard[before..].contains("listening on lo") {
                break;
            }
        }
        let mut capture = Self { child, said, file, server_port, dropped_before: String::new() };
        // What came before the filter was set stands in the kernel's queue, and may fill it. When a
        // datagram of ours has come through, that is over.
        let heard = within(HEARD_MS_MAX, || {
            probe.send_to(b"?", probe_at).expect("it is bound");
            let written = fs::metadata(&capture.file).map_or(0, |file| file.len());
            (written > pcap::FILE_HEADER_BYTES as u64).then_some(())
        });
        heard.expect("tcpdump hears a datagram");
        capture.signal("USR1");
        let mut count = String::new();
        let read = capture.said.read_line(&mut count);
        read.expect("SIGUSR1 makes tcpdump say its counts");
        capture.dropped_before = dropped(&count);
        Some(capture)
    }

    /// Looks at what was captured so far until `look` finds something.
    pub(crate) fn await_in<T>(&self, look: impl Fn(&[Segment]) -> Option<T>) -> T {
        let found = within(HEARD_MS_MAX, || look(&self.segments()));
        found.expect("the capture shows it in time")
    }

    /// Stops listening. Nothing may have been missed.
    pub(crate) fn stop(mut self) -> Vec<Segment> {
        self.signal("INT");
        let ended = within(STOP_MS_MAX, || self.child.try_wait().expect("our child"));
        let ended = ended.expect("SIGINT ends tcpdump");
        let mut said = String::new();
        let read = self.said.read_to_string(&mut said);
        read.expect("tcpdump speaks ASCII");
        assert!(ended.success(), "tcpdump failed: {said}");
        assert_eq!(dropped(&said), self.dropped_before, "{said}");
        self.segments()
    }

    fn signal(&self, name: &str) {
        let process = self.child.id().to_string();
        let status =
            Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\"", name, &process]).status();
        assert!(status.expect("a POSIX shell").success(), "SIG{name}");
    }

    /// What was captured so far.
    pub(crate) fn segments(&self) -> Vec<Segment> {
        let file = fs::read(&self.file).unwrap_or_default();
        pcap::segments(&file, self.server_port)
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_file(&self.file);
    }
}

/// How many packets the kernel dropped, by the counts that `tcpdump` says.
fn dropped(counts: &str) -> String {
    let before = counts.split_once(" dropped by kernel").map(|(before, _)| before);
    // "3 packets", or "1 packet".
    let word = before.and_then(|text| text.split_whitespace().nth_back(1));
    let number = word.filter(|word| word.parse::<u64>().is_ok());
    number.unwrap_or_else(|| panic!("no counts: {counts}")).to_owned()
}

/// Who runs this test.
fn user() -> String {
    let output = Command::new("id").arg("-un").output();
    let output = output.expect("a POSIX system");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::dropped;

    #[test]
    fn one_packet_is_counted_as_several_are() {
        let counts = |last| format!("1 packet captured, 19 packets received by filter, {last}");
        assert_eq!(dropped(&counts("0 packets dropped by kernel")), "0");
        assert_eq!(dropped(&counts("1 packet dropped by kernel")), "1");
    }
}
