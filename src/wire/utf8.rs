//! UTF-8 judged as it arrives, however it is cut. RFC 3629, RFC 6455 §8.1.
//!
//! Came from: `wire::message`, with a piece of a text message. Goes to: the same, as a verdict.
//! Absent on purpose: the text itself. The three bytes of [`Utf8`] say which byte may come next,
//! not which bytes came, so that a piece is read once and never kept.

/// A validator that remembers an unfinished code point from one piece to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Utf8 {
    /// Continuation bytes still owed. 0 on a boundary.
    owed: u8,
    /// The lowest byte that may come next; read only while some are owed.
    low: u8,
    /// The highest byte that may come next; read only while some are owed.
    high: u8,
}

/// Not UTF-8, whatever may follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotUtf8 {
    /// Where the first offending byte lies in the piece just pushed. 0 from [`Utf8::finish`], whose
    /// offence is that nothing follows.
    pub at: usize,
}

impl Utf8 {
    /// On a boundary: nothing is owed.
    pub const fn new() -> Self {
        Self {
            owed: 0,
            low: CONTINUATION_LOW,
            high: CONTINUATION_HIGH,
        }
    }

    /// Judges the next piece. Refuses at the first byte after which no text can continue: `ED A0`
    /// is refused at `A0`, without waiting for a third byte.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), NotUtf8> {
        // First what is owed from the piece before: at most three bytes.
        let mut at = 0;
        while self.owed > 0 {
            let Some(&byte) = bytes.get(at) else {
                return Ok(());
            };
            self.step(byte).map_err(|()| NotUtf8 { at })?;
            at += 1;
        }
        // Then the bulk, by whole vectors: the standard library is as fast for ASCII, but takes
        // each character of other scripts by itself. Where it stops, an offence or an unfinished
        // code point lies within four bytes: stepping tells which, and leaves the right memory
        // behind.
        if let Err(stopped) = simdutf8::compat::from_utf8(&bytes[at..]) {
            at += stopped.valid_up_to();
            for &byte in &bytes[at..] {
                self.step(byte).map_err(|()| NotUtf8 { at })?;
                at += 1;
            }
        }
        Ok(())
    }

    /// Whether a text may end here.
    pub const fn finish(&self) -> Result<(), NotUtf8> {
        if self.owed == 0 {
            Ok(())
        } else {
            Err(NotUtf8 { at: 0 })
        }
    }

    /// Forgets what was owed: the next piece begins a new text.
    pub const fn reset(&mut self) {
        *self = Self::new();
    }

    /// One byte, by the table of well-formed sequences (RFC 3629 §4). Only the first continuation
    /// byte has a narrower range than `80..=BF`: that is what keeps out overlong forms (`E0`,
    /// `F0`), surrogates (`ED`) and what lies above U+10FFFF (`F4`).
    const fn step(&mut self, byte: u8) -> Result<(), ()> {
        if self.owed > 0 {
            if byte < self.low || byte > self.high {
                return Err(());
            }
            (self.low, self.high) = (CONTINUATION_LOW, CONTINUATION_HIGH);
            self.owed -= 1;
            return Ok(());
        }
        (self.owed, self.low, self.high) = match byte {
            0x00..=0x7F => (0, CONTINUATION_LOW, CONTINUATION_HIGH),
            0xC2..=0xDF => (1, CONTINUATION_LOW, CONTINUATION_HIGH),
            0xE0 => (2, 0xA0, CONTINUATION_HIGH),
            0xED => (2, CONTINUATION_LOW, 0x9F),
            0xE1..=0xEF => (2, CONTINUATION_LOW, CONTINUATION_HIGH),
            0xF0 => (3, 0x90, CONTINUATION_HIGH),
            0xF1..=0xF3 => (3, CONTINUATION_LOW, CONTINUATION_HIGH),
            0xF4 => (3, CONTINUATION_LOW, 0x8F),
            // A continuation byte that nobody owes, an overlong `C0` or `C1`, or no lead at all.
            0x80..=0xC1 | 0xF5..=0xFF => return Err(()),
        };
        Ok(())
    }
}

impl Default for Utf8 {
    fn default() -> Self {
        Self::new()
    }
}

const CONTINUATION_LOW: u8 = 0x80;
const CONTINUATION_HIGH: u8 = 0xBF;

#[cfg(test)]
mod tests {
    use super::*;

    /// Name, bytes, where the first offending byte lies; `None`: a text.
    const CASES: &[(&str, &[u8], Option<usize>)] = &[
        ("nothing", b"", None),
        ("ASCII", b"Hello, world, longer than one word", None),
        (
            "the lowest of each length",
            b"\0\xC2\x80\xE0\xA0\x80\xF0\x90\x80\x80",
            None,
        ),
        (
            "the highest of each length",
            b"\x7F\xDF\xBF\xEF\xBF\xBF\xF4\x8F\xBF\xBF",
            None,
        ),
        ("around the surrogates", b"\xED\x9F\xBF\xEE\x80\x80", None),
        ("a byte order mark", b"\xEF\xBB\xBFx", None),
        ("Greek", "κόσμε".as_bytes(), None),
        ("continuation without a lead", b"ab\x80", Some(2)),
        ("overlong two bytes", b"a\xC0\xAF", Some(1)),
        ("overlong two bytes, the other lead", b"\xC1\xBF", Some(0)),
        ("overlong three bytes", b"\xE0\x9F\xBF", Some(1)),
        ("overlong four bytes", b"\xF0\x8F\xBF\xBF", Some(1)),
        ("low surrogate", b"ok\xED\xA0\x80", Some(3)),
        ("high surrogate", b"\xED\xBF\xBF", Some(1)),
        ("above U+10FFFF", b"\xF4\x90\x80\x80", Some(1)),
        ("five-byte lead", b"\xF8\x88\x80\x80\x80", Some(0)),
        ("no lead at all", b"abc\xFF", Some(3)),
        ("a lead within a sequence", b"\xE2\xC3\xA9", Some(1)),
        ("ASCII within a sequence", b"\xE2\x82A", Some(2)),
        ("ASCII before the last byte", b"\xF0\x9F\x98A", Some(3)),
    ];

    /// Pushes `bytes` cut at `cut`; tells where in the whole the first offence lay.
    fn judged_in_two(bytes: &[u8], cut: usize) -> Option<usize> {
        let mut utf8 = Utf8::new();
        if let Err(NotUtf8 { at }) = utf8.push(&bytes[..cut]) {
            return Some(at);
        }
        utf8.push(&bytes[cut..])
            .err()
            .map(|NotUtf8 { at }| cut + at)
    }

    fn judged_byte_by_byte(bytes: &[u8]) -> Option<usize> {
        let mut utf8 = Utf8::new();
        (0..bytes.len()).find(|&at| utf8.push(&bytes[at..=at]).is_err())
    }

    #[test]
    fn the_first_offending_byte_is_named_however_the_text_is_cut() {
        for &(name, bytes, offence) in CASES {
            for cut in 0..=bytes.len() {
                assert_eq!(judged_in_two(bytes, cut), offence, "{name}, cut at {cut}");
            }
            assert_eq!(judged_byte_by_byte(bytes), offence, "{name}, byte by byte");
        }
    }

    #[test]
    fn every_two_bytes_are_judged_as_the_standard_library_does() {
        for first in 0..=u8::MAX {
            for second in 0..=u8::MAX {
                let bytes = [first, second];
                let theirs = match str::from_utf8(&bytes) {
                    Ok(_) => (true, true),
                    Err(stopped) => (stopped.error_len().is_none(), false),
                };
                let mut utf8 = Utf8::new();
                let possible = utf8.push(&bytes).is_ok();
                let ours = (possible, possible && utf8.finish().is_ok());
                assert_eq!(ours, theirs, "{bytes:02X?}");
            }
        }
    }

    #[test]
    fn every_scalar_value_passes_byte_by_byte() {
        let mut utf8 = Utf8::new();
        for scalar in ('\0'..=char::MAX).step_by(7) {
            for &byte in scalar.encode_utf8(&mut [0; 4]).as_bytes() {
                assert_eq!(utf8.push(&[byte]), Ok(()), "{scalar:?}");
            }
            assert_eq!(utf8.finish(), Ok(()), "{scalar:?}");
        }
    }

    #[test]
    fn a_text_does_not_end_within_a_code_point() {
        for unfinished in [&b"a\xC3"[..], b"\xE2\x82", b"\xF0\x9F\x98"] {
            let mut utf8 = Utf8::new();
            assert_eq!(utf8.push(unfinished), Ok(()));
            assert_eq!(utf8.finish(), Err(NotUtf8 { at: 0 }));
            utf8.reset();
            assert_eq!(utf8, Utf8::default());
            assert_eq!(utf8.finish(), Ok(()));
        }
    }
}
