//! The acceptor: how connections come in by a thread's listening sockets.
//!
//! **Out of descriptors** is not an error to stop at. The queue would stay full, the edge would
//! never come again, and the peers would wait for an answer that nobody gives. The bound on
//! connections is set so that we do not get there by ourselves; but the whole machine may run out,
//! or an operator may lower our limit while we run. So each thread keeps one spare descriptor: it
//! lets go of it, accepts with the one that became free, says 503, closes, and takes it back.
//!
//! **To stop** without turning away anybody who has connected takes three steps. A socket that is
//! closed resets whoever waits in its queue, and whoever is half way in. So first the kernel is
//! told to let nobody begin; then those that are on their way are accepted, for a round trip or
//! two; and when nobody is left the socket is closed.
//!
//! Came from: `listen`, with sockets; the kernel, with connections. Goes to: `event_loop`. Absent
//! on purpose: which connections are kept; `broker` says that.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr};

use mio::net::TcpStream;
use mio::{Interest, Registry};

use super::listen::Listening;
use super::token::Source;
use super::{socket, sys};
use crate::ids::{Door, Millis};
use crate::ledger::{Call, Refusal, RefusedConnection};
use crate::limits::{ACCEPT_REST_MS, COMPLAINT_MS};

/// How long connections that have begun are still accepted when a server stops to listen: a round
/// trip around the world.
const STOP_LISTENING_MS: u64 = 200;

/// What a connection gets that cannot be kept. RFC 9110 §15.6.4; a 5xx answer needs no `Date`
/// (§6.6.1). One text, made in advance: this is said when there is nothing left to make one with.
const SERVICE_UNAVAILABLE: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
Server: tollway\r\n\
Content-Type: application/problem+json\r\n\
Content-Length: 169\r\n\
Retry-After: 5\r\n\
Connection: close\r\n\
\r\n\
{\"type\":\"about:blank\",\"title\":\"Service Unavailable\",\"status\":503,\
\"detail\":\"There is no room for another connection now; try again later.\",\
\"code\":\"too_many_connections\"}\n";

/// What a connection gets whose address has as many as it may, behind the fields that all answers
/// have. RFC 6585 §4.
const TOO_MANY_REQUESTS: &[u8] = b"HTTP/1.1 429 Too Many Requests\r\n";
const ADDRESS_FULL: &[u8] = b"Content-Type: application/problem+json\r\n\
Content-Length: 176\r\n\
Retry-After: 5\r\n\
Connection: close\r\n\
\r\n\
{\"type\":\"about:blank\",\"title\":\"Too Many Requests\",\"status\":429,\
\"detail\":\"Your address has as many connections as it may; close one, or try again later.\",\
\"code\":\"address_full\"}\n";

/// What a client of TLS gets instead: the alert `internal_error`, fatal. RFC 8446 §6.
const INTERNAL_ERROR: &[u8] = &[21, 3, 3, 0, 2, 2, 80];

/// What `accept4` brought.
#[derive(Debug)]
pub enum Accepted {
    /// A connection that was accepted.
    Kept(TcpStream, SocketAddr, Entrance),
    /// One that we had no descriptor for; it has been answered.
    Refused(RefusedConnection),
}

/// What kind of address a connection came by.
#[derive(Clone, Copy, Debug)]
pub struct Entrance {
    /// For whom it is.
    pub door: Door,
    /// Connections speak TLS.
    pub tls: bool,
}

/// All listening sockets of a thread.
#[derive(Debug)]
pub struct Acceptor {
    sockets: Vec<ListeningSocket>,
    /// Whose turn it is, so that a flood at one address does not close the others.
    next: usize,
    spare: Option<File>,
    /// Nobody is accepted before this moment.
    rests_until: Millis,
    /// Nothing is said before this moment.
    quiet_until: Millis,
    /// `accept4` calls that brought nobody, and were not told yet.
    fruitless: u64,
    /// When the sockets are closed: after a last look into their queues.
    stops_at: Option<Millis>,
    looked: bool,
    /// When they are closed whoever waits there.
    closes_at: Millis,
}

#[derive(Debug)]
struct ListeningSocket {
    listener: mio::net::TcpListener,
    entrance: Entrance,
    /// Somebody may be waiting. Cleared by `WouldBlock`, and for an inherited socket when we stop.
    ready: bool,
    /// Who waits there is served by another process when we stop.
    inherited: bool,
}

impl Acceptor {
    /// An acceptor with these sockets; the events of each name its index, as
    /// [`Source::ListeningSocket`].
    pub fn new(sockets: Vec<(Listening, Entrance)>, registry: &Registry) -> io::Result<Self> {
        let mut watched = Vec::with_capacity(sockets.len());
        for (index, (Listening { socket, inherited }, entrance)) in (0..).zip(sockets) {
            let mut listener = mio::net::TcpListener::from_std(socket);
            registry.register(
                &mut listener,
                Source::ListeningSocket(index).token(),
                Interest::READABLE,
            )?;
            watched.push(ListeningSocket { listener, entrance, ready: false, inherited });
        }
        Ok(Self {
            sockets: watched,
            next: 0,
            spare: spare(),
            rests_until: Millis(0),
            quiet_until: Millis(0),
            fruitless: 0,
            stops_at: None,
            looked: false,
            closes_at: Millis::NEVER,
        })
    }

    /// Nobody new is let in, and those that are on their way are still accepted until `until`, or
    /// for a round trip or two. Who stands at an inherited socket stays there.
    pub fn stop(&mut self, registry: &Registry, now: Millis, until: Millis) {
        self.stops_at = Some(now.plus(STOP_LISTENING_MS).min(until));
        self.closes_at = until;
        for ListeningSocket { listener, ready, inherited, .. } in &mut self.sockets {
            if *inherited {
                *ready = false;
                // It is open in other hands as well, so closing it would not end the watch.
                if let Err(error) = registry.deregister(listener) {
                    log::debug!("an inherited port is still watched: {error}");
                }
                continue;
            }
            // Without: whoever connects in the moment of closing is reset.
            if let Err(error) = sys::drop_syns(listener) {
                log::warn!("a port cannot be closed to newcomers alone: {error}");
            }
        }
    }

    /// Whether there is nobody to accept, now and ever. Closes the sockets when it is time for that
    /// and nobody waits there.
    pub fn is_stopped(&mut self, now: Millis) -> bool {
        if self.stops_at.is_none_or(|at| now < at) {
            return false;
        }
        if !self.looked {
            self.looked = true;
            self.sockets.iter_mut().for_each(|socket| socket.ready = !socket.inherited);
        }
        // Where newcomers cannot be held off, somebody may always wait.
        if now >= self.closes_at || self.sockets.iter().all(|socket| !socket.ready) {
            self.sockets.clear();
        }
        self.sockets.is_empty()
    }

    /// An event came for the socket with this index.
    pub fn on_event(&mut self, index: u32) {
        if let Some(socket) = self.sockets.get_mut(index as usize) {
            socket.ready = !(socket.inherited && self.stops_at.is_some());
        }
    }

    /// When to look again although no event comes: somebody may be waiting still.
    pub fn next_look(&self) -> Option<Millis> {
        let waiting = self.sockets.iter().any(|socket| socket.ready);
        // After the last look, what is left to wait for is a descriptor.
        let stops_at = self.stops_at.filter(|_| !self.looked && !self.sockets.is_empty());
        waiting.then_some(self.rests_until).into_iter().chain(stops_at).min()
    }

    /// How many `accept4` calls brought nobody since this was last asked.
    pub fn take_fruitless(&mut self) -> u64 {
        std::mem::take(&mut self.fruitless)
    }

    /// Accepts the next connection. `None`: nobody is there, or accepting rests.
    pub fn next_accepted(&mut self, now: Millis) -> Option<Accepted> {
        if now < self.rests_until {
            return None;
        }
        let count = self.sockets.len();
        for index in (self.next..self.next + count).map(|index| index % count) {
            while self.sockets[index].ready {
                match self.accept(index, now) {
                    Ok(arrival) => {
                        self.next = (index + 1) % count;
                        return Some(arrival);
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        self.sockets[index].ready = false;
                        self.fruitless += 1;
                    }
                    Err(error) if is_of_one_connection(&error) => self.fruitless += 1,
                    Err(error) => {
                        self.fruitless += 1;
                        return self.rest(&error, now);
                    }
                }
            }
        }
        None
    }

    fn accept(&mut self, index: usize, now: Millis) -> io::Result<Accepted> {
        let ListeningSocket { listener, entrance, .. } = &self.sockets[index];
        let entrance = *entrance;
        match listener.accept() {
            Err(error) if is_out_of_descriptors(&error) && self.spare.take().is_some() => {
                // The spare descriptor is free now; another thread may be faster, though.
                let accepted = listener.accept();
                self.fruitless += 1;
                let refuse = |(stream, _)| Accepted::Refused(refuse(&stream, entrance.tls));
                let result = accepted.map(refuse);
                self.spare = spare();
                self.complain(&error, now);
                result
            }
            Ok((stream, peer)) => Ok(Accepted::Kept(stream, by_own_name(peer), entrance)),
            Err(error) => Err(error),
        }
    }

    fn rest(&mut self, error: &io::Error, now: Millis) -> Option<Accepted> {
        self.complain(&format_args!("{error} (see ulimit -n)"), now);
        self.rests_until = now.plus(ACCEPT_REST_MS);
        self.spare = self.spare.take().or_else(spare);
        None
    }

    /// Says why connections are refused, if nothing was said of late.
    pub fn complain(&mut self, why: &dyn Display, now: Millis) {
        if now >= self.quiet_until {
            self.quiet_until = now.plus(COMPLAINT_MS);
            log::warn!("connections are refused: {why}");
        }
    }
}

/// Answers a connection that there is no room for. Where TLS is spoken, a handshake would be too
/// much: an alert is all that can be said.
pub fn refuse(stream: &TcpStream, tls: bool) -> RefusedConnection {
    turn_away(stream, if tls { INTERNAL_ERROR } else { SERVICE_UNAVAILABLE }, Refusal::Full)
}

/// Answers a connection whose address has as many as it may; `common`: the fields that all answers
/// have.
pub fn refuse_address(stream: &TcpStream, tls: bool, common: &str) -> RefusedConnection {
    let answer = [TOO_MANY_REQUESTS, common.as_bytes(), ADDRESS_FULL].concat();
    turn_away(stream, if tls { INTERNAL_ERROR } else { &answer }, Refusal::AddressFull)
}

/// What it has sent is read once before it is closed: closing a socket with unread bytes sends a
/// reset, which could overtake the answer. To wait for all it may send is more than we can afford.
fn turn_away(mut stream: &TcpStream, answer: &[u8], refusal: Refusal) -> RefusedConnection {
    // No failure here leaves us anything to do; a fresh socket has room.
    let bytes = stream.write(answer).unwrap_or_default();
    let _ = stream.shutdown(Shutdown::Write);
    let read = stream.read(&mut [0; 4096]);
    RefusedConnection { written: Call::Write { bytes }, read: socket::read_call(&read), refusal }
}

/// A client of IPv4 comes to a socket of both families, as one that we inherit may be, under a name
/// of IPv6 (`::ffff:192.0.2.1`). All of those are in one network, and are not one client.
fn by_own_name(peer: SocketAddr) -> SocketAddr {
    match peer.ip().to_canonical() {
        ip @ IpAddr::V4(_) => SocketAddr::new(ip, peer.port()),
        IpAddr::V6(_) => peer, // With its scope.
    }
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
    use crate::conn::problem::Rule;
    use crate::wire::response;

    #[test]
    fn a_client_of_ipv4_is_called_by_its_address_at_a_socket_of_both_families() {
        for (peer, name) in [
            ("[::ffff:192.0.2.1]:80", "192.0.2.1:80"),
            ("192.0.2.1:80", "192.0.2.1:80"),
            ("[2001:db8::1]:80", "[2001:db8::1]:80"),
            ("[fe80::1%2]:80", "[fe80::1%2]:80"),
        ] {
            assert_eq!(by_own_name(peer.parse().expect("an address")).to_string(), name);
        }
    }

    #[test]
    fn the_refusals_say_how_long_they_are() {
        for text in [SERVICE_UNAVAILABLE, ADDRESS_FULL] {
            let text = str::from_utf8(text).expect("ASCII");
            let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
            let length = format!("Content-Length: {}\r\n", body.len());
            assert!(head.contains(&length), "{}", body.len());
            assert!(body.starts_with("{\"type\"") && body.ends_with("\"}\n"));
        }
    }

    #[test]
    fn an_address_is_refused_in_the_words_that_a_client_behind_a_proxy_hears() {
        let rule = Rule::AddressFull;
        let text = str::from_utf8(ADDRESS_FULL).expect("ASCII");
        let (_, body) = text.split_once("\r\n\r\n").expect("a head and a body");
        let problem = response::problem(rule.status(), rule.code(), rule.detail());
        assert_eq!(body.trim_ascii_end().as_bytes(), problem.trim_ascii_end());
    }
}
