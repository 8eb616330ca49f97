//! Workloads of polls, and of connections that come and go.
//!
//! Came from: `lanes`. Goes to: `swarm`, `feed`. Absent on purpose: readers that keep a connection
//! to hear more than one message by it: `work`.

use tollway::client::frames;
use tollway::shell::clock;
use tollway::wire::frame::Opcode;

use super::feed::{Done, payload};
use super::floor::MESSAGE_BYTES;
use super::line::Heard;
use super::swarm::{Swarm, TURN};
use super::work::{Phase, Work};

/// Connections that poll one topic, again as soon as they are answered.
pub(crate) struct ShortPolls {
    request: String,
    /// What is in each answer.
    expected: Option<[u8; MESSAGE_BYTES]>,
    lines: Vec<usize>,
    /// When each has asked, by connection.
    asked_us: Vec<u64>,
}

impl ShortPolls {
    pub(crate) fn gather(swarm: &mut Swarm, with_answer: bool) -> Result<Box<dyn Work>, String> {
        let (message, cursor) = publish_one(swarm)?;
        let request = if with_answer {
            swarm.dialect.short_poll(POLLED)
        } else {
            swarm.dialect.empty_poll(POLLED, &cursor)
        };
        let lines: Result<Vec<_>, _> = (0..POLLERS).map(|_| swarm.open(b"")).collect();
        let lines = lines?;
        let asked_us = vec![0; lines.iter().max().expect("there are some") + 1];
        let expected = with_answer.then_some(message);
        Ok(Box::new(Self { request, expected, lines, asked_us }))
    }
}

impl Work for ShortPolls {
    fn run(&mut self, swarm: &mut Swarm, phase: Phase) -> Result<Done, String> {
        let mut done = Done::default();
        for &number in &self.lines {
            self.asked_us[number] = clock::shared_us();
            swarm.send(number, self.request.as_bytes())?;
        }
        let mut asking = self.lines.len();
        while asking > 0 {
            for (number, heard) in swarm.turn(TURN)? {
                check(swarm, &heard, self.expected)?;
                done.count(self.asked_us[number]);
                if phase.is_over(&done) {
                    asking -= 1;
                } else {
                    self.asked_us[number] = clock::shared_us();
                    swarm.send(number, self.request.as_bytes())?;
                }
            }
        }
        Ok(done)
    }
}

/// A connection for each operation: a poll, or a WebSocket that subscribes and closes.
pub(crate) struct Churn {
    request: String,
    /// Of a poll: what is in its answer.
    expected: Option<[u8; MESSAGE_BYTES]>,
}

impl Churn {
    pub(crate) fn of_polls(swarm: &mut Swarm) -> Result<Box<dyn Work>, String> {
        let (message, _) = publish_one(swarm)?;
        Ok(Box::new(Self { request: swarm.dialect.last_poll(POLLED), expected: Some(message) }))
    }

    pub(crate) fn of_websockets(swarm: &Swarm) -> Box<dyn Work> {
        Box::new(Self { request: swarm.dialect.websocket(POLLED), expected: None })
    }
}

impl Work for Churn {
    fn run(&mut self, swarm: &mut Swarm, phase: Phase) -> Result<Done, String> {
        let mut done = Done::default();
        // By connection: when it was opened, and whether it was answered.
        let mut begun: Vec<(u64, bool)> = Vec::new();
        let mut open = 0;
        loop {
            while open < POLLERS && !phase.is_over(&done) {
                let number = swarm.open(self.request.as_bytes())?;
                begun.resize(begun.len().max(number + 1), (0, false));
                begun[number] = (clock::shared_us(), false);
                open += 1;
            }
            if open == 0 {
                return Ok(done);
            }
            for (number, heard) in swarm.turn(TURN)? {
                match heard {
                    Heard::Opened if self.expected.is_none() => {
                        begun[number].1 = true;
                        let mut close = Vec::new();
                        frames::encode(Opcode::Close, &[0x03, 0xE8], [0; 4], &mut close);
                        swarm.send(number, &close)?;
                    }
                    Heard::Ended if begun[number].1 => {
                        done.count(begun[number].0);
                        open -= 1;
                    }
                    heard => {
                        check(swarm, &heard, self.expected)?;
                        begun[number].1 = true;
                    }
                }
            }
        }
    }
}

/// A crowd of long polls: all are withheld, one message releases them.
pub(crate) struct LongPolls {
    count: usize,
    /// By connection.
    cursors: Vec<String>,
    fence: usize,
    publisher: usize,
    published: u64,
}

impl LongPolls {
    pub(crate) fn gather(swarm: &mut Swarm, count: usize) -> Result<Box<dyn Work>, String> {
        Ok(Box::new(Self::open(swarm, count)?))
    }

    fn open(swarm: &mut Swarm, count: usize) -> Result<Self, String> {
        let fence = open_behind(swarm, count, "")?;
        let publisher = swarm.open(b"")?;
        Ok(Self { count, cursors: vec![String::new(); count], fence, publisher, published: 0 })
    }

    /// Polls that wait, and stay.
    pub(crate) fn park(swarm: &mut Swarm, count: usize) -> Result<(), String> {
        let request = swarm.dialect.long_poll(POLLED, "");
        let fence = open_behind(swarm, count, &request)?;
        swarm.close(fence);
        Ok(())
    }

    /// All ask; a request behind them says when all were heard.
    fn ask(&self, swarm: &mut Swarm) -> Result<(), String> {
        for (number, cursor) in self.cursors.iter().enumerate() {
            let request = swarm.dialect.long_poll(POLLED, cursor);
            swarm.send(number, request.as_bytes())?;
        }
        pass(swarm, self.fence)
    }

    fn release(&mut self, swarm: &mut Swarm, done: &mut Done) -> Result<(), String> {
        self.published += 1;
        let message = payload(POLLED, self.published);
        let began_us = clock::shared_us();
        swarm.send(self.publisher, &swarm.dialect.publish(POLLED, &message))?;
        let (mut left, mut is_answered) = (self.count, false);
        while left > 0 || !is_answered {
            for (number, heard) in swarm.turn(TURN)? {
                if number == self.publisher {
                    is_answered = true;
                    continue;
                }
                self.cursors[number] = check(swarm, &heard, Some(message))?;
                done.count(began_us);
                left -= 1;
            }
        }
        Ok(())
    }
}

impl Work for LongPolls {
    fn run(&mut self, swarm: &mut Swarm, phase: Phase) -> Result<Done, String> {
        let mut done = Done::default();
        while !phase.is_over(&done) {
            self.ask(swarm)?;
            self.release(swarm, &mut done)?;
        }
        Ok(done)
    }
}

/// Opens connections that nobody answers, a few at a time. Gives the number of one more behind
/// them, for [`pass`].
fn open_behind(swarm: &mut Swarm, count: usize, request: &str) -> Result<usize, String> {
    for n in 0..count {
        swarm.open(request.as_bytes())?;
        if n % CONNECTING_MAX == CONNECTING_MAX - 1 {
            // The server has looked at its queue of connections before it reads this.
            let number = swarm.open(b"")?;
            pass(swarm, number)?;
            swarm.close(number);
        }
    }
    let fence = swarm.open(b"")?;
    pass(swarm, fence)?;
    Ok(fence)
}

/// A request behind others: when it is answered, all of them were heard.
fn pass(swarm: &mut Swarm, fence: usize) -> Result<(), String> {
    swarm.begin();
    swarm.send(fence, swarm.dialect.short_poll(FENCE).as_bytes())?;
    loop {
        match swarm.turn(TURN)?.as_slice() {
            [] => {}
            [(number, Heard::Answer(..))] if *number == fence => return Ok(()),
            other => return Err(format!("nothing was published, and {other:?}")),
        }
    }
}

/// Publishes the one message of a topic, and asks for it: gives it and the cursor behind it.
fn publish_one(swarm: &mut Swarm) -> Result<([u8; MESSAGE_BYTES], String), String> {
    let message = payload(POLLED, 1);
    let number = swarm.open(&swarm.dialect.publish(POLLED, &message))?;
    swarm.begin();
    match one(swarm)? {
        Heard::Answer(head, _) if (200..300).contains(&head.status) => {}
        other => return Err(format!("a publish: {other:?}")),
    }
    swarm.send(number, swarm.dialect.short_poll(POLLED).as_bytes())?;
    let heard = one(swarm)?;
    let cursor = check(swarm, &heard, Some(message))?;
    swarm.close(number);
    Ok((message, cursor))
}

fn one(swarm: &mut Swarm) -> Result<Heard, String> {
    loop {
        if let Some((_, heard)) = swarm.turn(TURN)?.pop() {
            return Ok(heard);
        }
    }
}

/// Whether an answer has this message, or none. Gives the cursor behind it.
fn check(
    swarm: &Swarm,
    said: &Heard,
    expected: Option<[u8; MESSAGE_BYTES]>,
) -> Result<String, String> {
    let answer = match said {
        Heard::Answer(head, body) => swarm.dialect.answer(head, body)?,
        other => return Err(format!("a poll: {other:?}")),
    };
    if answer.message.as_deref() != expected.as_ref().map(|bytes| &bytes[..]) {
        return Err(format!("a poll: {:?}, not {expected:?}", answer.message));
    }
    Ok(answer.cursor)
}

/// The topic that polls are for.
const POLLED: u32 = 99_999;
/// A topic without messages.
const FENCE: u32 = 99_998;
/// Connections that are opened before the server is waited for: fewer than the shortest backlog.
const CONNECTING_MAX: usize = 64;
/// Connections that poll, or come and go, at once.
const POLLERS: usize = 16;
