//! What the kernel does behind each signature.

use super::*;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};

fn option(socket: BorrowedFd<'_>, name: c_int) -> c_int {
    // SAFETY: every C int is one.
    unsafe { super::option(&socket, libc::IPPROTO_TCP, name, 0) }.expect("a TCP option")
}

#[test]
fn the_kernel_counts_what_went_over_a_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let mut client = TcpStream::connect(listener.local_addr().expect("bound")).expect("up");
    let (mut accepted, _) = listener.accept().expect("a connection is there");
    // The SYN and the last ACK of the handshake, and not the SYN-ACK.
    let sample = tcp_sample(&accepted, false).expect("TCP");
    assert_eq!((sample.segments_in, sample.segments_out), (2, 0));
    client.write_all(b"hello").expect("room");
    accepted.read_exact(&mut [0; 5]).expect("it comes");
    accepted.write_all(b"hi").expect("room");
    client.read_exact(&mut [0; 2]).expect("it comes");
    client.shutdown(Shutdown::Write).expect("connected");
    assert_eq!(accepted.read(&mut [0; 1]).expect("the end"), 0);
    let sample = tcp_sample(&accepted, true).expect("TCP");
    assert_eq!((sample.bytes_in, sample.bytes_out), (5, 2), "no FIN is a byte");
    assert!(sample.segments_in >= 4 && sample.segments_out >= 1);
}

#[test]
fn what_the_peer_acknowledged_is_no_longer_held() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let mut client = TcpStream::connect(listener.local_addr().expect("bound")).expect("up");
    let (mut accepted, _) = listener.accept().expect("a connection is there");
    assert_eq!(unacknowledged(&accepted).expect("TCP"), 0);
    accepted.set_nonblocking(true).expect("a socket");
    let (piece, mut sent) = (vec![0; 65_536], 0);
    while let Ok(bytes) = accepted.write(&piece) {
        sent += bytes;
    }
    let full = unacknowledged(&accepted).expect("TCP");
    assert!(full > 0 && (full as usize) < sent, "{full} of {sent}");
    client.read_exact(&mut vec![0; sent / 2]).expect("it comes");
    for _ in 0..1000 {
        if unacknowledged(&accepted).expect("TCP") < full {
            return;
        }
        client.peek(&mut [0; 1]).expect("more of it");
    }
    panic!("the peer has read half of it, and nothing is acknowledged");
}

#[test]
fn the_kernel_tells_what_its_buffers_hold() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let mut client = TcpStream::connect(listener.local_addr().expect("bound")).expect("up");
    let (accepted, _) = listener.accept().expect("a connection is there");
    client.write_all(&[0; 10_000]).expect("room");
    accepted.peek(&mut [0; 1]).expect("it comes");
    assert!(socket_memory(&accepted).expect("a socket") > 5_000);
    assert!(process().rss > 100_000);
}

#[test]
fn accepted_connections_inherit_what_was_set_on_the_listener() {
    let address = "127.0.0.1:0".parse().expect("an address");
    let socket = bound_socket(address, true).expect("a free port");
    tune_connections(&socket, 12_345).expect("options of every Linux");
    listen(&socket, 1).expect("it is bound");
    let listener = TcpListener::from(socket);
    let client = TcpStream::connect(listener.local_addr().expect("it is bound"));
    listener.set_nonblocking(false).expect("a socket");
    let (accepted, _) = listener.accept().expect("a connection is there");
    assert_eq!(option(accepted.as_fd(), libc::TCP_NODELAY), 1);
    assert_eq!(option(accepted.as_fd(), libc::TCP_NOTSENT_LOWAT), 12_345);
    drop(client);
}

#[test]
fn random_bits_differ() {
    let draws: Vec<u64> = (0..100).map(|_| random_bits().expect("a kernel")).collect();
    let distinct: std::collections::HashSet<u64> = draws.iter().copied().collect();
    assert_eq!(distinct.len(), draws.len());
}

#[test]
fn a_duplicate_goes_on_where_the_original_was() {
    let (mut reader, writer) = io::pipe().expect("two descriptors");
    let mut twin = std::fs::File::from(duplicate(writer.as_raw_fd()).expect("it is open"));
    drop(writer);
    twin.write_all(b"8080\n").expect("room");
    drop(twin);
    let mut text = String::new();
    reader.read_to_string(&mut text).expect("text");
    assert_eq!(text, "8080\n");
    assert!(duplicate(RawFd::MAX).is_err(), "nothing is open there");
}

#[test]
fn the_descriptor_limit_ends_at_the_hard_one() {
    let first = raise_descriptor_limit().expect("a limit");
    assert_eq!(raise_descriptor_limit().expect("a limit"), first);
}
