//! The small numbers that name things: connections, topics, messages, moments.
//!
//! Came from: everywhere. Goes to: everywhere. Absent on purpose: anything that can fail for a
//! reason other than its own spelling.

mod id_text;
mod kept_millis;
mod network;
mod peer;
mod wall_second;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

pub use self::id_text::{EpochText, IdText};
pub use self::kept_millis::KeptMillis;
pub use self::network::Network;
pub use self::peer::Peer;
pub use self::wall_second::WallSecond;
use crate::limits::{CURSOR_BYTES_MAX, TOPIC_BYTES_MAX};

/// A moment, in milliseconds since the server started, one zero for all its threads. Never read
/// from a clock in here: time is an input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub u64);

impl Millis {
    /// No moment: later than all.
    pub const NEVER: Self = Self(u64::MAX);

    /// The moment `ms` milliseconds later. Saturates: "never" stays never.
    #[must_use]
    pub const fn plus(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to `self`; 0 when `earlier` is the later one.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl Millis {
    /// The same moment, in microseconds.
    #[must_use]
    pub const fn micros(self) -> Micros {
        Micros(self.0.saturating_mul(1000))
    }
}

/// A moment, in microseconds since the same zero: for latencies, which are measured; whatever is
/// only waited for is in [`Millis`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Micros(pub u64);

impl Micros {
    /// The last whole millisecond.
    #[must_use]
    pub const fn millis(self) -> Millis {
        Millis(self.0 / 1000)
    }

    /// Microseconds from `earlier` to `self`; 0 when `earlier` is the later one.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Which address a connection came in by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Door {
    /// One of `--listen`.
    #[default]
    Public,
    /// One of `--admin-listen`: for reports alone.
    Admin,
}

/// Names one connection of one thread. `slab` reuses slots, so a generation goes with the slot: an
/// event or a commit meant for a connection that is gone dies on the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId {
    /// Index into the connection slab.
    pub slot: u32,
    /// Tells the connections that have had the slot apart: counts the connections of the thread, up
    /// to [`ConnId::GENERATION_MAX`], and then begins anew.
    pub generation: u32,
}

impl ConnId {
    /// The last generation. The one behind it is no connection's: the shell's tokens use it for
    /// what is watched and is no connection.
    pub const GENERATION_MAX: u32 = u32::MAX - 1;
}

/// Where a connection stands among those of its thread that are idle: the slots of the one that
/// became so right before it, and of the one right behind it.
#[derive(Clone, Copy, Debug)]
pub struct Neighbours {
    /// [`u32::MAX`]: it is the first.
    pub before: u32,
    /// [`u32::MAX`]: it is the last.
    pub behind: u32,
}

/// Names one topic of one thread: an index, good for as long as the topic is not forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicId(pub u32);

/// Where a reader stands: in which topic, and where in its list. The slot moves when another
/// reader leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat {
    /// The topic it reads.
    pub topic: TopicId,
    /// Its index among the topic's readers.
    pub slot: u32,
}

/// Names one thread of the server: an index into its mailboxes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(pub u16);

/// The number of a message in the one sequence of the whole server. Counts from 1; 0 is the number
/// before the first message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(pub u64);

impl Seq {
    /// The number just before this one; 0 stays 0.
    #[must_use]
    pub const fn before(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

/// Names one run of the numbering: new whenever `seq` starts again at 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch(pub u64);

impl Epoch {
    /// An epoch for a server that starts, drawn with 64 random bits. A clock would not do: it may
    /// stand still or be set back between two starts, and then a cursor of the first would be taken
    /// for one of the second.
    ///
    /// Written, it has eight characters, the first of them no zero. There are 2.7 × 10¹² such: so
    /// unlikely is it that a cursor of one start is taken for one of another.
    #[must_use]
    pub const fn draw(bits: u64) -> Self {
        const FIRST: u64 = 36_u64.pow(7);
        const END: u64 = 36_u64.pow(8);
        // The remainder favours some by one in a million: 2^64 is that much larger.
        Self(FIRST + bits % (END - FIRST))
    }
}

/// The id of a message, and so a cursor: `<epoch>-<seq>`. The epoch is written in base 36; the id
/// is on every message, so its length is part of the toll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Id {
    /// The numbering that `seq` belongs to.
    pub epoch: Epoch,
    /// The number of the message.
    pub seq: Seq,
}

impl Id {
    /// Reads an id back. `None` for any other text, and for a spelling that we would not have
    /// written ourselves (leading zeros, capitals, signs): one id has one spelling.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let dash = text.bytes().position(|byte| byte == b'-')?;
        let (epoch, seq) = (&text[..dash], &text[dash + 1..]);
        let canonical = |digits: &str, radix: u32| {
            let plain = digits.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase());
            let leading_zero = digits.len() > 1 && digits.starts_with('0');
            (plain && !leading_zero).then(|| u64::from_str_radix(digits, radix).ok())?
        };
        Some(Self { epoch: Epoch(canonical(epoch, 36)?), seq: Seq(canonical(seq, 10)?) })
    }
}

/// Where a reader wants to start: the id of the last message it saw, or a word for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cursor {
    /// `earliest`: everything retained.
    Earliest,
    /// `latest`: only what comes from now on.
    Latest,
    /// After this message.
    After(Id),
    /// A text that no server of ours has written, of any length; its beginning is kept, to be
    /// quoted in the gap that it causes.
    Unknown(Box<str>),
}

impl Cursor {
    /// Reads a cursor as clients send it. Of one that is no id of ours, at most
    /// [`CURSOR_BYTES_MAX`] bytes are kept: an id is never longer.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text {
            "earliest" => Self::Earliest,
            "latest" => Self::Latest,
            _ => Id::parse(text).map_or_else(|| Self::unknown(text), Self::After),
        }
    }

    fn unknown(text: &str) -> Self {
        Self::Unknown(text[..text.floor_char_boundary(CURSOR_BYTES_MAX)].into())
    }
}

/// The name of a topic: `[A-Za-z0-9_.~-]{1,64}`, neither `.` nor `..`. Those are the characters
/// that a URL carries as they are (RFC 3986 §2.3), so a topic has one spelling everywhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicName(Arc<str>);

/// Something for each of some topics. Every publish looks a name up once on each thread, and once
/// under the lock of all; so it is hashed by what is fast for short texts. Names come from
/// strangers: the hash is seeded by chance, and none of its values is told to anybody.
pub type TopicMap<V> = HashMap<TopicName, V, foldhash::quality::RandomState>;

impl TopicName {
    /// Paths of the server's own, which are no topics.
    pub const RESERVED: [&str; 5] = ["-", "metrics", "static", "favicon.ico", "robots.txt"];

    /// Takes `text` if it can name a topic.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let unreserved = |b: u8| b.is_ascii_alphanumeric() || b"_.~-".contains(&b);
        let fits = (1..=TOPIC_BYTES_MAX).contains(&text.len());
        let dots = text == "." || text == "..";
        (fits && !dots && text.bytes().all(unreserved)).then(|| Self(text.into()))
    }

    /// The name itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text().as_str())
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text().as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_what_it_wrote() {
        for (epoch, seq) in
            [(0, 0), (35, 1), (36, 9), (1_790_000_000_000, 42), (u64::MAX, u64::MAX)]
        {
            let id = Id { epoch: Epoch(epoch), seq: Seq(seq) };
            assert_eq!(Id::parse(&id.to_string()), Some(id));
        }
    }

    #[test]
    fn an_id_has_one_spelling() {
        for text in [
            "",
            "-",
            "a-",
            "-1",
            "a-01",
            "0a-1",
            "A-1",
            "a-+1",
            "a--1",
            "a-1x",
            "a-b-1",
            "zzzzzzzzzzzzzz-1",
        ] {
            assert_eq!(Id::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_topic_name_is_what_a_url_carries_unchanged() {
        for good in ["chat", "a", "A.b_c~d-9", "...", &"x".repeat(64)] {
            assert_eq!(TopicName::parse(good).map(|t| t.to_string()).as_deref(), Some(good));
        }
        for bad in ["", ".", "..", "a b", "a/b", "a,b", "é", "a%20", &"x".repeat(65)] {
            assert_eq!(TopicName::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn an_unknown_cursor_is_never_taken_for_the_newest() {
        assert_eq!(Cursor::parse("latest"), Cursor::Latest);
        assert_eq!(Cursor::parse("Latest"), Cursor::Unknown("Latest".into()));
        assert_eq!(Cursor::parse("14-18446744073709551616"), {
            Cursor::Unknown("14-18446744073709551616".into())
        });
    }

    #[test]
    fn an_unknown_cursor_is_cut_at_a_character() {
        let unknown = |text: &str| Cursor::Unknown(text.into());
        assert_eq!(Cursor::parse(&"x".repeat(65)), unknown(&"x".repeat(64)));
        assert_eq!(Cursor::parse(&"é".repeat(40)), unknown(&"é".repeat(32)));
        assert_eq!(Cursor::parse(&format!("x{}", "é".repeat(40))), {
            unknown(&format!("x{}", "é".repeat(31)))
        });
    }

    #[test]
    fn an_epoch_takes_eight_characters_whatever_is_drawn() {
        for bits in [0, 1, 36_u64.pow(8) - 1, u64::MAX / 3, u64::MAX] {
            let id = Id { epoch: Epoch::draw(bits), seq: Seq(1) };
            let text = id.to_string();
            assert_eq!(text.len(), 10, "{text}");
            assert_eq!(Id::parse(&text), Some(id));
        }
        assert_ne!(Epoch::draw(1), Epoch::draw(2));
    }
}
