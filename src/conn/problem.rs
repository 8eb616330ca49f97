//! A refusal: which offence, which status, which remedy. RFC 9457.
//!
//! Every decoder and every rule has an error enum of its own, with one variant an offence; here
//! they become one thing that can be answered.
//!
//! Came from: `wire`'s errors, `route`'s and those of `rights`. Goes to: `broker::answer`; and to
//! `broker::v1`, which words the same refusals for `tollway.v1`. Absent on purpose: offences
//! against RFC 6455; those are said in a Close frame.

use std::borrow::Cow;

use crate::limits::Limits;
use crate::rights::Denial;
use crate::wire::body::BodyError;
use crate::wire::handshake::HandshakeError;
use crate::wire::head::HeadError;
use crate::wire::offences::offences;
use crate::wire::response::Status;
use crate::wire::target::TargetError;
use crate::wire::v1::PublishError;

/// A refusal, as an answer tells it: RFC 9457.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Problem {
    /// The status of the answer.
    pub status: Status,
    /// The offence, for programs.
    pub code: &'static str,
    /// The offence and its remedy, for people.
    pub detail: &'static str,
    /// The methods that would have been allowed, for 405.
    pub allow: Option<Allow>,
    /// When to try again, in seconds; 0: nothing is said about that.
    pub retry_s: u64,
}

/// What a resource can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allow {
    /// A topic can be read and published to.
    ReadAndPublish,
    /// Everything else can only be read.
    Read,
    /// A ticket can be asked for.
    Post,
}

impl Allow {
    /// The value of the `Allow` field.
    pub const fn methods(self) -> &'static str {
        match self {
            Self::ReadAndPublish => "GET, HEAD, POST, PUT, OPTIONS",
            Self::Read => "GET, HEAD, OPTIONS",
            Self::Post => "POST, OPTIONS",
        }
    }
}

offences! {
    /// Rules of our own that a well-formed request can break.
    pub enum Rule {
        TopicMalformed = BadRequest, "topic_malformed",
            "A topic's name takes 1 to 64 of the characters A-Z a-z 0-9 _ . ~ - and is \
             neither . nor .. .";
        TopicReserved = BadRequest, "topic_reserved",
            "-, metrics, static, favicon.ico and robots.txt are not topics.";
        TopicsTooMany = BadRequest, "topics_too_many",
            "At most 32 topics can be read over one connection.";
        TopicsInPublish = BadRequest, "topics_in_publish",
            "A message is published to one topic; send one request per topic.";
        TopicMissing = BadRequest, "topic_missing",
            "The socket was opened on several topics; name in \"topic\" the one to publish to.";
        BinaryFrame = BadRequest, "binary_frame",
            "tollway.v1 is spoken in text frames; send bytes as base64 in \"data\", with \
             \"encoding\":\"base64\".";
        NoSuchResource = NotFound, "no_such_resource",
            "Nothing has this path. A topic is read at /{topic}, /{topic}/poll, /{topic}/sse, \
             /{topic}/ws and /{topic}/info.";
        NoSuchFile = NotFound, "no_such_file",
            "There is no such file under /static.";
        MethodNotAllowed = MethodNotAllowed, "method_not_allowed",
            "The Allow field lists the methods for this path.";
        UpgradeRequired = UpgradeRequired, "upgrade_required",
            "This path speaks WebSocket only: send Upgrade: websocket.";
        OriginForeign = Forbidden, "origin_foreign",
            "Pages of another origin may not do this; the operator can allow them by \
             --allow-origin.";
        WaitMalformed = BadRequest, "wait_malformed",
            "wait= takes whole seconds, as in wait=30.";
        LimitMalformed = BadRequest, "limit_malformed",
            "limit= takes a whole number from 1.";
        OffsetMalformed = BadRequest, "offset_malformed",
            "offset= takes a whole number.";
        SortUnknown = BadRequest, "sort_unknown",
            "sort= takes id, idle, received, sent, messages, pending, rtt or segments.";
        StateUnknown = BadRequest, "state_unknown",
            "state= takes open, closed or all.";
        TagMalformed = BadRequest, "tag_malformed",
            "tag= takes 1 to 16 hexadecimal digits.";
        TagsTooMany = BadRequest, "tags_too_many",
            "At most 8 tags can be asked for at once.";
        HostNotServed = MisdirectedRequest, "host_not_served",
            "This server is not the one that Host names; ask for a name that it serves, or let the \
             operator add this one by --allow-host.";
        ContentCoded = UnsupportedMediaType, "content_coded",
            "A message is published as it is; send the body without Content-Encoding.";
        EventReserved = BadRequest, "event_reserved",
            "gap is the event by which readers are told of missed messages; name yours otherwise.";
        EventMalformed = BadRequest, "event_malformed",
            "An event's name is UTF-8 without CR, LF and NUL, and takes at most 64 bytes.";
        KeyMalformed = BadRequest, "idempotency_key_malformed",
            "A key by which repeats are known is UTF-8 and takes 1 to 128 bytes.";
        HeadTimeout = RequestTimeout, "head_timeout",
            "The request's head did not arrive in time.";
        BodyTimeout = RequestTimeout, "body_timeout",
            "The request's body did not arrive in time.";
        Overloaded = Unavailable, "overloaded",
            "The server has more messages to deliver than it can; try again in a moment.";
        StoreUnavailable = Unavailable, "store_unavailable",
            "What keeps the messages cannot be written at present, or does not answer; the message \
             may or may not be found there later. Try again in a moment, with an Idempotency-Key \
             to have it once.";
        UnfinishedTooMuch = Unavailable, "unfinished_too_much",
            "The server holds as many unfinished requests as it can; try again in a moment.";
        Draining = Unavailable, "draining",
            "The server ends; connect anew, to the one that takes its place.";
        TlsExpected = BadRequest, "tls_expected",
            "This port speaks TLS; ask it by https:// or wss://.";
        ClientMalformed = BadRequest, "client_malformed",
            "The proxy that brought this request names whom it has it from in a way that cannot be \
             read.";
        AddressFull = TooManyRequests, "address_full",
            "Your address has as many connections as it may; close one, or try again later.";
        TooFast = TooManyRequests, "too_fast",
            "Your address publishes more messages a second than it may; send fewer, and try again \
             when it may.";
        TopicsFull = Unavailable, "topics_full",
            "There is no room for another topic; publish to one that there is, or try again later.";
        FileUnreadable = InternalError, "file_unreadable",
            "The file could not be read; the server's log says why.";
        RangeNotSatisfiable = RangeNotSatisfiable, "range_not_satisfiable",
            "The file ends before the range begins.";
    }
}

impl Problem {
    /// The answer to a method that `allow` does not list.
    pub const fn method(allow: Allow) -> Self {
        let mut problem = Self::of(Rule::MethodNotAllowed);
        problem.allow = Some(allow);
        problem
    }

    /// Which right was wanting, if that is what it is about.
    pub fn denial(&self) -> Option<Denial> {
        Denial::of_code(self.code)
    }

    /// The refusal for breaking `rule`.
    pub const fn of(rule: Rule) -> Self {
        let status = rule.status();
        let retry_s = retry_s(status);
        Self { status, code: rule.code(), detail: rule.detail(), allow: None, retry_s }
    }

    /// The offence and its remedy, with the methods that are allowed, and the bound that was passed
    /// if an operator can turn it: a client learns how much it may send, and the operator by which
    /// flag.
    pub fn detail_within(self, limits: &Limits) -> Cow<'static, str> {
        if let Some(allow) = self.allow {
            return Cow::Owned(format!("{} They are {}.", self.detail, allow.methods()));
        }
        let (bytes, flag) = match self.code {
            "too_large" | "data_too_big" => (limits.message_bytes_max, "--max-message"),
            "head_too_large" => (limits.head_bytes_max, "--max-head"),
            _ => return Cow::Borrowed(self.detail),
        };
        Cow::Owned(format!("{} The bound is {bytes} bytes, {flag}.", self.detail))
    }
}

/// When to try again, in seconds: what is wanting for a moment is usually there in the next.
const fn retry_s(status: Status) -> u64 {
    matches!(status, Status::Unavailable) as u64
}

impl From<Rule> for Problem {
    fn from(rule: Rule) -> Self {
        Self::of(rule)
    }
}

macro_rules! from_wire {
    ($($error:ty),*) => {$(
        impl From<$error> for Problem {
            fn from(error: $error) -> Self {
                Self {
                    status: error.status(),
                    code: error.code(),
                    detail: error.detail(),
                    allow: None,
                    retry_s: retry_s(error.status()),
                }
            }
        }
    )*};
}

from_wire!(HeadError, BodyError, HandshakeError, TargetError, PublishError, Denial);
