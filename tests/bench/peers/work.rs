//! What is done to a server: workloads that begin and end with nothing in flight.
//!
//! Came from: `lanes`. Goes to: `swarm`, `feed`. Absent on purpose: starting servers and measuring
//! them, and workloads of polls and of connections: `polls`.

use std::collections::VecDeque;
use std::time::Duration;

use tollway::client::frames;
use tollway::shell::clock;
use tollway::wire::frame::Opcode;

use super::feed::{Done, Feed};
use super::line::Heard;
use super::swarm::{Swarm, TURN};

/// How long work goes on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Phase {
    pub(crate) until_us: u64,
    /// Operations after which it ends before.
    pub(crate) most: u64,
}

impl Phase {
    pub(crate) fn is_over(self, done: &Done) -> bool {
        done.operations >= self.most || clock::shared_us() >= self.until_us
    }
}

/// A workload whose connections are open.
pub(crate) trait Work {
    /// Goes on until the phase is over, and all that it has begun is done.
    fn run(&mut self, swarm: &mut Swarm, phase: Phase) -> Result<Done, String>;
}

/// How messages follow each other.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// By POST, the next one as soon as the last is answered, unless so many are in flight.
    Saturated(usize),
    /// By WebSocket, so many at once, when those before them are with all readers.
    Bursts(usize),
    /// By WebSocket; one is due so many microseconds after the other.
    Every(u64),
}

/// By what readers read, where that is a matter of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    WebSocket,
    Sse,
}

/// One topic that all read. A WebSocket that publishes reads as well.
pub(crate) struct FanOut {
    feed: Feed,
    /// What comes next for each reader, by connection.
    next: Vec<u64>,
    publisher: usize,
    pace: Pace,
    /// A POST has no answer yet.
    asks: bool,
}

impl FanOut {
    pub(crate) fn gather(
        swarm: &mut Swarm,
        stream: Stream,
        readers: usize,
        pace: Pace,
    ) -> Result<Box<dyn Work>, String> {
        open_all(swarm, stream, readers, |_| 0)?;
        let by_post = matches!(pace, Pace::Saturated(_));
        let publisher =
            if by_post { swarm.open(b"")? } else { open_all(swarm, Stream::WebSocket, 1, |_| 0)? };
        if by_post {
            swarm.attend_to(publisher);
        }
        // The publisher's number is the last.
        let all = if by_post { publisher } else { publisher + 1 };
        let feed = Feed::new(0, u32::try_from(all).expect("few"));
        Ok(Box::new(Self { feed, next: vec![1; all], publisher, pace, asks: false }))
    }

    /// Publishes what there is room for, or what is due. Gives how long there is nothing to do.
    fn publish(&mut self, swarm: &mut Swarm, due_us: &mut u64) -> Result<Duration, String> {
        let (now, in_flight) = (clock::shared_us(), self.feed.in_flight());
        let mut said = Vec::new();
        let mut wait = TURN;
        match self.pace {
            Pace::Saturated(most) if !self.asks && in_flight < most => {
                said = swarm.dialect.publish(0, &self.feed.publish(now));
                self.asks = true;
            }
            Pace::Bursts(length) if in_flight == 0 => {
                (0..length).for_each(|_| say(&self.feed.publish(now), &mut said));
            }
            Pace::Saturated(_) | Pace::Bursts(_) => {}
            Pace::Every(interval_us) => {
                while *due_us <= now {
                    say(&self.feed.publish(*due_us), &mut said);
                    *due_us += interval_us;
                }
                // `epoll` waits for whole milliseconds: the last one is spent asking.
                wait = wait.min(Duration::from_millis((*due_us - now) / 1000));
            }
        }
        if !said.is_empty() {
            swarm.send(self.publisher, &said)?;
        }
        Ok(wait)
    }
}

impl Work for FanOut {
    fn run(&mut self, swarm: &mut Swarm, phase: Phase) -> Result<Done, String> {
        let mut done = Done::default();
        let mut due_us = clock::shared_us();
        loop {
            let mut wait = TURN;
            if !phase.is_over(&done) {
                wait = self.publish(swarm, &mut due_us)?;
            } else if self.feed.in_flight() == 0 && !self.asks {
                return Ok(done);
            }
            for (number, heard) in swarm.turn(wait)? {
                match heard {
                    Heard::Message(bytes) => {
                        self.feed.heard(&mut self.next[number], &bytes, &mut done)?;
                    }
                    Heard::Answer(head, _) if (200..300).contains(&head.status) => {
                        self.asks = false;
                    }
                    other => return Err(format!("connection {number}: {other:?}")),
                }
            }
        }
    }
}

/// A topic for each WebSocket, which publishes there the next message when the last came back.
pub(crate) struct Echo {
    feeds: Vec<Feed>,
    next: Vec<u64>,
}

impl Echo {
    pub(crate) fn gather(swarm: &mut Swarm, sockets: usize) -> Result<Box<dyn Work>, String> {
        open_all(swarm, Stream::WebSocket, sockets, |n| n)?;
        let feeds = (0..sockets as u32).map(|topic| Feed::new(topic, 1)).collect();
        Ok(Box::new(Self { feeds, next: vec![1; sockets] }))
    }

    fn publish(&mut self, swarm: &mut Swarm, number: usize) -> Result<(), String> {
        let mut said = Vec::new();
        say(&self.feeds[number].publish(clock::shared_us()), &mut said);
        swarm.send(number, &said)
    }
}

impl Work for Echo {
    fn run(&mut self, swarm: &mut Swarm, phase: Phase) -> Result<Done, String> {
        let mut done = Done::default();
        for number in 0..self.feeds.len() {
            self.publish(swarm, number)?;
        }
        let mut in_flight = self.feeds.len();
        while in_flight > 0 {
            for (number, heard) in swarm.turn(TURN)? {
                let Heard::Message(bytes) = heard else {
                    return Err(format!("connection {number}: {heard:?}"));
                };
                self.feeds[number].heard(&mut self.next[number], &bytes, &mut done)?;
                if phase.is_over(&done) {
                    in_flight -= 1;
                } else {
                    self.publish(swarm, number)?;
                }
            }
        }
        Ok(done)
    }
}

/// Many topics with a WebSocket each; a few connections publish by POST, to one after the other.
pub(crate) struct Topics {
    feeds: Vec<Feed>,
    next: Vec<u64>,
    /// Topics with nothing in flight, the one that waits for longest first.
    quiet: VecDeque<u32>,
    /// Publishers without a request.
    idle: Vec<usize>,
}

impl Topics {
    pub(crate) fn gather(swarm: &mut Swarm, topics: usize) -> Result<Box<dyn Work>, String> {
        open_all(swarm, Stream::WebSocket, topics, |n| n)?;
        let idle: Result<_, _> = (0..PUBLISHERS).map(|_| swarm.open(b"")).collect();
        let count = topics as u32;
        let feeds = (0..count).map(|topic| Feed::new(topic, 1)).collect();
        let quiet = (0..count).collect();
        Ok(Box::new(Self { feeds, next: vec![1; topics], quiet, idle: idle? }))
    }
}

impl Work for Topics {
    fn run(&mut self, swarm: &mut Swarm, phase: Phase) -> Result<Done, String> {
        let mut done = Done::default();
        loop {
            while !phase.is_over(&done)
                && !self.idle.is_empty()
                && let Some(topic) = self.quiet.pop_front()
            {
                let publisher = self.idle.pop().expect("looked at just now");
                let payload = self.feeds[topic as usize].publish(clock::shared_us());
                swarm.send(publisher, &swarm.dialect.publish(topic, &payload))?;
            }
            let is_quiet = self.quiet.len() == self.feeds.len() && self.idle.len() == PUBLISHERS;
            if is_quiet && phase.is_over(&done) {
                return Ok(done);
            }
            for (number, heard) in swarm.turn(TURN)? {
                match heard {
                    Heard::Message(bytes) => {
                        self.feeds[number].heard(&mut self.next[number], &bytes, &mut done)?;
                        self.quiet.push_back(number as u32);
                    }
                    Heard::Answer(head, _) if (200..300).contains(&head.status) => {
                        self.idle.push(number);
                    }
                    other => return Err(format!("connection {number}: {other:?}")),
                }
            }
        }
    }
}

/// Opens so many more connections, a few at a time, and waits until all have subscribed. Gives the
/// number of the first.
pub(crate) fn open_all(
    swarm: &mut Swarm,
    stream: Stream,
    count: usize,
    topic: impl Fn(u32) -> u32,
) -> Result<usize, String> {
    let (mut first, mut begun, mut opened) = (usize::MAX, 0, 0);
    swarm.begin();
    while opened < count {
        while begun < count && begun - opened < CONNECTING_MAX {
            // Exact: there are ports for some ten thousands.
            let topic = topic(begun as u32);
            let request = match stream {
                Stream::WebSocket => swarm.dialect.websocket(topic),
                Stream::Sse => swarm.dialect.sse(topic),
            };
            first = first.min(swarm.open(request.as_bytes())?);
            begun += 1;
        }
        for (number, heard) in swarm.turn(TURN)? {
            match heard {
                Heard::Opened => opened += 1,
                other => return Err(format!("connection {number}: {other:?}")),
            }
        }
    }
    Ok(first)
}

/// Appends a message as a client's frame.
pub(crate) fn say(payload: &[u8], out: &mut Vec<u8>) {
    frames::encode(Opcode::Text, payload, MASK, out);
}

const MASK: [u8; 4] = *b"toll";
const PUBLISHERS: usize = 16;
/// Connections that are not open yet: fewer than the shortest backlog that is usual.
const CONNECTING_MAX: usize = 100;
