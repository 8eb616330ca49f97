//! The operator's tokens and keys, as they are written: in a flag, a variable, or a file.
//!
//! Nothing here shows a secret: neither `Debug` nor what is said of one that cannot be used.
//!
//! Came from: the shell, with the text of a flag or of a file. Goes to: [`super::Rights`]. Absent
//! on purpose: files, and names of flags; whoever has the text knows where it stood.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_compact::PublicKey;

use super::grant::Topics;
use super::jwt::{JwtKey, JwtRules};
use super::pattern::TopicPattern;
use crate::limits::{JWT_SECRET_BYTES_MIN, TOKEN_BYTES_MAX, TOKEN_BYTES_MIN};
use crate::wire::credentials::is_token68;

/// Everything that the operator gave. Empty by default.
#[derive(Clone, Default)]
pub struct Secrets {
    /// `--publish-token`: each with the topics that it is for.
    pub publish: Vec<(Box<[u8]>, Topics)>,
    /// `--subscribe-token`, likewise.
    pub subscribe: Vec<(Box<[u8]>, Topics)>,
    /// `--admin-token`.
    pub admin: Vec<Box<[u8]>>,
    /// `--jwt-key`, and what goes with it.
    pub jwt: JwtRules,
    /// `--public-topic`: what everybody may read, whatever is asked for all else.
    pub public: Vec<TopicPattern>,
    /// `--admin-listen` was given.
    pub admin_listens: bool,
}

impl Secrets {
    /// Whether there is neither a token nor a key.
    pub fn is_empty(&self) -> bool {
        let Self { publish, subscribe, admin, jwt, .. } = self;
        publish.is_empty() && subscribe.is_empty() && admin.is_empty() && jwt.keys.is_empty()
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

/// What is wrong with a secret, and the remedy: a sentence without its subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecretFault(&'static str);

impl fmt::Display for SecretFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Reads `TOKEN`, for all topics, or `PATTERN=TOKEN`. An `=` at the end is the token's.
pub fn token_of_topics(text: &str) -> Result<(Box<[u8]>, Topics), SecretFault> {
    if is_token68(text.as_bytes()) {
        return Ok((token(text)?, Topics::All));
    }
    let (pattern, rest) = text.split_once('=').ok_or(NO_TOKEN)?;
    let pattern = TopicPattern::parse(pattern).ok_or(SecretFault(
        "names no topics before its first =; write PATTERN=TOKEN, such as chat.*=…, or a token of \
         A-Z a-z 0-9 - . _ ~ + /",
    ))?;
    Ok((token(rest)?, Topics::Matching(vec![pattern])))
}

/// Reads a token.
pub fn token(text: &str) -> Result<Box<[u8]>, SecretFault> {
    if !is_token68(text.as_bytes()) {
        return Err(NO_TOKEN);
    }
    match text.len() {
        ..TOKEN_BYTES_MIN => Err(SecretFault(
            "is shorter than 16 characters, and could be guessed; draw one, such as by `openssl \
             rand -hex 32`",
        )),
        TOKEN_BYTES_MIN..=TOKEN_BYTES_MAX => Ok(text.as_bytes().into()),
        _ => Err(SecretFault("is longer than 4,096 characters; give a shorter one")),
    }
}

const NO_TOKEN: SecretFault = SecretFault(
    "is no token; write one of A-Z a-z 0-9 - . _ ~ + / and = at its end, and nothing else",
);

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";

/// An Ed25519 key in a `SubjectPublicKeyInfo` begins with these bytes, and 32 follow. RFC 8410 §4.
const ED25519_PREFIX: [u8; 12] =
    [0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00];

/// Reads keys: public ones in PEM (RFC 7468), and secrets, one a line; a line that begins with # is
/// a comment. Other words beside PEM, as RFC 7468 §2 lets stand there, are no secrets: a key that
/// nobody meant to be one would be known to whoever reads them.
pub fn jwt_keys(text: &str) -> Result<Vec<JwtKey>, SecretFault> {
    let mut keys = Vec::new();
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    while let Some(line) = lines.next() {
        if line.starts_with('#') {
            // Nor is a rule of many of them a secret.
            let is_rule = line.bytes().all(|byte| !byte.is_ascii_alphanumeric());
            if line.len() >= JWT_SECRET_BYTES_MIN && !is_rule && !line.contains(char::is_whitespace)
            {
                return Err(SecretFault(
                    "begins with #, as comments do; draw a secret that does not, or begin the \
                     comment with # and a space",
                ));
            }
            continue;
        }
        if !line.starts_with(BEGIN) {
            keys.push(secret(line)?);
            continue;
        }
        let body: Vec<&str> = lines.by_ref().take_while(|line| !line.starts_with(END)).collect();
        if line != "-----BEGIN PUBLIC KEY-----" {
            return Err(NO_ED25519);
        }
        let der = STANDARD.decode(body.concat()).map_err(|_| NO_ED25519)?;
        let key = der.strip_prefix(&ED25519_PREFIX).ok_or(NO_ED25519)?;
        keys.push(JwtKey::Ed25519(PublicKey::from_slice(key).map_err(|_| NO_ED25519)?));
    }
    if keys.is_empty() {
        return Err(SecretFault(
            "holds no key; give a secret for HS256, or a public key for EdDSA in PEM",
        ));
    }
    Ok(keys)
}

const NO_ED25519: SecretFault = SecretFault(
    "is PEM, but not the public key of an Ed25519 pair; write what `openssl pkey -in KEY -pubout` \
     gives",
);

fn secret(text: &str) -> Result<JwtKey, SecretFault> {
    if text.contains(char::is_whitespace) {
        return Err(SecretFault(
            "has white space in it, so it is no secret; draw one, such as by `openssl rand -hex \
             32`, and begin comments with #",
        ));
    }
    if text.len() < JWT_SECRET_BYTES_MIN {
        return Err(SecretFault(
            "is shorter than 32 characters, which HS256 takes at least (RFC 7518 §3.2); draw one, \
             such as by `openssl rand -hex 32`",
        ));
    }
    Ok(JwtKey::Secret(text.as_bytes().into()))
}
