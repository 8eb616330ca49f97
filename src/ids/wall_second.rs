//! A second on the wall, and its end by the server's clock: what is good until a second of the wall
//! ends at a moment.
//!
//! Came from: the shell, each time that the second on the wall changes. Goes to: the date of
//! answers, and the end of tokens. Absent on purpose: parts of a second on the wall.

use super::Millis;

/// The second that it is on the wall.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WallSecond {
    /// Whole seconds since 1970.
    pub unix_s: u64,
    /// The moment at which the next one begins.
    pub ends: Millis,
}

impl WallSecond {
    /// When another second begins: the beginning of all moments for one that has.
    #[must_use]
    pub const fn begins(self, unix_s: u64) -> Millis {
        match unix_s.checked_sub(self.unix_s) {
            None | Some(0) => Millis(0),
            Some(seconds) => self.ends.plus((seconds - 1).saturating_mul(1000)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_begins_when_those_before_it_have_ended() {
        let second = WallSecond { unix_s: 100, ends: Millis(5_200) };
        for (unix_s, begins) in [(99, 0), (100, 0), (101, 5_200), (103, 7_200)] {
            assert_eq!(second.begins(unix_s), Millis(begins), "{unix_s}");
        }
        assert_eq!(second.begins(u64::MAX), Millis::NEVER);
    }
}
