//! How many read a topic, by technique.
//!
//! Came from: the sequencer, which counts them. Goes to: receipts, and who asks. Absent on purpose:
//! who they are.

use crate::technique::Technique;

/// Subscribers of a topic, by technique. Short polls do not stay and are not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Subscribers([u32; Technique::ALL.len()]);

impl Subscribers {
    /// Those that read in this way.
    pub fn of(&self, technique: Technique) -> u32 {
        self.0[technique as usize]
    }

    /// All of them.
    pub fn total(&self) -> u32 {
        self.0.iter().sum()
    }

    /// These and `others`.
    #[must_use]
    pub fn and(self, others: Self) -> Self {
        let mut sum = self;
        sum.0.iter_mut().zip(others.0).for_each(|(sum, more)| *sum = sum.saturating_add(more));
        sum
    }

    /// So many more (or fewer, when negative) read in this way.
    pub fn change(&mut self, technique: Technique, change: i32) {
        if technique.stays() {
            let count = &mut self.0[technique as usize];
            *count = count.saturating_add_signed(change);
        }
    }

    /// The counts of those that stay, in the order of their techniques.
    pub fn staying(self) -> impl Iterator<Item = u32> {
        Technique::ALL.into_iter().filter(|way| way.stays()).map(move |way| self.of(way))
    }

    /// What [`staying`](Self::staying) has told; what is missing is 0.
    #[must_use]
    pub fn of_staying(counts: impl IntoIterator<Item = u32>) -> Self {
        let mut all = Self::default();
        let ways = Technique::ALL.into_iter().filter(|way| way.stays());
        ways.zip(counts).for_each(|(way, count)| all.0[way as usize] = count);
        all
    }
}
