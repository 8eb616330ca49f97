//! One connection as its client sees it: what was asked, what came back, and how it ended.

use std::collections::VecDeque;

use tollway::close::CloseReason;
use tollway::limits::PONG_MS_MAX;

use super::judge::{Ask, Stand};
use super::readers::http::{self, Answer, Chunks};
use super::rights::GoodUntil;
use super::sse::Blocks;
use super::stage::Stage;
use crate::world::Client;

/// What a request is to be answered with.
#[derive(Debug)]
pub enum Kind {
    Poll {
        ask: Ask,
        wait_s: Option<u64>,
        limit: usize,
        /// `If-None-Match` was sent, with the tag of an answer without messages.
        tagged: bool,
    },
    Stream {
        ask: Ask,
        chunked: bool,
    },
    Socket {
        ask: Ask,
        dialect: bool,
    },
    Publish {
        said: usize,
    },
    /// A message over the bound.
    TooLong,
    /// Anything with this status.
    Plain(u16),
    File(usize),
}

/// A request that was begun and not answered.
#[derive(Debug)]
pub struct Expect {
    pub number: u64,
    pub kind: Kind,
    /// Awaiting with HEAD.
    pub bare: bool,
    /// Where in the stream of bytes it ends.
    pub ends_at: u64,
    pub made_at: u64,
    /// When it was first seen to be waiting at rest.
    pub rested_at: Option<u64>,
}

/// What the server's bytes are.
pub enum Mode {
    Http,
    Stream {
        ask: Ask,
        chunks: Option<Chunks>,
        blocks: Blocks,
        /// From the greeting on.
        stand: Option<Stand>,
    },
    Socket {
        ask: Ask,
        /// `None`: not greeted yet, or without a cursor, so that there must be a gap.
        stand: Option<Stand>,
        dialect: bool,
    },
    /// The server has said its last word.
    Over,
}

/// What the client did to the connection.
#[derive(Debug, Default)]
pub struct Deeds {
    /// From here on, what was sent is nonsense.
    pub spoiled_at: Option<u64>,
    /// A request took so long that it was answered by 408.
    pub timed_out: bool,
    /// Awaiting for the end behind the last request.
    pub closes: bool,
    pub finished: bool,
    pub reset: bool,
    /// Sent a Close frame.
    pub said_close: bool,
    /// Got a Close frame with this code.
    pub got_close: Option<u16>,
    /// A Ping came, and its Pong is sent up to here.
    pub pong_due: Option<u64>,
    /// Shows a token that is good until then.
    pub good_until: Option<GoodUntil>,
    /// Is gone without a word, or will not answer.
    pub silent: bool,
    /// What was sent last came when the connection had been idle for too long already: whether it
    /// was seen in time is chance.
    pub came_late: bool,
}

pub struct Line {
    pub client: Client,
    pub shard: usize,
    pub began_at: u64,
    /// Composed and not sent.
    pub out: VecDeque<u8>,
    /// Bytes composed, in all.
    pub composed: u64,
    /// Come and not understood.
    pub buf: Vec<u8>,
    pub mode: Mode,
    /// Where a reader stood when the server had said its last word.
    pub last_stand: Option<Stand>,
    pub expects: VecDeque<Expect>,
    pub deeds: Deeds,
    /// Bytes taken, in all.
    pub taken: u64,
    /// When bytes were last taken of an open connection.
    pub took_at: u64,
    /// When bytes were last sent.
    pub gave_at: u64,
    /// Numbers of messages said on a WebSocket, and where in the stream of bytes each ends.
    pub says: Vec<(usize, u64)>,
    /// Messages told in `tollway.v1` that are not answered: their numbers, and where each ends.
    pub told: VecDeque<(usize, u64)>,
    /// Payloads of Pings that were sent, and not answered.
    pub pings: VecDeque<Vec<u8>>,
}

impl Line {
    pub fn new(client: Client, shard: usize, now: u64) -> Self {
        Self {
            client,
            shard,
            began_at: now,
            out: VecDeque::new(),
            composed: 0,
            buf: Vec::new(),
            mode: Mode::Http,
            last_stand: None,
            expects: VecDeque::new(),
            deeds: Deeds::default(),
            taken: 0,
            took_at: now,
            gave_at: now,
            says: Vec::new(),
            told: VecDeque::new(),
            pings: VecDeque::new(),
        }
    }

    /// Bytes that the server has read.
    pub fn read_by_server(&self, stage: &Stage) -> u64 {
        let waiting = stage.world.pipes[self.client.0].inbound.len();
        self.composed - (self.out.len() + waiting) as u64
    }

    /// Puts bytes behind those that are to be sent.
    pub fn compose(&mut self, bytes: &[u8]) {
        self.out.extend(bytes);
        self.composed += bytes.len() as u64;
    }

    /// Sends up to `n` of the bytes that are composed.
    pub fn push(&mut self, stage: &mut Stage, n: usize) {
        let n = n.min(self.out.len());
        if n > 0 && !self.deeds.finished {
            let bytes: Vec<u8> = self.out.drain(..n).collect();
            stage.world.send(self.client, &bytes);
            let now = stage.world.now.0;
            let again = self.deeds.came_late && self.gave_at == now;
            self.deeds.came_late = again || now - self.gave_at >= stage.script.limits.idle_ms_max;
            self.gave_at = now;
        }
    }

    /// Ends our side.
    pub fn finish(&mut self, stage: &mut Stage) {
        if !self.deeds.finished {
            self.deeds.finished = true;
            stage.world.finish(self.client);
        }
    }

    /// Takes what the server has written.
    pub fn take(&mut self, stage: &mut Stage) {
        let now = stage.world.now;
        let pipe = stage.world.pipe(self.client);
        let bytes = pipe.take();
        if !bytes.is_empty() {
            if pipe.closed.is_none() {
                self.took_at = now.0;
            }
            self.taken += bytes.len() as u64;
            self.buf.extend_from_slice(&bytes);
        }
    }

    /// The next whole answer, with the request that it answers. Interim answers are skipped.
    pub fn next_answer(&mut self) -> Option<(Expect, Answer)> {
        loop {
            let bare = self.expects.front().is_some_and(|expect| expect.bare);
            let answer = http::answer(&self.buf, bare)?;
            if !answer.body.ended {
                let length = answer.head.field("Content-Length");
                assert!(length.is_some(), "an answer without a length: {answer:?}");
                return None;
            }
            self.buf.drain(..answer.head.used + answer.body.used);
            if answer.head.status == 100 {
                continue;
            }
            let expect = self.expects.pop_front();
            return Some((expect.expect("an answer to a request"), answer));
        }
    }

    /// Whether all that the server may still say is excused by what the client did.
    pub fn spoiled(&self) -> bool {
        self.deeds.spoiled_at.is_some()
    }

    /// The connection is closed: was there a reason, and was everything answered that had to be?
    pub fn judge_end(&self, stage: &Stage, reason: CloseReason) {
        let pipe = &stage.world.pipes[self.client.0];
        // Neither had the kernel any room, nor did the client acknowledge anything.
        let silent_since = pipe.wrote_at.0.max(self.took_at);
        let stalled =
            pipe.closed_at.0.saturating_sub(silent_since) >= stage.script.limits.stall_ms_max;
        let cut_off = matches!(reason, CloseReason::Reset | CloseReason::Interrupted) || stalled;
        let late = matches!(reason, CloseReason::HeadTimeout | CloseReason::BodyTimeout)
            || self.came_too_late(stage, reason);
        if !cut_off && !late && !self.spoiled() && matches!(self.mode, Mode::Http) {
            let read = self.read_by_server(stage);
            let unanswered = self.expects.iter().find(|e| e.ends_at <= read);
            assert!(
                unanswered.is_none(),
                "closed ({reason:?}) without an answer to {unanswered:?}"
            );
            let half = !self.buf.is_empty();
            assert!(!half, "closed ({reason:?}) in the middle of an answer");
        }
        if !cut_off && reason == CloseReason::PeerLeft && !self.spoiled() && !self.deeds.said_close
        {
            let read = self.read_by_server(stage);
            let unanswered = self.told.iter().find(|(_, ends_at)| *ends_at <= read);
            assert_eq!(unanswered, None, "{reason:?} without an answer");
        }
        let fair = self.is_fair(stage, reason, stalled) || self.ends_with_server(stage, reason);
        assert!(fair, "closed for {reason:?} after {:?}", self.deeds);
    }

    fn is_fair(&self, stage: &Stage, reason: CloseReason, stalled: bool) -> bool {
        let pipe = &stage.world.pipes[self.client.0];
        let (deeds, closed_at) = (&self.deeds, pipe.closed_at.0);
        let read = self.read_by_server(stage);
        let silent_for = closed_at.saturating_sub(self.gave_at);
        // Its token was, before its request was read or while it stayed.
        let over = deeds.token_is_over(stage, closed_at);
        match reason {
            CloseReason::Idle if self.spoiled() => true, // Empty lines are no sign of life.
            CloseReason::Idle => {
                let raced = deeds.came_late && silent_for == 0;
                raced || silent_for >= stage.script.limits.idle_ms_max
            }
            // Whatever it asked was answered; that it was idle the server knows.
            CloseReason::Displaced => !pipe.half_closed,
            // No story has a bound on that, or a proxy.
            CloseReason::TooFast | CloseReason::ProxyMalformed => false,
            CloseReason::HeadTimeout | CloseReason::BodyTimeout => {
                let slow = |e: &Expect| closed_at >= e.made_at + stage.request_ms();
                deeds.timed_out || self.spoiled() || self.expects.front().is_some_and(slow)
            }
            CloseReason::Refused => self.spoiled() || deeds.closes || over,
            CloseReason::Answered => deeds.closes || self.spoiled(),
            CloseReason::PeerFinished | CloseReason::PeerLeft => deeds.finished,
            CloseReason::PeerClosed => deeds.said_close,
            CloseReason::ProtocolError
            | CloseReason::NotUtf8
            | CloseReason::NotAllowed
            | CloseReason::TooBig => self.spoiled(),
            CloseReason::TokenExpired => {
                stage.see("token_expired");
                over
            }
            CloseReason::Gap => deeds.got_close == Some(1013) || stalled || deeds.finished,
            CloseReason::Overloaded => stage.may_have_refused(self.began_at),
            CloseReason::PongTimeout => {
                let owed = deeds.pong_due.is_some_and(|upto| upto > read);
                let stuck = closed_at - pipe.wrote_at.0 >= PONG_MS_MAX;
                let heard = silent_for < PONG_MS_MAX && pipe.inbound.is_empty();
                (owed || stuck || deeds.silent) && !heard
            }
            CloseReason::Stalled => stalled,
            CloseReason::Reset => deeds.reset,
            CloseReason::MessageTimeout => {
                closed_at.saturating_sub(self.began_at) >= stage.script.limits.body_ms_max
            }
            // The rest of a poll's answer fell off before a slow reader took what stood before it.
            CloseReason::Interrupted => pipe.ever_full,
            CloseReason::Unfinished | CloseReason::Panicked => false,
            // No story has TLS: what the shell speaks, a world without sockets does not.
            CloseReason::TlsTimeout | CloseReason::TlsRefused => false,
            CloseReason::TlsMalformed | CloseReason::TlsTruncated => false,
            CloseReason::Drained | CloseReason::Cut => false, // See `ending`.
        }
    }
}
