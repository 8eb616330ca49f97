//! A request, understood: what is wanted, who pays, and how the answer is to be worded.
//!
//! Came from: `route`, which reads it out of a head. Goes to: `broker::answer`. Absent on purpose:
//! text. Whatever a client spelled is a name, a number or a choice by now.

use std::rc::Rc;
use std::sync::Arc;

use super::asset::Asset;
use super::problem::{Allow, Problem};
use super::response_context::ResponseContext;
use crate::ids::{Cursor, TopicName};
use crate::ledger::report::{Page, TagList};
use crate::ledger::{CostTag, Payer, Rows};
use crate::rights::Grant;
use crate::rights::tickets::Ticket;
use crate::technique::Dialect;
use crate::wire::coding::AcceptedCodings;
use crate::wire::handshake::Accept;

/// A request, understood.
#[derive(Debug)]
pub struct Request {
    /// What the answer needs to know of it.
    pub context: ResponseContext,
    /// The payer that its costs are charged to.
    pub payer: Payer,
    /// What the request wants.
    pub want: Want,
    /// What the token that it shows allows, beside what everybody may.
    pub grant: Option<Arc<Grant>>,
}

/// What a request wants.
#[derive(Debug)]
pub enum Want {
    /// The body as a message. Who asks the same shares it.
    Publish(Rc<Publish>),
    /// Messages of one topic or several. Who asks the same shares it.
    Read(Rc<Read>),
    /// Who reads a topic, and what it holds.
    Info(TopicName),
    /// The live page.
    Page {
        /// Where it may connect to, beside its own origin: sources of a Content-Security-Policy.
        sources: Box<str>,
        /// How it is wanted.
        terms: AssetTerms,
    },
    /// Another file that the program carries.
    Asset(Asset, AssetTerms),
    /// The ledger, in one answer.
    Report(Report),
    /// The ledger, a snapshot a second.
    Watch(Watch),
    /// Whether the server lives.
    Healthy,
    /// Whether it takes requests.
    Ready,
    /// A file of `--static`.
    File(Box<FileWant>),
    /// What may be asked.
    Options {
        /// The methods that the path takes.
        allow: Allow,
        /// A browser asks on behalf of a page of another site.
        preflight: Option<Preflight>,
    },
    /// A ticket, for the token that was shown.
    Ticket,
    /// Something else, by a ticket that has to be looked at first.
    Redeem(Redeem),
    /// Nothing that can be had.
    Refuse(Problem),
    /// Nothing: pages of that origin may not ask. The sentence names the origin and `Host`.
    RefuseOrigin(Box<str>),
}

impl Want {
    /// The same once more, if it is what many ask alike: to poll, or to publish without a key, of
    /// which there is another for each message.
    pub fn again(&self) -> Option<Self> {
        match self {
            Self::Publish(publish) if publish.idempotency_key.is_none() => {
                Some(Self::Publish(Rc::clone(publish)))
            }
            Self::Read(read) if self.polls() => Some(Self::Read(Rc::clone(read))),
            _ => None,
        }
    }

    /// Whether nothing can be had.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Refuse(_) | Self::RefuseOrigin(_))
    }

    /// The tag that a reader wants its costs to be noted under.
    pub fn tag(&self) -> Option<CostTag> {
        match self {
            Self::Read(read) => read.tag,
            Self::Redeem(redeem) => redeem.want.tag(),
            _ => None,
        }
    }

    /// Whether this is a poll, short or long.
    pub fn polls(&self) -> bool {
        match self {
            Self::Read(read) => matches!(read.how, How::Poll { .. }),
            Self::Redeem(redeem) => redeem.want.polls(),
            _ => false,
        }
    }

    /// Whether this is a WebSocket.
    pub fn upgrades(&self) -> bool {
        match self {
            Self::Read(read) => matches!(read.how, How::Socket { .. }),
            Self::Watch(watch) => matches!(watch, Watch::Socket(_)),
            Self::Redeem(redeem) => redeem.want.upgrades(),
            _ => false,
        }
    }
}

/// What is wanted by a ticket.
#[derive(Debug)]
pub struct Redeem {
    /// The ticket.
    pub ticket: Ticket,
    /// What is wanted.
    pub want: Box<Want>,
}

/// What a browser asks before it sends what a form could not. Fetch standard, CORS-preflight.
#[derive(Debug)]
pub struct Preflight {
    /// The names of the fields that the page wants to send, as one list; perhaps empty.
    pub fields: Box<str>,
    /// The page comes from a network further out than ours.
    pub private_network: bool,
}

/// How a file that the program carries is wanted.
#[derive(Debug)]
pub struct AssetTerms {
    /// The codings that the client takes.
    pub codings: AcceptedCodings,
    /// The lines of `If-None-Match` as one list: it is not sent to who has it.
    pub if_none_match: Option<Box<[u8]>>,
}

/// What of the ledger is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// What each technique has cost.
    Costs,
    /// What passed under these tags.
    Tags(Box<TagList>),
    /// The identities, with both their sides.
    Check,
    /// All of it, for Prometheus.
    Metrics,
    /// The table of connections.
    Connections(Rows, Page),
}

/// How snapshots of the ledger are wanted.
#[derive(Debug)]
pub enum Watch {
    /// As an event stream.
    Stream,
    /// As a WebSocket; its handshake has been judged.
    Socket(Accept),
}

/// A message to be published, without its data.
#[derive(Debug)]
pub struct Publish {
    /// The topic to publish on.
    pub topic: TopicName,
    /// The event name, if one was given.
    pub event: Option<Box<str>>,
    /// A repeat with this key adds nothing.
    pub idempotency_key: Option<Box<str>>,
}

/// Messages to be read.
#[derive(Debug)]
pub struct Read {
    /// The topics: one at least, none twice.
    pub topics: Box<[TopicName]>,
    /// Where to start; without a cursor, each technique has its own beginning.
    pub cursor: Option<Cursor>,
    /// The account that is to note its costs too.
    pub tag: Option<CostTag>,
    /// The technique, and what it has to know.
    pub how: How,
}

/// The way of reading.
#[derive(Debug)]
pub enum How {
    /// A short poll, or a long one if `wait_s` is there.
    Poll {
        /// How long the answer may be withheld, in seconds; never `Some(0)`.
        wait_s: Option<u64>,
        /// The largest number of messages in the answer.
        limit: usize,
        /// The client's `If-None-Match`.
        if_none_match: Option<Box<[u8]>>,
    },
    /// As an event stream.
    Stream,
    /// As a WebSocket; its handshake has been judged.
    Socket {
        /// What the client must find in the answer.
        accept: Accept,
        /// The dialect that was agreed on.
        dialect: Dialect,
    },
}

/// A file to be sent.
#[derive(Debug)]
pub struct FileWant {
    /// Below `--static`, percent-decoded; no segment of it is `.` or `..` or holds a slash. Of the
    /// folder itself, asked for without its closing slash, it is [`FOLDER`](Self::FOLDER).
    pub path: Box<str>,
    /// As it came, for a redirect to keep.
    pub query: Option<Box<str>>,
    /// The lines of `If-None-Match` as one list, RFC 9110 §13.1.2.
    pub if_none_match: Option<Box<[u8]>>,
    /// `If-Modified-Since`, as it came, RFC 9110 §13.1.3.
    pub if_modified_since: Option<Box<[u8]>>,
    /// `Range`, as it came, RFC 9110 §14.2.
    pub range: Option<Box<[u8]>>,
    /// `If-Range`, as it came, RFC 9110 §13.1.5.
    pub if_range: Option<Box<[u8]>>,
}

impl FileWant {
    /// The folder itself, without its closing slash.
    pub const FOLDER: &str = ".";
}
