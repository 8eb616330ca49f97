//! `tollway pub`: messages, each added once, however often it had to be sent.
//!
//! Each message carries a key, and a server adds nothing for a key that it has seen. So what has no
//! answer when a connection breaks is sent again on the next one, in its order. Over WebSocket a
//! few messages are under way at once, over HTTP one.
//!
//! Came from: `main`, with [`PubOptions`]. Goes to: `exchange`, and to standard output with
//! `--json`. Absent on purpose: falling back. A publish is a POST, which any proxy lets through;
//! who asks for a WebSocket gets that.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, ErrorKind, IsTerminal, Read, Stdin};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::exchange::Exchange;
use super::flags::PubOptions;
use super::reader::now_ms;
use super::run_end::RunEnd;
use super::show;
use crate::client::endpoint::percent_encode;
use crate::client::frames::{self, Masks};
use crate::client::response::ResponseHead;
use crate::client::setback::{Setback, is_final};
use crate::client::traffic::Traffic;
use crate::limits::{MESSAGE_BYTES_CEILING, UNANSWERED_MAX};
use crate::shell::clock;
use crate::wire::frame::Opcode;

struct Publisher<'o> {
    options: &'o PubOptions,
    masks: Masks,
    link: Option<Exchange>,
    /// The server was there once: it may come back.
    reached: bool,
    /// The link has carried an answer: that it is cut may mean no more than that it was idle.
    proved: bool,
    /// Messages that were not answered, in their order.
    pending: VecDeque<Pending>,
    /// The number of the next message.
    next: u64,
    /// Somebody may read the receipts.
    is_heard: bool,
    traffic: Traffic,
}

struct Pending {
    number: u64,
    key: String,
    data: Vec<u8>,
    /// It is under way on this link.
    sent: bool,
}

/// What a client of `tollway.v1` says.
#[derive(Serialize)]
struct PublishFrame<'m> {
    #[serde(rename = "ref")]
    number: u64,
    data: &'m str,
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'m str>,
    key: &'m str,
}

/// What it is answered, and what else comes: messages of the topic, which have no `ref`.
#[derive(Deserialize)]
struct FrameAnswer<'m> {
    #[serde(rename = "ref")]
    number: Option<u64>,
    #[serde(borrow)]
    id: Option<&'m str>,
    error: Option<FrameRefusal>,
}

#[derive(Deserialize)]
struct FrameRefusal {
    status: u16,
    #[serde(default)]
    title: String,
    #[serde(default)]
    detail: String,
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
        pending: VecDeque::new(),
        next: 1,
        is_heard: options.shown.json,
        traffic: Traffic::default(),
    };
    let outcome = publisher.all();
    if options.shown.costs {
        show::costs(&[(None, publisher.traffic)], now_ms() - started, options.shown);
    }
    outcome.map_or_else(RunEnd::Failed, |()| RunEnd::Done)
}

/// The next line, without its end. `None`: there are no more.
fn next_line(input: &mut impl BufRead) -> Result<Option<Vec<u8>>, String> {
    let mut line = Vec::new();
    let most = MESSAGE_BYTES_CEILING as u64 + 2;
    let length = input.take(most).read_until(b'\n', &mut line).map_err(no_input)?;
    line.pop_if(|last| *last == b'\n');
    if line.len() > MESSAGE_BYTES_CEILING {
        return Err(too_long("a line"));
    }
    Ok((length > 0).then_some(line))
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
        let mut data = Vec::new();
        let most = MESSAGE_BYTES_CEILING as u64 + 1;
        input.lock().take(most).read_to_end(&mut data).map_err(no_input)?;
        if data.len() > MESSAGE_BYTES_CEILING {
            return Err(too_long("standard input"));
        }
        self.push(data);
        self.settle(0)
    }

    /// A message for each line, published as it comes.
    fn lines(&mut self, input: Stdin) -> Result<(), String> {
        let mut input = BufReader::new(input);
        loop {
            let line = match next_line(&mut input) {
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
        if self.options.by_websocket { UNANSWERED_MAX / 4 - 1 } else { 0 }
    }

    fn push(&mut self, data: Vec<u8>) {
        let number = self.next;
        self.next += 1;
        let key = self.options.key.clone();
        let key =
            key.unwrap_or_else(|| format!("{:016x}{:016x}", self.masks.draw(), self.masks.draw()));
        self.pending.push_back(Pending { number, key, data, sent: false });
    }

    /// Goes on until at most `left` messages are unanswered.
    fn settle(&mut self, left: usize) -> Result<(), String> {
        let timings = self.options.timings;
        let (mut failures, mut until) = (0, now_ms() + REPEATS * timings.grace_ms);
        while self.pending.len() > left {
            let before = self.pending.len();
            let was_proved = self.proved;
            let Err(setback) = self.progress() else {
                if self.pending.len() < before {
                    (failures, until) = (0, now_ms() + REPEATS * timings.grace_ms);
                }
                continue;
            };
            self.link = None;
            self.proved = false;
            for message in &mut self.pending {
                message.sent = false;
            }
            if setback.is_final || !self.reached || now_ms() > until {
                return Err(setback.what);
            }
            // One that was idle may be gone; that is no failure.
            if was_proved && failures == 0 && setback.retry_after_ms.is_none() {
                failures = 1;
                continue;
            }
            if failures < 2 {
                show::note(&format!("{}; trying again", setback.what));
            }
            failures += 1;
            let chance = self.masks.draw() % 1001;
            let pause = timings.delay_ms(failures, setback.retry_after_ms, chance);
            clock::sleep_until_us(
                clock::shared_us() + pause.min(timings.grace_ms * REPEATS) * 1000,
            );
        }
        Ok(())
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
        let Self { link: Some(link), pending, traffic, .. } = self else {
            return Ok(());
        };
        let Some(message) = pending.front() else {
            return Ok(());
        };
        let event = event.as_ref().map(|event| format!("?event={}", percent_encode(event)));
        let target = format!("/{}{}", percent_encode(topic), event.unwrap_or_default());
        let mut head = server.endpoint.head("POST", &target);
        let Pending { key, data, .. } = message;
        let length = data.len();
        write!(head, "Idempotency-Key: {key}\r\nContent-Length: {length}\r\n\r\n")
            .expect("a string takes everything");
        traffic.requests += 1;
        traffic.bytes_out.head += head.len() as u64;
        traffic.bytes_out.payload += message.data.len() as u64;
        // A server that refuses a body before all of it has come says so all the same.
        let sent = link.send(&[head.as_bytes(), &message.data].concat());
        let answer = link.answer(traffic);
        let (head, body) = match (answer, sent) {
            (Ok(answer), _) => answer,
            (Err(_), Err(setback)) | (Err(setback), Ok(())) => return Err(setback),
        };
        if head.status != 201 {
            return Err(Setback::refused(&head, &body).of(MESSAGE));
        }
        if head.closes() {
            self.link = None;
        }
        self.proved = self.link.is_some();
        self.answered(&String::from_utf8_lossy(&body))
    }

    fn handshake(&mut self) -> Result<(), Setback> {
        let PubOptions { server, topic, .. } = self.options;
        let key = frames::key(self.masks.draw());
        let target = format!("/{}/ws?since=latest", percent_encode(topic));
        let mut head = server.endpoint.head("GET", &target);
        head.push_str(&frames::upgrade(&key));
        head.push_str("\r\n");
        self.traffic.requests += 1;
        self.traffic.bytes_out.head += head.len() as u64;
        let Self { link: Some(link), traffic, .. } = self else {
            return Ok(());
        };
        link.send(head.as_bytes())?;
        let (head, body) = link.answer(traffic)?;
        if head.status != 101 {
            let mut setback = Setback::refused(&head, &body).of(SOCKET);
            if matches!(head.status, 401 | 403) {
                setback.what.push_str(
                    " (--via ws reads the topic as well, which takes the right to read; --via post \
                     does not)",
                );
            }
            return Err(setback);
        }
        if frames::is_accepted(&head, &key, Some("tollway.v1")) {
            return Ok(());
        }
        Err(Setback::new("the server answered the handshake with another one"))
    }

    /// Sends what was not sent, then takes one frame.
    fn by_frame(&mut self) -> Result<(), Setback> {
        let Self { link: Some(link), pending, traffic, masks, options, .. } = self else {
            return Ok(());
        };
        for message in pending.iter_mut().filter(|message| !message.sent) {
            let text = str::from_utf8(&message.data);
            let encoded = text.map_or_else(|_| STANDARD.encode(&message.data), str::to_owned);
            let frame = PublishFrame {
                number: message.number,
                data: &encoded,
                encoding: text.is_err().then_some("base64"),
                event: options.event.as_deref(),
                key: &message.key,
            };
            let frame = serde_json::to_vec(&frame).expect("plain data");
            let mut bytes = Vec::new();
            frames::encode(Opcode::Text, &frame, masks.next_mask(), &mut bytes);
            let payload = message.data.len() as u64;
            traffic.bytes_out.payload += payload;
            traffic.bytes_out.framing += (bytes.len() as u64).saturating_sub(payload);
            link.send(&bytes)?;
            message.sent = true;
        }
        let (opcode, payload, used) = link.frame()?;
        match opcode {
            Opcode::Ping => {
                let mut pong = Vec::new();
                frames::encode(Opcode::Pong, &payload, masks.next_mask(), &mut pong);
                traffic.bytes_in.heartbeat += used as u64;
                traffic.bytes_out.heartbeat += pong.len() as u64;
                link.send(&pong)
            }
            Opcode::Close => {
                let (code, why) = payload.split_first_chunk().unwrap_or((&[0; 2], &[]));
                let code = u16::from_be_bytes(*code);
                Err(Setback::closed(code, &String::from_utf8_lossy(why)).of(SOCKET))
            }
            Opcode::Text | Opcode::Binary | Opcode::Continuation | Opcode::Pong => {
                traffic.bytes_in.framing += used as u64;
                self.heard(&payload)
            }
        }
    }

    /// A frame: an answer to the oldest message, or a message that we read because we opened the
    /// topic.
    fn heard(&mut self, payload: &[u8]) -> Result<(), Setback> {
        let Ok(answer) = serde_json::from_slice::<FrameAnswer<'_>>(payload) else {
            return Ok(());
        };
        let oldest = self.pending.front().map(|message| message.number);
        if answer.number.is_none() || answer.number != oldest {
            return Ok(());
        }
        self.proved = true;
        match (answer.id, answer.error) {
            (Some(id), _) => self.answered(&format!("{{\"id\":\"{id}\"}}")),
            (None, Some(refusal)) => {
                let head = ResponseHead { status: refusal.status, fields: Vec::new() };
                let FrameRefusal { title, detail, .. } = refusal;
                let body = serde_json::json!({ "title": title, "detail": detail }).to_string();
                let setback = Setback::refused(&head, body.as_bytes()).of(MESSAGE);
                Err(Setback { is_final: is_final(head.status), ..setback })
            }
            (None, None) => Ok(()),
        }
    }

    /// The oldest message is in the log.
    fn answered(&mut self, receipt: &str) -> Result<(), Setback> {
        self.pending.pop_front();
        self.traffic.messages += 1;
        if !self.is_heard {
            return Ok(());
        }
        match show::line(receipt.trim_end()) {
            Ok(()) => Ok(()),
            // Who closes the pipe has seen enough, and the rest is published all the same.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.is_heard = false;
                Ok(())
            }
            Err(error) => {
                let setback = Setback::new(format!("standard output: {error}"));
                Err(Setback { is_final: true, ..setback })
            }
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as `map_err` hands it over")]
fn no_input(error: io::Error) -> String {
    format!("standard input: {error}")
}

fn too_long(what: &str) -> String {
    format!("{what} is longer than {MESSAGE_BYTES_CEILING} bytes; publish it in parts")
}

/// What a setback happens to.
const MESSAGE: &str = "the message";
const SOCKET: &str = "the WebSocket";
/// A server that is lost on the way is tried for as many times its patience.
const REPEATS: u64 = 6;
