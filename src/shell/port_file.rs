//! `--port-file`: where the ports are told.
//!
//! A plain file is there whole or not at all, so that a script may wait for it to appear: what
//! another run has left is removed at the start, and it is written beside its place and moved
//! there. Whatever else stands there already, a FIFO or a
//! terminal, is written into, on a thread of its own, because its reader may take its time. A name
//! of one of our own descriptors (`/dev/stdout`, `/dev/fd/3`) is that descriptor: opened anew, a
//! file would be written from its start, over what others write there.
//!
//! Came from: `main`, with a path before the ports are taken and with the ports afterwards. Goes
//! to: the file system, perhaps by `output`. Absent on purpose: removing it at the end. A script
//! that comes late still learns where we were.

use std::fs::{self, File};
use std::io;
use std::os::fd::RawFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::output::{self, Output};
use super::sys;
use crate::limits::LINKS_MAX;

/// What stands where the ports are to be written.
#[derive(Debug)]
pub enum PortFile {
    /// Standard output, which has a queue already.
    Stdout,
    /// A plain file, or nothing yet.
    Replaced(PathBuf),
    /// Something that is written into: a descriptor of ours, a FIFO, a terminal.
    Into(Sink),
}

/// What is written into.
#[derive(Debug)]
pub enum Sink {
    /// It is open.
    Open(File),
    /// A FIFO that nobody reads yet: opening it waits for a reader.
    Fifo(PathBuf),
}

impl PortFile {
    /// Looks at what stands at `path`. To be called before we open descriptors of our own, which
    /// `path` could name by mistake.
    pub fn find(path: &Path) -> io::Result<Self> {
        if let Some(descriptor) = descriptor(path) {
            return match descriptor {
                libc::STDOUT_FILENO => Ok(Self::Stdout),
                other => Ok(Self::Into(Sink::Open(sys::duplicate(other)?.into()))),
            };
        }
        let place = follow(path)?;
        match fs::metadata(path) {
            Ok(facts) if facts.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
            Ok(facts) if facts.is_file() => {
                // Of a run before: whoever waits for it to appear would find it too early.
                fs::remove_file(&place)?;
                Ok(Self::Replaced(place))
            }
            Ok(facts) => open(path, facts.file_type().is_fifo()).map(Self::Into),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::Replaced(place)),
            Err(error) => Err(error),
        }
    }

    /// Writes one port a line. A plain file is there on return; for anything else `Ok` says no more
    /// than that it is being written. `stdout` is what else goes to standard output.
    pub fn write(self, ports: &[u16], stdout: &Output) -> io::Result<()> {
        let mut lines = String::new();
        for port in ports {
            lines += &port.to_string();
            lines.push('\n');
        }
        match self {
            Self::Stdout => stdout.say(lines.as_bytes()),
            Self::Replaced(place) => replace(&place, &lines)?,
            Self::Into(sink) => {
                let open = move || match sink {
                    Sink::Open(file) => Ok(file),
                    Sink::Fifo(path) => File::options().write(true).open(path),
                };
                output::write_once("--port-file", open, lines)?;
            }
        }
        Ok(())
    }
}

fn replace(place: &Path, lines: &str) -> io::Result<()> {
    let mut beside = place.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    fs::write(&beside, lines)?;
    fs::rename(&beside, place).inspect_err(|_| drop(fs::remove_file(&beside)))
}

/// Opens what is no plain file, without waiting. That nobody reads a FIFO is no error.
fn open(path: &Path, is_fifo: bool) -> io::Result<Sink> {
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    match File::options().write(true).custom_flags(flags).open(path) {
        Ok(file) => Ok(Sink::Open(file)),
        Err(error) if is_fifo && error.raw_os_error() == Some(libc::ENXIO) => {
            Ok(Sink::Fifo(path.to_owned()))
        }
        Err(error) => Err(error),
    }
}

/// The descriptor of ours that `path` is a name of.
fn descriptor(path: &Path) -> Option<RawFd> {
    let text = path.to_str()?;
    match text {
        "/dev/stdout" => Some(libc::STDOUT_FILENO),
        "/dev/stderr" => Some(libc::STDERR_FILENO),
        _ => {
            let number = ["/dev/fd/", "/proc/self/fd/"];
            let number = number.iter().find_map(|folder| text.strip_prefix(folder))?;
            let digits = number.bytes().all(|b| b.is_ascii_digit());
            number.parse().ok().filter(|_| digits)
        }
    }
}

/// Where a chain of links ends, also when nothing is there yet: the links stay.
fn follow(path: &Path) -> io::Result<PathBuf> {
    let mut place = path.to_owned();
    for _ in 0..LINKS_MAX {
        match fs::read_link(&place) {
            // An absolute target takes the place of the folder.
            Ok(target) => place = place.parent().unwrap_or(Path::new("")).join(target),
            Err(_) => return Ok(place), // No link: a file, or nothing.
        }
    }
    Err(io::Error::from_raw_os_error(libc::ELOOP))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_descriptors_are_taken_for_them() {
        for (path, number) in [
            ("/dev/stdout", Some(1)),
            ("/dev/stderr", Some(2)),
            ("/dev/fd/0", Some(0)),
            ("/proc/self/fd/12", Some(12)),
            ("/dev/fd/", None),
            ("/dev/fd/+1", None),
            ("/dev/fd/-1", None),
            ("/dev/fd/1/x", None),
            ("/dev/fd/99999999999", None),
            ("stdout", None),
        ] {
            assert_eq!(descriptor(Path::new(path)), number, "{path}");
        }
    }

    #[test]
    fn what_another_run_has_left_is_not_found_before_the_ports_are_told() {
        let folder = std::env::temp_dir().join(format!("tollway-ports-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a temporary folder");
        let path = folder.join("ports");
        fs::write(&path, "1\n").expect("a temporary file");
        let found = PortFile::find(&path).expect("a plain file");
        assert!(matches!(found, PortFile::Replaced(_)) && !path.exists());
        fs::remove_dir_all(&folder).expect("it is ours");
    }
}
