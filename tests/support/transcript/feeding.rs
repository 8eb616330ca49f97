//! The ways to feed a server the same bytes.

use std::fmt;

use super::dice::Dice;

/// How often each transcript is cut at random.
const SEEDS: u64 = 32;

/// How the bytes of clients arrive.
#[derive(Clone, Copy, Debug)]
pub struct Feeding {
    pub cuts: Cuts,
    /// Clients are dealt out to so many threads in turn.
    pub threads: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cuts {
    Whole,
    ByteByByte,
    Random(u64),
}

impl fmt::Display for Feeding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.cuts {
            Cuts::Whole => write!(f, "fed whole")?,
            Cuts::ByteByByte => write!(f, "fed byte by byte")?,
            Cuts::Random(seed) => write!(f, "cut by seed {seed}")?,
        }
        write!(f, ", {} thread(s)", self.threads)
    }
}

impl Feeding {
    /// Every way there is.
    pub fn all() -> impl Iterator<Item = Self> {
        [1, 4].into_iter().flat_map(|threads| {
            let steady = [Cuts::Whole, Cuts::ByteByByte].into_iter();
            let all = steady.chain((0..SEEDS).map(Cuts::Random));
            all.map(move |cuts| Self { cuts, threads })
        })
    }
}

/// Where to cut.
pub struct Knife {
    cuts: Cuts,
    dice: Dice,
}

impl Knife {
    pub fn new(cuts: Cuts) -> Self {
        let seed = match cuts {
            Cuts::Random(seed) => seed,
            Cuts::Whole | Cuts::ByteByByte => 0,
        };
        Self { cuts, dice: Dice(seed) }
    }

    /// The length of the next piece of at most `most` bytes. At random, it is often short, and
    /// sometimes all there is.
    pub fn next_length(&mut self, most: usize) -> usize {
        match self.cuts {
            Cuts::Whole => most,
            Cuts::ByteByByte => 1,
            Cuts::Random(_) => {
                let dice = self.dice.roll() as usize;
                let up_to = [3, 16, 128, usize::MAX][dice % 4].min(most);
                1 + (dice >> 2) % up_to
            }
        }
    }
}
