//! Rights in a story: the operator's tokens and keys, and JWTs that its clients show.
//!
//! `{jwt …}` anywhere in a story is a token. Its words: `alg=HS256` (the default), `EdDSA` or any
//! other; `exp=5s`, `nbf=-1s`, from the beginning of the story; `publish=a,b.*`, `subscribe=…`,
//! `aud=…`, `iss=…`; `key=other` signs by another key than the story's, `key=public` as a secret by
//! the public key that the story was given; `claims={…}`, last, writes them out instead.

use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ed25519_compact::{KeyPair, Seed};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tollway::rights::Secrets;
use tollway::rights::pattern::TopicPattern;
use tollway::rights::secrets::{jwt_keys, token, token_of_topics};

use crate::world::UNIX_START_S;

/// The story's secret for HS256.
pub const SECRET: &str = "the-secret-of-all-stories-32-bytes";

/// A line before the first act: `tokens publish …`, `keys HS256 EdDSA`, `jwt audience …`.
pub fn read(secrets: &mut Secrets, words: &[&str]) -> Result<(), String> {
    match words {
        ["tokens", "publish", tokens @ ..] => {
            for text in tokens {
                secrets.publish.push(token_of_topics(text).map_err(|fault| fault.to_string())?);
            }
        }
        ["tokens", "subscribe", tokens @ ..] => {
            for text in tokens {
                secrets.subscribe.push(token_of_topics(text).map_err(|fault| fault.to_string())?);
            }
        }
        ["tokens", "admin", tokens @ ..] => {
            for text in tokens {
                secrets.admin.push(token(text).map_err(|fault| fault.to_string())?);
            }
        }
        ["keys", algorithms @ ..] => {
            for algorithm in algorithms {
                let text = match *algorithm {
                    "HS256" => SECRET.to_owned(),
                    "EdDSA" => pem(),
                    other => return Err(format!("there is no key for {other}")),
                };
                secrets.jwt.keys.extend(jwt_keys(&text).map_err(|fault| fault.to_string())?);
            }
        }
        ["admin", "listens"] => secrets.admin_listens = true,
        ["jwt", "audience", name] => secrets.jwt.audience = Some((*name).into()),
        ["jwt", "issuer", name] => secrets.jwt.issuer = Some((*name).into()),
        ["public", patterns @ ..] => {
            for text in patterns {
                secrets.public.push(TopicPattern::parse(text).ok_or("no pattern")?);
            }
        }
        _ => return Err(format!("{words:?} says nothing about rights")),
    }
    Ok(())
}

fn pair() -> KeyPair {
    KeyPair::from_seed(Seed::new([42; 32]))
}

fn pem() -> String {
    let mut der = vec![0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00];
    der.extend_from_slice(&*pair().pk);
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----", STANDARD.encode(der))
}

/// The text with a token in the place of each `{jwt …}`.
pub fn expand(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("{jwt ") {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        let mut depth = 0;
        let end = after.find(|c| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            depth == 0
        });
        let end = end.expect("a brace closes");
        out.push_str(&jwt(&after["{jwt ".len()..end]));
        rest = &after[end + 1..];
    }
    out + rest
}

fn jwt(words: &str) -> String {
    let (mut alg, mut key) = ("HS256", "own");
    let mut claims = Vec::new();
    let mut allowed = Vec::new();
    let (terms, written) = words.split_once("claims=").unwrap_or((words, ""));
    for term in terms.split_whitespace() {
        let (name, value) = term.split_once('=').expect("name=value");
        match name {
            "alg" => alg = value,
            "key" => key = value,
            "exp" | "nbf" => claims.push(format!("\"{name}\":{}", at(value))),
            "aud" | "iss" => claims.push(format!("\"{name}\":\"{value}\"")),
            "publish" | "subscribe" => {
                let list: Vec<_> = value.split(',').map(|one| format!("\"{one}\"")).collect();
                allowed.push(format!("\"{name}\":[{}]", list.join(",")));
            }
            _ => panic!("{term:?} is no term of a JWT"),
        }
    }
    claims.push(format!("\"tollway\":{{{}}}", allowed.join(",")));
    let claims =
        if written.is_empty() { format!("{{{}}}", claims.join(",")) } else { written.into() };
    signed(alg, &claims, key)
}

/// Seconds from the beginning of the story.
fn at(text: &str) -> i64 {
    let seconds: i64 = text.strip_suffix('s').and_then(|n| n.parse().ok()).expect("seconds");
    UNIX_START_S.cast_signed() + seconds
}

pub fn signed(alg: &str, claims: &str, key: &str) -> String {
    let mut signed = String::new();
    let header = URL_SAFE_NO_PAD.encode(format!("{{\"alg\":\"{alg}\",\"typ\":\"JWT\"}}"));
    write!(signed, "{header}.{}", URL_SAFE_NO_PAD.encode(claims)).expect("a string");
    let signature = match (alg, key) {
        ("EdDSA", "own") => pair().sk.sign(&signed, None).to_vec(),
        ("none", _) => Vec::new(),
        (_, key) => {
            let secret = match key {
                "own" => SECRET.to_owned(),
                "public" => pem(),
                other => other.repeat(8),
            };
            let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length");
            mac.chain_update(&signed).finalize().into_bytes().to_vec()
        }
    };
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}
