//! Asks: what the bytes of a connection want of the broker.
//!
//! Came from: `Conn::next_ask`, one at a time. Goes to: `broker::answer`. Absent on purpose: what
//! the answer has to know of its request; that lies in the state of the connection.

use super::request::Want;
use super::v1::V1Request;
use crate::close::CloseReason;
use crate::ledger::Payer;
use crate::technique::message::Payload;
use crate::wire::frame::CloseCode;

/// What a connection asks of the broker.
#[derive(Debug)]
pub enum Ask {
    /// A proxy that passes on bytes has said whose they are: that client is here from now on.
    Arrived,
    /// A whole request. What its answer needs to know of it lies in the state `Answering`.
    Request {
        /// Who pays for it.
        payer: Payer,
        /// What is wanted.
        want: Want,
        /// The body, if it publishes.
        body: Vec<u8>,
    },
    /// A message of a raw WebSocket, to be published.
    PublishRaw(Payload),
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
