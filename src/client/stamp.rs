//! What a published payload holds: its number, the moment of publishing, and padding.
//!
//! Came from: `compare`, which publishes it. Goes to: `checklist`, which checks it. Absent on
//! purpose: characters that JSON would escape, so that a payload has the same length on every
//! technique.

/// Number, space, moment, space. What is left of the size is padding.
pub const STAMP_BYTES: usize = SEQUENCE_DIGITS + 1 + MOMENT_DIGITS + 1;

/// The message numbered `sequence` (from 1), published at `moment_us`, `size` bytes long in all.
/// A size below [`STAMP_BYTES`] counts as that.
pub fn write(sequence: u64, moment_us: u64, size: usize) -> String {
    let mut text = format!("{sequence:0SEQUENCE_DIGITS$} {moment_us:0MOMENT_DIGITS$} ");
    let padding = size.saturating_sub(text.len());
    text.extend(std::iter::repeat_n(PADDING, padding));
    text
}

/// Number and moment of a payload. `None`: not one that [`write()`] made in this size.
pub fn read(payload: &[u8], size: usize) -> Option<(u64, u64)> {
    if payload.len() != size.max(STAMP_BYTES) {
        return None;
    }
    let text = str::from_utf8(payload).ok()?;
    let mut parts = text.splitn(3, ' ');
    let sequence = number(parts.next()?, SEQUENCE_DIGITS)?;
    let moment_us = number(parts.next()?, MOMENT_DIGITS)?;
    let padding = parts.next()?;
    let untouched = padding.chars().all(|c| c == PADDING);
    untouched.then_some((sequence, moment_us))
}

fn number(text: &str, digits: usize) -> Option<u64> {
    let plain = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok())?
}

/// 100 million messages.
const SEQUENCE_DIGITS: usize = 8;
/// 3,000 years in microseconds.
const MOMENT_DIGITS: usize = 17;
const PADDING: char = 'x';

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_reads_back_in_every_size() {
        for size in [0, STAMP_BYTES, STAMP_BYTES + 1, 1000] {
            let text = write(42, 1_234_567, size);
            assert_eq!(text.len(), size.max(STAMP_BYTES));
            assert_eq!(read(text.as_bytes(), size), Some((42, 1_234_567)));
        }
    }

    #[test]
    fn a_payload_that_was_touched_is_not_taken() {
        let text = write(42, 1_234_567, 40);
        for place in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[place] = b'+';
            assert_eq!(read(&bytes, 40), None, "byte {place}");
        }
        assert_eq!(read(&text.as_bytes()[..39], 40), None);
    }
}
