//! The loop of `tollway sub`: one technique reads, and perhaps a better one is tried beside it.
//!
//! One rule makes changing safe: one technique reads at a time, and it starts from the cursor, the
//! id of the last message that was shown. What the one before received and did not hand over is
//! asked for again.
//!
//! Came from: `main`, with [`SubOptions`]. Goes to: `attempt` for the sockets, `client::ladder` for
//! what to do next, `show` for the messages, `outlet` to write them. Absent on purpose: queues; a
//! message is shown before more is read, so a pipe that is slow makes a reader that is slow.

use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::time::Duration;

use mio::event::Event;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use signal_hook_mio::v1_0::Signals;

use super::address::HostName;
use super::attempt::{Attempt, ReadPlan};
use super::complaints::Complaints;
use super::flags::{Shown, SubOptions, via};
use super::outlet::Outlet;
use super::run_end::RunEnd;
use super::show;
use crate::client::frames::Masks;
use crate::client::ladder::{Ladder, Rung};
use crate::client::setback::Setback;
use crate::client::told::Told;
use crate::client::traffic::Traffic;
use crate::shell::{clock, signals};
use crate::technique::Technique;

struct TopicReader {
    plan: ReadPlan,
    shown: Shown,
    outlet: Outlet,
    ladder: Ladder,
    poll: Poll,
    signals: Signals,
    chance: Masks,
    cursor: String,
    /// The cursor before the last gap: each connection that starts there tells it.
    gap_told: Option<String>,
    /// Messages that are still to come.
    left: Option<u64>,
    present: Option<Attempt>,
    /// A better technique, on a connection of its own.
    trial: Option<Attempt>,
    /// To be tried after that one, the worst first.
    trials: Vec<Technique>,
    /// When the next trials begin.
    trial_ms: u64,
    /// When to try again, as long as nothing works.
    resume_ms: u64,
    costs: Vec<(Option<Technique>, Traffic)>,
    started_ms: u64,
    complaints: Complaints,
    host: HostName,
}

/// Reads until it is told to end.
pub fn run(options: SubOptions) -> RunEnd {
    let mut reader = match TopicReader::new(options) {
        Ok(reader) => reader,
        Err(error) => return RunEnd::Failed(error.to_string()),
    };
    let end = match reader.read() {
        Ok(end) => end,
        // Who closes the pipe has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => RunEnd::Done,
        Err(error) => RunEnd::Failed(format!("standard output: {error}")),
    };
    reader.end();
    end
}

impl TopicReader {
    fn new(options: SubOptions) -> io::Result<Self> {
        let poll = Poll::new()?;
        let heard = signals::heard()?;
        let mut signals = Signals::new(&heard)?;
        poll.registry().register(&mut signals, SIGNALS, Interest::READABLE)?;
        // Tells when the other end of a pipe is closed. A plain file is refused: always ready.
        let out = io::stdout().as_raw_fd();
        let _ = poll.registry().register(&mut SourceFd(&out), OUT, Interest::WRITABLE);
        let costs = options.techniques.iter().map(|t| (Some(*t), Traffic::default())).collect();
        let SubOptions { server, topics, wait_s, interval_ms, timings, .. } = options;
        let now = now_ms();
        let host = HostName::of(&server);
        Ok(Self {
            plan: ReadPlan { server, topics, wait_s, interval_ms, timings },
            shown: options.shown,
            outlet: Outlet::new(&heard)?,
            ladder: Ladder::new(options.techniques, timings),
            poll,
            signals,
            chance: Masks::default(),
            cursor: options.since,
            gap_told: None,
            left: options.count,
            present: None,
            trial: None,
            trials: Vec::new(),
            trial_ms: u64::MAX,
            resume_ms: now,
            costs,
            started_ms: now,
            complaints: Complaints::new(options.shown.verbose),
            host,
        })
    }

    /// The loop. An error is standard output's.
    fn read(&mut self) -> io::Result<RunEnd> {
        let mut events = Events::with_capacity(8);
        loop {
            let now = now_ms();
            // As soon as it is there: by the next failure it may be out of date.
            self.host.take(&mut self.plan.server.addresses);
            if self.present.is_none() && self.resume_ms <= now {
                let first = self.ladder.first();
                self.start(first, now);
            }
            if let Some(end) = self.advance(now)? {
                return Ok(end);
            }
            self.advance_trial(now);
            let wait = Duration::from_millis(self.due_ms().saturating_sub(now_ms()).min(60_000));
            match self.poll.poll(&mut events, Some(wait)) {
                Err(error) if error.kind() != ErrorKind::Interrupted => {
                    return Ok(RunEnd::Failed(error.to_string()));
                }
                _ => {}
            }
            let is_closed = |event: &Event| event.is_error() || event.is_write_closed();
            if events.iter().any(|event| event.token() == OUT && is_closed(event)) {
                return Ok(RunEnd::Done);
            }
            if let Some(signal) = self.signals.pending().next() {
                return Ok(self.told_to_end(signal));
            }
        }
    }

    /// Reading without a number of messages has no other end than this.
    const fn told_to_end(&self, signal: i32) -> RunEnd {
        if self.left.is_none() { RunEnd::Done } else { RunEnd::Signal(signal) }
    }

    fn due_ms(&self) -> u64 {
        let attempts = [&self.present, &self.trial].into_iter().flatten();
        let due = attempts.map(Attempt::due_ms).min().unwrap_or(u64::MAX);
        let resume = if self.present.is_none() { self.resume_ms } else { u64::MAX };
        due.min(resume).min(self.trial_due_ms()).min(self.proof_due_ms())
    }

    fn trial_due_ms(&self) -> u64 {
        let opened = self.present.as_ref().is_some_and(|present| present.opened_ms.is_some());
        if opened && self.trial.is_none() { self.trial_ms } else { u64::MAX }
    }

    fn proof_due_ms(&self) -> u64 {
        let opened = self.trial.as_ref().and_then(|trial| trial.opened_ms);
        opened.map_or(u64::MAX, |opened| opened + self.plan.timings.proof_ms)
    }

    fn start(&mut self, technique: Technique, now: u64) {
        self.stop();
        self.present = Some(Attempt::new(technique, &self.plan, &self.cursor, PRESENT, now));
    }

    /// What reads, reads no more; what it has cost stays.
    fn stop(&mut self) {
        if let Some(present) = self.present.take() {
            self.charge(present);
        }
        if let Some(trial) = self.trial.take() {
            self.charge(trial);
        }
        self.trials.clear();
    }

    fn charge(&mut self, attempt: Attempt) {
        let row = self.costs.iter_mut().find(|(of, _)| *of == Some(attempt.technique));
        row.expect("there is one for each").1 += attempt.leave();
    }

    /// Lets the technique that reads do what it can, and shows what it was told.
    fn advance(&mut self, now: u64) -> io::Result<Option<RunEnd>> {
        let Some(mut present) = self.present.take() else {
            return Ok(None);
        };
        let was_open = present.opened_ms.is_some();
        let chance = self.chance();
        let mut told = Vec::new();
        let outcome = present.advance(&self.plan, self.poll.registry(), now, chance, &mut told);
        let (technique, opened_ms) = (present.technique, present.opened_ms);
        if opened_ms.is_some() && !was_open {
            self.plan.server.addresses.clone_from(&present.addresses);
            self.opened(technique, now);
        }
        let end = self.show(told);
        // Also what cannot be shown has cost something, and whoever sent it is told that we leave.
        let Err(setback) = outcome else {
            self.present = Some(present);
            return end;
        };
        self.charge(present);
        if let Some(end) = end? {
            return Ok(Some(end));
        }
        let lived_ms = opened_ms.map(|opened| now - opened);
        Ok(self.ended(technique, lived_ms, &setback, now))
    }

    /// Shows messages and gaps; the end once the last one that was wanted is shown, or at a signal.
    fn show(&mut self, told: Vec<Told>) -> io::Result<Option<RunEnd>> {
        for told in told {
            match told {
                Told::Cursor(cursor) => self.cursor = cursor,
                Told::Gap(gap) => {
                    if self.gap_told.as_ref() != Some(&gap.from) {
                        show::gap(&gap);
                    }
                    self.gap_told = Some(gap.from);
                }
                Told::Message(message) => {
                    let topic = Some(&self.plan.topics).filter(|topics| topics.len() == 1);
                    let topic = topic.map(|topics| topics[0].as_str());
                    let line = show::message(&message, topic, self.shown, self.outlet.is_terminal);
                    if let Some(signal) = self.outlet.write(&line)? {
                        return Ok(Some(self.told_to_end(signal)));
                    }
                    self.cursor = message.id;
                    self.gap_told = None;
                    self.left = self.left.map(|left| left - 1);
                    if self.left == Some(0) {
                        return Ok(Some(RunEnd::Done));
                    }
                }
                Told::Answered { .. } | Told::TimedOut | Told::Alive => {}
            }
        }
        Ok(None)
    }

    fn opened(&mut self, technique: Technique, now: u64) {
        self.ladder.opened();
        self.complaints.end(technique);
        let chance = self.chance();
        let pause = self.ladder.trial_in_ms(technique, chance);
        self.trial_ms = pause.map_or(u64::MAX, |ms| now + ms);
    }

    /// The technique that read, or was to read, does not.
    fn ended(
        &mut self,
        technique: Technique,
        lived_ms: Option<u64>,
        setback: &Setback,
        now: u64,
    ) -> Option<RunEnd> {
        self.stop();
        self.host.ask();
        let chance = self.chance();
        let what = format!("{} {}", via(technique), setback.what);
        match self.ladder.ended(technique, lived_ms, setback, chance) {
            Rung::GiveUp => {
                self.complaints.refused(technique, &setback.what);
                return Some(RunEnd::Failed(self.complaints.refusals()));
            }
            // What is asked for may be wrong in itself: then each technique is told the same.
            Rung::Try(next) if setback.is_final && !self.shown.verbose => {
                self.complaints.refused(technique, &setback.what);
                self.start(next, now);
            }
            Rung::Try(next) => {
                self.complaints.say(&format!("{what}; trying {}", via(next)), &what);
                self.start(next, now);
            }
            Rung::Wait(ms) => {
                self.complaints.say(&format!("{what}; next try in {ms} ms"), &what);
                self.resume_ms = now + ms;
            }
        }
        None
    }

    /// Tries what is better than the technique that reads.
    fn advance_trial(&mut self, now: u64) {
        let Some(present) = self.present.as_ref().map(|present| present.technique) else {
            return;
        };
        if self.trial_due_ms() <= now {
            self.trials = self.ladder.trials(present).iter().rev().copied().collect();
            self.next_trial(now);
        }
        let Some(mut trial) = self.trial.take() else {
            return;
        };
        let chance = self.chance();
        let mut told = Vec::new();
        let outcome = trial.advance(&self.plan, self.poll.registry(), now, chance, &mut told);
        self.trial = Some(trial);
        if outcome.is_err() {
            self.next_trial(now);
        } else if self.proof_due_ms() <= now {
            let technique = self.trial.as_ref().expect("it was just put there").technique;
            self.ladder.proved(technique);
            if self.shown.verbose {
                show::note(&format!("{} works again", via(technique)));
            }
            let first = self.ladder.first();
            self.start(first, now);
        }
    }

    /// The next trial of this round; after the last one, the next round.
    fn next_trial(&mut self, now: u64) {
        if let Some(trial) = self.trial.take() {
            self.charge(trial);
        }
        if let Some(next) = self.trials.pop() {
            self.trial = Some(Attempt::new(next, &self.plan, "latest", TRIAL, now));
        } else if let Some(present) = self.present.as_ref().map(|present| present.technique) {
            let chance = self.chance();
            let pause = self.ladder.trial_in_ms(present, chance);
            self.trial_ms = pause.map_or(u64::MAX, |ms| now + ms);
        }
    }

    fn end(&mut self) {
        self.stop();
        if self.shown.costs {
            show::costs(&self.costs, now_ms() - self.started_ms, self.shown);
        }
    }

    /// Of 0 to 1,000.
    fn chance(&mut self) -> u64 {
        self.chance.draw() % 1001
    }
}

/// Milliseconds on the clock of this machine.
pub(super) fn now_ms() -> u64 {
    clock::shared_us() / 1000
}

const PRESENT: Token = Token(0);
const TRIAL: Token = Token(1);
const SIGNALS: Token = Token(2);
const OUT: Token = Token(3);
