//! Conditions and ranges: tags agree with a reader that goes character by character, ranges with
//! one that asks for every byte of the resource whether it is wanted.
//!
//! Came from: text; the first byte is the length of the resource. Goes to: `wire::condition`.

use tollway::wire::condition::{Ranged, names_tag, range};

use super::choice;

pub fn check(input: &[u8]) {
    let (length, field) = choice(input);
    for tag in ["a", "14-7", ""] {
        assert_eq!(names_tag(field, tag), naive_names(field, &format!("\"{tag}\"")), "{tag}");
    }
    let length = u64::from(length);
    let verdict = range(field, length);
    let wanted: Option<Vec<u64>> = naive_range(field, length);
    match verdict {
        Ranged::Whole => assert_eq!(wanted, None),
        Ranged::Unsatisfiable => assert_eq!(wanted, Some(Vec::new())),
        Ranged::Part(part) => {
            assert!(part.start < part.end && part.end <= length, "{part:?}");
            assert_eq!(wanted, Some(part.collect()));
        }
    }
    for huge in [u64::MAX, u64::MAX - 1, 1 << 40] {
        if let Ranged::Part(part) = range(field, huge) {
            assert!(part.start < part.end && part.end <= huge, "{part:?}");
        }
    }
}

/// RFC 9110 §8.8.3.2, weak comparison; a list is cut at every comma.
fn naive_names(field: &[u8], tag: &str) -> bool {
    let mut items = vec![Vec::new()];
    for &byte in field {
        match byte {
            b',' => items.push(Vec::new()),
            _ => items.last_mut().unwrap().push(byte),
        }
    }
    let trimmed = |item: &[u8]| item.trim_ascii().to_vec();
    if items.len() == 1 && trimmed(&items[0]) == b"*" {
        return true;
    }
    let weak = format!("W/{tag}");
    items.iter().any(|item| trimmed(item) == tag.as_bytes() || trimmed(item) == weak.as_bytes())
}

/// The bytes that are asked for; `None`: everything, because this is no range that counts.
fn naive_range(field: &[u8], length: u64) -> Option<Vec<u64>> {
    let text = str::from_utf8(field).ok()?.trim();
    let rest = text.strip_prefix("bytes=")?;
    let dash = rest.find('-')?;
    let number = |text: &str| -> Option<Option<u128>> {
        let text = text.trim();
        if text.is_empty() {
            return Some(None);
        }
        let mut number = 0_u128;
        for char in text.chars() {
            if !char.is_ascii_digit() {
                return None;
            }
            // Too large for 64 bits: behind every end, and no further.
            number = (number * 10 + u128::from(char as u8 - b'0')).min(u64::MAX.into());
        }
        Some(Some(number))
    };
    let shape = |text: &str| {
        let digits = text.trim().trim_start_matches('0').to_owned();
        (digits.len(), digits)
    };
    let length = u128::from(length);
    let all = 0..length;
    let wanted: Vec<u128> = match (number(&rest[..dash])?, number(&rest[dash + 1..])?) {
        (None, None) => return None,
        (Some(_), Some(_)) if shape(&rest[dash + 1..]) < shape(&rest[..dash]) => return None,
        (Some(first), last) => {
            all.filter(|&at| at >= first && last.is_none_or(|last| at <= last)).collect()
        }
        (None, Some(count)) => all.filter(|&at| at + count >= length).collect(),
    };
    Some(wanted.into_iter().map(|at| at as u64).collect())
}

pub fn seeds() -> Vec<Vec<u8>> {
    [
        "*",
        "\"a\"",
        "W/\"a\"",
        "\"b\", \"a\"",
        "\"b\" ,W/\"a\" , ",
        "w/\"a\"",
        "\"14-7\"",
        "*, \"b\"",
        "\"a",
        "\"\"",
        "bytes=0-0",
        "bytes=2-",
        "bytes=-3",
        "bytes=9-99",
        "bytes=-0",
        "bytes=5-4",
        "bytes=-",
        "bytes=0-1,3-4",
        "lines=0-1",
        "bytes= 1 - 2 ",
        "bytes=+1-2",
        "bytes=0-99999999999999999999999",
        "bytes=99999999999999999999999-",
        "Bytes=0-1",
        "bytes=-18446744073709551615",
        "bytes=18446744073709551615-18446744073709551615",
    ]
    .map(|field| [&[10], field.as_bytes()].concat())
    .into()
}
