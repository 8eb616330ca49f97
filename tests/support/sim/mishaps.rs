//! A machine on which not all goes well: how often each mishap happens in a story, and when.
//!
//! Came from: the seed. Goes to: `world`, which asks; and to the story, for what happens to whole
//! threads and servers. Absent on purpose: what a mishap excuses; the judges know that.

use super::dice::Dice;
use crate::world::mishaps::{Mishaps, Write};

/// The longest that a disk takes for a write, hanging included.
const DISK_MS_MAX: u64 = 100_000;

/// Once in how many times something goes wrong; 0: never.
#[derive(Clone, Debug, Default)]
pub struct Rates {
    pub short_writes: u64,
    pub short_reads: u64,
    pub late_edges: u64,
    pub empty_wakes: u64,
    pub no_descriptors: u64,
    pub late_letters: u64,
    pub interleaved: u64,
    /// Steps of the story: a thread stands still, clocks jump, a flood comes.
    pub trouble: u64,
    /// The server is killed and starts anew.
    pub restarts: u64,
    /// Writes of a store, if there is one.
    pub slow_disk: u64,
    pub failing_disk: u64,
}

impl Rates {
    /// A third of the stories have no mishaps, so that what needs a calm machine is seen too.
    pub fn roll(dice: &mut Dice) -> Self {
        if dice.one_in(3) {
            return Self::default();
        }
        let mut rate = |most| if dice.percent(50) { dice.wide(2, most) } else { 0 };
        Self {
            short_writes: rate(50),
            short_reads: rate(20),
            late_edges: rate(10),
            empty_wakes: rate(50),
            no_descriptors: rate(20),
            late_letters: rate(4),
            interleaved: rate(20),
            trouble: rate(40) * 4,
            restarts: rate(20) * 20,
            ..Self::default()
        }
    }
}

impl Rates {
    /// The same with a disk, on which nothing goes wrong in a third of the stories.
    pub fn with_disk(self, dice: &mut Dice) -> Self {
        let mut rate = |most| if dice.percent(66) { dice.wide(2, most) } else { 0 };
        Self { slow_disk: rate(10), failing_disk: rate(20), ..self }
    }
}

/// Decides by dice of its own.
pub struct Machine {
    rates: Rates,
    dice: Dice,
}

impl Machine {
    pub fn new(rates: Rates, seed: u64) -> Self {
        Self { rates, dice: Dice::new(!seed) }
    }

    fn happens(&mut self, rate: u64) -> bool {
        rate > 0 && self.dice.one_in(rate)
    }
}

impl Mishaps for Machine {
    fn written(&mut self, offered: usize) -> usize {
        if !self.happens(self.rates.short_writes) {
            return offered;
        }
        match self.dice.below(3) {
            0 => 0,
            1 => 1.min(offered),
            _ => self.dice.below(offered),
        }
    }

    fn read(&mut self, come: usize) -> usize {
        if !self.happens(self.rates.short_reads) {
            return come;
        }
        if self.dice.percent(50) { 1 } else { self.dice.below(come) }
    }

    fn tells(&mut self) -> bool {
        !self.happens(self.rates.late_edges)
    }

    fn wakes_for_nothing(&mut self) -> bool {
        self.happens(self.rates.empty_wakes)
    }

    fn is_out_of_descriptors(&mut self) -> bool {
        self.happens(self.rates.no_descriptors)
    }

    fn holds_letter(&mut self) -> bool {
        self.happens(self.rates.late_letters)
    }

    fn store_writes(&mut self) -> Write {
        if !self.happens(self.rates.failing_disk) {
            return Write::Done;
        }
        if self.dice.percent(50) { Write::Fails } else { Write::FailsAndIsKept }
    }

    fn store_takes_ms(&mut self) -> u64 {
        if !self.happens(self.rates.slow_disk) {
            return 0;
        }
        self.dice.wide(1, DISK_MS_MAX)
    }

    fn meanwhile(&mut self, threads: usize) -> Option<usize> {
        self.happens(self.rates.interleaved).then(|| self.dice.below(threads))
    }
}
