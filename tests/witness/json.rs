//! Messages in JSON: what was published, out of what was sent.
//!
//! Came from: bodies and frames. Goes to: `classes`. Absent on purpose: a parser of our own;
//! what the server delivers it writes by hand, without this library.

use serde_json::Value;

/// The data of a message in JSON, as it was before it was put there.
pub(crate) fn data(message: &Value) -> Vec<u8> {
    let text = message["data"].as_str().expect("a message has data");
    match message["encoding"].as_str() {
        Some("base64") => decoded(text),
        Some(other) => panic!("encoding {other}"),
        None => text.as_bytes().to_vec(),
    }
}

/// Base64 (RFC 4648 §4), as slowly as can be: every character is six bits.
pub(crate) fn decoded(text: &str) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let sextets = text.trim_end_matches('=').bytes().map(|character| {
        let place = ALPHABET.iter().position(|known| *known == character);
        place.unwrap_or_else(|| panic!("not base64: {text:?}"))
    });
    let bits: Vec<bool> =
        sextets.flat_map(|sextet| (0..6).rev().map(move |bit| sextet >> bit & 1 == 1)).collect();
    let octets = bits.chunks_exact(8);
    octets.map(|octet| octet.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit))).collect()
}

/// What `text` says.
pub(crate) fn json(text: &[u8]) -> Value {
    let value = serde_json::from_slice(text);
    value.unwrap_or_else(|error| panic!("{error}: {:?}", String::from_utf8_lossy(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_decoded_as_in_rfc_4648_10() {
        let pairs =
            [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYmFy", "foobar")];
        for (encoded, plain) in pairs {
            assert_eq!(decoded(encoded), plain.as_bytes());
        }
        assert_eq!(decoded("/wA="), [0xff, 0]);
    }
}
