//! One connection: bytes in the order they came become what they ask for.
//!
//! Came from: `broker::Broker::received`. Goes to: `broker::answer`, one [`Ask`] at a time. Absent
//! on purpose: topics' contents, other connections, sockets. A connection knows its own bytes, its
//! state, and what it still has to send.
//!
//! Requests on one connection are answered in order, so while one waits (for a commit, a message, a
//! file) those behind it are kept as bytes and not parsed. A connection whose peer does not read
//! our answers is not read either.

mod admission;
pub mod aside;
mod ask;
pub mod asset;
mod client_address;
pub mod costs;
pub mod familiar;
pub mod flow;
mod frames;
pub mod hold;
mod holding;
pub mod inbox;
mod memory;
pub mod origin;
pub mod outbox;
pub mod policy;
pub mod problem;
pub mod progress;
pub mod proxied;
pub mod proxies;
mod query;
mod recognition;
pub mod refused_origins;
pub mod request;
mod resource;
pub mod response_context;
pub mod route;
pub mod secure;
pub mod state;
mod static_path;
pub mod timing;
mod transition;
pub mod unanswered;
pub mod v1;
mod websocket;
mod wishes;

use std::net::SocketAddr;

use self::aside::Aside;
pub use self::ask::{Ask, Failure};
use self::costs::Costs;
use self::familiar::{Familiar, Front};
use self::flow::{Flow, LastWord};
use self::inbox::Inbox;
use self::outbox::Segment;
use self::policy::Policy;
use self::problem::{Problem, Rule};
use self::request::{Request, Want};
use self::response_context::ResponseContext;
use self::route::route;
use self::state::{Name, State, Upload};
use self::timing::Timing;
use crate::ids::{Millis, Peer};
use crate::ledger::{Bytes, Class, Payer};
use crate::limits::PONG_MS_MAX;
use crate::wire::Parsed;
use crate::wire::body::{BodyDecoder, Piece};
use crate::wire::head::{Framing, Head};
use crate::wire::response::CONTINUE;

/// One connection.
#[derive(Debug)]
pub struct Conn {
    /// The address and port of the client: of the other end, or of whom a trusted proxy there
    /// brings requests from.
    pub peer: Peer,
    /// Tells it from the others that have had its slot: see [`ConnId`](crate::ids::ConnId).
    pub generation: u32,
    /// What it is doing; changed by [`Conn::shift`] alone.
    pub state: State,
    /// Bytes on their way out, and how either stream ends.
    pub flow: Flow,
    /// Moments that deadlines are counted from.
    pub timing: Timing,
    /// What it costs, and the payer.
    pub costs: Costs,
    /// What few connections have.
    pub aside: Aside,
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
            generation: 0,
            state: State::idle(),
            flow: Flow::default(),
            timing: Timing::new(now),
            costs: Costs::default(),
            aside: Aside::default(),
        }
    }

    /// Understands `buf` up to the next thing that the broker has to decide. Tells how many bytes
    /// were understood; the rest is to be shown again, with more behind it. `by_class` gets the
    /// bytes by class.
    #[inline]
    pub fn next_ask(
        &mut self,
        buf: &mut [u8],
        now: Millis,
        policy: &Policy,
        familiar: &mut Familiar,
        by_class: &mut Bytes,
    ) -> (usize, Option<Ask>) {
        let mut used = 0;
        loop {
            let name = self.state.name();
            // Nothing can be asked behind an endless answer, and nobody listens any more. That
            // needs no room for answers.
            let last = matches!(&self.state, State::Telling(telling) if !telling.keep_alive);
            let deaf = matches!(name, Name::Streaming | Name::Lingering | Name::Closed);
            if deaf || last {
                by_class.add(Class::Body, buf.len() - used);
                return (buf.len(), None);
            }
            if self.is_held() {
                break;
            }
            let pace = match name {
                Name::Head => self.head(&buf[used..], now, policy, familiar, by_class),
                Name::Body => self.body(&buf[used..], now, by_class),
                Name::Open | Name::Closing if self.has_inflated_much() => Pace::Wait,
                Name::Open | Name::Closing => self.frame(&mut buf[used..], now, policy, by_class),
                Name::Answering
                | Name::Awaiting
                | Name::Parked
                | Name::Sending
                | Name::Telling
                | Name::Streaming
                | Name::Lingering
                | Name::Closed => Pace::Wait, // Our turn, or nobody's.
            };
            match pace {
                Pace::Wait => break,
                Pace::On(n) => used += n,
                Pace::Ask(n, ask) => return (used + n, Some(ask)),
            }
        }
        (used, None)
    }

    fn head(
        &mut self,
        buf: &[u8],
        now: Millis,
        policy: &Policy,
        familiar: &mut Familiar,
        by_class: &mut Bytes,
    ) -> Pace {
        if buf.is_empty() {
            return Pace::Wait;
        }
        // What drips in is looked at once, by the decoder.
        let at_once = matches!(&self.state, State::Head { decoder, .. } if !decoder.has_begun());
        let front = if at_once && self.speaks_plainly(policy) {
            familiar.front(buf, self.aside.secure().is_some())
        } else {
            None
        };
        if let Some(front) = front
            && let Some(request) = familiar.find(front)
            && let Some(body) = buf[front.head.len()..].get(..request.body_bytes)
        {
            by_class.add(Class::Head, front.head.len());
            by_class.add(Class::Payload, body.len());
            let used = front.head.len() + body.len();
            return Pace::Ask(used, self.ask_again(request, body, now));
        }
        self.unfamiliar_head(buf, front, now, policy, familiar, by_class)
    }

    /// Not inlined: it has room for all fields of a head, and whoever needs none, as a frame and a
    /// familiar request, would make that room each time.
    #[inline(never)]
    fn unfamiliar_head(
        &mut self,
        buf: &[u8],
        front: Option<Front<'_>>,
        now: Millis,
        policy: &Policy,
        familiar: &mut Familiar,
        by_class: &mut Bytes,
    ) -> Pace {
        let State::Head { decoder, began, .. } = &mut self.state else {
            return Pace::Wait;
        };
        // An empty line or two before a request (RFC 9112 §2.2) do not begin it.
        if buf.iter().any(|b| !matches!(b, b'\r' | b'\n')) {
            began.get_or_insert(now);
        }
        if self.aside.proxied().is_some_and(|proxied| proxied.expects_header) {
            return self.proxy_header(buf, now, by_class);
        }
        match decoder.decode(buf, policy.limits.head_bytes_max) {
            Ok(Parsed::Partial) => Pace::Wait,
            Ok(Parsed::Complete { value: head, used }) => {
                by_class.add(Class::Head, used);
                let pace = self.request(&head, buf, used, now, policy, by_class);
                if let (Some(front), Pace::Ask(taken, ask)) = (front, &pace)
                    && front.head.len() == used
                    && let Some(request) = self.understood(ask, taken - used)
                {
                    familiar.note(front, request);
                }
                pace
            }
            Err(error) => {
                by_class.add(Class::Head, buf.len());
                self.charge_nobody();
                let ask = self.refuse(ResponseContext::closing(), error.into(), now);
                Pace::Ask(buf.len(), ask)
            }
        }
    }

    /// A head is complete, the first `used` bytes of `buf`: is there a body to wait for?
    fn request(
        &mut self,
        head: &Head<'_>,
        buf: &[u8],
        used: usize,
        now: Millis,
        policy: &Policy,
        by_class: &mut Bytes,
    ) -> Pace {
        let mut request = route(head, policy, self.aside.door(), self.aside.secure().is_some());
        if let Err(problem) = self.name_client(head, policy) {
            request.want = Want::Refuse(problem);
            request.context.keep_alive = false;
        }
        self.flow.last_word = LastWord::of_request(head);
        self.costs.payer = request.payer;
        self.aside.set_tag(request.want.tag());
        if policy.rights.is_some() {
            self.hold(request.grant.take(), policy.second);
        }
        if head.framing == Framing::Empty {
            return Pace::Ask(used, self.complete(request, Vec::new(), now));
        }
        let refused = request.want.is_refusal();
        if head.expect_continue && refused {
            // The client may send its body all the same, or not: nothing after this can be read.
            request.context.keep_alive = false;
            self.flow.last_word = LastWord::Unsaid;
            return Pace::Ask(used, self.complete(request, Vec::new(), now));
        }
        match BodyDecoder::new(head.framing, policy.limits.message_bytes_max as u64) {
            Ok(decoder) => {
                if let Some(data) = decoder.whole(&buf[used..]) {
                    let (class, wanted) = match request.want {
                        Want::Publish(_) => (Class::Payload, data),
                        _ => (Class::Body, &[][..]),
                    };
                    by_class.add(class, data.len());
                    let ask = self.complete(request, wanted.to_vec(), now);
                    return Pace::Ask(used + data.len(), ask);
                }
                if head.expect_continue && buf.len() == used {
                    self.push(Segment::fixed(CONTINUE, Class::Head));
                }
                let upload = Upload { since: now, taken: 0, request, decoder, data: Vec::new() };
                self.shift(State::Body(Box::new(upload)), now);
                Pace::On(used)
            }
            Err(error) => {
                let ask = self.refuse(request.context.last(), error.into(), now);
                Pace::Ask(used, ask)
            }
        }
    }

    fn body(&mut self, buf: &[u8], now: Millis, by_class: &mut Bytes) -> Pace {
        let State::Body(upload) = &mut self.state else {
            return Pace::Wait;
        };
        let publishes = matches!(upload.request.want, Want::Publish(_));
        match upload.decoder.decode(buf) {
            Ok(Piece::Partial) => Pace::Wait,
            Ok(Piece::Data { bytes, used }) => {
                by_class.add(Class::Framing, used - bytes.len());
                upload.taken += bytes.len() as u64;
                if publishes {
                    by_class.add(Class::Payload, bytes.len());
                    upload.keep(bytes);
                } else {
                    by_class.add(Class::Body, bytes.len());
                }
                Pace::On(used)
            }
            Ok(Piece::End { used }) => {
                by_class.add(Class::Framing, used);
                let context = std::mem::take(&mut upload.request.context);
                let State::Body(upload) = self.shift(State::Answering(context), now) else {
                    return Pace::Wait;
                };
                let Request { payer, want, .. } = upload.request;
                let ask = Ask::Request { payer, want, body: upload.data };
                Pace::Ask(used, ask)
            }
            Err(error) => {
                by_class.add(Class::Body, buf.len());
                let context = std::mem::take(&mut upload.request.context).last();
                let ask = self.refuse(context, error.into(), now);
                Pace::Ask(buf.len(), ask)
            }
        }
    }

    /// A request is complete: its answer can be made.
    fn complete(&mut self, request: Request, body: Vec<u8>, now: Millis) -> Ask {
        let Request { context, payer, want, .. } = request;
        self.shift(State::Answering(context), now);
        Ask::Request { payer, want, body }
    }

    /// What came is no request. Nobody's technique pays for that.
    fn refuse(&mut self, context: ResponseContext, problem: Problem, now: Millis) -> Ask {
        self.flow.last_word = LastWord::Unsaid; // Nobody knows what is behind it.
        let want = Want::Refuse(problem);
        let request = Request { context, payer: Payer::Other, want, grant: None };
        self.complete(request, Vec::new(), now)
    }

    /// Plain words came where TLS was to come.
    pub fn refuse_plain_words(&mut self, now: Millis) -> Ask {
        self.charge_nobody();
        self.refuse(ResponseContext::closing(), Rule::TlsExpected.into(), now)
    }

    /// What came is of no technique, and of no tag.
    fn charge_nobody(&mut self) {
        self.costs.payer = Payer::Other;
        self.aside.set_tag(None);
    }

    /// The peer took something, or what is to be taken has just come.
    pub fn took(&mut self, now: Millis) {
        self.timing.took_at = now.into();
        self.aside.forget_progress();
    }

    /// No plain bytes came. Where no request has begun, a part of a record may be the beginning of
    /// one, and counts as that until the record is whole, and had none in it.
    pub fn expect_rest(&mut self, has_part: bool, now: Millis) {
        if let State::Head { began, .. } = &mut self.state
            && self.aside.inbox().is_none_or(Inbox::is_blank)
        {
            *began = has_part.then(|| began.unwrap_or(now));
        }
    }

    /// A Pong is overdue, but bytes waited here and the Ping among them: it has gone out just now.
    pub fn await_pong_anew(&mut self, now: Millis) {
        if let State::Open(socket) = &mut self.state
            && socket.pinged.millis().plus(PONG_MS_MAX) <= now
        {
            socket.pinged = now.into();
        }
    }

    /// Queues output.
    pub fn push(&mut self, segment: Segment) {
        self.flow.outbox.push(segment, self.costs.payer);
    }
}
