//! What a published message holds: its number, its topic, and padding that messages near it do not
//! have.
//!
//! Came from: `in_flight`, which publishes it. Goes to: the same, when a reader has got it. Absent
//! on purpose: the moment of publishing, which stays here, so that *every* byte is known before;
//! and characters that JSON would escape, so that it is as long by every technique.

/// Number, space, topic, space: what a message has at least.
pub const PAYLOAD_BYTES_MIN: usize = NUMBER_DIGITS + 1 + TOPIC_DIGITS + 1;

/// The message `number` (from 1) of `topic`, `size` bytes long. A size below
/// [`PAYLOAD_BYTES_MIN`] counts as that.
pub fn write(topic: u32, number: u64, size: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(size.max(PAYLOAD_BYTES_MIN));
    bytes.extend(format!("{number:0NUMBER_DIGITS$} {topic:0TOPIC_DIGITS$} ").bytes());
    // Where the padding begins in the alphabet differs from the 63 messages before and behind: a
    // piece of one of these, or one that has moved by less than the alphabet, is not what was
    // published. Number and topic tell all others apart.
    let first = (number as usize).wrapping_mul(7).wrapping_add(topic as usize * 31);
    let padding = (bytes.len()..size).map(|at| ALPHABET[first.wrapping_add(at) % ALPHABET.len()]);
    bytes.extend(padding);
    bytes
}

/// The number that stands at the beginning, whatever follows it.
pub fn number(payload: &[u8]) -> Option<u64> {
    let digits = payload.get(..NUMBER_DIGITS)?;
    let is_number =
        digits.iter().all(u8::is_ascii_digit) && payload.get(NUMBER_DIGITS) == Some(&b' ');
    is_number.then(|| str::from_utf8(digits).ok()?.parse().ok())?
}

/// 10 thousand million messages of a topic.
const NUMBER_DIGITS: usize = 10;
/// More topics than there may be.
const TOPIC_DIGITS: usize = 8;
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_has_its_size_and_reads_back() {
        for size in [0, PAYLOAD_BYTES_MIN, PAYLOAD_BYTES_MIN + 1, 1000] {
            let bytes = write(3, 42, size);
            assert_eq!(bytes.len(), size.max(PAYLOAD_BYTES_MIN));
            assert_eq!(number(&bytes), Some(42));
        }
        assert_eq!(number(b"hello"), None);
        assert_eq!(number(b"00000000423"), None);
    }

    #[test]
    fn no_two_messages_are_alike() {
        assert_ne!(write(0, 1, 64)[30..], write(0, 2, 64)[30..]);
        assert_ne!(write(0, 1, 64)[30..], write(1, 1, 64)[30..]);
        for near in 2..=64 {
            assert_ne!(write(0, 1, 64)[30..], write(0, near, 64)[30..], "{near}");
        }
        assert_ne!(write(0, 1, 64), write(0, 65, 64));
        let bytes = write(0, 1, 64);
        assert_ne!(bytes[30..40], bytes[31..41]);
    }
}
