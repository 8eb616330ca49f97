//! JSON Web Tokens: who signed one, until when it is good, and what it allows. RFC 7519, RFC 8037.
//!
//! A key is of one algorithm, and only a token of that algorithm is held against it: so a public
//! key is never taken for a secret, whatever a token says of itself (RFC 8725 §3.1).
//!
//! Came from: `rights`, with a token that has the form of one. Goes to: the same, as a [`Grant`].
//! Absent on purpose: fetching keys, and algorithms other than HS256 and EdDSA.

use ed25519_compact::{PublicKey, Signature};
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Sha256;

use super::denial::Denial;
use super::grant::{Grant, Topics};
use super::pattern::TopicPattern;
use crate::limits::JWT_PATTERNS_MAX;
use crate::wire::jws::{self, Algorithm, Jws};

/// A key that tokens are signed by. Shown to nobody.
#[derive(Clone)]
pub enum JwtKey {
    /// A secret, for HS256.
    Secret(Box<[u8]>),
    /// The public half of a pair, for EdDSA.
    Ed25519(PublicKey),
}

impl std::fmt::Debug for JwtKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(hidden)")
    }
}

/// What a token is held against.
#[derive(Clone, Debug, Default)]
pub struct JwtRules {
    /// Any of them may have signed it.
    pub keys: Vec<JwtKey>,
    /// `--jwt-audience`: what this server is called in `aud`.
    pub audience: Option<String>,
    /// `--jwt-issuer`: what `iss` has to be.
    pub issuer: Option<String>,
}

/// The claims that are looked at. All others are passed over.
#[derive(Deserialize)]
struct Claims {
    exp: Option<serde_json::Number>,
    nbf: Option<serde_json::Number>,
    aud: Option<Audience>,
    iss: Option<String>,
    tollway: Option<Allowed>,
}

/// One name or several, RFC 7519 §4.1.3.
#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// Our own claim.
#[derive(Deserialize)]
struct Allowed {
    #[serde(default)]
    publish: Vec<String>,
    #[serde(default)]
    subscribe: Vec<String>,
}

/// Whether a token is to be taken for a JWT: two dots. A token of the operator's may have dots too,
/// and goes first.
pub(super) fn has_form(token: &[u8]) -> bool {
    token.split(|byte| *byte == b'.').count() == 3
}

/// What `token` allows, at that moment of the wall clock. `credential` tells its holder from
/// others.
pub(super) fn grant(
    token: &[u8],
    rules: &JwtRules,
    unix_s: u64,
    credential: u64,
) -> Result<Grant, Denial> {
    let jws = jws::decode(token).ok_or(Denial::JwtMalformed)?;
    verify(&jws, &rules.keys)?;
    let claims: Claims = match serde_json::from_slice(&jws.payload) {
        Ok(claims) => claims,
        Err(error) if error.is_data() => return Err(Denial::JwtClaims),
        Err(_) => return Err(Denial::JwtMalformed),
    };
    let until_s = seconds(claims.exp.as_ref().ok_or(Denial::JwtClaims)?);
    if unix_s >= until_s {
        return Err(Denial::JwtExpired); // §4.1.4: on or after.
    }
    if claims.nbf.as_ref().is_some_and(|nbf| unix_s < seconds(nbf)) {
        return Err(Denial::JwtNotYetValid);
    }
    if !names_us(claims.aud.as_ref(), rules.audience.as_deref()) {
        return Err(Denial::JwtAudience);
    }
    if rules.issuer.is_some() && rules.issuer != claims.iss {
        return Err(Denial::JwtIssuer);
    }
    let Allowed { publish, subscribe } = claims.tollway.ok_or(Denial::JwtClaims)?;
    if publish.len() + subscribe.len() > JWT_PATTERNS_MAX {
        return Err(Denial::JwtClaims);
    }
    Ok(Grant {
        publish: patterns(&publish)?,
        subscribe: patterns(&subscribe)?,
        admin: false,
        until_s: Some(until_s),
        credential,
    })
}

/// Whether one of the keys has signed it.
fn verify(jws: &Jws<'_>, keys: &[JwtKey]) -> Result<(), Denial> {
    let mut known = false;
    for key in keys {
        let right = match (jws.algorithm, key) {
            (Algorithm::Hs256, JwtKey::Secret(secret)) => {
                let mac = Hmac::<Sha256>::new_from_slice(secret);
                // A key may have any length. The comparison takes the same time for all.
                mac.is_ok_and(|mac| {
                    mac.chain_update(jws.signed).verify_slice(&jws.signature).is_ok()
                })
            }
            (Algorithm::EdDsa, JwtKey::Ed25519(key)) => {
                let signature = Signature::from_slice(&jws.signature);
                signature.is_ok_and(|signature| key.verify(jws.signed, &signature).is_ok())
            }
            (Algorithm::Hs256 | Algorithm::EdDsa | Algorithm::Other, _) => continue,
        };
        known = true;
        if right {
            return Ok(());
        }
    }
    Err(if known { Denial::JwtSignature } else { Denial::JwtAlgorithm })
}

/// A token for somebody else is not for us, RFC 7519 §4.1.3; one for nobody in particular is,
/// unless the operator wants to see our name.
fn names_us(audience: Option<&Audience>, own: Option<&str>) -> bool {
    match (audience, own) {
        (None, own) => own.is_none(),
        (Some(_), None) => false,
        (Some(Audience::One(name)), Some(own)) => name == own,
        (Some(Audience::Several(names)), Some(own)) => names.iter().any(|name| name == own),
    }
}

/// A `NumericDate`, RFC 7519 §2, in whole seconds: a fraction is cut off, before 1970 is 1970.
fn seconds(date: &serde_json::Number) -> u64 {
    // The cast saturates.
    #[expect(clippy::cast_sign_loss, reason = "a negative one becomes 0")]
    let cut = |date: f64| date as u64;
    date.as_u64().unwrap_or_else(|| date.as_f64().map_or(0, cut))
}

fn patterns(texts: &[String]) -> Result<Topics, Denial> {
    let parsed = texts.iter().map(|text| TopicPattern::parse(text));
    parsed.collect::<Option<Vec<_>>>().map(Topics::Matching).ok_or(Denial::JwtClaims)
}
