//! Why a server cannot start, or ended that was not told to: each in one line.
//!
//! Came from: `mod` and the files that it asks to open something. Goes to: `main`, which says it.
//! Absent on purpose: exit codes.

use std::path::PathBuf;
use std::{fmt, io};

use super::ports::PortError;

/// Why a server cannot start: wrong use, or a machine that has not got what was asked for.
#[derive(Debug)]
pub enum StartError {
    /// A port cannot be taken.
    Port(PortError),
    /// A token or a key cannot be used; never which it is.
    Secret(String),
    /// The file of `--data` cannot be used.
    Store(String),
    /// The Redis of `--redis` cannot be used.
    Redis(String),
    /// A certificate or its key cannot be used.
    Tls(String),
    /// The folder cannot be served.
    Folder(PathBuf, io::Error),
    /// The system has no descriptor, thread or memory left.
    System(io::Error),
}

/// Why a server ended that was not told to.
#[derive(Debug)]
pub enum Crash {
    /// A thread could not be started, or could not wait for events any more.
    System(io::Error),
    /// A thread panicked; what it said is on standard error already.
    Panic {
        /// The index of the thread.
        shard: usize,
    },
    /// The store's thread panicked, likewise.
    Store,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(error) => error.fmt(f),
            Self::Secret(line) | Self::Tls(line) => f.write_str(line),
            Self::Store(line) => write!(f, "--data {line}"),
            Self::Redis(line) => write!(f, "--redis: {line}"),
            Self::Folder(folder, error) => {
                let folder = folder.display();
                match error.kind() {
                    io::ErrorKind::NotFound => {
                        write!(f, "--static {folder}: there is no such folder; make it first")
                    }
                    io::ErrorKind::NotADirectory => {
                        write!(f, "--static {folder}: is no folder; name the one it lies in")
                    }
                    io::ErrorKind::Unsupported => {
                        write!(f, "--static {folder}: needs Linux 5.6 or later; leave it out")
                    }
                    _ => write!(f, "--static {folder}: {error}; name a folder we may read"),
                }
            }
            Self::System(error) => write!(f, "{error}; is there memory, and `ulimit -n` left?"),
        }
    }
}

impl fmt::Display for Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System(error) => write!(f, "a thread ended: {error}"),
            Self::Panic { shard } => write!(
                f,
                "thread shard-{shard} panicked, so the server ends; please report what it said"
            ),
            Self::Store => write!(
                f,
                "the store's thread panicked, so the server ends; please report what it said"
            ),
        }
    }
}
