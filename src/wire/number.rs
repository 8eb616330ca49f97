//! Numbers as they are written in fields, queries and framing: digits, and nothing else.
//!
//! RFC 9110 §2.2 and its kin bound no number. So one that is larger than 64 bits hold is a number
//! all the same, and is taken for the largest: what it means is "more than you have", and what that
//! leads to is for the reader to say. What is not digits alone (a sign, a blank, a point, an
//! underscore, nothing) is no number, though many a library takes it for one.
//!
//! Came from: `wire::head`, `wire::body`, `wire::condition` and `conn::query`, with bytes. Goes to:
//! the same. Absent on purpose: the command line, whose numbers have units.

/// Reads decimal digits. `None` for what is not digits alone.
pub fn saturating(digits: &[u8]) -> Option<u64> {
    read(digits, 10)
}

/// Reads hexadecimal digits, likewise.
pub fn saturating_hex(digits: &[u8]) -> Option<u64> {
    read(digits, 16)
}

fn read(digits: &[u8], radix: u32) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, &byte| {
        let digit = u64::from(char::from(byte).to_digit(radix)?);
        Some(number.saturating_mul(u64::from(radix)).saturating_add(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_digits_alone() {
        for (text, value) in [
            ("0", 0),
            ("007", 7),
            ("18446744073709551615", u64::MAX),
            ("18446744073709551616", u64::MAX),
            ("99999999999999999999999999", u64::MAX),
            ("000000000000000000000000001", 1),
        ] {
            assert_eq!(saturating(text.as_bytes()), Some(value), "{text}");
        }
        for text in ["", "+1", "-1", " 1", "1 ", "1.0", "1_0", "1e3", "0x1", "a", "٣", "1,1"] {
            assert_eq!(saturating(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_hexadecimal_number_has_sixteen_digits_and_no_prefix() {
        assert_eq!(saturating_hex(b"0aF"), Some(0xAF));
        assert_eq!(saturating_hex(b"ffffffffffffffff"), Some(u64::MAX));
        assert_eq!(saturating_hex(b"10000000000000000"), Some(u64::MAX));
        assert_eq!(saturating_hex(b"00000000000000000001"), Some(1));
        for text in ["", "0x1", "g", "-1", " 1"] {
            assert_eq!(saturating_hex(text.as_bytes()), None, "{text}");
        }
    }
}
