//! JSON Web Signatures in their compact form: text ⇄ header, payload and signature. RFC 7515 §7.1.
//!
//! Came from: `rights::jwt`, with the text of a token. Goes to: the same, as a [`Jws`]. Absent on
//! purpose: whether the signature is right, and what the payload says.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::value::RawValue;

/// A token, taken apart and not believed.
#[derive(Debug)]
pub struct Jws<'t> {
    /// How it claims to be signed.
    pub algorithm: Algorithm,
    /// What is signed: header and payload as they were spelled, with the dot between them.
    pub signed: &'t [u8],
    /// The payload.
    pub payload: Vec<u8>,
    /// The signature.
    pub signature: Vec<u8>,
}

/// The value of `alg`, RFC 7518 §3.1 and RFC 8037 §3.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC with SHA-256.
    Hs256,
    /// Ed25519: `EdDSA`, or by its full name (RFC 9864).
    EdDsa,
    /// Any other, `none` among them.
    Other,
}

/// The members of a header that change what the rest means.
#[derive(Deserialize)]
struct Header<'t> {
    alg: Box<str>,
    /// Extensions that must be understood, RFC 7515 §4.1.11. We understand none.
    #[serde(borrow)]
    crit: Option<&'t RawValue>,
}

/// Takes a token apart. `None` if it is none, or asks to be understood in a way that nobody here
/// does.
pub fn decode(token: &[u8]) -> Option<Jws<'_>> {
    let dots = token.iter().enumerate().filter(|(_, byte)| **byte == b'.').map(|(at, _)| at);
    let dots: Vec<usize> = dots.take(3).collect();
    let &[first, second] = dots.as_slice() else {
        return None;
    };
    let part = |from: usize, to: usize| URL_SAFE_NO_PAD.decode(token.get(from..to)?).ok();
    let header = part(0, first)?;
    let Header { alg, crit } = serde_json::from_slice(&header).ok()?;
    if crit.is_some() {
        return None;
    }
    Some(Jws {
        algorithm: match &*alg {
            "HS256" => Algorithm::Hs256,
            "EdDSA" | "Ed25519" => Algorithm::EdDsa,
            _ => Algorithm::Other,
        },
        signed: &token[..second],
        payload: part(first + 1, second)?,
        signature: part(second + 1, token.len())?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(parts: [&str; 3]) -> String {
        parts.map(|part| URL_SAFE_NO_PAD.encode(part)).join(".")
    }

    /// RFC 7515 appendix A.1, the header and the beginning of the claims as the RFC spells them.
    #[test]
    fn a_token_is_taken_apart() {
        let token = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UifQ.AQID";
        let jws = decode(token.as_bytes()).expect("it is one");
        assert_eq!(jws.algorithm, Algorithm::Hs256);
        assert_eq!(jws.payload, br#"{"iss":"joe"}"#);
        assert_eq!(jws.signature, [1, 2, 3]);
        assert_eq!(jws.signed, &token.as_bytes()[..token.len() - 5]);
        for (alg, algorithm) in [
            ("EdDSA", Algorithm::EdDsa),
            ("Ed25519", Algorithm::EdDsa),
            ("none", Algorithm::Other),
            ("hs256", Algorithm::Other),
            ("RS256", Algorithm::Other),
        ] {
            let token = encoded([&format!(r#"{{"alg":"{alg}"}}"#), "{}", ""]);
            assert_eq!(decode(token.as_bytes()).map(|jws| jws.algorithm), Some(algorithm));
        }
    }

    #[test]
    fn what_is_no_token_is_none() {
        let good = r#"{"alg":"HS256"}"#;
        for text in ["", ".", "..", "a.b", "a.b.c.d", "eyJhbGciOiJIUzI1NiJ9.e30", "e30.e30.AA"] {
            assert!(decode(text.as_bytes()).is_none(), "{text}");
        }
        for header in [
            "",
            "[]",
            r#"{"alg":1}"#,
            r#"{"alg":"HS256","alg":"none"}"#,
            r#"{"alg":"HS256","crit":["exp"]}"#,
            r#"{"alg":"HS256","crit":[],"exp":1}"#,
        ] {
            assert!(decode(encoded([header, "{}", "x"]).as_bytes()).is_none(), "{header}");
        }
        assert!(decode(encoded([good, "{}", "x"]).as_bytes()).is_some());
        for spelling in [
            format!("{}=.e30.AA", URL_SAFE_NO_PAD.encode(good)),
            format!("{}.e3+.AA", URL_SAFE_NO_PAD.encode(good)),
            format!("{}.e30.AB", URL_SAFE_NO_PAD.encode(good)), // Bits that are left over are set.
        ] {
            assert!(decode(spelling.as_bytes()).is_none(), "{spelling}");
        }
    }
}
