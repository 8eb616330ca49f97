//! A whole server under a list of operations: whatever its clients do and in whatever order, it
//! comes to rest, owes nobody, holds no more than its bounds, counts every byte once, and every
//! reader sees what was published without a hole that it was not told of.
//!
//! Came from: operations; the first byte chooses bounds and threads. Goes to: `World`; `checks`
//! says what must hold. Absent on purpose: real time and real sockets.

mod checks;
mod clients;
mod reading;
mod stories;

use std::collections::BTreeMap;

pub use self::stories::seeds;
use tollway::limits::Limits;

use super::operations::{self, operations};
use super::world::{Client, Plan, World};
use super::{choice, head};

operations! {
    /// What can happen to a server.
    pub enum Step {
        /// A client connects.
        Connect { thread: u8 }
        /// A client asks for something.
        Get { client: u8, topics: u8, how: u8, since: u8 }
        /// A client publishes; with key 0 it has none.
        Post { client: u8, topic: u8, length: u16, key: u8 }
        /// The same in chunks, of which the last may not be sent.
        Chunks { client: u8, topic: u8, length: u8, ends: u8 }
        /// A client says a frame on its socket.
        Frame { client: u8, opcode: u8, length: u16 }
        /// A client sends a head from a list of good and bad ones.
        Head { client: u8, which: u8, cut: u8 }
        /// A client sends bytes of no meaning.
        Noise { client: u8, bytes: u32 }
        /// The kernel has room for so many bytes to a client, and for no more.
        Room { client: u8, bytes: u16 }
        /// A client reads everything, from now on.
        Drink { client: u8 }
        /// A client ends its side.
        Finish { client: u8 }
        /// A connection is reset.
        Reset { client: u8 }
        /// Time goes on.
        Sleep { ms: u16 }
        /// One turn of each thread.
        Turn {}
        /// Turns until nothing more happens.
        Rest {}
        /// Publishing is refused, or no more.
        Overload { on: u8 }
        /// Files cannot be read, or can.
        Unreadable { on: u8 }
    }
}

const TOPICS: [&str; 3] = ["a", "b", "c"];
const HISTORY_AGE_MS: u64 = 40_000;

/// A request whose answer can be foreseen.
#[derive(Clone, Debug)]
enum Asked {
    Publish { topic: usize, data: Option<Vec<u8>> },
    Poll { topics: Vec<usize>, since: Option<u64> },
    Stream { topics: Vec<usize> },
    Socket { topics: Vec<usize>, v1: bool },
    Else,
}

/// A client, and what it has done.
struct Peer {
    client: Client,
    sent: usize,
    asked: Vec<Asked>,
    /// It said something that nobody can foresee the answers to.
    tainted: bool,
    /// What its answers depend on, as it was when they were last looked at.
    seen: [usize; 4],
}

impl Peer {
    /// It has asked for an answer without end.
    fn follows(&self) -> bool {
        matches!(self.asked.last(), Some(Asked::Stream { .. } | Asked::Socket { .. }))
    }
}

struct Bench {
    world: World,
    limits: Limits,
    peers: Vec<Peer>,
    said: u32,
}

pub fn check(input: &[u8]) {
    let (bounds, rest) = choice(input);
    let mut bench = Bench::new(bounds);
    operations::play(rest, 120, |step: Step| {
        bench.play(step);
        bench.holds_always();
    });
    bench.rest();
    bench.end();
}

impl Bench {
    fn new(bounds: u8) -> Self {
        let limits = Limits {
            message_bytes_max: 2000,
            history_messages: [1000, 3][usize::from(bounds / 2 % 2)],
            history_bytes: [1_000_000, 3000][usize::from(bounds / 4 % 2)],
            retain_bytes: [1_000_000, 5000][usize::from(bounds / 8 % 2)],
            connections_max: [100, 6][usize::from(bounds / 16 % 2)],
            history_age_ms: HISTORY_AGE_MS,
            ..Limits::default()
        };
        let files = [("index.html", 9), ("large.bin", 150_000), ("a/index.html", 0)];
        let files = files.map(|(name, length)| (name.to_owned(), vec![b'x'; length]));
        let plan = Plan {
            threads: 1 + u16::from(bounds % 2),
            limits: limits.clone(),
            files: Some(BTreeMap::from(files)),
            ..Plan::default()
        };
        Self { world: World::new(plan), limits, peers: Vec::new(), said: 0 }
    }

    fn play(&mut self, step: Step) {
        match step {
            Step::Connect { thread } => {
                let shard = usize::from(thread) % self.world.brokers.len();
                if let Some(client) = self.world.connect(shard) {
                    let (sent, asked, tainted, seen) = (0, Vec::new(), false, [0; 4]);
                    self.peers.push(Peer { client, sent, asked, tainted, seen });
                }
            }
            Step::Get { client, topics, how, since } => self.get(client, topics, how, since),
            Step::Post { client, topic, length, key } => self.post(client, topic, length, key),
            Step::Chunks { client, topic, length, ends } => {
                self.chunks(client, topic, length, ends);
            }
            Step::Frame { client, opcode, length } => self.frame(client, opcode, length),
            Step::Head { client, which, cut } => {
                let head = head::HEADS[usize::from(which) % head::HEADS.len()].as_bytes();
                let cut = head.len() - usize::from(cut) % head.len();
                self.taint(client, &head[..cut]);
            }
            Step::Noise { client, bytes } => self.taint(client, &bytes.to_le_bytes()),
            Step::Room { client, bytes } => self.each(client, |world, peer| {
                world.pipe(peer.client).room = bytes.into();
            }),
            Step::Drink { client } => self.each(client, |world, peer| {
                world.pipe(peer.client).room = usize::MAX;
            }),
            Step::Finish { client } => self.each(client, |world, peer| world.finish(peer.client)),
            Step::Reset { client } => self.each(client, |world, peer| world.reset(peer.client)),
            Step::Sleep { ms } => self.world.advance(ms.into()),
            Step::Turn {} => drop(self.world.turn()),
            Step::Rest {} => self.rest(),
            Step::Overload { on } => self.world.overloaded = on % 2 == 1,
            Step::Unreadable { on } => self.world.unreadable = on % 2 == 1,
        }
    }

    /// Does something to one client, if there is any.
    fn each(&mut self, client: u8, act: impl FnOnce(&mut World, &mut Peer)) {
        let count = self.peers.len();
        if count > 0 {
            act(&mut self.world, &mut self.peers[usize::from(client) % count]);
        }
    }

    fn send(&mut self, client: u8, bytes: &[u8]) {
        self.each(client, |world, peer| {
            if !world.pipe(peer.client).finished {
                peer.sent += bytes.len();
                world.send(peer.client, bytes);
            }
        });
    }

    fn taint(&mut self, client: u8, bytes: &[u8]) {
        self.each(client, |_, peer| peer.tainted = true);
        self.send(client, bytes);
    }

    fn ask(&mut self, client: u8, asked: Asked, request: &[u8]) {
        let mut behind = false;
        self.each(client, |world, peer| {
            behind = peer.follows() || world.pipe(peer.client).finished;
            if !behind {
                peer.asked.push(asked);
            }
        });
        if !behind {
            self.send(client, request);
        }
    }

    fn rest(&mut self) {
        self.world.run();
        self.holds_at_rest();
    }

    /// Everyone goes; nothing is left.
    fn end(&mut self) {
        self.world.overloaded = false;
        for n in 0..self.peers.len() {
            self.world.finish(self.peers[n].client);
        }
        self.world.advance(200_000);
        self.holds_at_rest();
        self.nothing_is_left();
    }
}
