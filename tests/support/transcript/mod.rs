//! Transcripts: stories told in bytes, read from text files and played on a whole server.
//!
//! One file is one story; its first line says which rule it shows. Lines that begin with `#` are
//! the story-teller's.
//!
//! ```text
//! before the first act:
//!   limits --max-message 1KiB …     flags of the server; `--deflate on`
//!   origins https://app.example …   --allow-origin
//!   hosts tollway.example …         --allow-host
//!   ports 80 8080 …                 --listen, as far as pages are concerned
//!   tokens publish a=TOKEN TOKEN …  --publish-token; `tokens subscribe`, `tokens admin` likewise
//!   keys HS256 EdDSA                --jwt-key; `jwt audience hub`, `jwt issuer us`
//!   public open.* …                 --public-topic
//!   admin listens                   --admin-listen
//!   file notes/a.txt "text"         --static, and a file below it
//!   address a 192.0.2.1             where a client is; otherwise 127.0.0.1
//!   proxies forwarded 10.0.0.0/8 …  --proxy-header, --trust-proxy
//!   only whole                      what arrives together matters: not to be cut
//!   only one thread                 what a thread has for itself matters
//!
//! what a client does:
//!   a> GET /news HTTP/1.1           sends the line and CR LF; `a>` alone is the empty line
//!   a>| hello                       sends the text, and nothing behind it
//!   a>: 81 85 mask 37fa213d "Hello" sends bytes: hex, quoted text, "x"*100;
//!                                   `mask` sends its key and masks what follows
//!   connect a                       connects and says nothing; whoever sends has connected
//!   connect a to admin              the same, by --admin-listen
//!   connect a by tls                the same, by an address of TLS; what TLS carries is told as
//!                                   it stands, and of TLS itself: its handshake, `tls a done`,
//!                                   `tls a resumed`; that it failed, `tls a refused`,
//!                                   `tls a malformed`; that it ended without a word,
//!                                   `tls a truncated`; or was none, `tls a plain`
//!   open websocket /news as a       connects and shakes hands; ` | Name: value` adds a field
//!   open sse /news as a             connects and takes the greeting, likewise
//!   publish /news "hello"           somebody else publishes, and is told 201
//!   finish a                        ends its side, and goes on reading
//!   reset a                         breaks the connection
//!   room a 1000, room a any         the kernel takes so many more bytes for it
//!   unacknowledged a 1000           of those it took, it has not acknowledged so many
//!
//! what the server has to do:
//!   a< HTTP/1.1 100 Continue        a line; `a<|` and `a<:` as above
//!   a< 200 OK                       status line, Server, and Date with the present second
//!   a< problem 400 host_missing close
//!                                   a whole refusal: sentence and length as in the error's
//!                                   table; ` | Name: value` adds a field
//!   a< created /news e-1 readers=0  the whole answer to a publish
//!   a< poll 200 e-1 wait=5          the whole answer to a poll, its body as a ` | ` line
//!   a< chunk, a< plain              lines of a stream, ` | ` each, in a chunk or as they are
//!   a<* text                        some line later on is exactly this
//!   a< EOF                          it has ended its side
//!   close a idle                    once the client has ended its own, it drops the
//!                                   connection, and counts this reason
//!   cost a reads=1 writes=1         system calls for it since it connected, opened, or was
//!                                   billed last; compared where nothing is cut
//!   ledger sse payload in=0 out=5   bytes of a class, of all that a technique has cost
//!   turned away a                   a connection is refused at the door
//! ```
//!
//! After a 101, `a>` and `a<` are bytes; `a< problem 1002 unmasked` is the Close frame for it.
//! `a> text {…}` and `a< text {…}` are whole text frames, and `a< error 1 400 not_json` the one in
//! which `tollway.v1` refuses another.
//! `{retry}` is a delay in the bounds of its jitter, `{print}` are the sixteen digits of a
//! fingerprint; `{x*100}` in a text is a hundred times x.
//! `{jwt exp=5s publish=a}` is a token that a key of the story has signed; see `tokens`.
//! `wait 5s` lets time pass; `drain 10s` tells the server to end.
//! `overloaded on` and `unreadable on` switch on what their names say; `store full` and
//! `store works` say how the store is, and `store anew`, in a story in which a store keeps the
//! messages, that it was emptied; `store hangs 40s` how long its next write takes.
//!
//! Everything is exact: whatever the server says must be told, at the moment when it says it, and
//! whoever is not mentioned has heard nothing.

#![allow(dead_code, missing_docs, unreachable_pub)] // As in `world`: each user takes its part.

pub mod answers;
pub mod books;
pub mod bytes;
pub mod compare;
#[path = "../dice.rs"]
pub mod dice;
pub mod feeding;
pub mod offences;
pub mod parse;
pub mod play;
pub mod tokens;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use tollway::close::CloseReason;
use tollway::conn::origin::Origins;
use tollway::conn::proxies::Proxies;
use tollway::ledger::{Class, Payer};
use tollway::limits::Limits;
use tollway::rights::Secrets;

/// A story, read.
pub struct Transcript {
    /// From the package's root.
    pub path: String,
    /// Its first line.
    pub title: String,
    pub limits: Limits,
    pub origins: Origins,
    pub proxies: Proxies,
    pub secrets: Secrets,
    pub files: Option<BTreeMap<String, Vec<u8>>>,
    /// Clients that are elsewhere.
    pub addresses: BTreeMap<usize, IpAddr>,
    pub only_whole: bool,
    pub only_one_thread: bool,
    /// Names of clients; a client is an index.
    pub clients: Vec<String>,
    pub steps: Vec<Step>,
    pub shows: Shows,
}

/// One act, and the line that tells it.
#[derive(Clone, Debug)]
pub struct Step {
    pub line: usize,
    pub act: Act,
}

#[derive(Clone, Debug)]
pub enum Act {
    Connect(usize),
    ConnectToAdmin(usize),
    /// What the shell tells of a connection's TLS.
    Tls(usize, Tls),
    Refused(usize),
    /// A request whose answer's greeting is shown elsewhere.
    Open(usize, Greeting, Vec<u8>),
    Send(usize, Vec<u8>),
    Expect(usize, Vec<Piece>),
    ExpectEnd(usize),
    Publish(Vec<u8>),
    Wait(u64),
    /// The server is to end within so many milliseconds.
    Drain(u64),
    Finish(usize),
    Reset(usize),
    Room(usize, usize),
    Unacknowledged(usize, usize),
    Overloaded(bool),
    /// The store has no room, or has again.
    StoreFull(bool),
    /// The store was emptied: its numbering begins anew.
    StoreAnew,
    /// The next write to the store takes so many milliseconds.
    StoreHangs(u64),
    Unreadable(bool),
    Close(usize, CloseReason),
    Cost {
        client: usize,
        reads: usize,
        writes: usize,
    },
    Ledger {
        payer: Payer,
        class: Class,
        bytes_in: usize,
        bytes_out: usize,
    },
}

/// What becomes of a connection's TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    Begins,
    Done { resumed: bool },
    Fails(CloseReason),
    Truncated,
    Plain,
}

/// What `open` takes off the front of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Greeting {
    /// The 101 head.
    WebSocket,
    /// The head, and the first block of the stream.
    Sse,
}

/// A piece of what a client has to receive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    Exact(Vec<u8>),
    /// The present second.
    Date,
    /// Four digits in the bounds of the jitter.
    Retry,
    /// Sixteen hexadecimal digits.
    Print,
    /// Anything up to a line that says this, and anything behind it.
    Line(Vec<u8>),
}

/// What a story shows, for the test that nothing goes unshown.
#[derive(Default)]
pub struct Shows {
    pub statuses: BTreeSet<u16>,
    pub reasons: BTreeSet<&'static str>,
    /// Indices into [`offences::all`].
    pub offences: BTreeSet<usize>,
}
