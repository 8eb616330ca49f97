//! A small generator (SplitMix64): the same seed gives the same story.
//!
//! Came from: whoever needs chance that can be had again: the transcripts' cuts, the simulator, the
//! bodies of the fuzz targets, and unit tests in src/. Goes to: cuts, mutations, stories. Absent on
//! purpose: entropy.

#![allow(dead_code, unreachable_pub, clippy::pedantic)] // Each user takes what it needs.

/// The state is the seed.
#[derive(Clone, Debug)]
pub struct Dice(pub u64);

impl Dice {
    /// For seeds that are counted up: neighbours have nothing in common.
    pub fn new(seed: u64) -> Self {
        let mut dice = Self(seed.wrapping_mul(0xD134_2543_DE82_EF95) ^ 0x5851_F42D_4C95_7F2D);
        dice.roll();
        dice
    }

    /// Any number.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 when there is none.
    pub fn below(&mut self, bound: usize) -> usize {
        match bound {
            0 => 0,
            _ => (self.roll() % bound as u64) as usize,
        }
    }

    /// `min` up to `max`, both included.
    pub fn range(&mut self, min: u64, max: u64) -> u64 {
        min + self.roll() % (max - min + 1)
    }

    /// As [`Self::range`], and every order of magnitude is as likely as any other.
    pub fn wide(&mut self, min: u64, max: u64) -> u64 {
        let orders = (max / min.max(1)).max(1).ilog2() + 1;
        let scale = 1_u64 << self.below(orders as usize);
        let top = max.min(min.max(1).saturating_mul(scale * 2));
        self.range(min, top)
    }

    /// True `n` times of a hundred.
    pub fn percent(&mut self, n: u32) -> bool {
        self.roll() % 100 < u64::from(n)
    }

    /// True once in `n` times.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.roll().is_multiple_of(n)
    }

    /// One of them.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// Noise of up to `most` bytes.
    pub fn noise(&mut self, most: usize) -> Vec<u8> {
        let length = self.below(most + 1);
        (0..length).map(|_| self.roll() as u8).collect()
    }

    /// A relative of `parent`: a few small changes, sometimes with a stretch of `other` or one of
    /// `words` in it.
    pub fn mutate(&mut self, parent: &[u8], other: &[u8], words: &[Vec<u8>]) -> Vec<u8> {
        let mut child = parent.to_vec();
        for _ in 0..1 + self.below(4) {
            let at = self.below(child.len() + 1);
            let length = self.below((child.len() - at).min(16) + 1);
            match self.below(7) {
                0 if at < child.len() => child[at] ^= 1 << self.below(8),
                1 if at < child.len() => child[at] = self.roll() as u8,
                2 => child.insert(at, self.roll() as u8),
                3 => drop(child.drain(at..at + length)),
                4 => {
                    let again = child[at..at + length].to_vec();
                    child.splice(at..at, again);
                }
                5 => {
                    let from = self.below(other.len() + 1);
                    let length = self.below((other.len() - from).min(64) + 1);
                    child.splice(at..at, other[from..from + length].iter().copied());
                }
                _ if !words.is_empty() => {
                    let word = words[self.below(words.len())].clone();
                    child.splice(at..at, word);
                }
                _ => child.truncate(at),
            }
        }
        child
    }
}
