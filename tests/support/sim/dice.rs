//! Chance by seed: the same seed gives the same story.

/// SplitMix64.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        let mut dice = Self(seed.wrapping_mul(0xD134_2543_DE82_EF95) ^ 0x5851_F42D_4C95_7F2D);
        dice.roll();
        dice
    }

    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// 0 up to `n`, without `n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.roll() % n as u64) as usize
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

    pub fn percent(&mut self, n: u32) -> bool {
        self.roll() % 100 < u64::from(n)
    }

    pub fn one_in(&mut self, n: u64) -> bool {
        self.roll().is_multiple_of(n)
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}
