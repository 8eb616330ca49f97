//! Names of hosts, looked up on a thread of their own: the system's resolver may take its time, and
//! who asks has signals and sockets to attend to.
//!
//! Came from: `remote`, with a name. Goes to: the same, as addresses. Absent on purpose: how long
//! an answer is good for. The resolver does not say.

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;

/// A name that is being looked up.
pub struct Lookup {
    answer: Receiver<Vec<SocketAddr>>,
}

impl Lookup {
    /// Looks up `HOST:PORT`. `None`: there is no thread to be had.
    pub fn begin(name: String) -> Option<Self> {
        let (tell, answer) = mpsc::channel();
        let body = move || {
            let found = name.to_socket_addrs().map(Iterator::collect).unwrap_or_default();
            // Nobody may be left to be told.
            let _ = tell.send(found);
        };
        thread::Builder::new().name("lookup".into()).spawn(body).ok()?;
        Some(Self { answer })
    }

    /// What was found, perhaps nothing. `None`: not yet.
    pub fn found(&self) -> Option<Vec<SocketAddr>> {
        match self.answer.try_recv() {
            Ok(found) => Some(found),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Vec::new()),
        }
    }
}
