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
use crate::ids::Door;
use crate::limits::{BACKLOG, NOTSENT_BYTES_MAX, UNACKNOWLEDGED_MS_MORE};

/// Why a port could not be taken.
#[derive(Debug)]
pub struct BindError {
    /// The door that it would have been.
    door: Door,
    /// Where to listen, as it was written.
    text: String,
    /// The one of its addresses that cannot be had.
    address: SocketAddr,
    /// Another one of them, which can.
    other: Option<SocketAddr>,
    /// This server has it already.
    ours: bool,
    error: io::Error,
}

impl BindError {
    /// The same, where `door` was to be opened, and this server has `taken` already.
    #[must_use]
    pub fn at(self, door: Door, mut taken: impl Iterator<Item = SocketAddr>) -> Self {
        let has = |taken: SocketAddr| {
            let (one, two) = (taken.ip(), self.address.ip());
            let overlap = one == two || one.is_unspecified() || two.is_unspecified();
            taken.port() == self.address.port() && overlap
        };
        Self { door, ours: taken.any(has), ..self }
    }
}

/// An address that is served, with a listening socket for each thread.
#[derive(Debug)]
pub struct Bound {
    /// With the port that the kernel chose, when it was asked to.
    pub address: SocketAddr,
    /// Connections speak TLS.
    pub tls: bool,
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
    // A port that nobody chose is nobody's to share. The one that the kernel finds free at the
    // first address may be taken at the second: then it is asked for another.
    let takes_any = listen.addresses.iter().all(|address| address.port() == 0);
    let tries = if takes_any { PORT_TRIES } else { 1 };
    first_free(tries, || bind_all(listen, threads, stall_ms_max, beside && !takes_any))
}

/// The first of so many tries, one at least, that does not come upon a port in use; or the last.
fn first_free<T>(
    tries: usize,
    mut once: impl FnMut() -> Result<T, BindError>,
) -> Result<T, BindError> {
    let is_used = |result: &Result<T, BindError>| {
        result.as_ref().is_err_and(|error| error.error.kind() == io::ErrorKind::AddrInUse)
    };
    let mut result = once();
    for _ in 1..tries {
        if !is_used(&result) {
            break;
        }
        result = once();
    }
    result
}

fn bind_all(
    listen: &Listen,
    threads: usize,
    stall_ms_max: u64,
    beside: bool,
) -> Result<Vec<Bound>, BindError> {
    let mut bound: Vec<Bound> = Vec::new();
    let mut absent = Vec::new();
    for &(mut address) in &listen.addresses {
        let other = bound.first().map(|first| first.address);
        if let Some(first) = other {
            address.set_port(first.port());
        }
        match bind_address(address, threads, stall_ms_max, beside) {
            Ok(one) => bound.push(Bound { tls: listen.tls, ..one }),
            Err(error) => {
                let is_absent = is_absent(&error);
                let (door, text) = (Door::Public, listen.text.clone());
                let error = BindError { door, text, address, other, ours: false, error };
                if !is_absent {
                    return Err(error);
                }
                absent.push(error);
            }
        }
    }
    if bound.is_empty()
        && let Some(error) = absent.pop()
    {
        return Err(error);
    }
    for BindError { address, error, .. } in absent {
        log::info!("not listening at {address}, which this machine does not have: {error}");
    }
    Ok(bound)
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
    Ok(Bound { address, tls: false, sockets })
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
        let Self { door, text, address, other, ours, error } = self;
        let flag = match door {
            Door::Public => "--listen",
            Door::Admin => "--admin-listen",
        };
        write!(f, "{flag} {text}: ")?;
        match error.raw_os_error() {
            Some(libc::EADDRINUSE) if *ours => {
                write!(f, "this server listens at {address} already; leave one of the two out")
            }
            Some(libc::EADDRINUSE) => {
                f.write_str("the port is in use")?;
                if *text != address.to_string() {
                    write!(f, " at {address}")?;
                }
                f.write_str("; stop the server that has it, ")?;
                if let Some(other) = other {
                    write!(f, "leave it to that one by {flag} {other}, ")?;
                }
                f.write_str(
                    "share it with a tollway that is about to end by --reuse-port, or choose \
                     another port (0 takes any)",
                )
            }
            Some(libc::EACCES) => {
                f.write_str("ports below 1024 need a privilege; choose one above")
            }
            Some(_) if is_absent(error) => write!(
                f,
                "this machine has no such address; localhost is itself, :{} is all it has",
                address.port()
            ),
            Some(_) | None => write!(f, "{error}; choose another address"),
        }
    }
}

/// How often the kernel is asked for a port that is free at two addresses.
const PORT_TRIES: usize = 16;

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
        let has_ipv6 = TcpListener::bind("[::1]:0").is_ok();
        assert_eq!(bound.len(), if has_ipv6 { 2 } else { 1 });
    }

    #[test]
    fn a_port_that_is_free_at_one_address_alone_is_not_taken() {
        let others = TcpListener::bind("127.0.0.2:0").expect("a free port");
        let port = others.local_addr().expect("bound").port();
        let mut both = listen(&format!("127.0.0.1:{port}"));
        both.text = format!("both:{port}");
        both.addresses.push(others.local_addr().expect("bound"));
        let error = bind(&both, 1, 60_000, false).expect_err("half of it is in use").to_string();
        let half = format!(
            "--listen both:{port}: the port is in use at 127.0.0.2:{port}; stop the server that \
             has it, leave it to that one by --listen 127.0.0.1:{port}, share it"
        );
        // Another program may have the other half by chance.
        let other_half = format!("--listen both:{port}: the port is in use at 127.0.0.1:{port};");
        assert!(error.starts_with(&half) || error.starts_with(&other_half), "{error}");
    }

    #[test]
    fn another_port_is_tried_as_long_as_one_of_its_addresses_is_taken() {
        let failed = |code| BindError {
            door: Door::Public,
            text: "localhost:0".to_owned(),
            address: "[::1]:7".parse().expect("an address"),
            other: None,
            ours: false,
            error: io::Error::from_raw_os_error(code),
        };
        let tried = |tries, failures: &[i32]| {
            let mut count = 0;
            let result = first_free(tries, || {
                count += 1;
                failures.get(count - 1).map_or(Ok(count), |&code| Err(failed(code)))
            });
            (result.ok(), count)
        };
        assert_eq!(tried(16, &[]), (Some(1), 1));
        assert_eq!(tried(16, &[libc::EADDRINUSE; 2]), (Some(3), 3));
        assert_eq!(tried(3, &[libc::EADDRINUSE; 3]), (None, 3));
        assert_eq!(tried(1, &[libc::EADDRINUSE]), (None, 1));
        assert_eq!(tried(16, &[libc::EADDRINUSE, libc::EACCES]), (None, 2));
    }

    #[test]
    fn the_flag_is_named_and_what_this_server_has_itself() {
        let others = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = others.local_addr().expect("bound");
        let failed = || bind(&listen(&address.to_string()), 1, 60_000, false).expect_err("in use");
        let admin = failed().at(Door::Admin, std::iter::empty()).to_string();
        assert!(admin.starts_with(&format!("--admin-listen {address}: the port is in use; stop")));
        for ours in [address, format!("0.0.0.0:{}", address.port()).parse().expect("an address")] {
            let twice = failed().at(Door::Public, [ours].into_iter()).to_string();
            let said = format!("--listen {address}: this server listens at {address} already;");
            assert!(twice.starts_with(&said), "{twice}");
        }
        let elsewhere = "127.0.0.2:1".parse().expect("an address");
        let error = failed().at(Door::Public, [elsewhere].into_iter()).to_string();
        assert!(error.contains("stop the server that has it"), "{error}");
    }

    #[test]
    fn an_address_of_another_machine_is_refused_with_a_remedy() {
        let elsewhere = listen("203.0.113.1:0");
        let error = bind(&elsewhere, 1, 60_000, false).expect_err("TEST-NET-3 is nobody's");
        assert!(error.to_string().contains("this machine has no such address"), "{error}");
    }

    #[test]
    fn an_address_that_this_machine_has_not_is_left_out_beside_one_that_it_has() {
        let mut both = listen("127.0.0.1:0");
        both.addresses.extend(listen("203.0.113.1:0").addresses);
        let bound = bind(&both, 1, 60_000, false).expect("the first is there");
        assert_eq!(bound.len(), 1);
        assert!(bound[0].address.ip().is_loopback());
    }
}
