//! Output that nobody waits for: standard error, standard output, a FIFO.
//!
//! The program that reads our log may stop reading, and a write to a full pipe blocks until it goes
//! on. So no thread that serves writes: it puts whole lines into a bounded queue, and a thread of
//! the queue's own writes them, as slowly as it must. What does not fit is dropped and counted, and
//! the count stands in the log where the lines are missing.
//!
//! Came from: `log`, on every thread; `main`, with what is to be announced. Goes to: a descriptor.
//! Absent on purpose: rotation, time stamps, and errors. There is nobody to tell that telling
//! failed.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::limits::{OUTPUT_BYTES_MAX, OUTPUT_FLUSH_MS_MAX};

/// Between two tries at a descriptor that somebody has set not to block, and that is full.
const RETRY_MS: u64 = 10;

/// A queue of lines, and the thread that writes them. Clones share both.
#[derive(Clone, Debug, Default)]
pub struct Output {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<LineQueue>,
    /// There is something to write.
    filled: Condvar,
    /// Everything is written.
    drained: Condvar,
}

#[derive(Debug, Default)]
struct LineQueue {
    /// Whole lines, in their order.
    waiting: Vec<u8>,
    /// Lines that found no room behind those.
    dropped: u64,
    /// The thread has taken lines and is not through with them.
    writing: bool,
}

impl Output {
    /// Lines for standard error. `Err`: the system has no descriptor or no thread left.
    pub fn stderr() -> io::Result<Self> {
        Self::start("stderr", io::stderr().as_fd().try_clone_to_owned()?.into())
    }

    /// Lines for standard output. `Err`: the system has no descriptor or no thread left.
    pub fn stdout() -> io::Result<Self> {
        Self::start("stdout", io::stdout().as_fd().try_clone_to_owned()?.into())
    }

    /// Lines for `file`, which a thread called `name` writes. It stays open.
    fn start(name: &str, file: File) -> io::Result<Self> {
        let output = Self::default();
        let own = output.clone();
        thread::Builder::new().name(name.to_owned()).spawn(move || own.write_to(&file))?;
        Ok(output)
    }

    /// Says whole lines, each with its end. Never waits: without room they are dropped and counted.
    pub fn say(&self, lines: &[u8]) {
        let mut queue = self.lock();
        // Once lines are missing all that follow are, until the thread comes: so the count stands
        // where they would have stood.
        if queue.dropped > 0 || queue.waiting.len() + lines.len() > OUTPUT_BYTES_MAX {
            queue.dropped += count(lines);
        } else {
            queue.waiting.extend_from_slice(lines);
        }
        drop(queue);
        self.shared.filled.notify_one();
    }

    /// Waits until everything is written, or for [`OUTPUT_FLUSH_MS_MAX`]: perhaps nobody reads.
    pub fn finish(&self) {
        let busy = |queue: &mut LineQueue| queue.writing || !queue.is_empty();
        let patience = Duration::from_millis(OUTPUT_FLUSH_MS_MAX);
        let queue = self.lock();
        drop(self.shared.drained.wait_timeout_while(queue, patience, busy));
    }

    /// The life of the thread.
    fn write_to(&self, mut file: &File) {
        let mut batch = Vec::new();
        let mut lost = 0;
        loop {
            let dropped = self.take(&mut batch);
            lost = write_batch(&mut file, &batch, lost, dropped);
            batch.clear();
        }
    }

    /// Waits until there is something, and takes it all. Tells how many lines are missing behind.
    fn take(&self, batch: &mut Vec<u8>) -> u64 {
        let mut queue = self.lock();
        queue.writing = false;
        if queue.is_empty() {
            self.shared.drained.notify_all();
        }
        let empty = |queue: &mut LineQueue| queue.is_empty();
        let mut queue =
            self.shared.filled.wait_while(queue, empty).unwrap_or_else(PoisonError::into_inner);
        queue.writing = true;
        std::mem::swap(&mut queue.waiting, batch);
        std::mem::take(&mut queue.dropped)
    }

    /// A thread that panicked under this lock has left whole lines, or a part of one at worst.
    fn lock(&self) -> MutexGuard<'_, LineQueue> {
        self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LineQueue {
    fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.dropped == 0
    }
}

/// Writes `lines` to what `open` opens, on a thread called `name`, and closes it: its reader sees
/// the end. Opening and writing may take as long as they like; what fails is told in the log.
/// `Err`: the system has no thread left.
pub fn write_once(
    name: &str,
    open: impl FnOnce() -> io::Result<File> + Send + 'static,
    lines: String,
) -> io::Result<()> {
    let told = name.to_owned();
    let body = move || {
        let written = open().and_then(|mut file| {
            write_all(&mut file, lines.as_bytes()).map_err(|(_, error)| error)
        });
        if let Err(error) = written {
            log::warn!("{told}: {error}");
        }
    };
    thread::Builder::new().name(name.to_owned()).spawn(body).map(drop)
}

/// For `env_logger`, which writes one whole line at a time.
impl Write for Output {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        self.say(lines);
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes `batch`, and how many lines are missing before and behind it. Tells how many are missing
/// now: none, unless writing failed.
fn write_batch(sink: &mut impl Write, batch: &[u8], lost: u64, dropped: u64) -> u64 {
    let mut text = notice(lost).into_bytes();
    let start = text.len();
    text.extend_from_slice(batch);
    let end = text.len();
    text.extend_from_slice(notice(dropped).as_bytes());
    match write_all(sink, &text) {
        Ok(()) => 0,
        Err((written, _)) if written < start => lost + count(batch) + dropped,
        Err((written, _)) => count(&text[written.min(end)..end]) + dropped,
    }
}

/// What stands in the log instead of `lines` lines.
fn notice(lines: u64) -> String {
    match lines {
        0 => String::new(),
        1 => "WARN  1 line is missing here: the log was not taken in time\n".to_owned(),
        _ => format!("WARN  {lines} lines are missing here: the log was not taken in time\n"),
    }
}

fn count(lines: &[u8]) -> u64 {
    lines.split_inclusive(|&byte| byte == b'\n').count() as u64
}

/// As [`Write::write_all`], but waits for room where the descriptor does not, and tells how far it
/// came.
fn write_all(sink: &mut impl Write, text: &[u8]) -> Result<(), (usize, io::Error)> {
    let mut written = 0;
    while written < text.len() {
        match sink.write(&text[written..]) {
            Ok(0) => return Err((written, ErrorKind::WriteZero.into())),
            Ok(bytes) => written += bytes,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                thread::sleep(Duration::from_millis(RETRY_MS));
            }
            Err(error) => return Err((written, error)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, PipeReader};
    use std::os::fd::OwnedFd;

    /// Far more than a pipe and the queue hold together.
    const LINES: u64 = 40_000;

    fn piped() -> (Output, BufReader<PipeReader>) {
        let (reader, writer) = io::pipe().expect("two descriptors");
        let file = File::from(OwnedFd::from(writer));
        (Output::start("test", file).expect("a thread"), BufReader::new(reader))
    }

    #[test]
    fn a_reader_that_does_not_read_stops_nobody_and_learns_what_it_missed() {
        let (output, mut reader) = piped();
        for n in 0..LINES {
            output.say(format!("line {n:>40}\n").as_bytes());
        }
        output.finish(); // It ends, though nobody reads.
        output.say(b"dropped too\n");
        // Every line is there, or counted where it is missing.
        let (mut next, mut missing) = (0, 0);
        let mut line = String::new();
        while next <= LINES {
            line.clear();
            reader.read_line(&mut line).expect("text");
            if let Some(number) = line.strip_prefix("line ") {
                assert_eq!(number.trim().parse(), Ok(next), "in order, none twice");
                next += 1;
            } else if line == "dropped too\n" {
                next += 1; // It is short: it may have found room after all.
            } else {
                let number = line.strip_prefix("WARN  ").and_then(|rest| rest.split_once(' '));
                let count: u64 = number.and_then(|(n, _)| n.parse().ok()).expect("a count");
                (next, missing) = (next + count, missing + count);
            }
        }
        assert_eq!(next, LINES + 1);
        assert!(missing > 0, "there was no room for all");
        output.say(b"heard again\n");
        line.clear();
        reader.read_line(&mut line).expect("text");
        assert_eq!(line, "heard again\n");
    }

    #[test]
    fn what_was_said_is_written_when_it_is_finished() {
        let (output, reader) = piped();
        output.say(b"one\n");
        output.say(b"two\n");
        output.finish();
        assert!(output.lock().is_empty() && !output.lock().writing);
        let lines: Vec<_> = reader.lines().take(2).map_while(Result::ok).collect();
        assert_eq!(lines, ["one", "two"]);
    }

    /// Takes so many bytes, then has an error, once.
    struct Brittle(usize, Vec<u8>);

    impl Write for Brittle {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.0 == 0 {
                self.0 = usize::MAX;
                return Err(ErrorKind::StorageFull.into());
            }
            let taken = bytes.len().min(self.0);
            self.0 -= taken;
            self.1.extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_that_cannot_be_written_are_counted_and_told_of_later() {
        let mut full = Brittle(2, Vec::new());
        let lost = write_batch(&mut full, b"a\nb\nc\n", 0, 5);
        assert_eq!(lost, 7, "b, c, and those that found no room");
        assert_eq!(write_batch(&mut full, b"d\n", lost, 1), 0);
        let text = String::from_utf8(full.1).expect("text");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!((lines[0], lines[2]), ("a", "d"));
        assert!(lines[1].starts_with("WARN  7 lines ") && lines[3].starts_with("WARN  1 line "));
        assert_eq!(write_batch(&mut Brittle(3, Vec::new()), b"d\n", 3, 0), 4, "nor was the count");
    }
}
