//! `tollway pub`: messages, each added once, however often it had to be sent.
//!
//! Each message carries a key, and a server adds nothing for a key that it has seen. So what has no
//! answer when a connection breaks is sent again on the next one, in its order. Over WebSocket a
//! few messages are under way at once, over HTTP one; once one of several was refused it is one
//! there too, since those behind it may have been taken.
//!
//! Came from: `main`, with [`PubOptions`]. Goes to: `exchange`, and to standard output with
//! `--json`. Absent on purpose: falling back. A publish is a POST, which any proxy lets through;
//! who asks for a WebSocket gets that.

mod socket;

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Stdin};
use std::mem;
use std::time::Duration;

use super::exchange::{Exchange, slow_ms};
use super::flags::PubOptions;
use super::input;
use super::reader::now_ms;
use super::receipts::Receipts;
use super::run_end::RunEnd;
use super::show;
use super::unpublished::{Pending, PendingState, Unpublished};
use crate::client::endpoint::percent_encode;
use crate::client::frames::Masks;
use crate::client::setback::Setback;
use crate::client::traffic::Traffic;
use crate::config::Span;
use crate::limits::UNANSWERED_MAX;
use crate::shell::clock;

struct Publisher<'o> {
    options: &'o PubOptions,
    masks: Masks,
    link: Option<Exchange>,
    /// The server was there once: it may come back.
    reached: bool,
    /// The link has carried an answer: that it is cut may mean no more than that it was idle.
    proved: bool,
    /// Messages that are not done with.
    unpublished: Unpublished,
    /// One of several that were under way was refused, and nothing is sent until all are answered.
    refused: Option<Setback>,
    /// That has happened: from then on one message is under way at a time.
    alone: bool,
    receipts: Receipts,
    traffic: Traffic,
}

/// Publishes what was asked for.
pub fn run(options: &PubOptions) -> RunEnd {
    let started = now_ms();
    let mut publisher = Publisher {
        options,
        masks: Masks::default(),
        link: None,
        reached: false,
        proved: false,
        unpublished: Unpublished::default(),
        refused: None,
        alone: false,
        receipts: Receipts::new(options.shown.json),
        traffic: Traffic::default(),
    };
    let outcome = publisher.all();
    publisher.leave();
    if options.shown.costs {
        show::costs(&[(None, publisher.traffic)], now_ms() - started, options.shown);
    }
    outcome.map_or_else(RunEnd::Failed, |()| RunEnd::Done)
}

impl Publisher<'_> {
    fn all(&mut self) -> Result<(), String> {
        if let Some(data) = &self.options.data {
            self.push(data.clone());
            return self.settle(0);
        }
        let input = io::stdin();
        if self.options.lines {
            return self.lines(input);
        }
        if input.is_terminal() {
            show::note("reading the message from standard input, up to its end (Ctrl-D)");
        }
        let data = input::whole(&input)?;
        self.push(data);
        self.settle(0)
    }

    /// A message for each line, published as it comes.
    fn lines(&mut self, input: Stdin) -> Result<(), String> {
        let mut input = input::lines(input);
        loop {
            let line = match input::next_line(&mut input) {
                Ok(Some(line)) => line,
                Ok(None) => return self.settle(0),
                // The lines before it are published all the same.
                Err(why) => return self.settle(0).and(Err(why)),
            };
            self.push(line);
            // Before we wait for more input, all of what came is published.
            let is_there = input.buffer().contains(&b'\n');
            self.settle(if is_there { self.room() } else { 0 })?;
        }
    }

    /// Messages that may be under way while another is added.
    const fn room(&self) -> usize {
        if self.options.by_websocket && !self.alone { UNANSWERED_MAX / 4 - 1 } else { 0 }
    }

    fn push(&mut self, data: Vec<u8>) {
        let key = self.options.key.clone();
        let key =
            key.unwrap_or_else(|| format!("{:016x}{:016x}", self.masks.draw(), self.masks.draw()));
        self.unpublished.push(key, data);
    }

    /// Goes on until at most `left` messages are not done with.
    fn settle(&mut self, left: usize) -> Result<(), String> {
        let timings = self.options.timings;
        let mut since = now_ms();
        let (mut failures, mut until) = (0, self.until(since));
        while self.unpublished.count() > left {
            let before = self.unpublished.count();
            let was_proved = self.proved;
            let Err(setback) = self.progress() else {
                if self.unpublished.count() < before {
                    since = now_ms();
                    (failures, until) = (0, self.until(since));
                }
                continue;
            };
            // What was under way was waited for, for as long as it may take: the next connection
            // is to have a chance as well.
            until = until.max(self.until(since));
            let is_refusal = self.refused.is_some();
            let (setback, is_out_of_order) = self.hang_up(setback);
            let now = now_ms();
            if setback.is_final || !self.reached || now > until {
                return Err(self.failed(&setback.what));
            }
            let asked = setback.retry_after_ms;
            if let Some(asked) = asked.filter(|asked| *asked > until - now) {
                let pause = format!("; the server asks for a pause of {}, which is", Span(asked));
                let pause = pause + " longer than pub goes on trying (six times --patience)";
                return Err(self.failed(&joined(&setback.what, &pause)));
            }
            // One that was idle may be gone; that is no failure.
            if was_proved && failures == 0 && asked.is_none() && !is_refusal {
                failures = 1;
                continue;
            }
            if failures < 2 || is_out_of_order {
                let more = format!("{}; trying again", self.unpublished.taken());
                show::note(&joined(&setback.what, &more));
            }
            failures += 1;
            let chance = self.masks.draw() % 1001;
            let pause = timings.delay_ms(failures, asked, chance).min(REPEATS * timings.grace_ms);
            let pause = pause.max(asked.unwrap_or(0));
            clock::sleep_until_us(clock::shared_us() + pause * 1000);
        }
        Ok(())
    }

    /// Until when the oldest message is tried, and what is under way with it, if there was nothing
    /// but failures from `since` on.
    fn until(&mut self, since: u64) -> u64 {
        let oldest = self.unpublished.oldest().map_or(0, |message| message.data.len());
        let bytes = oldest.max(self.unpublished.bytes_sent());
        since + REPEATS * self.options.timings.grace_ms + slow_ms(bytes)
    }

    /// Ends a link that is no good. Gives why, and whether messages were taken before an older one
    /// for the first time.
    fn hang_up(&mut self, setback: Setback) -> (Setback, bool) {
        self.link = None;
        self.proved = false;
        self.unpublished.lose_answers();
        let Some(refused) = self.refused.take() else {
            return (setback, false);
        };
        let is_first = !mem::replace(&mut self.alone, true);
        (refused, is_first && !self.unpublished.taken().is_empty())
    }

    /// Why not all is published, and how much of the rest is.
    fn failed(&self, what: &str) -> String {
        if !self.options.lines {
            return what.to_owned();
        }
        joined(what, &format!("{}{}", self.unpublished.taken(), self.unpublished.doubtful()))
    }

    /// What a refusal is about.
    fn subject(&self, number: u64) -> String {
        if self.options.lines { format!("line {number}") } else { "the message".to_owned() }
    }

    /// One step: connects, sends, or takes one answer.
    fn progress(&mut self) -> Result<(), Setback> {
        if self.link.is_none() {
            self.traffic.connections += 1;
            let patience = Duration::from_millis(self.options.timings.grace_ms);
            self.link = Some(Exchange::open(&self.options.server, patience)?);
            self.reached = true;
            if self.options.by_websocket {
                self.handshake()?;
            }
        }
        if self.options.by_websocket { self.by_frame() } else { self.by_post() }
    }

    fn by_post(&mut self) -> Result<(), Setback> {
        let PubOptions { server, topic, event, .. } = self.options;
        let Self { link: Some(link), unpublished, traffic, .. } = self else {
            return Ok(());
        };
        let Some(message) = unpublished.oldest() else {
            return Ok(());
        };
        let event = event.as_ref().map(|event| format!("?event={}", percent_encode(event)));
        let target = format!("/{}{}", percent_encode(topic), event.unwrap_or_default());
        let mut head = server.endpoint.head("POST", &target);
        let Pending { number, key, data, state, .. } = message;
        let length = data.len();
        write!(head, "Idempotency-Key: {key}\r\nContent-Length: {length}\r\n\r\n")
            .expect("a string takes everything");
        traffic.requests += 1;
        traffic.bytes_out.head += head.len() as u64;
        traffic.bytes_out.payload += length as u64;
        *state = PendingState::Sent(length);
        link.allow(length);
        // A server that refuses a body before all of it has come says so all the same.
        let sent = link.send(&[head.as_bytes(), data].concat());
        let answer = link.answer(traffic);
        let (head, body) = match (answer, sent) {
            (Ok(answer), _) => answer,
            (Err(_), Err(setback)) | (Err(setback), Ok(())) => return Err(setback),
        };
        if head.status / 100 != 2 {
            *state = PendingState::Unsent;
            let number = *number;
            return Err(Setback::refused(&head, &body).of(&self.subject(number)));
        }
        // Whatever the words of those between us and the log are: it was taken, and another try
        // would be another message where keys are not known.
        *state = PendingState::Taken(self.receipts.read(head.status, &body));
        if head.closes() {
            self.link = None;
        }
        self.proved = self.link.is_some();
        self.give_receipts()
    }

    /// Messages are in the log, and so are all before them.
    fn give_receipts(&mut self) -> Result<(), Setback> {
        while let Some(receipt) = self.unpublished.pop_taken() {
            self.traffic.messages += 1;
            self.receipts.show(&receipt)?;
        }
        Ok(())
    }
}

/// What happened, and what there is to add, which begins with a semicolon; or nothing.
fn joined(what: &str, more: &str) -> String {
    let what = if more.is_empty() { what } else { what.trim_end_matches('.') };
    format!("{what}{more}")
}

/// A server that is lost on the way is tried for as many times its patience.
const REPEATS: u64 = 6;
