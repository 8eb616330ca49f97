//! A small generator (SplitMix64): the same seed gives the same story.
//!
//! Came from: whoever needs chance that can be had again. Goes to: cuts and mutations. Absent on
//! purpose: entropy.

/// The state is the seed.
pub struct Dice(pub u64);

impl Dice {
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
