//! JSON strings, written. RFC 8259 §7.
//!
//! Came from: `technique` and `wire::response`, with text or bytes of strangers that go between our
//! own braces. Goes to: the same, as a quoted string at the end of their buffer. Absent on purpose:
//! reading JSON, and every other kind of value: those are our own numbers and names.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Appends `text` as a JSON string, quotes included.
///
/// Escapes what RFC 8259 obliges to (the quote, the backslash, controls below U+0020) and nothing
/// else: all other text stays the UTF-8 it is, so that a message costs on the wire what it weighs.
pub fn escape(text: &str, out: &mut Vec<u8>) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    escape_bare(text, out);
    out.push(b'"');
}

/// As [`escape`], without the quotes: a text may be written in pieces.
pub fn escape_bare(text: &str, out: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    loop {
        let (plain, special) = rest.split_at(run_without(rest, needs_escape));
        out.extend_from_slice(plain);
        let Some((&byte, after)) = special.split_first() else {
            break;
        };
        escape_byte(byte, out);
        rest = after;
    }
}

/// How many bytes [`escape_bare`] appends for `text`.
pub fn escaped_length(text: &str) -> usize {
    let more = |byte: u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0C => 1,
        byte if needs_escape(byte) => 5,
        _ => 0,
    };
    text.len() + text.bytes().map(more).sum::<usize>()
}

/// Appends `bytes` as a JSON string of base64 (RFC 4648 §4: standard alphabet, padded), quotes
/// included.
pub fn base64(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    base64_bare(bytes, out);
    out.push(b'"');
}

/// As [`base64()`], without the quotes. A whole number of three bytes may be followed by more.
pub fn base64_bare(bytes: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    // Four characters for every three bytes begun. Cannot overflow: `bytes` is in memory.
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    STANDARD.encode_slice(bytes, &mut out[start..]).expect("room was made for exactly this much");
}

/// How many bytes at the front are not `special`: all of them, or up to the first that is.
///
/// Looks at a block at a time without a branch within it, which the compiler turns into vector
/// instructions; only the block that has a hit is looked at byte by byte.
pub(super) fn run_without(bytes: &[u8], special: impl Fn(u8) -> bool) -> usize {
    let (blocks, _) = bytes.as_chunks::<BLOCK_BYTES>();
    let has_hit = |block: &[u8; BLOCK_BYTES]| {
        block.iter().fold(0, |hit, &byte| hit | u8::from(special(byte))) != 0
    };
    let clear = BLOCK_BYTES * blocks.iter().take_while(|block| !has_hit(block)).count();
    let within = bytes[clear..].iter().take_while(|&&byte| !special(byte));
    clear + within.count()
}

const fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// One escaped byte: the two-character form where JSON has one, `\u00XX` otherwise.
fn escape_byte(byte: u8, out: &mut Vec<u8>) {
    let short = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0C => b'f',
        _ => {
            let digit = |nibble: u8| b"0123456789abcdef"[usize::from(nibble)];
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 0xF)]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// A vector register of every machine we care for.
const BLOCK_BYTES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(text: &str) -> String {
        let mut out = b"{".to_vec();
        escape(text, &mut out);
        assert_eq!(escaped_length(text) + 3, out.len(), "{text:?}");
        assert_eq!(out.remove(0), b'{', "what was there stays there");
        String::from_utf8(out).expect("escaping keeps UTF-8")
    }

    /// An independent reader, character by character.
    fn read_back(json: &str) -> String {
        let inner = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let mut chars = inner.expect("quoted").chars();
        let mut text = String::new();
        while let Some(char) = chars.next() {
            assert!(char >= ' ' && char != '"', "must be escaped: {char:?}");
            text.push(match char {
                '\\' => match chars.next().expect("something is escaped") {
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    'b' => '\u{8}',
                    'f' => '\u{c}',
                    'u' => {
                        let digits: String = chars.by_ref().take(4).collect();
                        let number = u32::from_str_radix(&digits, 16).expect("four hex digits");
                        char::from_u32(number).expect("not a surrogate")
                    }
                    itself => itself,
                },
                plain => plain,
            });
        }
        text
    }

    #[test]
    fn strings_are_escaped_as_rfc_8259_obliges_and_no_more() {
        for (text, json) in [
            ("", r#""""#),
            ("plain", r#""plain""#),
            ("a\"b\\c", r#""a\"b\\c""#),
            ("\n\r\t\u{8}\u{c}", r#""\n\r\t\b\f""#),
            ("\0\u{1}\u{1f}", r#""\u0000\u0001\u001f""#),
            ("/ \u{7f} é ☃ 😀 \u{2028}", "\"/ \u{7f} é ☃ 😀 \u{2028}\""),
        ] {
            assert_eq!(escaped(text), json);
        }
    }

    #[test]
    fn every_place_of_a_special_byte_reads_back() {
        for length in 0..40 {
            let plain = "é".repeat(length / 2) + &"x".repeat(length % 2);
            assert_eq!(read_back(&escaped(&plain)), plain);
            for at in (0..=length).filter(|&at| plain.is_char_boundary(at)) {
                for special in ['"', '\\', '\n', '\0', '\u{1f}'] {
                    let mut text = plain.clone();
                    text.insert(at, special);
                    assert_eq!(read_back(&escaped(&text)), text, "{special:?} at {at}");
                    text.push(special);
                    assert_eq!(read_back(&escaped(&text)), text, "{special:?} twice");
                }
            }
        }
    }

    #[test]
    fn every_control_and_every_other_ascii_reads_back() {
        let all: String = (0..=0x7F_u8).map(char::from).collect();
        assert_eq!(read_back(&escaped(&all)), all);
    }

    #[test]
    fn base64_is_standard_padded_and_quoted() {
        // The vectors of RFC 4648 §10, and the two characters that other alphabets change.
        for (bytes, json) in [
            (&b""[..], r#""""#),
            (b"f", r#""Zg==""#),
            (b"fo", r#""Zm8=""#),
            (b"foo", r#""Zm9v""#),
            (b"foobar", r#""Zm9vYmFy""#),
            (b"\xFB\xEF\xFF", r#""++//""#),
        ] {
            let mut out = b"[".to_vec();
            base64(bytes, &mut out);
            assert_eq!(String::from_utf8(out).expect("ASCII"), format!("[{json}"));
        }
    }
}
