//! Rights from outside: what the operator wrote and what a request shows, to what is allowed.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ed25519_compact::{KeyPair, Seed};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::secrets::{jwt_keys, token, token_of_topics};
use super::tickets::{Ticket, TicketBook};
use super::*;
use crate::ids::{Millis, TopicName};
use crate::limits::{TICKET_MS_MAX, TICKETS_MAX, TICKETS_PER_JWT_MAX};

const SECRET: &str = "a-secret-of-thirty-two-characters";
const NOW_S: u64 = 1_000;

fn topic(name: &str) -> TopicName {
    TopicName::parse(name).expect("a name")
}

fn rights(secrets: Secrets) -> Rights {
    Rights::of(secrets, [7; 32]).expect("something was given")
}

fn signed(header: &str, claims: &str, secret: &[u8]) -> String {
    let signed = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
    let mac = Hmac::<Sha256>::new_from_slice(secret).expect("any length");
    let mac = mac.chain_update(&signed).finalize().into_bytes();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac))
}

fn hs256(claims: &str) -> String {
    signed(r#"{"alg":"HS256","typ":"JWT"}"#, claims, SECRET.as_bytes())
}

fn pair() -> KeyPair {
    KeyPair::from_seed(Seed::new([3; 32]))
}

fn pem() -> String {
    let mut der = vec![0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00];
    der.extend_from_slice(&*pair().pk);
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der))
}

fn eddsa(claims: &str) -> String {
    let signed = [r#"{"alg":"EdDSA"}"#, claims].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
    let signature = pair().sk.sign(&signed, None);
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(*signature))
}

fn by_keys(keys: &str) -> Secrets {
    let jwt = JwtRules { keys: jwt_keys(keys).expect("keys"), ..JwtRules::default() };
    Secrets { jwt, ..Secrets::default() }
}

const GOOD: &str = r#"{"exp":1001,"tollway":{"publish":["chat.*"],"subscribe":["*"]}}"#;

#[test]
fn without_a_token_or_a_key_there_are_no_rights() {
    let nothing = Secrets { admin_listens: true, ..Secrets::default() };
    assert!(Rights::of(nothing, [0; 32]).is_none());
}

#[test]
fn a_token_gives_what_it_was_given_for_and_all_else_is_closed() {
    let mut secrets = Secrets::default();
    for text in ["chat.*=publishers-token-1", "publishers-token-2"] {
        secrets.publish.push(token_of_topics(text).expect("a token"));
    }
    secrets.subscribe.push(token_of_topics("chat.1=publishers-token-1").expect("a token"));
    let rights = rights(secrets);
    let first = rights.grant(b"publishers-token-1", NOW_S).expect("it is known");
    let second = rights.grant(b"publishers-token-2", NOW_S).expect("it is known");
    let (chat, news) = (topic("chat.1"), topic("news"));
    let allowed = |grant: Option<&Grant>| {
        [Need::Publish(&chat), Need::Publish(&news), Need::Subscribe(std::slice::from_ref(&chat))]
            .map(|need| rights.allow(grant, need))
    };
    assert_eq!(allowed(Some(&first)), [true, false, true]);
    assert_eq!(allowed(Some(&second)), [true, true, false]);
    assert_eq!(allowed(None), [false, false, false]);
    assert!(!rights.allow(Some(&first), Need::Admin) && !rights.allow(None, Need::Admin));
    assert!(rights.allow(Some(&first), Need::Token) && !rights.allow(None, Need::Token));
    let both = [chat.clone(), news.clone()];
    assert!(!rights.allow(Some(&first), Need::Subscribe(&both)), "all of them, or none");
    for unknown in ["publishers-token-", "publishers-token-11", "", "a.b.c"] {
        assert_eq!(rights.grant(unknown.as_bytes(), NOW_S), Err(Denial::TokenUnknown));
    }
}

#[test]
fn what_no_flag_closes_stays_open() {
    let publish = vec![token_of_topics("publishers-token-1").expect("a token")];
    let rights = rights(Secrets { publish, ..Secrets::default() });
    let news = [topic("news")];
    assert!(
        rights.allow(None, Need::Subscribe(&news)) && !rights.allow(None, Need::Publish(&news[0]))
    );
    assert!(!rights.allow(None, Need::Admin), "once anything is closed, so are reports");
    let admin = vec![token("admins-token-of-16").expect("a token")];
    let rights = super::tests::rights(Secrets { admin, ..Secrets::default() });
    assert!(rights.allow(None, Need::Publish(&news[0])) && !rights.allow(None, Need::Admin));
    let grant = rights.grant(b"admins-token-of-16", NOW_S).expect("it is known");
    assert!(rights.allow(Some(&grant), Need::Admin));
}

#[test]
fn public_topics_can_be_read_and_the_admin_address_needs_no_token() {
    let mut secrets = by_keys(SECRET);
    secrets.public = vec![pattern::TopicPattern::parse("open.*").expect("a pattern")];
    secrets.admin_listens = true;
    let rights = rights(secrets);
    let open = topic("open.1");
    assert!(rights.allow(None, Need::Subscribe(std::slice::from_ref(&open))));
    assert!(!rights.allow(None, Need::Publish(&open)) && rights.allow(None, Need::Admin));
}

#[test]
fn a_jwt_of_either_algorithm_is_good_until_its_second() {
    let rights = rights(by_keys(&format!("{}\n{SECRET}\n{}", "x".repeat(32), pem())));
    for token in [hs256(GOOD), eddsa(GOOD)] {
        let grant = rights.grant(token.as_bytes(), 1_000).expect("one second is left");
        assert_eq!(grant.until_s, Some(1_001));
        assert!(rights.allow(Some(&grant), Need::Publish(&topic("chat.1"))));
        assert!(!rights.allow(Some(&grant), Need::Publish(&topic("news"))));
        assert!(!rights.allow(Some(&grant), Need::Admin));
        assert_eq!(rights.grant(token.as_bytes(), 1_001), Err(Denial::JwtExpired));
    }
}

#[test]
fn a_jwt_that_offends_is_refused_by_the_name_of_its_offence() {
    use Denial::{
        JwtAlgorithm, JwtAudience, JwtClaims, JwtExpired, JwtIssuer, JwtMalformed, JwtNotYetValid,
        JwtSignature, TokenTooLong,
    };
    let plain = rights(by_keys(SECRET));
    let mut named = by_keys(SECRET);
    named.jwt.audience = Some("hub".into());
    named.jwt.issuer = Some("us".into());
    let named = rights(named);
    let verdict = |rights: &Rights, token: &str| rights.grant(token.as_bytes(), NOW_S).err();
    let header = |alg: &str| signed(&format!(r#"{{"alg":"{alg}"}}"#), GOOD, SECRET.as_bytes());
    let many = vec!["\"a\""; 65].join(",");
    for (token, denial) in [
        (header("none"), JwtAlgorithm),
        (header("HS512"), JwtAlgorithm),
        (eddsa(GOOD), JwtAlgorithm),
        (signed(r#"{"alg":"HS256"}"#, GOOD, b"another"), JwtSignature),
        (hs256(GOOD).rsplit_once('.').expect("dots").0.to_owned() + ".", JwtSignature),
        ("a.b.c".into(), JwtMalformed),
        (hs256("{"), JwtMalformed),
        (hs256(r#"{"exp":999,"tollway":{}}"#), JwtExpired),
        (hs256(r#"{"exp":1000,"tollway":{}}"#), JwtExpired),
        (hs256(r#"{"exp":-5,"tollway":{}}"#), JwtExpired),
        (hs256(r#"{"exp":1000.9,"tollway":{}}"#), JwtExpired),
        (hs256(r#"{"exp":2000,"nbf":1001,"tollway":{}}"#), JwtNotYetValid),
        (hs256(r#"{"tollway":{}}"#), JwtClaims),
        (hs256(r#"{"exp":"2000","tollway":{}}"#), JwtClaims),
        (hs256(r#"{"exp":2000}"#), JwtClaims),
        (hs256(r#"{"exp":2000,"exp":2000,"tollway":{}}"#), JwtClaims),
        (hs256(r#"{"exp":2000,"tollway":{"publish":["a b"]}}"#), JwtClaims),
        (hs256(r#"{"exp":2000,"tollway":{"publish":"a"}}"#), JwtClaims),
        (hs256(&format!(r#"{{"exp":2000,"tollway":{{"publish":[{many}]}}}}"#)), JwtClaims),
        (hs256(r#"{"exp":2000,"aud":"else","tollway":{}}"#), JwtAudience),
        (hs256(&format!(r#"{{"exp":2000,"x":"{}"}}"#, "x".repeat(4_000))), TokenTooLong),
    ] {
        assert_eq!(verdict(&plain, &token), Some(denial), "{token}");
    }
    for (claims, denial) in [
        (r#"{"exp":2000,"iss":"us","tollway":{}}"#, Some(JwtAudience)),
        (r#"{"exp":2000,"iss":"us","aud":"hubs","tollway":{}}"#, Some(JwtAudience)),
        (r#"{"exp":2000,"iss":"them","aud":"hub","tollway":{}}"#, Some(JwtIssuer)),
        (r#"{"exp":2000,"aud":"hub","tollway":{}}"#, Some(JwtIssuer)),
        (r#"{"exp":2000,"iss":"us","aud":"hub","tollway":{}}"#, None),
        (r#"{"exp":2e3,"nbf":1000,"iss":"us","aud":["a","hub"],"tollway":{},"sub":1}"#, None),
        (r#"{"exp":1e300,"iss":"us","aud":"hub","tollway":{"else":1}}"#, None),
    ] {
        assert_eq!(verdict(&named, &hs256(claims)), denial, "{claims}");
    }
}

/// RFC 8725 §2.1: a server that takes the key's kind from the token would check a MAC that was made
/// with the public key, which everybody has.
#[test]
fn a_public_key_is_never_a_secret() {
    let rights = rights(by_keys(&pem()));
    for confused in [pem().into_bytes(), pem().trim().as_bytes().to_vec(), pair().pk.to_vec()] {
        let token = signed(r#"{"alg":"HS256"}"#, GOOD, &confused);
        assert_eq!(rights.grant(token.as_bytes(), NOW_S), Err(Denial::JwtAlgorithm));
    }
    let mut changed = eddsa(GOOD).into_bytes();
    *changed.iter_mut().rev().nth(20).expect("it is longer") ^= 1;
    assert_eq!(rights.grant(&changed, NOW_S), Err(Denial::JwtSignature));
}

#[test]
fn tokens_and_keys_are_read_as_they_are_written() {
    let (all, topics) = token_of_topics("c2VjcmV0LXRva2Vu==").expect("the signs are its own");
    assert_eq!((&*all, topics), (&b"c2VjcmV0LXRva2Vu=="[..], Topics::All));
    let (one, topics) = token_of_topics("chat.*=c2VjcmV0LXRva2Vu==").expect("with its topics");
    assert_eq!(&*one, b"c2VjcmV0LXRva2Vu==");
    assert!(topics.contain(&topic("chat.1")) && !topics.contain(&topic("news")));
    for (text, part) in [
        ("", "is no token"),
        ("fifteen-letters", "shorter than 16"),
        ("two words of a token", "is no token"),
        ("a b=sixteen-letters-", "names no topics"),
        ("=sixteen-letters-", "names no topics"),
        ("chat=short", "shorter than 16"),
        ("chat=", "shorter than 16"),
        ("chat=two words of a token", "is no token"),
    ] {
        let fault = token_of_topics(text).expect_err(text).to_string();
        assert!(fault.contains(part), "{text}: {fault}");
    }
    assert!(token(&"x".repeat(4_097)).is_err() && token(&"x".repeat(4_096)).is_ok());
    let private = pem().replace("PUBLIC", "PRIVATE");
    let other = pem().replace("MCow", "MCox");
    let comment =
        "################################\n# public keys of the service at auth.example\n";
    assert_eq!(jwt_keys(&format!("{comment}{}", pem())).expect("one key").len(), 1);
    assert_eq!(jwt_keys(&format!("{comment}{SECRET}\n{SECRET}")).expect("two keys").len(), 2);
    let hidden = format!("#{SECRET}\n{SECRET}");
    let untold = format!("public keys of the service at auth.example\n{}", pem());
    for (text, part) in [
        ("", "holds no key"),
        (comment, "holds no key"),
        (hidden.as_str(), "begins with #"),
        ("short", "shorter than 32"),
        (untold.as_str(), "has white space in it"),
        (private.as_str(), "not the public key of an Ed25519"),
        (other.as_str(), "not the public key of an Ed25519"),
        ("-----BEGIN PUBLIC KEY-----\n????", "not the public key of an Ed25519"),
    ] {
        let fault = jwt_keys(text).expect_err(text).to_string();
        assert!(fault.contains(part), "{text}: {fault}");
    }
}

#[test]
fn nothing_shows_a_secret() {
    let mut secrets = by_keys(&format!("{SECRET}\n{}", pem()));
    secrets.admin.push(token("admins-token-of-16").expect("a token"));
    let text = format!("{secrets:?} {:?} {:?}", secrets.jwt, Ticket::new([1, 2]));
    let text = format!("{text} {:?}", rights(secrets));
    for secret in [SECRET, "admins-token-of-16", "AAAAAAAAAAEAAAAAAAAAAg"] {
        assert!(!text.contains(secret), "{text}");
    }
    assert_eq!(Ticket::new([1, 2]).text(), "AAAAAAAAAAEAAAAAAAAAAg");
}

#[test]
fn a_ticket_is_good_once_and_for_thirty_seconds() {
    let mut book = TicketBook::default();
    let grant = Arc::new(rights(by_keys(SECRET)).everybody().clone());
    let give = |book: &mut TicketBook, n, at| book.give([n, n], Arc::clone(&grant), Millis(at));
    let first = give(&mut book, 1, 0).expect("room");
    let second = give(&mut book, 2, 1).expect("room");
    assert_eq!(Ticket::parse(&first.text()), Some(first));
    assert_eq!(book.take(first, Millis(5)).as_ref(), Some(&grant));
    assert_eq!(book.take(first, Millis(5)), None, "it was used");
    assert_eq!(book.take(Ticket::new([9, 9]), Millis(5)), None, "it was never given");
    assert_eq!(book.take(second, Millis(1 + TICKET_MS_MAX)), None, "it is too old");
    assert!(book.is_empty());
    let last = give(&mut book, 3, 1).expect("room");
    assert_eq!(book.take(last, Millis(TICKET_MS_MAX)).as_ref(), Some(&grant));
    for text in ["", "AAAAAAAAAAEAAAAAAAAAA", "AAAAAAAAAAEAAAAAAAAAAgA", "AAAAAAAAAAEAAAAAAAAAAh"] {
        assert_eq!(Ticket::parse(text), None, "{text}");
    }
}

#[test]
fn tickets_are_bounded_in_all_and_for_each_jwt() {
    let mut book = TicketBook::default();
    let everybody = rights(by_keys(SECRET)).everybody().clone();
    let of = |credential| Arc::new(Grant { until_s: Some(9), credential, ..everybody.clone() });
    let mut n = 0;
    let mut give = |book: &mut TicketBook, grant: &Arc<Grant>| {
        n += 1;
        book.give([n, n], Arc::clone(grant), Millis(0))
    };
    let (first, second) = (of(1), of(2));
    let tickets: Vec<_> = (0..TICKETS_PER_JWT_MAX).map(|_| give(&mut book, &first)).collect();
    assert!(tickets.iter().all(Option::is_some));
    assert!(give(&mut book, &first).is_none() && give(&mut book, &second).is_some());
    book.take(tickets[0].expect("given"), Millis(1)).expect("not used yet");
    assert!(give(&mut book, &first).is_some(), "one was used");
    let operator = Arc::new(everybody.clone());
    while book.len() < TICKETS_MAX {
        give(&mut book, &operator).expect("room");
    }
    assert!(give(&mut book, &operator).is_none() && give(&mut book, &of(3)).is_none());
    assert!(book.take(Ticket::new([9, 0]), Millis(TICKET_MS_MAX)).is_none() && book.is_empty());
}
