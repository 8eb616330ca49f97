//! Inherited sockets: ports that somebody else took and handed to us, as systemd does.
//! `sd_listen_fds(3)`.
//!
//! `LISTEN_FDS` says how many there are, from descriptor 3 on; `LISTEN_PID` whom they are for: the
//! environment is inherited further than the descriptors are meant to be; `LISTEN_FDNAMES` what
//! each is called. Whoever handed them to us keeps them, so that nobody is turned away while one
//! server ends and the next begins: connections wait in the socket's queue.
//!
//! **One queue for all threads.** A socket that we take ourselves is one of a group, and every
//! thread has its own. An inherited one is shared: every thread watches a duplicate of it, and
//! whichever is free accepts. A server that has few threads does not feel the difference.
//!
//! Came from: the environment. Goes to: `ports`. Absent on purpose: closing what we were given. A
//! descriptor stays open until the process ends, and is never watched again once its thread stops
//! to listen.

use std::env;
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::RawFd;
use std::process;

use super::listen::{self, Bound, Listening};
use super::sys;

/// Sockets that a service manager may hand to us: each is a descriptor for every thread. systemd
/// hands over as many as its units name, a few in practice.
const INHERITED_MAX: usize = 256;
/// The first descriptor that is handed over.
const FIRST: RawFd = 3;

/// Why what was handed to us cannot be served.
#[derive(Debug)]
pub enum InheritError {
    /// A variable that makes no sense.
    Variable(&'static str, String),
    /// A descriptor that is no listening TCP socket.
    Descriptor(Inherited, io::Error),
}

/// A descriptor that was handed to us, and what it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inherited {
    descriptor: RawFd,
    name: String,
}

/// Whether any were handed to this process. `false`, when what is said of them makes no sense:
/// [`take`] refuses it.
pub fn any() -> bool {
    find_all().is_ok_and(|all| !all.is_empty())
}

/// The sockets that were handed to this process, with a duplicate of each for every thread.
pub fn take(threads: usize, stall_ms_max: u64) -> Result<Vec<Bound>, InheritError> {
    let mut bound = Vec::new();
    for one in find_all()? {
        match open(&one, threads, stall_ms_max) {
            Ok(socket) => bound.push(socket),
            Err(error) => return Err(InheritError::Descriptor(one, error)),
        }
    }
    Ok(bound)
}

fn find_all() -> Result<Vec<Inherited>, InheritError> {
    let text = |name| env::var(name).ok();
    let variables = [text("LISTEN_PID"), text("LISTEN_FDS"), text("LISTEN_FDNAMES")];
    let [pid, count, names] = variables.each_ref().map(Option::as_deref);
    find(process::id(), pid, count, names)
}

/// What the variables say, to the process `own`. Nothing, when they are not for us.
fn find(
    own: u32,
    pid: Option<&str>,
    count: Option<&str>,
    names: Option<&str>,
) -> Result<Vec<Inherited>, InheritError> {
    let (Some(pid), Some(count)) = (pid, count) else {
        return Ok(Vec::new());
    };
    let wrong = |name, value: &str| InheritError::Variable(name, value.to_owned());
    let meant: u32 = pid.parse().map_err(|_| wrong("LISTEN_PID", pid))?;
    if meant != own {
        return Ok(Vec::new());
    }
    let count: usize = count.parse().map_err(|_| wrong("LISTEN_FDS", count))?;
    if count > INHERITED_MAX {
        return Err(wrong("LISTEN_FDS", &count.to_string()));
    }
    let mut told: Vec<&str> = names.map(|names| names.split(':').collect()).unwrap_or_default();
    if names.is_some() && told.len() != count {
        return Err(wrong("LISTEN_FDNAMES", names.unwrap_or_default()));
    }
    told.resize(count, "unknown"); // As `sd_listen_fds_with_names(3)` has it.
    let all = (FIRST..).zip(told);
    Ok(all.map(|(descriptor, name)| Inherited { descriptor, name: name.to_owned() }).collect())
}

fn open(inherited: &Inherited, threads: usize, stall_ms_max: u64) -> io::Result<Bound> {
    let ours = sys::duplicate(inherited.descriptor)?;
    if !sys::is_listening(&ours)? {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    let listener = TcpListener::from(ours);
    let address: SocketAddr = listener.local_addr()?; // An error, of a Unix socket.
    listener.set_nonblocking(true)?;
    listen::tune(&listener, stall_ms_max)?;
    let mut sockets = Vec::with_capacity(threads);
    while sockets.len() + 1 < threads {
        sockets.push(Listening { socket: listener.try_clone()?, inherited: true });
    }
    sockets.push(Listening { socket: listener, inherited: true });
    Ok(Bound { address, tls: false, sockets })
}

impl fmt::Display for InheritError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable("LISTEN_FDNAMES", value) => write!(
                f,
                "LISTEN_FDNAMES {value}: gives another number of names than LISTEN_FDS; give one \
                 for each socket, or leave it out"
            ),
            Self::Variable(name, value) => write!(
                f,
                "{name} {value}: is no number of ours; unset LISTEN_PID and LISTEN_FDS, or let \
                 systemd set them"
            ),
            Self::Descriptor(Inherited { descriptor, name }, error) => {
                write!(f, "LISTEN_FDS: descriptor {descriptor} ({name}) ")?;
                match error.kind() {
                    io::ErrorKind::InvalidInput => f.write_str(
                        "is no listening TCP socket; in its .socket unit use ListenStream= with a \
                         port, and Accept=no",
                    ),
                    _ => write!(f, "cannot be served: {error}; is it a TCP socket?"),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pid: &str, count: &str, names: Option<&str>) -> Result<Vec<(RawFd, String)>, String> {
        let found = find(42, Some(pid), Some(count), names);
        let pairs = |all: Vec<Inherited>| {
            all.into_iter().map(|one| (one.descriptor, one.name)).collect::<Vec<_>>()
        };
        found.map(pairs).map_err(|error| error.to_string())
    }

    #[test]
    fn descriptors_count_from_three_and_have_names() {
        let both = [(3, "web".to_owned()), (4, "admin".to_owned())];
        assert_eq!(found("42", "2", Some("web:admin")), Ok(both.to_vec()));
        assert_eq!(found("42", "1", None), Ok(vec![(3, "unknown".to_owned())]));
        assert_eq!(found("42", "0", None), Ok(vec![]));
    }

    #[test]
    fn what_is_meant_for_another_process_is_not_ours() {
        assert_eq!(found("41", "1", None), Ok(vec![]));
        assert_eq!(found("41", "nonsense", None), Ok(vec![]));
        assert!(find(42, None, Some("1"), None).is_ok_and(|all| all.is_empty()));
        assert!(find(42, Some("42"), None, None).is_ok_and(|all| all.is_empty()));
    }

    #[test]
    fn nonsense_is_refused_with_a_remedy() {
        for (pid, count, names, says) in [
            ("me", "1", None, "LISTEN_PID me: is no number of ours; unset"),
            ("42", "-1", None, "LISTEN_FDS -1: is no number of ours; unset"),
            ("42", "100000", None, "LISTEN_FDS 100000: is no number of ours; unset"),
            ("42", "2", Some("web"), "LISTEN_FDNAMES web: gives another number of names"),
        ] {
            let error = found(pid, count, names).expect_err("nonsense");
            assert!(error.starts_with(says), "{error}");
        }
    }

    #[test]
    fn what_does_not_listen_is_refused() {
        let closed = Inherited { descriptor: RawFd::MAX, name: "web".to_owned() };
        assert!(open(&closed, 1, 60_000).is_err());
        let (reader, _writer) = io::pipe().expect("two descriptors");
        let descriptor = std::os::fd::AsRawFd::as_raw_fd(&reader);
        let pipe = Inherited { descriptor, name: "web".to_owned() };
        assert!(open(&pipe, 1, 60_000).is_err());
    }

    #[test]
    fn every_thread_has_a_duplicate() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let descriptor = std::os::fd::AsRawFd::as_raw_fd(&listener);
        let inherited = Inherited { descriptor, name: "web".to_owned() };
        let bound = open(&inherited, 3, 60_000).expect("it listens");
        assert_eq!(bound.address, listener.local_addr().expect("bound"));
        assert_eq!(bound.sockets.len(), 3);
        assert!(bound.sockets.iter().all(|one| one.inherited));
    }
}
