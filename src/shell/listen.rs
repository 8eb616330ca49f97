//! Listening: how the ports are taken, before any thread serves.
//!
//! Every thread has its own listening socket on every port (`SO_REUSEPORT`), so the kernel deals
//! new connections out to the threads by a hash of their addresses, and no thread hands a
//! connection to another. All of them listen before the first one serves.
//!
//! Came from: `config`, with addresses. Goes to: `acceptor`, with a thread's sockets. Absent on
//! purpose: accepting.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsRawFd, OwnedFd};

use super::sys;
use crate::config::Listen;
use crate::limits::{BACKLOG, NOTSENT_BYTES_MAX, UNACKNOWLEDGED_MS_MORE};

/// Why a port could not be taken.
#[derive(Debug)]
pub struct BindError {
    address: SocketAddr,
    error: io::Error,
}

/// An address that is served, with a listening socket for each thread.
#[derive(Debug)]
pub struct Bound {
    /// With the port that the kernel chose, when it was asked to.
    pub address: SocketAddr,
    /// One for each thread.
    pub sockets: Vec<Listening>,
}

/// A listening socket of a thread.
#[derive(Debug)]
pub struct Listening {
    /// The socket.
    pub socket: TcpListener,
    /// Somebody else has it too, and will serve who waits there when we do not: see `inherited`.
    pub inherited: bool,
}

/// Takes the port of one `--listen`, on each of its addresses, for `threads` threads.
///
/// A name such as `localhost`, and `:8080` for "all", stand for an IPv4 and an IPv6 address. They
/// get one port together, and one that this machine does not have is left out, as long as it has
/// the other.
///
/// `beside`: another server may have it, as long as it shares it too; the kernel then deals new
/// connections out to both.
pub fn bind(
    listen: &Listen,
    threads: usize,
    stall_ms_max: u64,
    beside: bool,
) -> Result<Vec<Bound>, BindError> {
    let mut bound: Vec<Bound> = Vec::new();
    let mut absent = None;
    for &(mut address) in &listen.addresses {
        if let Some(first) = bound.first() {
            address.set_port(first.address.port());
        }
        match bind_address(address, threads, stall_ms_max, beside) {
            Ok(one) => bound.push(one),
            Err(error) if is_absent(&error) => absent = Some(BindError { address, error }),
            Err(error) => return Err(BindError { address, error }),
        }
    }
    match absent {
        Some(error) if bound.is_empty() => Err(error),
        Some(_) | None => Ok(bound),
    }
}

fn bind_address(
    address: SocketAddr,
    threads: usize,
    stall_ms_max: u64,
    beside: bool,
) -> io::Result<Bound> {
    // With SO_REUSEPORT, binding succeeds although another server of the same user has the port,
    // and the kernel would deal it every other connection. So the port is first tried without: that
    // fails while anybody listens there. (Two servers that start in the same millisecond can still
    // both pass.) Port 0 needs no trial: the kernel chooses one that nobody has.
    if address.port() != 0 && !beside {
        drop(sys::bound_socket(address, false)?);
    }
    let first = listening(address, stall_ms_max)?;
    let address = first.socket.local_addr()?;
    let mut sockets = vec![first];
    while sockets.len() < threads {
        sockets.push(listening(address, stall_ms_max)?);
    }
    Ok(Bound { address, sockets })
}

fn listening(address: SocketAddr, stall_ms_max: u64) -> io::Result<Listening> {
    let socket: OwnedFd = sys::bound_socket(address, true)?;
    tune(&socket, stall_ms_max)?;
    sys::listen(&socket, BACKLOG)?;
    Ok(Listening { socket: socket.into(), inherited: false })
}

/// Sets what all connections of a listening socket have in common.
pub(super) fn tune(socket: &impl AsRawFd, stall_ms_max: u64) -> io::Result<()> {
    // Later than our own deadline, which is up to a quarter late and knows more: this one is for
    // what we have closed.
    let given_up_ms_max = stall_ms_max.saturating_add(stall_ms_max.div_ceil(4));
    let unacknowledged_ms_max = given_up_ms_max.saturating_add(UNACKNOWLEDGED_MS_MORE);
    sys::tune_connections(socket, NOTSENT_BYTES_MAX, unacknowledged_ms_max)
}

/// Whether this machine has no such address, or no such family of addresses.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EADDRNOTAVAIL | libc::EAFNOSUPPORT))
}

impl std::fmt::Display for BindError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { address, error } = self;
        match error.raw_os_error() {
            Some(libc::EADDRINUSE) => write!(
                f,
                "--listen {address}: the port is in use; stop the server that has it, share it \
                 with a tollway that is about to end by --reuse-port, or choose another port (0 \
                 takes any)"
            ),
            Some(libc::EACCES) => {
                write!(f, "--listen {address}: ports below 1024 need a privilege; choose one above")
            }
            Some(_) if is_absent(error) => write!(
                f,
                "--listen {address}: this machine has no such address; 127.0.0.1 is itself, :{} \
                 is all it has",
                address.port()
            ),
            Some(_) | None => write!(f, "--listen {address}: {error}; choose another address"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listen(text: &str) -> Listen {
        text.parse().expect("an address")
    }

    #[test]
    fn threads_share_a_port_and_strangers_do_not() {
        let bound = bind(&listen("127.0.0.1:0"), 3, 60_000, false).expect("a free port");
        let [one] = &bound[..] else {
            panic!("one address was asked for");
        };
        assert_eq!(one.sockets.len(), 3);
        for socket in &one.sockets {
            assert_eq!(socket.socket.local_addr().expect("it is bound"), one.address);
        }
        let address = listen(&one.address.to_string());
        let again = bind(&address, 1, 60_000, false).expect_err("it is in use");
        assert!(again.to_string().contains("the port is in use; stop"), "{again}");
        bind(&address, 1, 60_000, true).expect("it is shared");
    }

    #[test]
    fn a_name_has_one_port_on_all_its_addresses() {
        let bound = bind(&listen("localhost:0"), 1, 60_000, false).expect("every machine has it");
        assert!(bound.iter().all(|one| one.address.port() == bound[0].address.port()));
    }

    #[test]
    fn an_address_of_another_machine_is_refused_with_a_remedy() {
        let elsewhere = listen("203.0.113.1:0");
        let error = bind(&elsewhere, 1, 60_000, false).expect_err("TEST-NET-3 is nobody's");
        assert!(error.to_string().contains("this machine has no such address"), "{error}");
    }
}
