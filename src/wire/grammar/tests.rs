//! Facts about grammar that several codecs share.
//!
//! Came from: RFC 9110 §5.5 and §5.6. Goes to: `cargo test`.

use super::*;

#[test]
fn a_line_feed_is_found_wherever_it_is() {
    // Bytes that differ from LF in one bit, or by one, are what the word-wise search could mistake.
    for filler in [0x00, 0x0B, 0x09, 0x8A, 0x0E, 0x1A, 0xFF, 0x80] {
        for length in 0..40 {
            let mut bytes = vec![filler; length];
            assert_eq!(find_line_feed(&bytes), None);
            for at in (0..length).rev() {
                bytes[at] = b'\n';
                assert_eq!(find_line_feed(&bytes), Some(at), "{filler:#x} at {at} of {length}");
            }
        }
    }
}

#[test]
fn a_token_is_made_of_the_characters_that_the_rfc_lists() {
    for byte in 0..=u8::MAX {
        let listed = byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        assert_eq!(is_token_byte(byte), listed, "{byte:#x}");
        assert_eq!(is_token(&[b'a', byte]), listed, "{byte:#x}");
    }
    assert!(!is_token(b""));
}

#[test]
fn a_value_has_no_control_character_but_the_tab() {
    for byte in 0..=u8::MAX {
        let fits = byte == b'\t' || !(byte < 0x20 || byte == 0x7F);
        assert_eq!(is_field_value(&[b'a', byte, b'a']), fits, "{byte:#x}");
    }
}
