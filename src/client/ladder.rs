//! Which technique reads: the best that works, and what follows when one fails.
//!
//! The rules are those of the browser's client, `src/page/client.js`. A technique is left for the
//! next one when it is refused or says nothing; one cut [`DEATHS_MAX`] times in a row before
//! it had proved itself does not work here. A server that says that it goes away cuts nothing, and
//! what failed while it went is not to blame. When none works, the attempts become rarer, and no
//! two clients keep the same time. While a lesser technique reads, those above it are tried beside
//! it.
//!
//! Came from: whoever has the sockets, with what became of an attempt. Goes to: the same, as what
//! to do next. Absent on purpose: sockets, clocks and dice; time and chance are arguments.

use super::setback::Setback;
use crate::technique::Technique;

/// Deadlines, in milliseconds, all made of one: how long a technique may say nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timings {
    /// For an answer, beyond its wait.
    pub grace_ms: u64,
    /// What lives so long works here.
    pub proof_ms: u64,
    /// Until a better technique is tried; doubled each time.
    pub trial_ms: u64,
    /// Until a stream that says nothing is doubted.
    pub silence_ms: u64,
    /// After a failure; doubled each time.
    pub back_off_ms: u64,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rung {
    /// Try this technique now.
    Try(Technique),
    /// Nothing works: wait so many milliseconds, then try [`Ladder::first`].
    Wait(u64),
    /// The request itself is wrong, and stays so.
    GiveUp,
}

/// Techniques, the best first, and what is known of them.
#[derive(Debug)]
pub struct Ladder {
    /// Without repeats, at least one.
    techniques: Vec<Technique>,
    timings: Timings,
    /// Those that do not work here, until a trial.
    barred: Vec<Technique>,
    /// Short lives in a row.
    deaths: [u8; Technique::ALL.len()],
    /// Those that failed since one worked.
    failed: Vec<Technique>,
    /// Those that were barred when the last one began to read.
    blamed: Vec<Technique>,
    /// Rounds in a row in which nothing worked.
    failures: u32,
    /// Trials since the best one lived.
    trials: u32,
}

/// So many short lives in a row: a technique does not work here.
pub const DEATHS_MAX: u8 = 3;
/// A server that asks for more patience than this gets this.
const RETRY_AFTER_MS_MAX: u64 = 60 * 60 * 1000;
/// The shortest pause after a first failure, however short the patience: one that rounds to nothing
/// would be no pause.
const BACK_OFF_MS_MIN: u64 = 10;
/// Intervals are doubled so often.
const DOUBLINGS_MAX: u32 = 6;

impl Timings {
    /// With `patience_ms` for a technique that says nothing; 5 s gives those of the browser.
    pub const fn of(patience_ms: u64) -> Self {
        let tenth_ms = patience_ms / 10;
        Self {
            grace_ms: patience_ms,
            proof_ms: patience_ms * 2,
            trial_ms: patience_ms * 2,
            silence_ms: patience_ms * 12,
            back_off_ms: if tenth_ms < BACK_OFF_MS_MIN { BACK_OFF_MS_MIN } else { tenth_ms },
        }
    }

    /// The pause after this many failures in a row: between half of it and all, by `chance` of 0 to
    /// 1,000, and not shorter than the server asks for. Of that an hour counts, and up to a quarter
    /// is added: all who were sent away at once were told the same.
    pub fn delay_ms(&self, failures: u32, retry_after_ms: Option<u64>, chance: u64) -> u64 {
        let ms = self.back_off_ms << failures.min(DOUBLINGS_MAX);
        let drawn = ms * (500 + chance / 2) / 1000;
        let asked = retry_after_ms.unwrap_or(0).min(RETRY_AFTER_MS_MAX);
        drawn.max(asked + asked * chance / 4_000)
    }
}

impl Ladder {
    /// `techniques`: the best first, at least one.
    pub fn new(techniques: Vec<Technique>, timings: Timings) -> Self {
        assert!(!techniques.is_empty(), "there has to be one");
        Self {
            techniques,
            timings,
            barred: Vec::new(),
            deaths: [0; Technique::ALL.len()],
            failed: Vec::new(),
            blamed: Vec::new(),
            failures: 0,
            trials: 0,
        }
    }

    /// The best technique that is not known to fail.
    pub fn first(&self) -> Technique {
        self.from(0).expect("the last one is never left out")
    }

    /// A technique reads: the server is there, and what failed before is itself to blame.
    pub fn opened(&mut self) {
        self.blamed = std::mem::take(&mut self.failed);
        self.barred.extend(&self.blamed);
        self.failures = 0;
    }

    /// A technique ended: `lived_ms` after it began to read, `None` if it never did.
    pub fn ended(
        &mut self,
        technique: Technique,
        lived_ms: Option<u64>,
        setback: &Setback,
        chance: u64,
    ) -> Rung {
        if let Some(lived_ms) = lived_ms {
            if setback.is_goodbye {
                self.barred.retain(|barred| !self.blamed.contains(barred));
            } else {
                self.mourn(technique, lived_ms);
            }
            return Rung::Wait(self.timings.delay_ms(0, setback.retry_after_ms, chance));
        }
        self.failed.push(technique);
        let place = self.techniques.iter().position(|t| *t == technique);
        let next = place.and_then(|place| self.from(place + 1));
        // A server that asks for patience would say the same to the next technique.
        if let Some(next) = next.filter(|_| setback.retry_after_ms.is_none()) {
            return Rung::Try(next);
        }
        if setback.is_final {
            return Rung::GiveUp;
        }
        // It is the server that is gone: nothing is known about techniques.
        self.failed.clear();
        self.deaths = [0; Technique::ALL.len()];
        self.failures += 1;
        Rung::Wait(self.timings.delay_ms(self.failures, setback.retry_after_ms, chance))
    }

    /// How long to wait before those better than `present` are tried; `None` when it is the best.
    pub fn trial_in_ms(&self, present: Technique, chance: u64) -> Option<u64> {
        if self.better(present).is_empty() {
            return None;
        }
        let ms = self.timings.trial_ms << self.trials.min(DOUBLINGS_MAX);
        Some(ms * (750 + chance / 2) / 1000)
    }

    /// Trials begin: the next ones come later. What is to be tried, the best first.
    pub fn trials(&mut self, present: Technique) -> &[Technique] {
        self.trials = self.trials.saturating_add(1);
        self.better(present)
    }

    /// Those above `present`, the best first.
    fn better(&self, present: Technique) -> &[Technique] {
        let place = self.techniques.iter().position(|t| *t == present);
        &self.techniques[..place.unwrap_or(0)]
    }

    /// A trial held: this technique may read again, on probation.
    pub fn proved(&mut self, technique: Technique) {
        self.barred.retain(|barred| *barred != technique);
        self.deaths[technique as usize] = DEATHS_MAX - 1;
    }

    fn from(&self, place: usize) -> Option<Technique> {
        let rest = self.techniques.get(place..)?;
        let last = self.techniques.last().copied();
        rest.iter().copied().find(|t| Some(*t) == last || !self.barred.contains(t))
    }

    /// What is cut again and again does not work here.
    fn mourn(&mut self, technique: Technique, lived_ms: u64) {
        let deaths = &mut self.deaths[technique as usize];
        let is_short = lived_ms < self.timings.proof_ms;
        *deaths = if is_short { deaths.saturating_add(1) } else { 0 };
        if *deaths >= DEATHS_MAX && !self.barred.contains(&technique) {
            self.barred.push(technique);
        }
        if !is_short && self.techniques.first() == Some(&technique) {
            self.trials = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Technique::{LongPoll, ShortPoll, Sse, WebSocket};

    fn ladder() -> Ladder {
        Ladder::new(vec![WebSocket, Sse, LongPoll, ShortPoll], Timings::of(5_000))
    }

    fn cut() -> Setback {
        Setback::new("was cut")
    }

    fn refused() -> Setback {
        Setback { is_final: true, ..cut() }
    }

    #[test]
    fn each_failure_leads_one_down_and_what_failed_is_left_out_once_one_worked() {
        let mut ladder = ladder();
        assert_eq!(ladder.ended(WebSocket, None, &refused(), 0), Rung::Try(Sse));
        assert_eq!(ladder.ended(Sse, None, &cut(), 0), Rung::Try(LongPoll));
        ladder.opened();
        assert_eq!(ladder.first(), LongPoll);
        assert_eq!(ladder.better(LongPoll), [WebSocket, Sse]);
        ladder.proved(WebSocket);
        assert_eq!(ladder.first(), WebSocket);
    }

    #[test]
    fn when_nothing_works_the_pauses_grow_to_a_bound_and_no_technique_is_blamed() {
        let mut ladder = ladder();
        let mut pauses = Vec::new();
        for _ in 0..9 {
            for technique in [WebSocket, Sse, LongPoll] {
                assert!(matches!(ladder.ended(technique, None, &cut(), 1_000), Rung::Try(_)));
            }
            let Rung::Wait(ms) = ladder.ended(ShortPoll, None, &cut(), 1_000) else {
                panic!("a server that is gone may come back");
            };
            pauses.push(ms);
            assert_eq!(ladder.first(), WebSocket);
        }
        assert_eq!(pauses[..3], [1_000, 2_000, 4_000]);
        assert_eq!(pauses[8], 32_000);
        let half = Timings::of(5_000).delay_ms(6, None, 0);
        assert_eq!(half, 16_000);
    }

    #[test]
    fn three_short_lives_in_a_row_bar_a_technique_and_a_long_one_forgives() {
        let mut ladder = ladder();
        for lived in [1, 1, 10_000, 1, 1] {
            assert!(matches!(ladder.ended(WebSocket, Some(lived), &cut(), 500), Rung::Wait(_)));
            assert_eq!(ladder.first(), WebSocket);
        }
        ladder.ended(WebSocket, Some(1), &cut(), 500);
        assert_eq!(ladder.first(), Sse);
        // On probation: one short life more bars it again.
        ladder.proved(WebSocket);
        ladder.ended(WebSocket, Some(1), &cut(), 500);
        assert_eq!(ladder.first(), Sse);
    }

    #[test]
    fn a_server_that_goes_away_is_no_failure_of_a_technique() {
        let goodbye = Setback::closed(1001, "");
        let mut ladder = ladder();
        for _ in 0..9 {
            assert!(matches!(ladder.ended(WebSocket, Some(1), &goodbye, 500), Rung::Wait(_)));
            assert_eq!(ladder.first(), WebSocket);
        }
        // What was refused by one that was about to go may be taken by the next.
        assert_eq!(ladder.ended(WebSocket, None, &refused(), 0), Rung::Try(Sse));
        ladder.opened();
        assert_eq!(ladder.first(), Sse);
        ladder.ended(Sse, Some(1), &goodbye, 500);
        assert_eq!(ladder.first(), WebSocket);
    }

    #[test]
    fn the_shortest_patience_leaves_a_pause() {
        for patience_ms in [10, 19, 100] {
            assert_eq!(Timings::of(patience_ms).delay_ms(0, None, 0), 5, "{patience_ms}");
        }
        assert_eq!(Timings::of(200).delay_ms(0, None, 0), 10);
    }

    #[test]
    fn the_last_technique_is_never_left_out() {
        let mut ladder = Ladder::new(vec![Sse], Timings::of(5_000));
        for _ in 0..5 {
            ladder.ended(Sse, Some(1), &cut(), 500);
        }
        assert_eq!(ladder.first(), Sse);
    }

    #[test]
    fn a_server_that_wants_patience_gets_it_and_a_request_that_is_wrong_ends() {
        let mut ladder = ladder();
        let busy = Setback { retry_after_ms: Some(60_000), ..cut() };
        assert_eq!(ladder.ended(WebSocket, None, &busy, 0), Rung::Wait(60_000));
        assert_eq!(ladder.ended(WebSocket, None, &busy, 1_000), Rung::Wait(75_000));
        let absurd = Setback { retry_after_ms: Some(u64::MAX), ..cut() };
        assert_eq!(ladder.ended(WebSocket, None, &absurd, 0), Rung::Wait(RETRY_AFTER_MS_MAX));
        for technique in [WebSocket, Sse, LongPoll] {
            assert!(matches!(ladder.ended(technique, None, &refused(), 500), Rung::Try(_)));
        }
        assert_eq!(ladder.ended(ShortPoll, None, &refused(), 500), Rung::GiveUp);
        let gone = cut();
        assert!(matches!(ladder.ended(ShortPoll, None, &gone, 500), Rung::Wait(_)));
    }

    #[test]
    fn trials_become_rarer_and_the_best_has_none() {
        let mut ladder = ladder();
        assert_eq!(ladder.trial_in_ms(WebSocket, 500), None);
        let mut times = Vec::new();
        for _ in 0..8 {
            // To open again is no trial.
            assert_eq!(ladder.trial_in_ms(Sse, 500), ladder.trial_in_ms(Sse, 500));
            times.extend(ladder.trial_in_ms(Sse, 500));
            assert_eq!(ladder.trials(Sse), [WebSocket]);
        }
        assert_eq!(times[..2], [10_000, 20_000]);
        assert_eq!(times.pop(), Some(640_000));
        ladder.ended(WebSocket, Some(10_000), &cut(), 500);
        assert_eq!(ladder.trial_in_ms(Sse, 500), Some(10_000));
    }
}
