//! UTF-8 judged as it arrives, however it is cut, and kept as text. RFC 3629, RFC 6455 §8.1.
//!
//! Came from: `wire::message`, with a text message or a piece of one; `technique::message`, with
//! the data of a message. Goes to: the same two, as a verdict, and as the whole text in the end.
//! Absent on purpose: waiting. Every byte is judged when it comes; only those of a character that
//! is cut in two are kept back until its end is here.

/// A text that grows piece by piece.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    /// All whole characters.
    text: String,
    begun: Begun,
}

/// The beginning of a character of which more must come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Begun {
    /// Its bytes, `held` of them.
    bytes: [u8; 4],
    held: u8,
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
    /// Where the first offending byte lies in the piece just pushed. 0 from [`Text::finish`], whose
    /// offence is that nothing follows.
    pub at: usize,
}

impl Text {
    /// Takes in the next piece. Refuses at the first byte after which no text can continue: `ED A0`
    /// is refused at `A0`, without waiting for a third byte.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), NotUtf8> {
        // First what is owed from the piece before: at most three bytes.
        let mut at = 0;
        while self.begun.owed > 0 {
            let Some(&byte) = piece.get(at) else {
                return Ok(());
            };
            self.step(byte).map_err(|()| NotUtf8 { at })?;
            at += 1;
        }
        // Then the bulk, by whole vectors: the standard library is as fast for ASCII, but takes
        // each character of other scripts by itself.
        let end = at + uncut(&piece[at..]);
        match simdutf8::compat::from_utf8(&piece[at..end]) {
            Ok(text) => {
                self.text.push_str(text);
                at = end;
            }
            // The offence lies within four bytes: stepping tells where.
            Err(stopped) => at += stopped.valid_up_to(),
        }
        for &byte in &piece[at..] {
            self.step(byte).map_err(|()| NotUtf8 { at })?;
            at += 1;
        }
        Ok(())
    }

    /// Whether the text may end here.
    pub const fn finish(&self) -> Result<(), NotUtf8> {
        if self.begun.owed == 0 { Ok(()) } else { Err(NotUtf8 { at: 0 }) }
    }

    /// All whole characters so far.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Bytes so far, those of a character that was cut included.
    pub const fn len(&self) -> usize {
        self.text.len() + self.begun.held as usize
    }

    /// Whether nothing has come.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that there is room for.
    pub const fn capacity(&self) -> usize {
        self.text.capacity()
    }

    /// Makes room for so many bytes more than there are, and no more.
    pub fn reserve_exact(&mut self, bytes: usize) {
        self.text.reserve_exact(bytes + usize::from(self.begun.held));
    }

    fn step(&mut self, byte: u8) -> Result<(), ()> {
        if let Some(character) = self.begun.step(byte)? {
            self.text.push_str(character);
        }
        Ok(())
    }
}

impl Begun {
    /// One byte, by the table of well-formed sequences (RFC 3629 §4). Only the first continuation
    /// byte has a narrower range than `80..=BF`: that is what keeps out overlong forms (`E0`,
    /// `F0`), surrogates (`ED`) and what lies above U+10FFFF (`F4`). Gives the character that is
    /// whole with this byte.
    fn step(&mut self, byte: u8) -> Result<Option<&str>, ()> {
        if self.owed > 0 {
            if byte < self.low || byte > self.high {
                return Err(());
            }
            (self.low, self.high) = (CONTINUATION_LOW, CONTINUATION_HIGH);
            self.owed -= 1;
        } else {
            self.held = 0;
            (self.owed, self.low, self.high) = match byte {
                0x00..=0x7F => (0, CONTINUATION_LOW, CONTINUATION_HIGH),
                0xC2..=0xDF => (1, CONTINUATION_LOW, CONTINUATION_HIGH),
                0xE0 => (2, 0xA0, CONTINUATION_HIGH),
                0xED => (2, CONTINUATION_LOW, 0x9F),
                0xE1..=0xEF => (2, CONTINUATION_LOW, CONTINUATION_HIGH),
                0xF0 => (3, 0x90, CONTINUATION_HIGH),
                0xF1..=0xF3 => (3, CONTINUATION_LOW, CONTINUATION_HIGH),
                0xF4 => (3, CONTINUATION_LOW, 0x8F),
                // A continuation that nobody owes, an overlong `C0` or `C1`, or no lead at all.
                0x80..=0xC1 | 0xF5..=0xFF => return Err(()),
            };
        }
        self.bytes[usize::from(self.held)] = byte;
        self.held += 1;
        if self.owed > 0 {
            return Ok(None);
        }
        let character = &self.bytes[..usize::from(std::mem::take(&mut self.held))];
        Ok(Some(str::from_utf8(character).expect("every byte was judged")))
    }
}

/// Bytes that were judged to be text. No `str`, for to make one of short bytes the standard library
/// looks at each of them, and most are passed on as bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextBytes<'b>(&'b [u8]);

impl<'b> TextBytes<'b> {
    /// Bytes that are all here, if they are text.
    pub fn judge(bytes: &'b [u8]) -> Option<Self> {
        is_text(bytes).then_some(Self(bytes))
    }

    /// The bytes.
    pub const fn as_bytes(self) -> &'b [u8] {
        self.0
    }

    /// The text.
    pub fn as_str(self) -> &'b str {
        text(self.0).expect("it was judged to be text")
    }
}

impl<'b> From<&'b str> for TextBytes<'b> {
    fn from(text: &'b str) -> Self {
        Self(text.as_bytes())
    }
}

/// Bytes that are all here, as text if that is what they are. Beyond ASCII the standard library
/// takes several times as long.
pub fn text(bytes: &[u8]) -> Option<&str> {
    simdutf8::basic::from_utf8(bytes).ok()
}

/// Whether bytes that are all here are text. Most are ASCII, which takes a glance at eight bytes at
/// a time; of short ones the standard library looks at each.
pub fn is_text(bytes: &[u8]) -> bool {
    bytes.is_ascii() || text(bytes).is_some()
}

/// Up to where no character of `bytes` lacks its end. What is wrong otherwise is not looked for.
fn uncut(bytes: &[u8]) -> usize {
    let last = bytes.len().saturating_sub(3);
    let lead = bytes[last..].iter().rposition(|&byte| byte >= 0xC0);
    let Some(lead) = lead.map(|at| last + at) else {
        return bytes.len();
    };
    let length = match bytes[lead] {
        0x00..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xFF => 4,
    };
    if lead + length > bytes.len() { lead } else { bytes.len() }
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
        ("the lowest of each length", b"\0\xC2\x80\xE0\xA0\x80\xF0\x90\x80\x80", None),
        ("the highest of each length", b"\x7F\xDF\xBF\xEF\xBF\xBF\xF4\x8F\xBF\xBF", None),
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
        let mut text = Text::default();
        if let Err(NotUtf8 { at }) = text.push(&bytes[..cut]) {
            return Some(at);
        }
        assert_eq!(text.len(), cut);
        if let Err(NotUtf8 { at }) = text.push(&bytes[cut..]) {
            return Some(cut + at);
        }
        assert_eq!((text.as_str().as_bytes(), text.finish()), (bytes, Ok(())));
        None
    }

    fn judged_byte_by_byte(bytes: &[u8]) -> Option<usize> {
        let mut text = Text::default();
        (0..bytes.len()).find(|&at| text.push(&bytes[at..=at]).is_err())
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
                let mut text = Text::default();
                let possible = text.push(&bytes).is_ok();
                let ours = (possible, possible && text.finish().is_ok());
                assert_eq!(ours, theirs, "{bytes:02X?}");
            }
        }
    }

    #[test]
    fn every_scalar_value_passes_byte_by_byte() {
        let mut text = Text::default();
        let mut all = String::new();
        for scalar in ('\0'..=char::MAX).step_by(7) {
            for &byte in scalar.encode_utf8(&mut [0; 4]).as_bytes() {
                assert_eq!(text.push(&[byte]), Ok(()), "{scalar:?}");
            }
            assert_eq!(text.finish(), Ok(()), "{scalar:?}");
            all.push(scalar);
        }
        assert!(text.as_str() == all);
    }

    #[test]
    fn a_text_does_not_end_within_a_code_point() {
        for unfinished in [&b"a\xC3"[..], b"\xE2\x82", b"\xF0\x9F\x98"] {
            let mut text = Text::default();
            assert_eq!(text.push(unfinished), Ok(()));
            assert_eq!(text.finish(), Err(NotUtf8 { at: 0 }));
            assert_eq!(text.len(), unfinished.len());
        }
    }
}
