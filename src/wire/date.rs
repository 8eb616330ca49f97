//! Dates as HTTP writes them: `Sun, 06 Nov 1994 08:49:37 GMT`. RFC 9110 §5.6.7.
//!
//! The years 1970 to 9999 can be said. A clock and a file system know others, and `httpdate` panics
//! when it is given one, so every date of the server is read and written here.
//!
//! Came from: `broker`, with the time on the wall and that of a file; `conn`, with the fields of a
//! request. Goes to: the fields of an answer. Absent on purpose: fractions of a second, which no
//! date has, and clocks.

use std::time::{Duration, UNIX_EPOCH};

/// The last moment that can be said, in seconds since 1970: the last second of the year 9999.
pub const UNIX_S_MAX: i64 = 253_402_300_799;

/// No date is longer. `Wednesday, 06-Nov-94 08:49:37 GMT` takes 33 bytes.
const BYTES_MAX: usize = 64;

/// Writes a moment, given in seconds since 1970. One that cannot be said becomes the nearest that
/// can.
#[must_use]
pub fn write(unix_s: i64) -> String {
    let unix_s = unix_s.clamp(0, UNIX_S_MAX);
    // Exact: it is not negative.
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(unix_s.cast_unsigned()))
}

/// Reads a date in any of the three spellings, in seconds since 1970. `None`: it is no date, so
/// that the field has to be ignored (RFC 9110 §13.1.3).
#[must_use]
pub fn read(field: &[u8]) -> Option<i64> {
    if field.len() > BYTES_MAX {
        return None;
    }
    let moment = httpdate::parse_http_date(str::from_utf8(field).ok()?).ok()?;
    let since_1970 = moment.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since_1970.as_secs()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_that_no_date_can_say_becomes_the_nearest() {
        for (unix_s, date) in [
            (i64::MIN, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (-1, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (UNIX_S_MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
            (UNIX_S_MAX + 1, "Fri, 31 Dec 9999 23:59:59 GMT"),
            (i64::MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            assert_eq!(write(unix_s), date);
        }
    }

    #[test]
    fn the_three_spellings_of_a_date_are_read() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(read(text.as_bytes()), Some(784_111_777), "{text}");
        }
        assert_eq!(read(b"Fri, 31 Dec 9999 23:59:59 GMT"), Some(UNIX_S_MAX));
    }

    #[test]
    fn what_is_no_date_is_ignored_whatever_it_is() {
        for text in [
            "",
            " ",
            "now",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Mon, 06 Nov 1994 08:49:37 GMT",
            "Thu, 31 Feb 9999 23:59:59 GMT",
            "Wed, 31 Dec 1969 23:59:59 GMT",
            "Sat, 00 Jan 0000 00:00:00 GMT",
            "Sat, 01 Jan 10000 00:00:00 GMT",
            "Sunday, 06-Nov-94 08:49:37",
            "Sun Nov",
            "é",
        ] {
            assert_eq!(read(text.as_bytes()), None, "{text}");
        }
        assert_eq!(read(b"\xff\xfe"), None);
        assert_eq!(read("9".repeat(100_000).as_bytes()), None);
    }

    /// Every spelling, cut off everywhere and with every byte changed to some others: what matters
    /// is that nothing panics.
    #[test]
    fn nothing_that_a_stranger_writes_ends_the_thread() {
        for text in [
            "Fri, 31 Dec 9999 23:59:59 GMT",
            "Wednesday, 31-Dec-69 23:59:59 GMT",
            "Thu Jan  1 00:00:00 1970",
        ] {
            for at in 0..text.len() {
                let _ = read(&text.as_bytes()[..at]);
                for byte in [b'0', b'9', b' ', b',', b'-', b':', 0, 0x7f, 0xff] {
                    let mut changed = text.as_bytes().to_vec();
                    changed[at] = byte;
                    if let Some(unix_s) = read(&changed) {
                        assert!((0..=UNIX_S_MAX).contains(&unix_s));
                    }
                }
            }
        }
    }
}
