//! A connection by which messages are published: requests one behind the other, answers in their
//! order.
//!
//! Requests do not wait for the answers to those before (RFC 9112 §9.3.2): a publisher that did
//! would be late with the next message whenever the server is, and hide how late.
//!
//! Came from: `load`, with what is to be published. Goes to: `link`; and back, with what became of
//! each. Absent on purpose: sending again. What was refused is counted.

use std::collections::VecDeque;

use super::link::{Came, LoadLink};
use crate::client::endpoint::Endpoint;
use crate::client::response::{ResponseDecoder, ResponseHead, ResponseStep};
use crate::client::setback::Setback;

/// A publisher, with its connection or without.
#[derive(Debug, Default)]
pub struct LoadPublisher {
    /// `None`: the last one has ended, and nothing was published since.
    pub link: Option<LoadLink>,
    decoder: ResponseDecoder,
    inbox: Vec<u8>,
    head: ResponseHead,
    body: Vec<u8>,
    /// Messages that are not answered: topic and number.
    waiting: VecDeque<(u32, u64)>,
    /// The last of them, which stand in the link and have not gone out.
    unflushed: usize,
}

/// What became of a publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The message's topic.
    pub topic: u32,
    /// Its number there.
    pub number: u64,
    /// The status; 0 when there was none.
    pub status: u16,
    /// What the server says, if it refuses.
    pub says: Option<String>,
}

impl LoadPublisher {
    /// Whether no more requests go out for now.
    pub fn is_full(&self) -> bool {
        let unsent = self.link.as_ref().map_or(0, LoadLink::unsent);
        self.waiting.len() >= WAITING_MAX || unsent >= UNSENT_BYTES_MAX
    }

    /// Whether all is answered.
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether there is a connection. A server may end one at any time.
    pub fn is_open(&self) -> bool {
        self.link.is_some()
    }

    /// A new connection.
    pub fn connected(&mut self, link: LoadLink) {
        *self = Self { link: Some(link), ..Self::default() };
    }

    /// Puts a request behind those that are under way. There has to be a connection.
    pub fn publish(
        &mut self,
        endpoint: &Endpoint,
        name: &str,
        (topic, number): (u32, u64),
        payload: &[u8],
    ) {
        let link = self.link.as_mut().expect("it was opened before");
        let head = endpoint.head("POST", &format!("/{name}"));
        let length = payload.len();
        link.push(format!("{head}Content-Length: {length}\r\n\r\n").as_bytes());
        link.push(payload);
        self.waiting.push_back((topic, number));
        self.unflushed += 1;
    }

    /// Messages that go out now: topic and number, each told once.
    pub fn going_out(&mut self) -> impl Iterator<Item = (u32, u64)> {
        let first = self.waiting.len() - std::mem::take(&mut self.unflushed);
        self.waiting.range(first..).copied()
    }

    /// Reads what there is, and gives what was answered. An error: the connection is of no more
    /// use, and requests are under way, or what came is no answer.
    pub fn read(&mut self, scratch: &mut [u8], answers: &mut Vec<Answer>) -> Result<(), String> {
        while let Some(link) = &mut self.link {
            match link.read(scratch)? {
                Came::Nothing => break,
                Came::Bytes(length) => {
                    self.inbox.extend_from_slice(&scratch[..length]);
                    self.understand(answers)?;
                }
                Came::End if self.waiting.is_empty() => *self = Self::default(),
                Came::End => return Err("lost its connection".to_owned()),
            }
        }
        Ok(())
    }

    /// The connection is given up: whatever was under way has no answer.
    pub fn ended(&mut self, answers: &mut Vec<Answer>) {
        let waiting = std::mem::take(&mut self.waiting);
        answers.extend(waiting.into_iter().map(|(topic, number)| {
            let says = None;
            Answer { topic, number, status: 0, says }
        }));
        *self = Self::default();
    }

    fn understand(&mut self, answers: &mut Vec<Answer>) -> Result<(), String> {
        let inbox = std::mem::take(&mut self.inbox);
        let mut at = 0;
        loop {
            let step = self.decoder.decode(&inbox[at..]);
            match step.map_err(|error| format!("got an answer that breaks HTTP ({error:?})"))? {
                ResponseStep::Partial => break,
                ResponseStep::Head { head, used } => {
                    self.head = head;
                    self.body.clear();
                    at += used;
                }
                ResponseStep::Body { bytes, used } => {
                    let room = BODY_BYTES_MAX.saturating_sub(self.body.len());
                    self.body.extend_from_slice(&bytes[..bytes.len().min(room)]);
                    at += used;
                }
                ResponseStep::End { used } => {
                    at += used;
                    let waiting = self.waiting.pop_front();
                    let (topic, number) = waiting.ok_or("got an answer to no request")?;
                    let (status, is_good) = (self.head.status, self.head.status / 100 == 2);
                    let refused = || Setback::refused(&self.head, &self.body).what;
                    let says = (!is_good).then(refused);
                    answers.push(Answer { topic, number, status, says });
                }
            }
        }
        self.inbox = inbox;
        self.inbox.drain(..at);
        Ok(())
    }
}

/// Requests that are under way at once.
const WAITING_MAX: usize = 64;
/// Bytes of requests that the kernel has not taken, from which on no more are added.
const UNSENT_BYTES_MAX: usize = 256 * 1024;
/// What is kept of an answer's body: more than its words.
const BODY_BYTES_MAX: usize = 4 * 1024;
