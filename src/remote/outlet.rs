//! Standard output of a command that goes on until it is told to end: a signal is heard also while
//! whoever reads the output is slow.
//!
//! A write to a pipe that is full waits for its reader, and a signal does not end that wait. So
//! nothing is written before the pipe has room for it, and both are waited for: room, or a signal.
//! The descriptor itself is left as it is. That it may not block would hold for the programs that
//! share it, too.
//!
//! Came from: `reader`, with bytes. Goes to: standard output. Absent on purpose: what is written;
//! `show` words it.

use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::os::fd::{AsFd, AsRawFd};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use signal_hook_mio::v1_0::Signals;

/// Standard output.
pub struct Outlet {
    file: File,
    /// Somebody looks at it, and not a program.
    pub is_terminal: bool,
    /// `None`: a plain file, which always has room.
    gate: Option<Gate>,
}

struct Gate {
    poll: Poll,
    events: Events,
    signals: Signals,
}

impl Outlet {
    /// Listens for these signals.
    pub fn new(heard: &[i32]) -> io::Result<Self> {
        let file = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        let is_terminal = file.is_terminal();
        let (poll, out) = (Poll::new()?, file.as_raw_fd());
        let mut gate = None;
        // The kernel refuses to watch a plain file.
        if poll.registry().register(&mut SourceFd(&out), OUT, Interest::WRITABLE).is_ok() {
            let mut signals = Signals::new(heard)?;
            poll.registry().register(&mut signals, SIGNALS, Interest::READABLE)?;
            gate = Some(Gate { poll, events: Events::with_capacity(2), signals });
        }
        Ok(Self { file, is_terminal, gate })
    }

    /// Writes all of it. A signal that comes before there is room for that ends it, and is told.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<Option<i32>> {
        let mut left = bytes;
        while !left.is_empty() {
            let mut piece = left;
            if let Some(gate) = &mut self.gate {
                if let Some(signal) = gate.wait(&self.file)? {
                    return Ok(Some(signal));
                }
                piece = &left[..left.len().min(PIECE_BYTES)];
            }
            match self.file.write(piece) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(length) => left = &left[length..],
                Err(error) => match error.kind() {
                    // The latter of a descriptor that others made so.
                    ErrorKind::Interrupted | ErrorKind::WouldBlock => {}
                    _ => return Err(error),
                },
            }
        }
        Ok(None)
    }
}

impl Gate {
    /// Waits until there is room, or nobody who reads; or for a signal, which is told.
    fn wait(&mut self, file: &File) -> io::Result<Option<i32>> {
        // Registered anew, room that is there already is an event.
        let out = file.as_raw_fd();
        self.poll.registry().reregister(&mut SourceFd(&out), OUT, Interest::WRITABLE)?;
        loop {
            match self.poll.poll(&mut self.events, None) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                Ok(()) | Err(_) => {}
            }
            if let Some(signal) = self.signals.pending().next() {
                return Ok(Some(signal));
            }
            if self.events.iter().any(|event| event.token() == OUT) {
                return Ok(None);
            }
        }
    }
}

const OUT: Token = Token(0);
const SIGNALS: Token = Token(1);
/// A pipe with room has room for so many, pipe(7): `PIPE_BUF`.
const PIECE_BYTES: usize = 4096;
