//! A whole server in one thread, without sockets and with a clock of its own: the brokers, the
//! sequencer, and a fake shell between them that does what `shell::event_loop` does.
//!
//! Shared by transcripts, simulation and fuzzing. Time moves only by [`World::advance`].

#![allow(dead_code, missing_docs, unreachable_pub)] // Each user takes what it needs.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io::{ErrorKind, IoSlice};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tollway::broker::{
    Broker, Effect, FileError, FileInfo, Letter, Places, Setup, Teardown, UnfinishedPool,
};
use tollway::close::CloseReason;
use tollway::conn::origin::Origins;
use tollway::conn::proxies::Proxies;
use tollway::conn::request::FileWant;
use tollway::hub::Receipt;
use tollway::ids::{ConnId, Cursor, Door, Epoch, Millis, ShardId, WallSecond};
use tollway::ledger::{
    Call, Ledger, Process, Refusal, RefusedConnection, Sample, Scope, ShardReport,
};
use tollway::limits::SLICES_MAX;
use tollway::limits::{Limits, READ_BYTES};
use tollway::rights::Rights;
use tollway::rights::tickets::TicketBook;
use tollway::store::sequencer::{Commit, Sequencer};
use tollway::technique::message::Message;

#[path = "mishaps.rs"]
pub mod mishaps;

#[path = "stored.rs"]
pub mod stored;

use mishaps::{Edge, Mishaps, Well};
use stored::{Disk, Stored};

/// Portions of deliveries in a turn.
const PORTIONS_PER_TURN: usize = 8;

/// The epoch of every world: ids read `e-1`, `e-2`, ….
pub const EPOCH: Epoch = Epoch(14);

/// The wall clock at moment 0: Sun, 06 Nov 1994 08:49:37 GMT, the date of RFC 9110's examples.
pub const UNIX_START_S: u64 = 784_111_777;

/// A file of this name was changed at that moment, in seconds since 1970; all others at moment 0.
const TIMES: [(&str, i64); 4] = [
    ("far.txt", 253_402_300_800),
    ("farthest.txt", i64::MAX),
    ("ahead.txt", 784_111_777 + 3600),
    ("before.txt", -1),
];

/// What a world is made of.
pub struct Plan {
    pub threads: u16,
    pub limits: Limits,
    pub origins: Origins,
    pub proxies: Proxies,
    /// `Some`: `--static` was given, and these are the files below it.
    pub files: Option<BTreeMap<String, Vec<u8>>>,
    /// `--admin-listen` was given.
    pub admin_listens: bool,
    /// Who may do what; without, everybody may do everything.
    pub rights: Option<Arc<Rights>>,
    pub epoch: Epoch,
    /// A store keeps the messages, and the numbering is the one that goes on there.
    pub disk: Option<Disk>,
    pub seed: u64,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            threads: 1,
            limits: Limits::default(),
            origins: Origins::default(),
            proxies: Proxies::default(),
            files: None,
            admin_listens: false,
            rights: None,
            epoch: EPOCH,
            disk: None,
            seed: 1,
        }
    }
}

/// Whether a segment of ours tells its reader that it was slow: by an event named `gap`, a frame of
/// `tollway.v1`, or a Close frame. Clients may have said the same words; but what they say comes
/// behind an id or a reference, or as the payload of a Pong or of a raw WebSocket.
pub fn says_slow(segment: &[u8], is_v1: bool) -> bool {
    const REASON: &[u8] = br#""reason":"slow""#;
    if is_v1 {
        let is_gap = |text: &[u8]| text.starts_with(br#"{"gap":"#) && has(text, REASON);
        return texts(segment).any(is_gap);
    }
    if let [0x88, _, _, _, reason @ ..] = segment {
        return reason.starts_with(b"gap: slow from");
    }
    let mut lines = segment.split(|&byte| byte == b'\n').peekable();
    let is_size = |line: &&[u8]| {
        line.strip_suffix(b"\r").is_some_and(|size| size.iter().all(u8::is_ascii_hexdigit))
    };
    lines.next_if(is_size);
    let is_event = lines.next().is_some_and(|line| line.starts_with(b"id: "));
    is_event && lines.next() == Some(b"event: gap") && has(segment, REASON)
}

/// The texts among frames of ours, which may lie in one segment; up to one that is not whole.
fn texts(mut frames: &[u8]) -> impl Iterator<Item = &[u8]> {
    let payloads = std::iter::from_fn(move || {
        let (opcode, length, rest) = match *frames {
            [a, 126, b, c, ref rest @ ..] => (a, u64::from(u16::from_be_bytes([b, c])), rest),
            [a, 127, ref rest @ ..] => {
                let (length, rest) = rest.split_first_chunk()?;
                (a, u64::from_be_bytes(*length), rest)
            }
            [a, length, ref rest @ ..] => (a, u64::from(length), rest),
            _ => return None,
        };
        let (payload, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
        frames = rest;
        Some((opcode, payload))
    });
    payloads.filter(|&(opcode, _)| opcode == 0x81).map(|(_, payload)| payload)
}

/// Whether a segment of ours is a head that agrees on `tollway.v1`.
fn agrees_on_v1(segment: &[u8]) -> bool {
    segment.starts_with(b"HTTP/1.1 101 ") && has(segment, b"Sec-WebSocket-Protocol: tollway.v1\r\n")
}

fn has(bytes: &[u8], words: &[u8]) -> bool {
    bytes.windows(words.len()).any(|window| window == words)
}

/// One end of a connection: the client's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Client(pub usize);

/// A connection as its client sees it, and the fake kernel in between.
#[allow(clippy::struct_excessive_bools)] // Each is a fact by itself.
pub struct Pipe {
    pub shard: usize,
    pub id: ConnId,
    /// Sent by the client, not yet read by the server.
    pub inbound: VecDeque<u8>,
    /// The client has ended its side; shown to the server when `inbound` is empty.
    pub finished: bool,
    finish_told: bool,
    /// Bytes or the end came, and the server was not told yet.
    edge: Edge,
    /// There is room again, and the server was not told yet.
    room_edge: Edge,
    /// An event said nothing new.
    woken_for_nothing: bool,
    /// It was told that the client has ended its side behind bytes that nobody reads.
    finishing_told: bool,
    /// An edge told of bytes or of the end. Like an edge, it is told once: a connection that wants
    /// no bytes is not asked again before it says that it has resumed.
    to_read: bool,
    /// The last write found room for everything.
    writable: bool,
    /// The kernel has had no room for something, ever.
    pub ever_full: bool,
    /// It is a WebSocket that speaks `tollway.v1`.
    is_v1: bool,
    /// How often it took less than it was given.
    pub shortfalls: usize,
    /// There is something to write, as far as the shell was told.
    to_write: bool,
    /// Bytes that the server has written.
    pub received: Vec<u8>,
    /// Bytes that were taken from the server and that the client has not acknowledged, besides
    /// those in `received`.
    pub unacknowledged: usize,
    /// How many more bytes the kernel takes from the server. The client makes room by reading.
    pub room: usize,
    /// The server has ended its side.
    pub half_closed: bool,
    /// The server has dropped the socket.
    pub closed: Option<CloseReason>,
    /// How many messages were committed when the turn began in which it was told goodbye.
    pub left_behind: Option<u64>,
    /// When the server last wrote something, and when it dropped the socket.
    pub wrote_at: Millis,
    pub closed_at: Millis,
    /// Bytes that the server has read and written, in all.
    pub bytes_read: u64,
    pub bytes_written: u64,
    /// System calls, as the shell would have made them.
    pub reads: usize,
    pub writes: usize,
}

impl Pipe {
    /// Takes what the server has written so far.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.received)
    }

    /// Whether the server has said its last byte.
    pub fn ended(&self) -> bool {
        self.half_closed || self.closed.is_some()
    }
}

#[allow(clippy::struct_excessive_bools)] // Each is a fact by itself.
pub struct World {
    pub now: Millis,
    pub brokers: Vec<Broker>,
    pub sequencer: Sequencer,
    /// The store, if one keeps the messages.
    pub stored: Option<Stored>,
    /// When somebody was last told that the store cannot be used.
    pub unavailable_at: Option<Millis>,
    /// The numbering in force.
    pub epoch: Epoch,
    /// Places that addresses have taken, and how many each may.
    pub places: Places,
    places_max: usize,
    mailboxes: Vec<VecDeque<Letter>>,
    pub pipes: Vec<Pipe>,
    by_id: HashMap<(usize, ConnId), usize>,
    files: BTreeMap<String, Vec<u8>>,
    open: HashMap<(usize, ConnId), String>,
    pub tickets: TicketBook,
    /// Tickets that were given: the next one's bits.
    given: u64,
    /// Every message of the numbering that has a place, in the order of places.
    pub committed: Vec<Arc<Message>>,
    /// The numberings that have ended, and what was committed in each.
    pub ended: Vec<(Epoch, Vec<Arc<Message>>)>,
    /// Publishing is refused, as under overload.
    pub overloaded: bool,
    /// The store cannot be used: by [`World::set_store_fault`].
    unavailable: bool,
    /// A file that was opened can no longer be read.
    pub unreadable: bool,
    pub mishaps: Box<dyn Mishaps>,
    /// Threads that stand still, and until when.
    paused: Vec<Millis>,
    /// Letters of threads to each other that are on their way: sender, receiver.
    on_their_way: Vec<(usize, usize, Letter)>,
    /// A thread has a turn in the middle of another one's.
    nested: bool,
    /// How far the wall clock is ahead of what it would be, in seconds.
    wall_ahead_s: i64,
    /// When the wall clock was looked at, and what it said.
    walls: Vec<(Millis, u64)>,
    /// Bytes of connections that were refused for want of a descriptor: read and written.
    pub unseen: (u64, u64),
    /// The server is to end by then.
    pub ends_at: Option<Millis>,
    /// How many messages were committed when the present turn of each thread began: in its middle
    /// others may turn.
    committed_before: Vec<usize>,
}

impl World {
    pub fn new(plan: Plan) -> Self {
        let unfinished = UnfinishedPool::new(plan.limits.unfinished_bytes_max);
        let (stored, epoch, past) = match plan.disk.map(Stored::open) {
            Some((stored, epoch, past)) => (Some(stored), epoch, Some(past)),
            None => (None, plan.epoch, None),
        };
        let committed = past.iter().flat_map(|past| &past.messages);
        let committed: Vec<_> = committed.map(|(message, _)| Arc::clone(message)).collect();
        let brokers = (0..plan.threads)
            .map(|n| {
                let mut broker = Broker::new(Setup {
                    shard: ShardId(n),
                    threads: plan.threads,
                    epoch,
                    past: past.clone(),
                    began: Millis(0),
                    limits: plan.limits.clone(),
                    unfinished: unfinished.clone(),
                    origins: plan.origins.clone(),
                    proxies: plan.proxies.clone(),
                    serves_files: plan.files.is_some(),
                    admin_listens: plan.admin_listens,
                    rights: plan.rights.clone(),
                    seed: plan.seed,
                });
                broker.wall_clock(WallSecond { unix_s: UNIX_START_S, ends: Millis(1000) });
                broker
            })
            .collect();
        Self {
            now: Millis(0),
            brokers,
            sequencer: Sequencer::new(&plan.limits),
            stored,
            unavailable_at: None,
            epoch,
            places: Places::default(),
            places_max: match plan.limits.connections_per_address_max {
                0 => usize::MAX,
                most => most,
            },
            mailboxes: (0..plan.threads).map(|_| VecDeque::new()).collect(),
            pipes: Vec::new(),
            by_id: HashMap::new(),
            files: plan.files.unwrap_or_default(),
            open: HashMap::new(),
            tickets: TicketBook::default(),
            given: 0,
            committed_before: vec![committed.len(); usize::from(plan.threads)],
            committed,
            ended: Vec::new(),
            overloaded: false,
            unavailable: false,
            unreadable: false,
            mishaps: Box::new(Well),
            paused: vec![Millis(0); usize::from(plan.threads)],
            on_their_way: Vec::new(),
            nested: false,
            wall_ahead_s: 0,
            walls: vec![(Millis(0), UNIX_START_S)],
            unseen: (0, 0),
            ends_at: None,
        }
    }

    /// Connects to a thread. `None`: refused at the door.
    pub fn connect(&mut self, shard: usize) -> Option<Client> {
        self.connect_from(shard, Ipv4Addr::LOCALHOST.into())
    }

    /// The same, from some address.
    pub fn connect_from(&mut self, shard: usize, address: IpAddr) -> Option<Client> {
        self.connect_by(Door::Public, shard, address)
    }

    fn connect_by(&mut self, door: Door, shard: usize, address: IpAddr) -> Option<Client> {
        if self.mishaps.is_out_of_descriptors() {
            // As `shell::acceptor` does it, with the spare one: 503, and what came is read once.
            let (written, read) = (300, 70);
            self.brokers[shard].refused_unseen(RefusedConnection {
                written: Call::Write { bytes: written },
                read: Call::Read { bytes: read },
                refusal: Refusal::Full,
            });
            self.unseen.0 += read as u64;
            self.unseen.1 += written as u64;
            return None;
        }
        let n = self.pipes.len();
        // Exact: tests do not open 64 Ki connections that need different ports.
        let peer = SocketAddr::from((address, (n % 60_000) as u16 + 1024));
        let place = self.brokers[shard].place_of(peer, door);
        if place.is_some_and(|network| !self.places.take(network, self.places_max)) {
            return None;
        }
        let Some(id) = self.brokers[shard].accepted(peer, door, self.now) else {
            if let Some(network) = place {
                self.places.free(network);
            }
            return None;
        };
        self.close_sockets(shard); // Somebody may have made room.
        self.by_id.insert((shard, id), n);
        self.pipes.push(Pipe {
            shard,
            id,
            inbound: VecDeque::new(),
            finished: false,
            finish_told: false,
            edge: None,
            room_edge: None,
            woken_for_nothing: false,
            finishing_told: false,
            unacknowledged: 0,
            to_read: false,
            writable: true,
            ever_full: false,
            is_v1: false,
            shortfalls: 0,
            to_write: false,
            received: Vec::new(),
            room: usize::MAX,
            half_closed: false,
            closed: None,
            left_behind: None,
            wrote_at: self.now,
            closed_at: self.now,
            bytes_read: 0,
            bytes_written: 0,
            reads: 0,
            writes: 0,
        });
        if self.mishaps.is_out_of_descriptors() {
            // The kernel's bound on watched descriptors.
            self.brokers[shard].failed(id, ErrorKind::StorageFull, self.now);
            self.close_sockets(shard);
        }
        Some(Client(n))
    }

    /// Connects to a thread by `--admin-listen`.
    pub fn connect_to_admin(&mut self, shard: usize) -> Option<Client> {
        self.connect_by(Door::Admin, shard, Ipv4Addr::LOCALHOST.into())
    }

    pub fn pipe(&mut self, client: Client) -> &mut Pipe {
        &mut self.pipes[client.0]
    }

    /// The client sends bytes; the server reads them in its next turn.
    pub fn send(&mut self, client: Client, bytes: &[u8]) {
        let now = self.now;
        let pipe = self.pipe(client);
        pipe.inbound.extend(bytes);
        pipe.edge.get_or_insert(now);
    }

    /// The client ends its side, and may still read.
    pub fn finish(&mut self, client: Client) {
        let now = self.now;
        let pipe = self.pipe(client);
        pipe.finished = true;
        pipe.edge.get_or_insert(now);
    }

    /// The connection is reset under both.
    pub fn reset(&mut self, client: Client) {
        let (shard, id) = (self.pipe(client).shard, self.pipe(client).id);
        if self.pipe(client).closed.is_none() {
            self.brokers[shard].failed(id, ErrorKind::ConnectionReset, self.now);
            self.close_sockets(shard);
        }
    }

    /// The shell tells the server something of a connection that is not bytes.
    pub fn tell(&mut self, client: Client, what: impl FnOnce(&mut Broker, ConnId, Millis)) {
        let (shard, id) = (self.pipe(client).shard, self.pipe(client).id);
        what(&mut self.brokers[shard], id, self.now);
        self.run();
    }

    /// An operator wants the server to end, `ms` from now at the latest.
    pub fn end_within(&mut self, ms: u64) {
        let until = self.now.plus(ms);
        self.ends_at = Some(until);
        for broker in &mut self.brokers {
            broker.drain(self.now, until);
        }
    }

    /// Notes down what had been committed for those who were told goodbye in this turn.
    fn note_goodbyes(&mut self, shard: usize) {
        let committed = self.committed_before[shard];
        let broker = &self.brokers[shard];
        for pipe in &mut self.pipes {
            if pipe.shard == shard && pipe.left_behind.is_none() {
                let leaving = broker.conn(pipe.id).and_then(|conn| conn.flow.leaving);
                let left = leaving == Some(CloseReason::Drained);
                pipe.left_behind = left.then_some(committed as u64);
            }
        }
    }

    /// The store cannot be used any more, for this reason, or can again.
    pub fn set_store_fault(&mut self, fault: Option<&str>) {
        self.unavailable = fault.is_some();
        for mailbox in &mut self.mailboxes {
            mailbox.push_back(Letter::StoreState(fault.map(Into::into)));
        }
    }

    /// Turns every thread until nothing more happens at this moment.
    pub fn run(&mut self) {
        for _ in 0..1_000_000 {
            if !self.turn() {
                return;
            }
        }
        panic!("the server does not come to rest at {:?}", self.now);
    }

    /// Lets time pass, stopping at every deadline on the way.
    pub fn advance(&mut self, ms: u64) {
        let until = self.now.plus(ms);
        self.run();
        for _ in 0..10_000_000 {
            match self.next_stop() {
                Some(due) if due <= until => {
                    self.now = self.now.max(due);
                    self.set_clocks();
                    self.run();
                }
                _ => {
                    self.now = until;
                    self.set_clocks();
                    return self.run();
                }
            }
        }
        panic!("deadlines do not come to an end at {:?}", self.now);
    }

    /// The next deadline, or the end of a pause.
    fn next_stop(&self) -> Option<Millis> {
        let goes_on = self.paused.iter().filter(|&&until| until > self.now).copied();
        let deadlines = self.brokers.iter().zip(&self.paused);
        let deadlines = deadlines.filter_map(|(broker, &until)| {
            broker.next_deadline().filter(|&due| until <= self.now || due > until)
        });
        let store = self.stored.as_ref().and_then(Stored::next_stop);
        goes_on.chain(deadlines).chain(store).min()
    }

    fn set_clocks(&mut self) {
        let wall = self.wall_s();
        self.walls.push((self.now, wall));
        let ends = Millis((self.now.0 / 1000 + 1) * 1000);
        for broker in &mut self.brokers {
            broker.wall_clock(WallSecond { unix_s: wall, ends });
        }
    }

    /// What the wall clock would say now.
    pub fn wall_s(&self) -> u64 {
        (UNIX_START_S + self.now.0 / 1000).saturating_add_signed(self.wall_ahead_s)
    }

    /// What it said at that moment, and whatever since.
    pub fn walls_since(&self, ms: u64) -> &[(Millis, u64)] {
        let later = self.walls.partition_point(|(at, _)| at.0 < ms);
        &self.walls[later.saturating_sub(1)..]
    }

    /// The machine has run for so long already.
    pub fn begin_at(&mut self, now: Millis) {
        self.now = now;
        self.walls.clear();
        self.set_clocks();
    }

    /// Somebody sets the wall clock: so many seconds ahead of where it would be.
    pub fn set_wall(&mut self, ahead_s: i64) {
        self.wall_ahead_s = ahead_s;
        self.set_clocks();
    }

    /// A thread stands still for so long.
    pub fn pause(&mut self, shard: usize, ms: u64) {
        self.paused[shard] = self.now.plus(ms);
    }

    /// All threads go on.
    pub fn end_pauses(&mut self) {
        self.paused.fill(Millis(0));
    }

    /// One turn of every thread. `true`: something happened.
    pub fn turn(&mut self) -> bool {
        let mut any = false;
        for shard in 0..self.brokers.len() {
            any |= self.turn_of(shard);
        }
        any |= self.store_turn();
        any
    }

    /// One turn of one thread, in the order of the real event loop; `tests/tidy.rs` compares them.
    pub fn turn_of(&mut self, shard: usize) -> bool {
        if self.paused[shard] > self.now {
            return false;
        }
        let mut any = self.take_in(shard);
        any |= self.run_effects(shard);
        any |= self.expire(shard);
        any |= self.answer(shard);
        any |= self.deliver(shard);
        any |= self.run_effects(shard);
        any |= self.write_out(shard);
        any |= self.run_effects(shard);
        any |= self.close_sockets(shard);
        any
    }

    /// Another thread has a turn in the middle of this one.
    fn meanwhile(&mut self, shard: usize) {
        let other = self.mishaps.meanwhile(self.brokers.len());
        if let Some(other) = other.filter(|&other| other != shard && !self.nested) {
            self.nested = true;
            self.turn_of(other);
            self.nested = false;
        }
    }

    fn expire(&mut self, shard: usize) -> bool {
        self.meanwhile(shard);
        let due = self.brokers[shard].next_deadline().is_some_and(|due| due <= self.now);
        if due {
            self.drain(shard);
            self.brokers[shard].expire(self.now);
        }
        due
    }

    /// Whoever was answered and reads nothing has its answer before a round goes on.
    fn answer(&mut self, shard: usize) -> bool {
        self.meanwhile(shard);
        self.brokers[shard].read_portion(self.now);
        if !self.brokers[shard].has_rounds() {
            return false;
        }
        let mut any = self.note_dirty(shard);
        for n in 0..self.pipes.len() {
            let pipe = &mut self.pipes[n];
            let waits = pipe.shard == shard && pipe.closed.is_none() && pipe.to_write;
            if waits && !self.brokers[shard].is_subscribed(pipe.id) {
                pipe.to_write = false;
                any |= self.write(shard, n);
            }
        }
        any
    }

    /// A few portions: how many fit into a turn depends on the clock, and here there is none.
    fn deliver(&mut self, shard: usize) -> bool {
        self.meanwhile(shard);
        (0..PORTIONS_PER_TURN).all(|_| self.brokers[shard].deliver(self.now))
    }

    fn take_in(&mut self, shard: usize) -> bool {
        self.committed_before[shard] = self.committed.len();
        let mut any = self.hear(shard);
        for n in 0..self.pipes.len() {
            let pipe = &mut self.pipes[n];
            if pipe.shard != shard || pipe.closed.is_some() || !std::mem::take(&mut pipe.to_read) {
                continue;
            }
            let id = pipe.id;
            let for_nothing = std::mem::take(&mut pipe.woken_for_nothing);
            let more = !pipe.inbound.is_empty() || (pipe.finished && !pipe.finish_told);
            if !self.brokers[shard].wants_bytes(id) {
                let told = pipe.finished && more && pipe.edge.is_none();
                if told && !std::mem::replace(&mut pipe.finishing_told, true) {
                    self.brokers[shard].peer_finishing(id, self.now);
                    any = true;
                }
                continue;
            }
            if more {
                any = true;
                self.drain(shard);
                self.read(shard, n);
            } else if for_nothing && !pipe.finish_told {
                self.brokers[shard].charge(id, Call::ReadWouldBlock);
            }
        }
        any
    }

    fn read(&mut self, shard: usize, n: usize) {
        let (pipe, broker) = (&mut self.pipes[n], &mut self.brokers[shard]);
        let id = pipe.id;
        let come = pipe.inbound.len().min(READ_BYTES);
        let length = if come == 0 { 0 } else { self.mishaps.read(come).clamp(1, come) };
        let mut bytes: Vec<u8> = pipe.inbound.drain(..length).collect();
        pipe.reads += 1;
        pipe.bytes_read += length as u64;
        if length < come {
            pipe.edge.get_or_insert(self.now);
        } else {
            // The end is behind a short read; a long one says that there may be more.
            pipe.to_read = length > 0 && (pipe.finished || !pipe.inbound.is_empty());
        }
        broker.charge(id, Call::Read { bytes: length });
        if length == 0 {
            pipe.finish_told = true;
            broker.peer_finished(id, self.now);
        } else {
            broker.received(id, &mut bytes, self.now);
        }
    }

    /// Edges of bytes, of ends, and of nothing are told. `true`: something is still to be told.
    fn hear(&mut self, shard: usize) -> bool {
        let mut untold = self.on_their_way.iter().any(|&(_, to, _)| to == shard);
        for pipe in self.pipes.iter_mut().filter(|pipe| pipe.shard == shard) {
            if pipe.closed.is_some() {
                continue;
            }
            if let Some(since) = pipe.edge {
                let told = self.now > since || self.mishaps.tells();
                pipe.to_read |= told;
                pipe.edge = pipe.edge.filter(|_| !told);
                untold |= !told;
            } else if self.mishaps.wakes_for_nothing() {
                (pipe.to_read, pipe.woken_for_nothing) = (true, true);
            }
        }
        untold
    }

    /// Letters of other threads come, those of each sender in their order. The sequencer's do not
    /// pass by here: they are posted under its lock, and there before anything follows from them.
    fn come_in(&mut self, shard: usize) {
        let mut held = Vec::new();
        for (from, to, letter) in std::mem::take(&mut self.on_their_way) {
            if to != shard || held.contains(&from) || self.mishaps.holds_letter() {
                held.extend((to == shard).then_some(from));
                self.on_their_way.push((from, to, letter));
            } else {
                self.mailboxes[to].push_back(letter);
            }
        }
    }

    fn drain(&mut self, shard: usize) -> bool {
        self.come_in(shard);
        let any = !self.mailboxes[shard].is_empty();
        while let Some(letter) = self.mailboxes[shard].pop_front() {
            self.brokers[shard].letter(letter, self.now);
        }
        any
    }

    fn run_effects(&mut self, shard: usize) -> bool {
        let mut any = false;
        loop {
            let mut progress = false;
            while let Some(change) = self.brokers[shard].next_subscriber_change() {
                self.sequencer.take(&change, ShardId(shard as u16));
                progress = true;
            }
            while let Some(effect) = self.brokers[shard].next_effect() {
                self.effect(shard, effect);
                progress = true;
            }
            progress |= self.drain(shard);
            progress |= self.brokers[shard].go_on(self.now);
            while let Some(id) = self.brokers[shard].next_resumed() {
                if let Some(&n) = self.by_id.get(&(shard, id)) {
                    self.pipes[n].to_read = true;
                }
                progress = true;
            }
            if !progress {
                return any;
            }
            any = true;
        }
    }

    fn effect(&mut self, shard: usize, effect: Effect) {
        match effect {
            Effect::Publish { conn, .. } if self.overloaded => {
                if self.refused_in_line(shard, conn) {
                    return;
                }
                self.mailboxes[shard].push_back(Letter::Refused(conn));
            }
            Effect::Publish { conn, .. } if self.unavailable => {
                self.mailboxes[shard].push_back(Letter::Unavailable(conn));
            }
            Effect::Publish { conn, draft } if self.stored.is_some() => {
                self.hand_over(shard, conn, draft);
            }
            Effect::Publish { conn, draft } => {
                match self.sequencer.commit(draft, self.now.micros()) {
                    Commit::Appended { message, subscribers, .. } => {
                        self.committed.push(Arc::clone(&message));
                        for (n, mailbox) in self.mailboxes.iter_mut().enumerate() {
                            mailbox.push_back(Letter::Committed {
                                message: Arc::clone(&message),
                                receipt: (n == shard).then_some(Receipt {
                                    conn,
                                    seq: message.seq,
                                    subscribers,
                                }),
                            });
                        }
                    }
                    Commit::TooFast { retry_ms } => {
                        self.mailboxes[shard].push_back(Letter::TooFast { conn, retry_ms });
                    }
                    Commit::Repeated { seq, subscribers } => {
                        let receipt = Receipt { conn, seq, subscribers };
                        self.mailboxes[shard].push_back(Letter::Repeated(receipt));
                    }
                }
            }
            Effect::Count { conn, topic } => {
                let subscribers = self.sequencer.subscribers(&topic);
                self.brokers[shard].counted(conn, subscribers, self.now);
            }
            Effect::GiveTicket { conn, grant } => {
                self.given += 1;
                let ticket = self.tickets.give([0, self.given], grant, self.now);
                self.brokers[shard].ticket_given(conn, ticket, self.now);
            }
            Effect::TakeTicket { conn, ticket } => {
                let grant = self.tickets.take(ticket, self.now);
                self.brokers[shard].ticket_taken(conn, grant, self.now);
            }
            Effect::OpenFile { conn, path } => {
                let mut found = self.find(&path);
                if self.mishaps.is_out_of_descriptors() {
                    found = Err(FileError::Unreadable); // As `shell::files` tells it.
                }
                if let Ok((name, _)) = &found {
                    self.open.insert((shard, conn), name.clone());
                }
                let found = found.map(|(_, info)| info);
                self.brokers[shard].file_opened(conn, found, self.now);
            }
            Effect::ReadFile { conn, offset, length } => {
                let Some(name) = self.open.get(&(shard, conn)) else {
                    return; // The connection was dropped meanwhile.
                };
                let bytes = &self.files[name];
                let end = bytes.len().min(offset as usize + length);
                let piece = if self.unreadable {
                    Err(FileError::Unreadable)
                } else {
                    Ok(bytes[offset as usize..end].to_vec())
                };
                self.brokers[shard].file_read(conn, piece, self.now);
            }
            Effect::CloseFile { conn } => {
                self.open.remove(&(shard, conn));
            }
            Effect::Sample { conn, payer } => {
                if let Some(sample) = self.sample(shard, conn) {
                    self.brokers[shard].sampled(conn, payer, sample);
                }
            }
            Effect::TakePlace { conn, network } => {
                let place = self.places.take(network, self.places_max).then_some(network);
                if let Some(free) = self.brokers[shard].placed(conn, place, self.now) {
                    self.places.free(free);
                }
            }
            Effect::FreePlace { network } => self.places.free(network),
            Effect::CountUnacknowledged { conn } => {
                if let Some(&n) = self.by_id.get(&(shard, conn)) {
                    let pipe = &self.pipes[n];
                    // Exact: stories are short.
                    let bytes = (pipe.received.len() + pipe.unacknowledged) as u32;
                    self.brokers[shard].unacknowledged(conn, bytes, self.now);
                }
            }
            Effect::AskForReport { scope } => {
                // Exact: a world has few threads.
                let from = ShardId(shard as u16);
                for to in 0..self.mailboxes.len() {
                    self.on_their_way.push((shard, to, Letter::ReportWanted { from, scope }));
                }
            }
            Effect::ShardReport { to, scope } => {
                let part = Box::new(self.part_of(shard, scope));
                self.on_their_way.push((shard, usize::from(to.0), Letter::ShardReport(part)));
            }
        }
    }

    /// What the fake kernel counts: a segment for each read and write that moved something.
    fn sample(&self, shard: usize, id: ConnId) -> Option<Sample> {
        let pipe = &self.pipes[*self.by_id.get(&(shard, id))?];
        Some(Sample {
            segments_in: pipe.reads as u32,
            segments_out: pipe.writes as u32,
            bytes_in: pipe.bytes_read,
            bytes_out: pipe.bytes_written,
            rtt_us: 100,
            ..Sample::default()
        })
    }

    /// What a thread has to report.
    pub fn part_of(&self, shard: usize, scope: Scope) -> ShardReport {
        let sample = |id| self.sample(shard, id);
        self.brokers[shard].shard_report(scope, Process::default(), self.now, sample)
    }

    /// What all threads have to report.
    pub fn parts(&self) -> ShardReport {
        let mut sum = ShardReport::default();
        for shard in 0..self.brokers.len() {
            sum += self.part_of(shard, Scope::Sums);
        }
        sum
    }

    /// What all threads have counted.
    pub fn ledger(&self) -> Ledger {
        let mut sum = Ledger::default();
        for broker in &self.brokers {
            sum += broker.ledger();
        }
        sum
    }

    fn find(&self, path: &str) -> Result<(String, FileInfo), FileError> {
        let name = match path {
            "" => "index.html".to_owned(),
            _ if path.ends_with('/') => format!("{path}index.html"),
            _ => path.to_owned(),
        };
        if let Some(bytes) = self.files.get(&name) {
            let time = TIMES.iter().find(|(at, _)| *at == name);
            let usual_s = UNIX_START_S.cast_signed() - 3_600;
            let modified_s = time.map_or(usual_s, |&(_, unix_s)| unix_s);
            let info = FileInfo {
                length: bytes.len() as u64,
                modified_s,
                modified_ns: 0,
                changed_s: modified_s.min(usual_s),
                changed_ns: 0,
                inode: 1,
            };
            return Ok((name, info));
        }
        let folder = format!("{name}/");
        if name == FileWant::FOLDER || self.files.keys().any(|key| key.starts_with(&folder)) {
            return Err(FileError::IsDirectory);
        }
        if name == "unreadable" {
            return Err(FileError::Unreadable);
        }
        Err(FileError::NotFound)
    }

    /// Files that are open: 0 when nothing is being sent.
    pub fn open_files(&self) -> usize {
        self.open.len()
    }

    /// Up to which place a thread has taken in what was committed.
    pub fn heard(&self, shard: usize) -> u64 {
        self.brokers[shard].hub().start(&[], &Cursor::Latest).cursor.0
    }

    /// Writes to whoever became dirty, and to whoever found no room and has some now.
    fn write_out(&mut self, shard: usize) -> bool {
        self.meanwhile(shard);
        let mut any = self.note_dirty(shard);
        for n in 0..self.pipes.len() {
            let pipe = &mut self.pipes[n];
            if pipe.shard != shard || pipe.closed.is_some() {
                continue;
            }
            if !pipe.writable && pipe.room > 0 {
                let since = *pipe.room_edge.get_or_insert(self.now);
                if self.now > since || self.mishaps.tells() {
                    pipe.room_edge = None;
                    pipe.writable = true;
                    pipe.to_write = true;
                } else {
                    any = true; // It is still to be told.
                }
            } else if !pipe.writable && self.mishaps.wakes_for_nothing() {
                pipe.to_write = true;
            }
            if std::mem::take(&mut pipe.to_write) {
                any |= self.write(shard, n);
                let pipe = &self.pipes[n];
                any |= !pipe.writable && pipe.room > 0; // An edge will tell of the room.
            }
        }
        any
    }

    /// Moves those whose outbox is no longer empty into the line of those to be written to.
    fn note_dirty(&mut self, shard: usize) -> bool {
        let mut any = false;
        while let Some(id) = self.brokers[shard].next_dirty() {
            if let Some(&n) = self.by_id.get(&(shard, id)) {
                self.pipes[n].to_write |= self.pipes[n].writable;
            }
            any = true;
        }
        any
    }

    fn write(&mut self, shard: usize, n: usize) -> bool {
        let pipe = &mut self.pipes[n];
        let id = pipe.id;
        let Some(outbox) = self.brokers[shard].outbox(id) else {
            return false;
        };
        if outbox.is_empty() {
            return false;
        }
        assert!(!pipe.half_closed, "written after the server ended its side");
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let filled = outbox.slices(&mut slices);
        let offered = slices[..filled].iter().map(|slice| slice.len()).sum();
        let mut most = self.mishaps.written(offered);
        let mut written = 0;
        for slice in &slices[..filled] {
            let take = slice.len().min(pipe.room).min(most);
            most -= take;
            let slow = !pipe.ever_full && says_slow(slice, pipe.is_v1);
            pipe.is_v1 |= agrees_on_v1(slice);
            pipe.received.extend_from_slice(&slice[..take]);
            pipe.room = match pipe.room {
                usize::MAX => usize::MAX,
                room => room - take,
            };
            written += take;
            pipe.writable = take == slice.len();
            if !pipe.writable {
                pipe.ever_full = true;
                pipe.shortfalls += 1;
                break;
            }
            assert!(!slow, "a reader with room was called slow");
        }
        pipe.writes += 1;
        pipe.bytes_written += written as u64;
        if written > 0 {
            pipe.wrote_at = self.now;
        }
        self.brokers[shard].sent(id, written, self.now.micros());
        let left = self.brokers[shard].outbox(id).is_some_and(|o| !o.is_empty());
        let pipe = &mut self.pipes[n];
        pipe.to_write = pipe.writable && left;
        written > 0
    }

    fn close_sockets(&mut self, shard: usize) -> bool {
        if self.ends_at.is_some() {
            self.note_goodbyes(shard);
        }
        let mut any = false;
        while let Some((id, farewell)) = self.brokers[shard].next_teardown() {
            any = true;
            let Some(&n) = self.by_id.get(&(shard, id)) else {
                continue;
            };
            match farewell {
                Teardown::HalfClose => {
                    let pipe = &mut self.pipes[n];
                    let is_empty = pipe.inbound.is_empty() && !pipe.finished;
                    if !(is_empty && self.brokers[shard].let_go(id, self.now)) {
                        pipe.half_closed = true;
                        self.brokers[shard].charge(id, Call::End);
                    }
                }
                Teardown::Close(reason) | Teardown::Reset(reason) => {
                    let sample = self.sample(shard, id);
                    if let Some(place) = self.brokers[shard].socket_closed(id, sample, self.now) {
                        self.places.free(place);
                    }
                    self.pipes[n].closed = Some(reason);
                    self.pipes[n].closed_at = self.now;
                    self.by_id.remove(&(shard, id));
                    self.open.remove(&(shard, id));
                }
            }
        }
        any
    }
}
