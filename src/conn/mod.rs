//! One connection: bytes in the order they came become what they ask for.
//!
//! Came from: `broker::Broker::received`. Goes to: `broker::answer`, one [`Ask`] at a time. Absent
//! on purpose: topics' contents, other connections, sockets. A connection knows its own bytes, its
//! state, and what it still has to send.
//!
//! Requests on one connection are answered in order, so while one waits (for a commit, a message, a
//! file) those behind it are kept as bytes and not parsed. A connection whose peer does not read
//! our answers is not read either.

mod memory;
pub mod origin;
pub mod outbox;
pub mod problem;
mod query;
pub mod request;
pub mod response_context;
pub mod route;
pub mod state;
pub mod unanswered;
pub mod v1;
mod websocket;

use std::net::SocketAddr;

use self::outbox::{Outbox, Segment};
use self::problem::Problem;
use self::request::{Request, Want};
use self::response_context::ResponseContext;
use self::route::{Policy, route};
use self::state::{State, Upload};
use self::v1::V1Request;
use self::websocket::Weight;
use crate::close::CloseReason;
use crate::ids::{Millis, Peer};
use crate::ledger::{Bytes, Class, Due, Payer, Sample, Tally};
use crate::limits::INBOX_BYTES_MAX;
use crate::wire::Parsed;
use crate::wire::body::{BodyDecoder, Piece};
use crate::wire::frame::CloseCode;
use crate::wire::head::{Framing, Head};
use crate::wire::message::Step;
use crate::wire::response::CONTINUE;

/// What a connection asks of the broker.
#[derive(Debug)]
pub enum Ask {
    /// A whole request, and its body if it publishes.
    Request(Box<Request>, Vec<u8>),
    /// A message of a raw WebSocket, to be published.
    PublishRaw {
        /// Its data; UTF-8 unless `binary`.
        data: Box<[u8]>,
        /// The frame said so.
        binary: bool,
    },
    /// A frame of `tollway.v1`, to be published or refused.
    PublishV1(Box<V1Request>),
    /// A rule of RFC 6455 was broken: say so in a Close frame, and end.
    Fail(Failure),
    /// Send what is queued, and end.
    Leave(CloseReason),
}

/// A broken rule of RFC 6455, and how it is told.
#[derive(Clone, Copy, Debug)]
pub struct Failure {
    /// The close code.
    pub code: CloseCode,
    /// What goes with it.
    pub why: &'static str,
    /// What is counted.
    pub reason: CloseReason,
}

/// One connection.
#[derive(Debug)]
pub struct Conn {
    /// Who it is.
    pub peer: Peer,
    /// What it is doing; changed by [`Conn::shift`] alone.
    pub state: State,
    /// Since when, or since the last sign of life where that is what counts.
    pub since: Millis,
    /// Received, not yet understood. Owns nothing when empty.
    pub inbox: Vec<u8>,
    /// Said, not yet taken by the kernel.
    pub outbox: Outbox,
    /// When the peer last took bytes of a non-empty outbox, or the first one came into it.
    pub stuck_since: Millis,
    /// The earliest moment at which the timer wheel will ask for this connection.
    pub hint: Millis,
    /// Who pays for what is being understood or answered.
    pub payer: Payer,
    /// Of what kind it is: that of its last request. `None`: it has not asked anything yet.
    pub kind: Option<Payer>,
    /// What it has cost.
    pub tally: Tally,
    /// What its next request has to pay.
    pub owed: Due,
    /// What the kernel had counted when the last change of kind was settled.
    pub settled: Option<Box<Sample>>,
    /// When it was accepted.
    pub accepted_at: Millis,
    /// The peer has ended its side.
    pub finished: bool,
    /// Why it ends, once that is decided.
    pub leaving: Option<CloseReason>,
    /// The outbox went from empty to non-empty and nobody was told yet.
    pub fresh_output: bool,
    /// The shell was told to leave bytes in the kernel.
    pub reading_paused: bool,
}

/// What one step through the input came to.
enum Pace {
    /// Nothing more can be done before something comes.
    Wait,
    /// So many bytes were understood; look again.
    On(usize),
    /// So many bytes were understood, and this is what they ask.
    Ask(usize, Ask),
}

impl Conn {
    /// A connection that was just accepted.
    pub fn new(peer: SocketAddr, now: Millis) -> Self {
        Self {
            peer: peer.into(),
            state: State::idle(),
            since: now,
            inbox: Vec::new(),
            outbox: Outbox::default(),
            stuck_since: now,
            hint: Millis::NEVER,
            payer: Payer::Other,
            kind: None,
            tally: Tally::default(),
            owed: Due::default(),
            settled: None,
            accepted_at: now,
            finished: false,
            leaving: None,
            fresh_output: false,
            reading_paused: false,
        }
    }

    /// Understands `buf` up to the next thing that the broker has to decide. Tells how many bytes
    /// were understood; the rest is to be shown again, with more behind it. `bill` gets the bytes
    /// by class.
    pub fn next_ask(
        &mut self,
        buf: &mut [u8],
        now: Millis,
        policy: &Policy,
        bill: &mut Bytes,
    ) -> (usize, Option<Ask>) {
        let mut used = 0;
        loop {
            let name = self.state.name();
            // Nothing can be asked behind an endless answer, and nobody listens any more. That
            // needs no room for answers.
            if let state::Name::Streaming | state::Name::Lingering | state::Name::Closed = name {
                bill.add(Class::Body, buf.len() - used);
                return (buf.len(), None);
            }
            if self.is_held() {
                break;
            }
            let pace = match name {
                state::Name::Head => self.head(&buf[used..], now, policy, bill),
                state::Name::Body => self.body(&buf[used..], now, bill),
                state::Name::Open | state::Name::Closing => {
                    self.frame(&mut buf[used..], now, policy, bill)
                }
                _ => Pace::Wait, // Awaiting, parked, sending: our turn.
            };
            match pace {
                Pace::Wait => break,
                Pace::On(n) => used += n,
                Pace::Ask(n, ask) => return (used + n, Some(ask)),
            }
        }
        (used, None)
    }

    fn head(&mut self, buf: &[u8], now: Millis, policy: &Policy, bill: &mut Bytes) -> Pace {
        let State::Head { decoder, began } = &mut self.state else {
            return Pace::Wait;
        };
        if buf.is_empty() {
            return Pace::Wait;
        }
        // An empty line or two before a request (RFC 9112 §2.2) do not begin it.
        if buf.iter().any(|b| !matches!(b, b'\r' | b'\n')) {
            began.get_or_insert(now);
        }
        match decoder.decode(buf, policy.limits.head_bytes_max) {
            Ok(Parsed::Partial) => Pace::Wait,
            Ok(Parsed::Complete { value: head, used }) => {
                bill.add(Class::Head, used);
                let more = buf.len() > used;
                self.request(&head, used, more, now, policy)
            }
            Err(error) => {
                bill.add(Class::Head, buf.len());
                self.payer = Payer::Other;
                Pace::Ask(buf.len(), refusal(ResponseContext::closing(), error.into()))
            }
        }
    }

    /// A head is complete: is there a body to wait for?
    fn request(
        &mut self,
        head: &Head<'_>,
        used: usize,
        more: bool,
        now: Millis,
        policy: &Policy,
    ) -> Pace {
        let mut request = route(head, policy);
        self.payer = request.payer;
        if head.framing == Framing::Empty {
            return Pace::Ask(used, Ask::Request(Box::new(request), Vec::new()));
        }
        let refused = request.want.is_refusal();
        if head.expect_continue && refused {
            // The client may send its body all the same, or not: nothing after this can be read.
            request.reply.keep_alive = false;
            return Pace::Ask(used, Ask::Request(Box::new(request), Vec::new()));
        }
        match BodyDecoder::new(head.framing, policy.limits.message_bytes_max as u64) {
            Ok(decoder) => {
                if head.expect_continue && !more {
                    self.push(Segment::fixed(CONTINUE, Class::Head));
                }
                let upload = Upload { request, decoder, data: Vec::new() };
                self.shift(State::Body(Box::new(upload)), now);
                Pace::On(used)
            }
            Err(error) => Pace::Ask(used, refusal(closing(request.reply), error.into())),
        }
    }

    fn body(&mut self, buf: &[u8], now: Millis, bill: &mut Bytes) -> Pace {
        let State::Body(upload) = &mut self.state else {
            return Pace::Wait;
        };
        let publishes = matches!(upload.request.want, Want::Publish(_));
        match upload.decoder.decode(buf) {
            Ok(Piece::Partial) => Pace::Wait,
            Ok(Piece::Data { bytes, used }) => {
                bill.add(Class::Framing, used - bytes.len());
                if publishes {
                    bill.add(Class::Payload, bytes.len());
                    upload.data.extend_from_slice(bytes);
                } else {
                    bill.add(Class::Body, bytes.len());
                }
                Pace::On(used)
            }
            Ok(Piece::End { used }) => {
                bill.add(Class::Framing, used);
                let State::Body(upload) = self.shift(State::idle(), now) else {
                    return Pace::Wait;
                };
                Pace::Ask(used, Ask::Request(Box::new(upload.request), upload.data))
            }
            Err(error) => {
                bill.add(Class::Body, buf.len());
                let reply = closing(upload.request.reply.clone());
                Pace::Ask(buf.len(), refusal(reply, error.into()))
            }
        }
    }

    fn frame(&mut self, buf: &mut [u8], now: Millis, policy: &Policy, bill: &mut Bytes) -> Pace {
        let length = buf.len();
        let (assembler, dialect) = match &mut self.state {
            State::Open(socket) if length > 0 && socket.failing.is_some() => {
                bill.add(Class::Framing, length);
                return Pace::On(length); // §7.1.7: nothing is understood any more.
            }
            State::Open(socket) if length > 0 => {
                socket.pinged = Millis::NEVER; // Any byte is a sign of life.
                self.since = now;
                (&mut socket.assembler, Some(socket.dialect))
            }
            State::Open(socket) => {
                socket.assembler.release();
                return Pace::Wait;
            }
            State::Closing(assembler) if length > 0 => (assembler, None),
            _ => return Pace::Wait,
        };
        assembler.release();
        let held = assembler.taken();
        let limits = &policy.limits;
        match assembler.push(buf, websocket::bytes_max(dialect, limits)) {
            Ok(Step::Partial { used: 0 }) => Pace::Wait,
            Ok(Step::Partial { used }) => {
                let payload = assembler.taken() - held;
                bill.add(Class::Payload, payload);
                bill.add(Class::Framing, used - payload);
                Pace::On(used)
            }
            Ok(Step::Complete { incoming, used }) => {
                let ask = match dialect {
                    Some(dialect) => {
                        let mut says = |segment| {
                            self.fresh_output |= self.outbox.push(segment, self.payer);
                        };
                        websocket::act(incoming, dialect, limits, &mut says)
                    }
                    None => websocket::act_closing(incoming),
                };
                let weight = Weight::of(&incoming, ask.as_ref());
                weight.charge(used, held, assembler, bill);
                ask.map_or(Pace::On(used), |ask| Pace::Ask(used, ask))
            }
            Err(error) => {
                bill.add(Class::Framing, length);
                let ask = match dialect {
                    Some(_) => websocket::fail(error),
                    // Our Close frame was the last word.
                    None => Ask::Leave(CloseReason::ProtocolError),
                };
                Pace::Ask(length, ask)
            }
        }
    }

    /// Queues output.
    pub fn push(&mut self, segment: Segment) {
        self.fresh_output |= self.outbox.push(segment, self.payer);
    }

    /// Whether nothing that came may be understood for now: the peer is behind in reading what we
    /// answered, or we are behind in answering.
    pub fn is_held(&self) -> bool {
        let behind = matches!(&self.state, State::Open(socket) if socket.unanswered.is_full());
        behind || self.outbox.is_high()
    }

    /// Whether bytes should be read. If not, they stay in the kernel, and TCP tells the peer.
    pub fn wants_bytes(&self) -> bool {
        let closed = matches!(self.state, State::Closed);
        !closed && !self.is_held() && self.inbox.len() < INBOX_BYTES_MAX
    }

    /// The next moment at which something must happen by itself.
    pub fn due(&self, limits: &crate::limits::Limits) -> Option<Millis> {
        let own = self.state.due(self.since, limits);
        if self.outbox.is_empty() {
            return own;
        }
        let stalled = self.stuck_since.plus(limits.stall_ms_max);
        // A peer that is still reading our answer is not idle, however long it takes.
        let reading = matches!(self.state, State::Head { began: None, .. });
        let own = own.filter(|_| !reading);
        Some(own.map_or(stalled, |own| own.min(stalled)))
    }
}

fn closing(reply: ResponseContext) -> ResponseContext {
    ResponseContext { keep_alive: false, ..reply }
}

fn refusal(reply: ResponseContext, problem: Problem) -> Ask {
    Ask::Request(
        Box::new(Request { reply, payer: Payer::Other, want: Want::Refuse(problem) }),
        Vec::new(),
    )
}
