//! Request targets: path, query, and what their percent signs stand for. RFC 3986 §2.1, and the
//! `application/x-www-form-urlencoded` parser of the WHATWG URL standard §5.1.
//!
//! Came from: `conn::route`, with the target of a [`Head`](super::head::Head). Goes to: the same,
//! which knows what a path may name. Absent on purpose: dot segments, which no topic can be and the
//! file server judges for itself, and any mending: text that does not decode is refused, because
//! two programs that guess do not guess alike.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::iter;

use super::offences::offences;

offences! {
    /// What can be wrong with a path or a query that a head let through.
    pub enum TargetError {
        BadPercent = BadRequest, "bad_percent",
            "A percent sign in the request target is not followed by two hex digits; write %25 for \
             a percent sign itself.";
        NotUtf8 = BadRequest, "not_utf8",
            "The request target does not decode to UTF-8; percent-encode the UTF-8 bytes of it.";
    }
}

/// Splits a target at its first `?`. An empty path is `/` (RFC 9112 §3.2.1): the reduction of an
/// absolute `http://host?query` leaves one.
pub fn split(target: &str) -> (&str, Option<&str>) {
    let (path, query) = match cut(target, b'?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    (if path.is_empty() { "/" } else { path }, query)
}

/// Replaces every `%41` by the byte it stands for. Borrows when there is nothing to replace. `+` is
/// a plus sign here: it is a space in queries only.
pub fn percent_decode(text: &str) -> Result<Cow<'_, [u8]>, TargetError> {
    decode(text, false)
}

/// Writes a path so that [`percent_decode`] gives it back: all but the unreserved characters of
/// RFC 3986 §2.3 and the slash is encoded.
pub fn percent_encode(path: &str, out: &mut String) {
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

/// The pairs of a query, in order, not yet decoded; pieces that are empty are left out, and a piece
/// without `=` is a name with an empty value.
pub fn query_pieces(query: &str) -> impl Iterator<Item = Pair<'_>> {
    let mut rest = query;
    let pieces = iter::from_fn(move || {
        let (piece, after) = match cut(rest, b'&') {
            Some(halves) => halves,
            None if rest.is_empty() => return None,
            None => (rest, ""),
        };
        rest = after;
        Some(piece)
    });
    pieces.filter(|piece| !piece.is_empty()).map(|piece| {
        let (name, value) = cut(piece, b'=').unwrap_or((piece, ""));
        Pair { name, value }
    })
}

/// What stands before the first such byte, and what behind it. As [`str::split_once`]; targets are
/// short and cut often, and the search for any character would take longer to begin than this takes
/// to end.
pub fn cut(text: &str, ascii: u8) -> Option<(&str, &str)> {
    debug_assert!(ascii.is_ascii(), "a byte of ASCII is a character of its own");
    let at = text.bytes().position(|byte| byte == ascii)?;
    Some((&text[..at], &text[at + 1..]))
}

/// Name and value of one query parameter. Each is decoded when it is asked for, so that what is
/// wrong with one is the affair of those who want it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair<'q> {
    name: &'q str,
    value: &'q str,
}

impl<'q> Pair<'q> {
    /// The name, decoded.
    pub fn name(&self) -> Result<Cow<'q, str>, TargetError> {
        decode_text(self.name)
    }

    /// The value, decoded.
    pub fn value(self) -> Result<Cow<'q, str>, TargetError> {
        decode_text(self.value)
    }

    /// The name as it was spelled.
    pub fn raw_name(&self) -> &'q str {
        self.name
    }

    /// The value as it was spelled.
    pub fn raw_value(&self) -> &'q str {
        self.value
    }
}

fn decode_text(text: &str) -> Result<Cow<'_, str>, TargetError> {
    match decode(text, true)? {
        // Untouched bytes are the text they came from.
        Cow::Borrowed(_) => Ok(Cow::Borrowed(text)),
        Cow::Owned(bytes) => {
            String::from_utf8(bytes).map(Cow::Owned).map_err(|_| TargetError::NotUtf8)
        }
    }
}

fn decode(text: &str, plus_is_space: bool) -> Result<Cow<'_, [u8]>, TargetError> {
    let bytes = text.as_bytes();
    let special = |byte: u8| byte == b'%' || (plus_is_space && byte == b'+');
    let Some(first) = bytes.iter().position(|&byte| special(byte)) else {
        return Ok(Cow::Borrowed(bytes));
    };
    let (plain, mut rest) = bytes.split_at(first);
    let mut decoded = Vec::with_capacity(bytes.len());
    decoded.extend_from_slice(plain);
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        decoded.push(match byte {
            b'%' => {
                let (digits, tail) = tail.split_first_chunk().ok_or(TargetError::BadPercent)?;
                rest = tail;
                hex_byte(*digits).ok_or(TargetError::BadPercent)?
            }
            b'+' if plus_is_space => b' ',
            other => other,
        });
    }
    Ok(Cow::Owned(decoded))
}

fn hex_byte(digits: [u8; 2]) -> Option<u8> {
    let [high, low] = digits.map(|digit| char::from(digit).to_digit(16));
    // Two hex digits are at most 0xFF.
    Some((high? * 16 + low?) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::response::assert_row_is_sound;

    #[test]
    fn a_target_splits_at_its_first_question_mark() {
        assert_eq!(split("/news"), ("/news", None));
        assert_eq!(split("/news?"), ("/news", Some("")));
        assert_eq!(split("/news?a=b?c"), ("/news", Some("a=b?c")));
        assert_eq!(split("?a"), ("/", Some("a")));
        assert_eq!(split("*"), ("*", None));
    }

    #[test]
    fn percent_decoding_borrows_what_has_nothing_to_decode() {
        assert!(matches!(percent_decode("/a+b~c"), Ok(Cow::Borrowed(b"/a+b~c"))));
        assert!(matches!(percent_decode(""), Ok(Cow::Borrowed(b""))));
    }

    #[test]
    fn percent_decoding_gives_any_byte_in_either_case() {
        for byte in 0..=u8::MAX {
            for text in [format!("<%{byte:02x}>"), format!("<%{byte:02X}>")] {
                assert_eq!(*percent_decode(&text).unwrap(), [b'<', byte, b'>']);
            }
        }
        assert_eq!(*percent_decode("%252F+%41").unwrap(), *b"%2F+A");
    }

    #[test]
    fn a_percent_sign_without_two_hex_digits_is_refused() {
        for text in ["%", "a%", "%4", "%g0", "%0g", "%+1", "%-1", "% 1", "%%41", "%4é"] {
            assert_eq!(percent_decode(text), Err(TargetError::BadPercent), "{text:?}");
            let name = query_pieces(text).next().map(|pair| pair.name());
            assert_eq!(name, Some(Err(TargetError::BadPercent)), "{text:?}");
        }
    }

    #[test]
    fn a_query_is_read_as_forms_are_written() {
        let pairs: Vec<_> = query_pieces("a=1&&b&=c&d=e=f&g+h=%2B+%C3%A9&")
            .map(|pair| (pair.name().expect("sound"), pair.value().expect("sound")))
            .collect();
        let expected = [("a", "1"), ("b", ""), ("", "c"), ("d", "e=f"), ("g h", "+ é")];
        assert_eq!(pairs, expected.map(|(name, value)| (name.into(), value.into())));
        assert_eq!(query_pieces("").count(), 0);
    }

    #[test]
    fn what_is_not_utf8_is_refused_where_it_is_asked_for() {
        for text in ["a=%FF", "a=%ED%A0%80"] {
            let pair = query_pieces(text).next().expect("a pair");
            assert_eq!(pair.name().as_deref(), Ok("a"));
            assert_eq!(pair.value(), Err(TargetError::NotUtf8), "{text:?}");
        }
        let pair = query_pieces("%C3=1").next().expect("a pair");
        assert_eq!(pair.name(), Err(TargetError::NotUtf8));
        assert_eq!(pair.value().as_deref(), Ok("1"));
    }

    #[test]
    fn every_offence_has_a_sound_row() {
        for &offence in TargetError::ALL {
            let (code, detail) = (offence.code(), offence.detail());
            assert_row_is_sound(&format!("{offence:?}"), offence.status(), code, detail);
        }
    }
}
