//! The load: one loop that publishes on time and hears what comes, from the first connection to the
//! last message.
//!
//! Came from: `mod`, for each technique. Goes to: `readers`, `publishers`, `messages`; and back, as
//! a [`BenchRun`]. Absent on purpose: a second thread. What a reader hears is compared with what
//! was published without a lock, and the server has the other cores; when this one is the
//! bottleneck, its own CPU share in the figures says so.

mod churning;
mod publishing;

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use signal_hook_mio::v1_0::Signals;

use super::figures::{BenchRun, Ended, RunMoment, RunParts};
use super::flags::BenchOptions;
use super::messages::Messages;
use super::progress::RunProgress;
use super::publishers::{FIRST_PUBLISHER, Publishers};
use super::readers::{ReaderSetup, Readers};
use super::schedule::Schedule;
use super::topic_room::TopicRooms;
use super::workload::Workload;
use crate::client::subscriber::{ReadMode, Subscriber};
use crate::shell::{clock, sys};
use crate::technique::Technique;

/// One run.
pub struct Load<'o> {
    options: &'o BenchOptions,
    technique: Technique,
    schedule: Schedule,
    poll: Poll,
    timer: OwnedFd,
    /// What the timer is set to.
    timer_us: u64,
    readers: Readers,
    publishers: Publishers,
    messages: Messages,
    /// Messages of the schedule that were sent, or skipped.
    sent: u64,
    /// Those of them whose readers were lost.
    skipped: u64,
    started_us: u64,
    /// Of topics, when there is no rate.
    rooms: TopicRooms,
    /// When the next message is to be sent. `None`: when something happens.
    look_us: Option<u64>,
    publishes: bool,
    ended: Option<Ended>,
    /// When nothing more was to be published.
    over_us: Option<u64>,
    /// What was due then was published, as far as there was room.
    looked_us: u64,
    progress: RunProgress,
}

/// Why there is no run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoRun {
    /// A line for people.
    pub why: String,
    /// The signal that came before it began.
    pub signal: Option<i32>,
}

impl From<String> for NoRun {
    fn from(why: String) -> Self {
        Self { why, signal: None }
    }
}

impl<'o> Load<'o> {
    /// Connects nobody yet. `signals` is registered with the loop of each run in turn.
    pub fn new(
        options: &'o BenchOptions,
        technique: Technique,
        address: SocketAddr,
        signals: &mut Signals,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        let timer = sys::timer()?;
        let registry = poll.registry();
        registry.register(&mut SourceFd(&timer.as_raw_fd()), TIMER, Interest::READABLE)?;
        registry.register(signals, SIGNALS, Interest::READABLE)?;
        let topics = options.topics;
        let of_topic = |topic: usize| (options.readers - topic).div_ceil(topics) as u32;
        let read_by: Vec<u32> = (0..topics).map(of_topic).collect();
        let publishers = Publishers::new(options, address, poll.registry().try_clone()?);
        let mode = read_mode(options, technique);
        let subscriber = |number: usize| {
            let topic = (number % topics) as u32;
            let endpoint = &options.server.endpoint;
            let path = format!("{}/{}", endpoint.prefix, publishers.topic_name(topic));
            let path = path.trim_start_matches('/');
            let subscriber = Subscriber::new(mode, number as u64, &endpoint.host, path)
                .showing(endpoint.token.as_ref())
                .named("tollway-bench")
                .asking_first();
            (subscriber, topic)
        };
        let interval_us = options.interval_ms * 1000;
        let trust = options.server.trust.clone();
        let setup = ReaderSetup { address, trust, mode, interval_us };
        let all = (0..options.readers).map(subscriber).collect();
        Ok(Self {
            readers: Readers::new(all, setup, poll.registry().try_clone()?),
            publishers,
            messages: Messages::new(&read_by, options.size),
            schedule: options.schedule,
            sent: 0,
            skipped: 0,
            started_us: 0,
            rooms: TopicRooms::default(),
            look_us: None,
            publishes: false,
            ended: None,
            over_us: None,
            looked_us: 0,
            progress: RunProgress::begin(technique.name().to_owned()),
            options,
            technique,
            poll,
            timer,
            timer_us: 0,
        })
    }

    /// Connects, publishes, waits for what is in flight, and tells what came of it. An error:
    /// there was no load, or the server refused to have it.
    pub fn run(mut self, signals: &mut Signals) -> Result<BenchRun, NoRun> {
        let mut moments = vec![RunMoment::now(self.options.pid)];
        let began_us = clock::shared_us();
        self.connect(signals)?;
        let connect_us = clock::shared_us() - began_us;
        let requests_before = self.readers.counts.requests;
        moments.push(RunMoment::now(self.options.pid));
        self.started_us = clock::shared_us();
        let mut unsent = 0;
        if self.options.workload.is_silent() {
            if self.options.workload == Workload::Churn {
                unsent = self.churn(signals)?;
            } else {
                self.rest(signals)?;
            }
            moments.push(RunMoment::now(self.options.pid));
            let count = Some(self.options.topics as u64);
            self.schedule = Schedule { rate: None, burst: 1, count, length_us: None };
        }
        self.publish_all(signals)?;
        let ended_us = clock::shared_us();
        moments.push(RunMoment::now(self.options.pid));
        let _ = self.poll.registry().deregister(signals); // The next run registers them again.
        self.publishers.give_up(&mut self.messages, &mut self.readers);
        let is_cut = matches!(self.ended, Some(Ended::Signal(_)));
        if is_cut {
            self.messages.cut();
        }
        let mut faults = self.readers.close(&mut self.messages, is_cut);
        self.readers.counts.complaints.extend(self.publishers.complaint.take());
        faults.refused_and_delivered += self.messages.counts.delivered_and_refused;
        // What was due and not sent: the server, or this program, was too slow for the schedule.
        // What has become due since the last look when a signal came was nobody's fault.
        let over_us = if is_cut { self.looked_us } else { self.over_us.unwrap_or(ended_us) };
        let has_schedule = self.schedule.rate.is_some() && over_us >= self.started_us;
        if has_schedule {
            let due = self.schedule.due_within(over_us - self.started_us);
            unsent = due.saturating_sub(self.sent - self.skipped);
        }
        Ok(BenchRun::of(RunParts {
            options: self.options,
            technique: self.technique,
            ended: self.ended.unwrap_or(Ended::Done),
            connect_us,
            elapsed_us: ended_us - self.started_us,
            counts: &self.messages.counts,
            readers: &self.readers.counts,
            requests_before,
            faults,
            unsent,
            refusal: self.publishers.refusal.take(),
            moments: &moments,
        }))
    }

    /// Waits until all readers have subscribed. One that cannot ends the run before it began.
    fn connect(&mut self, signals: &mut Signals) -> Result<(), NoRun> {
        let mut events = Events::with_capacity(EVENTS_MAX);
        let (mut before, mut since_us) = (0, clock::shared_us());
        let all = self.options.readers;
        while !self.readers.are_subscribed() {
            self.readers.connect_some(&mut self.messages);
            self.turn(&mut events, signals)?;
            let (subscribed, now) = (self.readers.subscribed(), clock::shared_us());
            if let Some(Ended::Signal(signal)) = self.ended {
                let why =
                    format!("a signal came when {subscribed} of {all} readers had subscribed");
                return Err(NoRun { why, signal: Some(signal) });
            }
            if let Some(complaint) = self.readers.counts.complaints.first() {
                return Err(with_remedy(complaint, self.options.server.trust.is_some()).into());
            }
            if subscribed > before {
                (before, since_us) = (subscribed, now);
            }
            if now - since_us > self.options.patience_ms * 1000 {
                return Err(format!(
                    "{subscribed} of {all} readers have subscribed, and the server does not answer \
                     the next one; give fewer --readers, or more --patience"
                )
                .into());
            }
            let words = || format!("{subscribed} readers");
            self.progress.show(now, || (subscribed as u64, all as u64, words()));
        }
        Ok(())
    }

    /// Nothing is published for as long as was asked for, and readers are left.
    fn rest(&mut self, signals: &mut Signals) -> Result<(), String> {
        let mut events = Events::with_capacity(EVENTS_MAX);
        let length_us = self.schedule.length_us.unwrap_or(0);
        while self.ended.is_none() {
            let passed_us = clock::shared_us() - self.started_us;
            if passed_us >= length_us {
                break;
            }
            self.look_us = Some(self.started_us + length_us);
            self.turn(&mut events, signals)?;
            if self.readers.are_lost() {
                self.ended.get_or_insert(Ended::Lost);
            }
            let now = self.started_us + passed_us;
            self.progress.show(now, || (passed_us, length_us, "idle".to_owned()));
        }
        Ok(())
    }

    /// Publishes to the end of the schedule, and waits for what is in flight then.
    fn publish_all(&mut self, signals: &mut Signals) -> Result<(), String> {
        let mut events = Events::with_capacity(EVENTS_MAX);
        if !self.options.workload.is_silent() {
            self.started_us = clock::shared_us();
        }
        let (options, by_burst) = (self.options, self.schedule.burst > 1);
        self.rooms = TopicRooms::new(options.topics, options.in_flight, by_burst, self.started_us);
        self.publishes = true;
        let (mut before, mut since_us) = (u64::MAX, clock::shared_us());
        let patience_us = (self.options.patience_ms + self.options.interval_ms) * 1000;
        loop {
            let now = clock::shared_us();
            self.publish(now);
            if self.is_over(now) {
                self.over_us.get_or_insert(now);
            }
            if self.over_us.is_some()
                && self.messages.in_flight() == 0
                && self.publishers.are_idle()
            {
                return Ok(());
            }
            if self.readers.are_lost() || self.publishers.are_broken() {
                self.ended.get_or_insert(Ended::Lost);
                return Ok(());
            }
            let progress = self.messages.progress();
            let waits = self.messages.in_flight() > 0 || !self.publishers.are_idle();
            if progress != before || !waits {
                (before, since_us) = (progress, now);
            }
            let is_interrupted = matches!(self.ended, Some(Ended::Signal(_)));
            let patience_us = if is_interrupted { INTERRUPTED_US_MAX } else { patience_us };
            if now - since_us > patience_us {
                self.ended.get_or_insert(Ended::Stalled);
                return Ok(());
            }
            self.turn(&mut events, signals)?;
            self.show(now);
        }
    }

    /// Waits until something happens or is to be done, and does it.
    fn turn(&mut self, events: &mut Events, signals: &mut Signals) -> Result<(), String> {
        let now = clock::shared_us();
        let due = [self.look_us, self.readers.next_due_us()].into_iter().flatten().min();
        let wait_us = match due {
            Some(due) if due <= now => 0,
            Some(due) => {
                if self.timer_us != due {
                    sys::set_timer(&self.timer, due).map_err(|error| error.to_string())?;
                    self.timer_us = due;
                }
                LOOK_EVERY_US
            }
            None => LOOK_EVERY_US,
        };
        match self.poll.poll(events, Some(Duration::from_micros(wait_us))) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error.to_string()),
            _ => {}
        }
        for event in events.iter() {
            match event.token() {
                TIMER => self.timer_us = 0,
                SIGNALS => {
                    if let Some(signal) = signals.pending().next() {
                        self.ended = Some(Ended::Signal(signal));
                    }
                }
                Token(number) if number >= FIRST_PUBLISHER => {
                    self.publishers.ready(number - FIRST_PUBLISHER);
                }
                _ => self.readers.ready(event, &mut self.messages),
            }
        }
        self.readers.poll(clock::shared_us(), &mut self.messages);
        self.publishers.settle(&mut self.messages, &mut self.readers)
    }

    fn is_over(&self, now: u64) -> bool {
        // What lasts for a time lasts to its end, also when the last message was due before.
        let is_done = match self.schedule.length_us {
            Some(length_us) => now >= self.started_us + length_us,
            None => !self.schedule.has(self.sent),
        };
        self.ended.is_some() || is_done
    }

    fn show(&mut self, now: u64) {
        self.progress.show(now, || {
            let (done, of) = match (self.schedule.count, self.schedule.length_us) {
                (Some(count), _) => (self.sent, count),
                (None, length_us) => (now - self.started_us, length_us.unwrap_or(1)),
            };
            let (sent, came) = (self.sent, self.messages.counts.delivered);
            (done, of, format!("{sent} published, {came} delivered"))
        });
    }
}

fn read_mode(options: &BenchOptions, technique: Technique) -> ReadMode {
    match technique {
        Technique::ShortPoll => ReadMode::ShortPoll { kept_alive: !options.new_connections },
        Technique::LongPoll => ReadMode::LongPoll { wait_s: options.wait_s },
        Technique::Sse => ReadMode::Sse,
        Technique::WebSocket => ReadMode::WebSocket { v1: options.v1 },
    }
}

/// A complaint of a reader that could not begin, with what helps.
fn with_remedy(complaint: &str, by_tls: bool) -> String {
    let has = |part| complaint.contains(part);
    if has("status 400") && !by_tls {
        return format!("{complaint}; if the server speaks TLS there, write https://");
    }
    if has("status 401") || has("status 403") {
        return format!("{complaint}; give a --token that may read and publish bench-*");
    }
    if has("status 503") || has("status 429") || has("lost its connection") {
        return format!("{complaint}; the server lets in no more: give fewer --readers");
    }
    complaint.to_owned()
}

const TIMER: Token = Token(usize::MAX - 1);
const SIGNALS: Token = Token(usize::MAX - 2);
const EVENTS_MAX: usize = 1024;
/// How long a turn may wait: how often patience is looked at.
const LOOK_EVERY_US: u64 = 200_000;
/// After Ctrl-C: how long what is in flight is waited for.
const INTERRUPTED_US_MAX: u64 = 500_000;
