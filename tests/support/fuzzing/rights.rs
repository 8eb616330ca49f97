//! Credentials: a token is found where a naive reader finds it, a cookie by its whole name, a JWT
//! is what its parts spell, a pattern matches what a twin that tries everything lets match, and
//! what is logged of a target has no secret in it.
//!
//! Came from: text; the first byte chooses what it is. Goes to: `wire::credentials`, `wire::jws`,
//! `rights`. Absent on purpose: signatures; those who check them have fuzzers of their own.

use std::sync::LazyLock;

use tollway::rights::pattern::TopicPattern;
use tollway::rights::secrets::{jwt_keys, token_of_topics};
use tollway::rights::tickets::Ticket;
use tollway::rights::{Denial, Rights, Secrets};
use tollway::wire::credentials::{
    Authorization, Hidden, authorization, cookie, is_token68, token_in_query, without_secrets,
};
use tollway::wire::jws;

use super::choice;
use super::readers::json::to_base64;

static RIGHTS: LazyLock<Rights> = LazyLock::new(|| {
    let mut secrets = Secrets::default();
    secrets.publish.push(token_of_topics("a-token-of-sixteen").expect("a token"));
    secrets.jwt.keys = jwt_keys("a-secret-of-thirty-two-characters").expect("a key");
    Rights::of(secrets, [1; 32]).expect("a token was given")
});

pub fn check(input: &[u8]) {
    let (kind, text) = choice(input);
    match kind % 5 {
        0 => fields(text),
        1 => tokens(text),
        2 => logged(text),
        3 => patterns(text),
        _ => written(text),
    }
}

fn fields(value: &[u8]) {
    let bearer = value.len() > 7 && value[..7].eq_ignore_ascii_case(b"bearer ");
    match authorization(value) {
        Authorization::Bearer(Hidden(token)) => {
            assert!(bearer && value.ends_with(token) && is_token68(token));
        }
        Authorization::Malformed => {
            assert!(value.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer")));
        }
        Authorization::Foreign => assert!(!bearer),
    }
    // A twin that cuts by hand.
    let mut expected = None;
    for pair in value.split(|&byte| byte == b';') {
        let pair = pair.trim_ascii();
        if pair.len() > 1 && &pair[..2] == b"t=" && expected.is_none() {
            let value = &pair[2..];
            let quoted = value.len() > 1 && value[0] == b'"' && value[value.len() - 1] == b'"';
            expected = Some(if quoted { &value[1..value.len() - 1] } else { value });
        }
    }
    assert_eq!(cookie(value, "t").map(|Hidden(value)| value), expected);
}

/// Nothing that is made up is believed, and a JWT that is taken apart can be put together.
fn tokens(token: &[u8]) {
    if let Some(parts) = jws::decode(token) {
        let signed = parts.signed;
        let payload = signed.rsplit(|&byte| byte == b'.').next().unwrap();
        assert_eq!(in_url(&parts.payload).as_bytes(), payload);
        let signature = in_url(&parts.signature);
        assert_eq!([signed, b".", signature.as_bytes()].concat(), token);
    }
    if token != b"a-token-of-sixteen" {
        let denial = RIGHTS.grant(token, 0).expect_err("nobody has the secret");
        let dots = token.iter().filter(|&&byte| byte == b'.').count() == 2;
        assert_eq!(denial == Denial::TokenUnknown, !dots && token.len() <= 4096);
    }
    if let Ok(text) = str::from_utf8(token)
        && let Some(ticket) = Ticket::parse(text)
    {
        assert_eq!(ticket.text(), text);
    }
}

/// RFC 4648 §5, without padding.
fn in_url(bytes: &[u8]) -> String {
    to_base64(bytes).trim_end_matches('=').replace('+', "-").replace('/', "_")
}

fn logged(text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    let target = format!("/a?{text}");
    let shown = without_secrets(&target);
    // A twin that cuts by hand: each member stands in its place, and a token's value is masked.
    let members = |query: &str| -> Vec<String> {
        query.split('&').filter(|member| !member.is_empty()).map(str::to_owned).collect()
    };
    let shown_members = members(shown.strip_prefix("/a?").expect("the path stays"));
    for (given, shown) in members(&text).iter().zip(&shown_members) {
        if given.split('=').next() == Some("token") {
            assert_eq!(shown, "token=(hidden)");
            assert!(token_in_query(&text));
        }
    }
    assert_eq!(members(&text).len(), shown_members.len());
    assert_eq!(without_secrets(&shown), shown, "shown again, it is the same");
}

fn patterns(text: &[u8]) {
    let Some(at) = text.iter().position(|&byte| byte == b' ') else {
        return;
    };
    let (pattern, name) = (&text[..at], &text[at + 1..]);
    let (Ok(pattern), Ok(name)) = (str::from_utf8(pattern), str::from_utf8(name)) else {
        return;
    };
    let Some(parsed) = TopicPattern::parse(pattern) else {
        let may_stand = |b: u8| b.is_ascii_alphanumeric() || b"_.~-*".contains(&b);
        let sound = (1..=64).contains(&pattern.len()) && pattern.bytes().all(may_stand);
        assert!(!sound || matches!(pattern, "." | ".."), "{pattern}");
        return;
    };
    assert_eq!(parsed.matches(name), matches(pattern.as_bytes(), name.as_bytes()));
}

/// Whether each beginning of the pattern matches each beginning of the name, in a table.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let mut row = vec![false; name.len() + 1];
    row[0] = true;
    for &byte in pattern {
        let mut next = vec![false; name.len() + 1];
        for at in 0..=name.len() {
            next[at] = match byte {
                b'*' => row[at] || at > 0 && next[at - 1],
                _ => at > 0 && row[at - 1] && name[at - 1] == byte,
            };
        }
        row = next;
    }
    row[name.len()]
}

/// What the operator wrote is read, or refused; nothing of it panics.
fn written(text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    if let Ok((token, _)) = token_of_topics(&text) {
        assert!(is_token68(&token) && text.ends_with(str::from_utf8(&token).unwrap()));
    }
    if let Ok(keys) = jwt_keys(&text) {
        assert!(!keys.is_empty());
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjEsInRvbGx3YXkiOnt9fQ.c2lnbmF0dXJl";
    let pem = "-----BEGIN PUBLIC KEY-----\n\
               MCowBQYDK2VwAyEAqFHxi9CYfId48ZjTyiVOSehH2hncECpTZMz6RvfIWFU=\n\
               -----END PUBLIC KEY-----\n";
    [
        "\0Bearer a-token",
        "\0bearer  a.b~c+/==",
        "\0Basic dXNlcjpwYXNz",
        "\0a=1; t=\"2\"; t=3",
        "\x01a-token-of-sixteen",
        "\x01AAAAAAAAAAEAAAAAAAAAAg",
        "\x02since=1&token=secret&wait=5",
        "\x02%74oken=secret",
        "\x03chat.*.x chat.1.x",
        "\x03*a*b* xaybz",
        "\x04chat.*=a-token-of-sixteen==",
    ]
    .into_iter()
    .map(|seed| seed.as_bytes().to_vec())
    .chain([format!("\x01{jwt}").into_bytes(), format!("\x04{pem}").into_bytes()])
    .collect()
}
