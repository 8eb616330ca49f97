//! A transcript, played: on the whole server, in one of many ways to feed it the same bytes.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use tollway::close::CloseReason;
use tollway::ledger::{Class, Payer};
use tollway::rights::Rights;

use super::books::{self, equal};
use super::compare::compare;
use super::feeding::{Cuts, Feeding, Knife};
use super::{Act, Greeting, Piece, Step, Tls, Transcript, bytes};
use crate::world::stored::Disk;
use crate::world::{Client, EPOCH, Plan, World};

/// Plays `story` in every way that it allows, and tells what went wrong first.
pub fn play_all(story: &Transcript) -> Result<(), String> {
    let may_be_cut = |feeding: &Feeding| !story.only_whole || feeding.cuts == Cuts::Whole;
    let may_be_dealt = |feeding: &Feeding| !story.only_one_thread || feeding.threads == 1;
    let mut feedings = Feeding::all().filter(may_be_cut).filter(may_be_dealt);
    feedings.try_for_each(|feeding| play(story, feeding))
}

/// Plays `story` in one way.
pub fn play(story: &Transcript, feeding: Feeding) -> Result<(), String> {
    let played = Player::new(story, feeding).play();
    played.map_err(|Wrong { line, why }| {
        let Transcript { path, title, .. } = story;
        format!(
            "{path}:{line}: {why}\n  {feeding}; “{title}”\n  again: \
             TRANSCRIPT={path} cargo test --test transcripts"
        )
    })
}

/// What went wrong, and at which line of the story.
pub struct Wrong {
    pub line: usize,
    pub why: String,
}

/// A client of the story.
#[derive(Default)]
struct Peer {
    /// `None`: it has not connected yet.
    end: Option<Client>,
    /// Received, and not yet told.
    got: Vec<u8>,
    /// The story has told that the server ended its side.
    end_told: bool,
    /// System calls that were billed already.
    reads: usize,
    writes: usize,
}

/// What one client has to receive now.
#[derive(Default)]
struct Due {
    pieces: Vec<(usize, Piece)>,
    end: bool,
}

struct Player<'s> {
    story: &'s Transcript,
    feeding: Feeding,
    world: World,
    peers: Vec<Peer>,
    knife: Knife,
    /// Of all connections together.
    bytes_sent: usize,
    bytes_received: usize,
}

impl<'s> Player<'s> {
    fn new(story: &'s Transcript, feeding: Feeding) -> Self {
        let seed = match feeding.cuts {
            Cuts::Random(seed) => seed,
            Cuts::Whole | Cuts::ByteByByte => 0,
        };
        let stored =
            story.steps.iter().any(|step| matches!(step.act, Act::StoreAnew | Act::StoreHangs(_)));
        Self {
            story,
            feeding,
            world: World::new(Plan {
                threads: feeding.threads,
                limits: story.limits.clone(),
                origins: story.origins.clone(),
                proxies: story.proxies.clone(),
                files: story.files.clone(),
                admin_listens: story.secrets.admin_listens,
                rights: Rights::of(story.secrets.clone(), [7; 32]).map(Arc::new),
                disk: stored.then(|| Disk::new(EPOCH)),
                seed: seed + 1,
                ..Plan::default()
            }),
            peers: story.clients.iter().map(|_| Peer::default()).collect(),
            knife: Knife::new(feeding.cuts),
            bytes_sent: 0,
            bytes_received: 0,
        }
    }

    fn play(mut self) -> Result<(), Wrong> {
        let mut at = 0;
        let mut line = 0;
        while let Some(step) = self.story.steps.get(at) {
            line = step.line;
            let wrong = |why| Wrong { line, why };
            if matches!(step.act, Act::Expect(..) | Act::ExpectEnd(_)) {
                at = self.expect(at)?;
                continue;
            }
            if !matches!(step.act, Act::Send(..) | Act::Finish(_) | Act::Reset(_)) {
                self.check(line, &BTreeMap::new())?;
            }
            let next = self.story.steps.get(at + 1).map(|step| &step.act);
            self.act(&step.act, next).map_err(wrong)?;
            at += 1;
        }
        self.check(line, &BTreeMap::new())?;
        self.close_the_books().map_err(|why| Wrong { line, why })
    }

    fn act(&mut self, act: &Act, next: Option<&Act>) -> Result<(), String> {
        match act {
            Act::Connect(client) => drop(self.end(*client)?),
            Act::ConnectToAdmin(client) => {
                let end = self.world.connect_to_admin(0).ok_or("the connection was refused")?;
                self.peers[*client].end = Some(end);
            }
            Act::Tls(client, tls) => {
                let end = self.end(*client)?;
                self.world.tell(end, |broker, id, now| match *tls {
                    Tls::Begins => broker.handshaking(id, now),
                    Tls::Done { resumed } => broker.shook_hands(id, resumed, now),
                    Tls::Fails(reason) => broker.tls_failed(id, reason, now),
                    Tls::Truncated => broker.truncated(id, now),
                    Tls::Plain => broker.spoke_plainly(id, 0, now),
                });
            }
            Act::Refused(client) => {
                let refused = self.world.connect_from(0, self.address(*client)).is_none();
                return refused.then_some(()).ok_or("the connection was taken".into());
            }
            Act::Open(client, greeting, head) => {
                self.feed(*client, head, false)?;
                self.take_greeting(*client, *greeting)?;
            }
            Act::Send(client, bytes) => {
                // What ends together arrives together, where nothing is cut.
                let ends = matches!(next, Some(Act::Finish(other)) if other == client);
                self.feed(*client, bytes, ends)?;
            }
            Act::Publish(request) => self.publish(request)?,
            Act::Wait(ms) => self.world.advance(*ms),
            Act::Drain(ms) => {
                self.world.end_within(*ms);
                self.world.run();
            }
            Act::Finish(client) => {
                let end = self.end(*client)?;
                self.world.finish(end);
                self.world.run();
            }
            Act::Reset(client) => {
                let end = self.end(*client)?;
                self.world.reset(end);
                self.world.run();
                self.peers[*client].end_told = true;
            }
            Act::Room(client, bytes) => {
                let end = self.end(*client)?;
                self.world.pipe(end).room = *bytes;
                self.world.run();
            }
            Act::Unacknowledged(client, bytes) => {
                let end = self.end(*client)?;
                self.world.pipe(end).unacknowledged = *bytes;
            }
            Act::Overloaded(on) => self.world.overloaded = *on,
            Act::StoreFull(full) => {
                self.world.set_store_fault(full.then_some("no space left on device"));
                self.world.run();
            }
            Act::StoreHangs(ms) => self.world.hang_store(*ms),
            Act::StoreAnew => {
                self.world.put_back(0);
                self.world.run();
            }
            Act::Unreadable(on) => self.world.unreadable = *on,
            Act::Close(client, reason) => self.close(*client, *reason)?,
            Act::Cost { client, reads, writes } => self.cost(*client, *reads, *writes)?,
            Act::Ledger { payer, class, bytes_in, bytes_out } => {
                self.ledger(*payer, *class, *bytes_in, *bytes_out)?;
            }
            Act::Expect(..) | Act::ExpectEnd(_) => unreachable!("told in groups"),
        }
        Ok(())
    }

    fn address(&self, client: usize) -> IpAddr {
        let elsewhere = self.story.addresses.get(&client).copied();
        elsewhere.unwrap_or(Ipv4Addr::LOCALHOST.into())
    }

    /// The client's end of its connection, which is opened now if it was not.
    fn end(&mut self, client: usize) -> Result<Client, String> {
        if let Some(end) = self.peers[client].end {
            return Ok(end);
        }
        let thread = self.world.pipes.len() % usize::from(self.feeding.threads);
        let end = self.world.connect_from(thread, self.address(client));
        let end = end.ok_or("the connection was refused")?;
        self.peers[client].end = Some(end);
        Ok(end)
    }

    /// Sends bytes in as many pieces as the feeding wants, and lets the server rest in between.
    fn feed(&mut self, client: usize, bytes: &[u8], ends: bool) -> Result<(), String> {
        let end = self.end(client)?;
        self.bytes_sent += bytes.len();
        let mut rest = bytes;
        while !rest.is_empty() {
            let length = self.knife.next_length(rest.len());
            let (piece, after) = rest.split_at(length);
            self.world.send(end, piece);
            if !ends || !after.is_empty() {
                self.world.run();
            }
            rest = after;
        }
        Ok(())
    }

    fn publish(&mut self, request: &[u8]) -> Result<(), String> {
        let thread = self.world.pipes.len() % usize::from(self.feeding.threads);
        let end = self.world.connect(thread).ok_or("the publisher was refused")?;
        self.bytes_sent += request.len();
        self.world.send(end, request);
        self.world.run();
        let answer = self.world.pipe(end).take();
        self.bytes_received += answer.len();
        self.world.finish(end);
        self.world.run();
        if answer.starts_with(b"HTTP/1.1 201 ") {
            return Ok(());
        }
        Err(format!("the publisher was told {}", bytes::show(&answer)))
    }

    fn take_greeting(&mut self, client: usize, greeting: Greeting) -> Result<(), String> {
        self.pull();
        let peer = &mut self.peers[client];
        let got = &peer.got;
        let odd = || format!("the greeting was {}", bytes::show(got));
        let (begin, after): (&[u8], &[u8]) = match greeting {
            Greeting::WebSocket => (b"HTTP/1.1 101 ", b"\r\n\r\n"),
            // The blank line behind the cursor, and the end of its chunk.
            Greeting::Sse => (b"HTTP/1.1 200 ", b"\n\n\r\n"),
        };
        let end = got.windows(after.len()).position(|window| window == after);
        let end = end.filter(|_| got.starts_with(begin)).ok_or_else(odd)?;
        peer.got.drain(..end + after.len());
        let pipe = self.world.pipe(peer.end.expect("it was fed"));
        (peer.reads, peer.writes) = (pipe.reads, pipe.writes);
        Ok(())
    }

    fn close(&mut self, client: usize, reason: CloseReason) -> Result<(), String> {
        let end = self.end(client)?;
        if self.world.pipe(end).half_closed {
            self.world.finish(end); // As every client does that has read to the end.
            self.world.run();
        }
        self.peers[client].end_told = true;
        match self.world.pipe(end).closed {
            Some(closed) if closed == reason => Ok(()),
            Some(closed) => Err(format!("it was closed for {}", closed.name())),
            None => Err("it is still open".into()),
        }
    }

    fn cost(&mut self, client: usize, reads: usize, writes: usize) -> Result<(), String> {
        let end = self.end(client)?;
        let pipe = self.world.pipe(end);
        let (all_reads, all_writes) = (pipe.reads, pipe.writes);
        let peer = &mut self.peers[client];
        let spent = (all_reads - peer.reads, all_writes - peer.writes);
        (peer.reads, peer.writes) = (all_reads, all_writes);
        if self.feeding.cuts == Cuts::Whole && spent != (reads, writes) {
            return Err(format!("it cost reads={} writes={}", spent.0, spent.1));
        }
        Ok(())
    }

    fn ledger(&self, payer: Payer, class: Class, came: usize, went: usize) -> Result<(), String> {
        let ledger = self.world.ledger();
        let account = ledger.account(payer);
        equal("bytes in", account.bytes_in.of(class) as usize, came)?;
        equal("bytes out", account.bytes_out.of(class) as usize, went)
    }

    /// Compares a group of expectations, which goes on until something else happens. Tells where.
    fn expect(&mut self, from: usize) -> Result<usize, Wrong> {
        let mut due: BTreeMap<usize, Due> = BTreeMap::new();
        let mut at = from;
        let mut last_line = 0;
        while let Some(Step { line, act }) = self.story.steps.get(at) {
            match act {
                Act::Expect(client, pieces) => {
                    let pieces = pieces.iter().map(|piece| (*line, piece.clone()));
                    due.entry(*client).or_default().pieces.extend(pieces);
                }
                Act::ExpectEnd(client) => due.entry(*client).or_default().end = true,
                _ => break,
            }
            last_line = *line;
            at += 1;
        }
        self.check(last_line, &due)?;
        Ok(at)
    }

    /// Takes over what has arrived.
    fn pull(&mut self) {
        for peer in &mut self.peers {
            if let Some(end) = peer.end {
                let taken = self.world.pipe(end).take();
                self.bytes_received += taken.len();
                peer.got.extend(taken);
            }
        }
    }

    /// Everybody has received what is due, and nobody anything else.
    fn check(&mut self, line: usize, due: &BTreeMap<usize, Due>) -> Result<(), Wrong> {
        self.pull();
        let nothing = Due::default();
        for (client, peer) in self.peers.iter_mut().enumerate() {
            let due = due.get(&client).unwrap_or(&nothing);
            let name = &self.story.clients[client];
            compare(&due.pieces, &peer.got, self.world.now, line).map_err(|mut wrong| {
                wrong.why = format!(
                    "{name}: {}\n  all of it:\n      {}",
                    wrong.why,
                    bytes::show(&peer.got)
                );
                wrong
            })?;
            peer.got.clear();
            let ended = peer.end.is_some_and(|end| self.world.pipes[end.0].ended());
            if due.end {
                peer.end_told = true;
            }
            if ended != (ended && peer.end_told) || (due.end && !ended) {
                let why = if ended { "its end is not told" } else { "it is not at its end" };
                return Err(Wrong { line, why: format!("{name}: {why}") });
            }
        }
        Ok(())
    }

    /// Ends what is still open, and holds the ledger against what was seen.
    fn close_the_books(&mut self) -> Result<(), String> {
        for client in 0..self.peers.len() {
            if let Some(end) = self.peers[client].end {
                self.world.reset(end);
            }
        }
        self.world.run();
        self.pull();
        books::hold(&self.world, self.bytes_sent, self.bytes_received)
    }
}
