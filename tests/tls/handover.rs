//! One server takes over from another: a socket that both inherit, a port that they share.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::sync::Arc;

use rustls::HandshakeKind;

use crate::client::{VERSIONS, Wire, get, settings};
use crate::pairs::Pair;
use crate::server::Server;

/// A server that inherits `listener`, and is told that TLS is spoken at its address.
fn activated(listener: &TcpListener, pair: &Pair) -> Server {
    let mut command = Command::new("sh");
    let inherits = "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" \"$@\"";
    command.args(["-c", inherits, env!("CARGO_BIN_EXE_tollway")]);
    let ours = OwnedFd::from(listener.try_clone().expect("a descriptor"));
    let listen = format!("https://{}", listener.local_addr().expect("bound"));
    Server::start_at(&listen, command, &pair.flags(), Stdio::from(ours))
}

/// A client that goes on from the old server to the new one, whatever it remembers of the old.
fn changes(pair: &Pair, port: u16, old: Server, change: impl FnOnce(Server) -> Server) {
    for version in VERSIONS {
        let trust = Arc::new(settings(&pair.der, &[version]));
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let mut wire = Wire::open(port, &trust);
            wire.ask(&get("/-/healthy"));
            assert_eq!(wire.kind(), kind, "{version:?}");
        }
    }
    let trust = Arc::new(settings(&pair.der, &VERSIONS));
    let mut wire = Wire::open(port, &trust);
    wire.ask(&get("/-/healthy"));
    let new = change(old);
    assert!(wire.rest().expect("the old server says that it ends").is_empty());
    let mut wire = Wire::open(port, &trust);
    assert_eq!(wire.ask(&get("/-/healthy")).1, b"ok\n");
    assert_eq!(wire.kind(), HandshakeKind::Full, "the keys of tickets are each server's own");
    drop(wire);
    assert!(new.stop().success());
}

#[test]
fn a_socket_that_is_inherited_speaks_tls_where_a_listen_says_so() {
    let pair = Pair::of(&["localhost"]);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let old = activated(&listener, &pair);
    let port = old.port();
    assert_eq!(port, listener.local_addr().expect("bound").port());
    changes(&pair, port, old, |old| {
        assert!(old.stop().success());
        activated(&listener, &pair)
    });
}

#[test]
fn a_port_is_taken_over_by_a_server_that_shares_it() {
    let pair = Pair::of(&["localhost"]);
    let start = |listen: &str| {
        let command = Command::new(env!("CARGO_BIN_EXE_tollway"));
        let flags = [&pair.flags()[..], &["--reuse-port"]].concat();
        Server::start_at(listen, command, &flags, Stdio::null())
    };
    let old = start("https://127.0.0.1:0");
    let port = old.port();
    changes(&pair, port, old, |old| {
        let new = start(&format!("https://127.0.0.1:{port}"));
        assert!(old.stop().success());
        new
    });
}
