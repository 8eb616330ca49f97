//! Telling the service manager how we are: `sd_notify(3)`, by hand.
//!
//! `NOTIFY_SOCKET` names a datagram socket: a path, or behind an `@` a name that is in no file
//! system. `Type=notify` in a unit of systemd waits for `READY=1` before it starts what depends on
//! us, and hears `STOPPING=1` when we drain.
//!
//! Came from: `mod`, when all ports are taken; `event_loop::drain`, at the first signal. Goes to:
//! the manager, if there is one. Absent on purpose: waiting. A manager that does not listen is not
//! told.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// All ports are taken: whoever connects is served.
pub const READY: &str = "READY=1";
/// The server ends.
pub const STOPPING: &str = "STOPPING=1";

/// Tells `state` to the manager that the environment names, if it names one.
pub fn tell(state: &str) {
    let Some(socket) = env::var_os("NOTIFY_SOCKET").filter(|socket| !socket.is_empty()) else {
        return;
    };
    if let Err(error) = tell_to(&socket, state) {
        let socket = socket.to_string_lossy();
        log::warn!("NOTIFY_SOCKET {socket}: {error}; the service manager was not told {state}");
    }
}

fn tell_to(socket: &OsStr, state: &str) -> io::Result<()> {
    let address = match socket.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(socket)?,
    };
    let datagrams = UnixDatagram::unbound()?;
    datagrams.set_nonblocking(true)?;
    datagrams.send_to_addr(state.as_bytes(), &address).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name in no file system, that no other test has.
    fn abstract_name() -> String {
        format!("tollway-notify-{}", std::process::id())
    }

    #[test]
    fn a_manager_of_an_abstract_name_is_told() {
        let name = abstract_name();
        let address = SocketAddr::from_abstract_name(&name).expect("a short name");
        let manager = UnixDatagram::bind_addr(&address).expect("nobody else has it");
        tell_to(OsStr::new(&format!("@{name}")), READY).expect("it listens");
        let mut text = [0; 64];
        let length = manager.recv(&mut text).expect("it was sent");
        assert_eq!(&text[..length], b"READY=1");
    }

    #[test]
    fn a_manager_that_is_not_there_is_an_error_and_no_more() {
        let error = tell_to(OsStr::new("/nowhere/at/all"), READY);
        assert_eq!(error.map_err(|e| e.kind()), Err(io::ErrorKind::NotFound));
        assert!(tell_to(OsStr::new(&"x".repeat(200)), READY).is_err(), "no address is so long");
    }
}
