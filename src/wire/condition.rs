//! Conditions and ranges of a request. RFC 9110 §13.1 and §14.
//!
//! Came from: poll answers and files, with a field's value. Goes to: the choice between 200, 206,
//! 304 and 416. Absent on purpose: `If-Match` and `If-Unmodified-Since` (nothing here is changed by
//! a client, and for what is left of a file there is `If-Range`), and several ranges in one answer
//! (allowed to be ignored, §14.2).

use std::ops::Range;

use super::number;

/// Whether `If-None-Match` names `tag` (what is between its quotes), by the weak comparison of
/// §8.8.3.2, or anything.
pub fn names_tag(field: &[u8], tag: &str) -> bool {
    names_any(field) || tags(field).any(|item| item == tag.as_bytes())
}

/// Whether `If-None-Match` is `*`, which names whatever there is.
pub fn names_any(field: &[u8]) -> bool {
    field.trim_ascii() == b"*"
}

/// The tags that `If-None-Match` lists: what is between their quotes, weak or not. None of ours
/// has a comma in it; one that has is somebody else's, and comes in pieces that match nothing.
pub fn tags(field: &[u8]) -> impl Iterator<Item = &[u8]> {
    field.split(|&byte| byte == b',').filter_map(|item| {
        let item = item.trim_ascii();
        let item = item.strip_prefix(b"W/").unwrap_or(item);
        item.strip_prefix(b"\"")?.strip_suffix(b"\"")
    })
}

/// What a `Range` field comes to for a resource of `length` bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ranged {
    /// There is none that we have to follow: send everything.
    Whole,
    /// These bytes; never empty.
    Part(Range<u64>),
    /// It begins behind the end.
    Unsatisfiable,
}

/// Reads a `Range` field, §14.1.2. Another unit, several ranges, and bad syntax are ignored, as
/// §14.2 asks.
pub fn range(field: &[u8], length: u64) -> Ranged {
    let spec = str::from_utf8(field).unwrap_or_default().trim();
    let Some((first, last)) = spec.strip_prefix("bytes=").and_then(|s| s.split_once('-')) else {
        return Ranged::Whole;
    };
    let last_byte = length.saturating_sub(1);
    match (number(first.trim()), number(last.trim())) {
        (Number::Bad, _) | (_, Number::Bad) | (Number::None, Number::None) => Ranged::Whole,
        (Number::Of(first), Number::Of(last)) if last < first => Ranged::Whole,
        // Of two that are too large for us, the text alone can tell which is larger.
        (Number::Of(u64::MAX), Number::Of(u64::MAX)) if is_less(last, first) => Ranged::Whole,
        (Number::Of(first), _) if first >= length => Ranged::Unsatisfiable,
        (Number::Of(first), Number::Of(last)) => Ranged::Part(first..last.min(last_byte) + 1),
        (Number::Of(first), Number::None) => Ranged::Part(first..length),
        // The last so many bytes.
        (Number::None, Number::Of(count)) if count.min(length) == 0 => Ranged::Unsatisfiable,
        (Number::None, Number::Of(count)) => Ranged::Part(length.saturating_sub(count)..length),
    }
}

/// One side of a range.
enum Number {
    None,
    Of(u64),
    Bad,
}

/// Digits only. A number too large for us is behind every end.
fn number(text: &str) -> Number {
    match number::saturating(text.as_bytes()) {
        None if text.is_empty() => Number::None,
        None => Number::Bad,
        Some(number) => Number::Of(number),
    }
}

/// Whether the number that `text` spells in digits is less than that of `other`.
fn is_less(text: &str, other: &str) -> bool {
    let [text, other] = [text, other].map(|text| text.trim().trim_start_matches('0'));
    (text.len(), text) < (other.len(), other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_compared_weakly_and_in_lists() {
        for field in ["\"a\"", "W/\"a\"", "\"b\", \"a\"", " \"a\" ", "*", "\"b\",W/\"a\""] {
            assert!(names_tag(field.as_bytes(), "a"), "{field}");
        }
        for field in ["", "a", "\"b\"", "\"a", "w/\"a\"", "\"aa\"", "\"", "W/a"] {
            assert!(!names_tag(field.as_bytes(), "a"), "{field}");
        }
    }

    #[test]
    fn a_range_is_followed_refused_or_ignored() {
        let cases: [(&str, Ranged); 17] = [
            ("bytes=0-0", Ranged::Part(0..1)),
            ("bytes=2-", Ranged::Part(2..10)),
            ("bytes=2-99", Ranged::Part(2..10)),
            ("bytes=-3", Ranged::Part(7..10)),
            ("bytes=-99", Ranged::Part(0..10)),
            ("bytes=0-99999999999999999999999", Ranged::Part(0..10)),
            ("bytes=99999999999999999999-99999999999999999998", Ranged::Whole),
            ("bytes=99999999999999999998-099999999999999999999", Ranged::Unsatisfiable),
            ("bytes=-99999999999999999999", Ranged::Part(0..10)),
            ("bytes=10-", Ranged::Unsatisfiable),
            ("bytes=-0", Ranged::Unsatisfiable),
            ("bytes=5-4", Ranged::Whole),
            ("bytes=-", Ranged::Whole),
            ("bytes=0-1,3-4", Ranged::Whole),
            ("lines=0-1", Ranged::Whole),
            ("bytes=+1-2", Ranged::Whole),
            ("", Ranged::Whole),
        ];
        for (field, verdict) in cases {
            assert_eq!(range(field.as_bytes(), 10), verdict, "{field}");
        }
        assert_eq!(range(b"bytes=-1", 0), Ranged::Unsatisfiable);
    }
}
