//! Ids, spelt out. They lie on the stack and are written without `fmt`: an answer to a publish over
//! HTTP has two, and one to a poll with a message three.
//!
//! Came from: whoever writes answers. Goes to: the same. Absent on purpose: reading them back,
//! which is [`Id::parse`](super::Id::parse).

use super::{Epoch, Id, Seq};

/// The spelling of an id.
#[derive(Clone, Copy, Debug)]
pub struct IdText {
    bytes: [u8; Self::ROOM],
    /// So many of the bytes are the text.
    length: usize,
}

/// What all ids of an epoch begin with: its own spelling, and a dash.
#[derive(Clone, Copy, Debug)]
pub struct EpochText(IdText);

impl IdText {
    /// 36^13 and 10^20 are larger than 2^64.
    const ROOM: usize = 13 + 1 + 20;

    /// The text, as bytes of ASCII.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        str::from_utf8(self.as_bytes()).expect("digits and a dash are ASCII")
    }

    fn push(&mut self, text: &[u8]) {
        let from = self.length;
        self.length += text.len();
        self.bytes[from..self.length].copy_from_slice(text);
    }
}

impl EpochText {
    /// The spelling of the id of `seq`.
    #[must_use]
    pub fn id(&self, seq: Seq) -> IdText {
        let mut text = self.0;
        text.push(itoa::Buffer::new().format(seq.0).as_bytes());
        text
    }

    /// The epoch alone.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str().trim_end_matches('-')
    }
}

impl Epoch {
    /// Its spelling, in base 36.
    #[must_use]
    pub fn text(self) -> EpochText {
        const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
        let (mut digits, mut from, mut left) = ([0; IdText::ROOM], IdText::ROOM, self.0);
        loop {
            from -= 1;
            digits[from] = DIGITS[(left % 36) as usize];
            left /= 36;
            if left == 0 {
                break;
            }
        }
        let mut text = IdText { bytes: [0; IdText::ROOM], length: 0 };
        text.push(&digits[from..]);
        text.push(b"-");
        EpochText(text)
    }
}

impl Id {
    /// Its spelling.
    #[must_use]
    pub fn text(self) -> IdText {
        self.epoch.text().id(self.seq)
    }
}
