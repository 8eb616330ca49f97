//! Tags: accounts that readers open for themselves, so that a client can ask what it has cost.
//!
//! A tag is a number that a client makes up and puts into the query of what it reads. The technique
//! pays as ever; beside that, the tag's account notes what passed. Whoever knows the number may ask
//! for the account, and nothing lists the numbers that there are.
//!
//! Came from: `broker::accounting`. Goes to: a `ShardReport`, and `report::tags`. Absent on
//! purpose: system calls and segments: a connection that serves several tags cannot tell them
//! apart.

use std::fmt;
use std::ops::AddAssign;

use super::bytes::Bytes;
use crate::limits::TAGS_MAX;

/// A number that a client has chosen: 1 to 16 hexadecimal digits in a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CostTag(u64);

impl CostTag {
    /// Reads a tag. Another spelling of the same number is the same tag.
    pub fn parse(text: &str) -> Option<Self> {
        let sound = (1..=16).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
        u64::from_str_radix(text, 16).ok().filter(|_| sound).map(Self)
    }
}

impl fmt::Display for CostTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

/// What passed under a tag. All numbers only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TagAccount {
    /// Requests that were answered.
    pub requests: u64,
    /// Answers to polls that carried no message.
    pub answers_empty: u64,
    /// Messages delivered.
    pub messages: u64,
    /// Bytes that were understood.
    pub bytes_in: Bytes,
    /// Bytes that the kernel took.
    pub bytes_out: Bytes,
}

impl TagAccount {
    /// What was added after `before`.
    pub(super) fn since(&self, before: &Self) -> Self {
        let bytes = |all: &Bytes, before: &Bytes| {
            Bytes(std::array::from_fn(|class| all.0[class] - before.0[class]))
        };
        Self {
            requests: self.requests - before.requests,
            answers_empty: self.answers_empty - before.answers_empty,
            messages: self.messages - before.messages,
            bytes_in: bytes(&self.bytes_in, &before.bytes_in),
            bytes_out: bytes(&self.bytes_out, &before.bytes_out),
        }
    }
}

impl AddAssign<&Self> for TagAccount {
    fn add_assign(&mut self, other: &Self) {
        self.requests += other.requests;
        self.answers_empty += other.answers_empty;
        self.messages += other.messages;
        self.bytes_in += &other.bytes_in;
        self.bytes_out += &other.bytes_out;
    }
}

/// The accounts of a thread, the one charged last at the end.
#[derive(Clone, Debug, Default)]
pub struct Tags(Vec<(CostTag, TagAccount)>);

impl Tags {
    /// The account of `tag`, to be charged. When there are too many, the one that was not charged
    /// for longest is forgotten.
    pub fn account_mut(&mut self, tag: CostTag) -> &mut TagAccount {
        let known = self.0.iter().position(|&(other, _)| other == tag).map(|at| self.0.remove(at));
        if self.0.len() >= TAGS_MAX {
            self.0.remove(0);
        }
        let (_, account) = self.0.push_mut(known.unwrap_or((tag, TagAccount::default())));
        account
    }

    /// The account of `tag`, if it is remembered.
    pub fn account(&self, tag: CostTag) -> Option<&TagAccount> {
        self.0.iter().find(|&&(other, _)| other == tag).map(|(_, account)| account)
    }
}

impl AddAssign<&Self> for Tags {
    fn add_assign(&mut self, other: &Self) {
        for (tag, account) in &other.0 {
            // Not bounded again: a sum of threads has as many as all of them.
            match self.0.iter_mut().find(|(known, _)| known == tag) {
                Some((_, sum)) => *sum += account,
                None => self.0.push((*tag, *account)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(number: u64) -> CostTag {
        CostTag(number)
    }

    #[test]
    fn a_tag_is_hexadecimal_digits() {
        for (text, number) in [("0", 0), ("00ff", 255), ("FF", 255), ("ffffffffffffffff", u64::MAX)]
        {
            assert_eq!(CostTag::parse(text), Some(tag(number)), "{text}");
        }
        for text in ["", "g", "+1", "-1", " 1", "0x1", "1_0", "00000000000000001", "é"] {
            assert_eq!(CostTag::parse(text), None, "{text}");
        }
        assert_eq!(tag(255).to_string(), "ff");
    }

    #[test]
    fn the_tag_that_was_not_charged_for_longest_is_forgotten() {
        let mut tags = Tags::default();
        for number in 0..TAGS_MAX as u64 {
            tags.account_mut(tag(number)).requests += 1;
        }
        tags.account_mut(tag(0)).requests += 1;
        tags.account_mut(tag(99_999)).requests += 1;
        assert_eq!(tags.account(tag(0)).map(|account| account.requests), Some(2));
        assert_eq!(tags.account(tag(1)), None);
        assert_eq!(tags.0.len(), TAGS_MAX);
    }
}
