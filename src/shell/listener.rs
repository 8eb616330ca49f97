//! Listening sockets: how a port is taken, and how connections come in by it.
//!
//! Every thread has its own listening socket on every port (`SO_REUSEPORT`), so the kernel deals
//! new connections out to the threads by a hash of their addresses, and no thread hands a
//! connection to another. All of them listen before the first one serves.
//!
//! **Out of descriptors** is not an error to stop at. The queue would stay full, the edge would
//! never come again, and the peers would wait for an answer that nobody gives. The bound on
//! connections is set so that we do not get there by ourselves; but the whole machine may run out,
//! or an operator may lower our limit while we run. So each thread keeps one spare descriptor: it
//! lets go of it, accepts with the one that became free, says 503, closes, and takes it back.
//!
//! Came from: `config`, with addresses; the kernel, with connections. Goes to: `event_loop`. Absent
//! on purpose: which connections are welcome; `broker` says that.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;

use mio::net::TcpStream;
use mio::{Interest, Registry};

use super::socket;
use super::sys;
use super::token::Source;
use crate::config::Listen;
use crate::ids::Millis;
use crate::ledger::{Brush, Call};
use crate::limits::NOTSENT_BYTES_MAX;

/// Connections that the kernel completes before we accept them, capped by `net.core.somaxconn`:
/// 4,096 on today's Linux, and what nginx and Redis wish for (511) is for older ones.
const BACKLOG: i32 = 4096;
/// How long accepting rests when the kernel has no memory, or no descriptor even with the spare one
/// gone: the queue is still there, and asking it again at once would be a spin.
const REST_MS: u64 = 100;
/// A thread complains once in this time, however many it turns away.
const COMPLAINT_MS: u64 = 1_000;

/// What a connection gets that cannot be kept. RFC 9110 §15.6.4; a 5xx answer needs no `Date`
/// (§6.6.1). One text, made in advance: this is said when there is nothing left to make one with.
const TURNED_AWAY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
Server: tollway\r\n\
Content-Type: application/problem+json\r\n\
Content-Length: 168\r\n\
Retry-After: 5\r\n\
Connection: close\r\n\
\r\n\
{\"type\":\"about:blank\",\"title\":\"Service Unavailable\",\"status\":503,\
\"detail\":\"There is no room for another connection now; try again later.\",\
\"code\":\"too_many_connections\"}";

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
    pub sockets: Vec<TcpListener>,
}

/// Takes the port of one `--listen`, on each of its addresses, for `threads` threads.
///
/// A name such as `localhost`, and `:8080` for "all", stand for an IPv4 and an IPv6 address. They
/// get one port together, and one that this machine does not have is left out, as long as it has
/// the other.
pub fn bind(listen: &Listen, threads: usize) -> Result<Vec<Bound>, BindError> {
    let mut bound: Vec<Bound> = Vec::new();
    let mut absent = None;
    for &(mut address) in &listen.addresses {
        if let Some(first) = bound.first() {
            address.set_port(first.address.port());
        }
        match bind_address(address, threads) {
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

fn bind_address(address: SocketAddr, threads: usize) -> io::Result<Bound> {
    // With SO_REUSEPORT, binding succeeds although another server of the same user has the port,
    // and the kernel would deal it every other connection. So the port is first tried without: that
    // fails while anybody listens there. (Two servers that start in the same millisecond can still
    // both pass.) Port 0 needs no trial: the kernel chooses one that nobody has.
    if address.port() != 0 {
        drop(sys::bound_socket(address, false)?);
    }
    let first = listening(address)?;
    let address = first.local_addr()?;
    let mut sockets = vec![first];
    while sockets.len() < threads {
        sockets.push(listening(address)?);
    }
    Ok(Bound { address, sockets })
}

fn listening(address: SocketAddr) -> io::Result<TcpListener> {
    let socket: OwnedFd = sys::bound_socket(address, true)?;
    sys::tune_connections(&socket, NOTSENT_BYTES_MAX)?;
    sys::listen(&socket, BACKLOG)?;
    Ok(socket.into())
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
                "--listen {address}: the port is in use; stop the server that has it, or choose \
                 another port (0 takes any)"
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

/// Someone at the door.
#[derive(Debug)]
pub enum Arrival {
    /// A connection that was accepted.
    Guest(TcpStream, SocketAddr),
    /// One that we had no descriptor for; it has been answered.
    TurnedAway(Brush),
}

/// All listening sockets of a thread.
#[derive(Debug)]
pub struct Door {
    bells: Vec<Bell>,
    /// Whose turn it is, so that a flood at one address does not close the others.
    next: usize,
    spare: Option<File>,
    /// Nobody is accepted before this moment.
    rests_until: Millis,
    /// Nothing is said before this moment.
    quiet_until: Millis,
    /// `accept4` calls that brought nobody, and were not told yet.
    in_vain: u64,
}

#[derive(Debug)]
struct Bell {
    listener: mio::net::TcpListener,
    /// Somebody may be waiting. Cleared by `WouldBlock` alone.
    rung: bool,
}

impl Door {
    /// A door with these sockets; each rings as a [`Source::Bell`] with its index.
    pub fn new(sockets: Vec<TcpListener>, registry: &Registry) -> io::Result<Self> {
        let mut bells = Vec::with_capacity(sockets.len());
        for (index, socket) in (0..).zip(sockets) {
            let mut listener = mio::net::TcpListener::from_std(socket);
            registry.register(&mut listener, Source::Bell(index).token(), Interest::READABLE)?;
            bells.push(Bell { listener, rung: false });
        }
        Ok(Self {
            bells,
            next: 0,
            spare: spare(),
            rests_until: Millis(0),
            quiet_until: Millis(0),
            in_vain: 0,
        })
    }

    /// An event came for the socket with this index.
    pub fn ring(&mut self, index: u32) {
        self.bells[index as usize].rung = true;
    }

    /// When to look again although no event comes: somebody may be waiting still.
    pub fn next_look(&self) -> Option<Millis> {
        self.bells.iter().any(|bell| bell.rung).then_some(self.rests_until)
    }

    /// How many `accept4` calls brought nobody since this was last asked.
    pub fn take_in_vain(&mut self) -> u64 {
        std::mem::take(&mut self.in_vain)
    }

    /// Lets the next one in. `None`: nobody is there, or accepting rests.
    pub fn next_arrival(&mut self, now: Millis) -> Option<Arrival> {
        if now < self.rests_until {
            return None;
        }
        let count = self.bells.len();
        for index in (self.next..self.next + count).map(|index| index % count) {
            while self.bells[index].rung {
                match self.accept(index, now) {
                    Ok(arrival) => {
                        self.next = (index + 1) % count;
                        return Some(arrival);
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        self.bells[index].rung = false;
                        self.in_vain += 1;
                    }
                    Err(error) if is_of_one_connection(&error) => self.in_vain += 1,
                    Err(error) => {
                        self.in_vain += 1;
                        return self.rest(&error, now);
                    }
                }
            }
        }
        None
    }

    fn accept(&mut self, index: usize, now: Millis) -> io::Result<Arrival> {
        let listener = &self.bells[index].listener;
        match listener.accept() {
            Err(error) if is_out_of_descriptors(&error) && self.spare.take().is_some() => {
                // The spare descriptor is free now; another thread may be faster, though.
                let accepted = listener.accept();
                self.in_vain += 1;
                let result = accepted.map(|(stream, _)| Arrival::TurnedAway(turn_away(&stream)));
                self.spare = spare();
                self.complain(&error, now);
                result
            }
            Ok((stream, peer)) => Ok(Arrival::Guest(stream, peer)),
            Err(error) => Err(error),
        }
    }

    fn rest(&mut self, error: &io::Error, now: Millis) -> Option<Arrival> {
        self.complain(error, now);
        self.rests_until = now.plus(REST_MS);
        self.spare = self.spare.take().or_else(spare);
        None
    }

    fn complain(&mut self, error: &io::Error, now: Millis) {
        if now >= self.quiet_until {
            self.quiet_until = now.plus(COMPLAINT_MS);
            log::warn!("connections are turned away: {error} (see ulimit -n)");
        }
    }
}

/// Answers 503 to a connection that cannot be kept.
///
/// What it has sent is read once before it is closed: closing a socket with unread bytes sends a
/// reset, which could overtake the answer. To wait for all it may send is more than we can afford.
pub fn turn_away(mut stream: &TcpStream) -> Brush {
    // No failure here leaves us anything to do; a fresh socket has room.
    let bytes = stream.write(TURNED_AWAY).unwrap_or_default();
    let _ = stream.shutdown(Shutdown::Write);
    let read = stream.read(&mut [0; 4096]);
    Brush { written: Call::Write { bytes }, read: socket::read_call(&read) }
}

fn is_out_of_descriptors(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE))
}

/// Whether a connection died while it stood in the queue, or a signal came: then the next one may
/// be well. Linux hands out here what the network said about that connection (accept(2)).
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(
            libc::ECONNABORTED
                | libc::EINTR
                | libc::EPERM
                | libc::EPROTO
                | libc::ENOPROTOOPT
                | libc::EOPNOTSUPP
                | libc::ENETDOWN
                | libc::ENETUNREACH
                | libc::EHOSTDOWN
                | libc::EHOSTUNREACH
                | libc::ENONET
        )
    )
}

/// A descriptor to have in hand.
fn spare() -> Option<File> {
    File::open("/dev/null").ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listen(text: &str) -> Listen {
        text.parse().expect("an address")
    }

    #[test]
    fn the_503_says_how_long_it_is() {
        let text = str::from_utf8(TURNED_AWAY).expect("ASCII");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{}", body.len());
        assert!(body.starts_with("{\"type\"") && body.ends_with("\"}"));
    }

    #[test]
    fn threads_share_a_port_and_strangers_do_not() {
        let bound = bind(&listen("127.0.0.1:0"), 3).expect("a free port");
        let [one] = &bound[..] else {
            panic!("one address was asked for");
        };
        assert_eq!(one.sockets.len(), 3);
        for socket in &one.sockets {
            assert_eq!(socket.local_addr().expect("it is bound"), one.address);
        }
        let again = bind(&listen(&one.address.to_string()), 1).expect_err("it is in use");
        assert!(again.to_string().contains("the port is in use; stop"), "{again}");
    }

    #[test]
    fn a_name_has_one_port_on_all_its_addresses() {
        let bound = bind(&listen("localhost:0"), 1).expect("every machine has it");
        assert!(bound.iter().all(|one| one.address.port() == bound[0].address.port()));
    }

    #[test]
    fn an_address_of_another_machine_is_refused_with_a_remedy() {
        let error = bind(&listen("203.0.113.1:0"), 1).expect_err("TEST-NET-3 is nobody's");
        assert!(error.to_string().contains("this machine has no such address"), "{error}");
    }
}
