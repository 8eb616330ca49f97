//! Credentials as a request carries them: `Authorization: Bearer`, cookies, and what of a query
//! must not be told to a log. RFC 6750 §2.1, RFC 6265 §4.2.
//!
//! Came from: `conn::admission`, with values of a [`Head`](super::head::Head); `conn::route`, with
//! a target that is about to be logged. Goes to: the same. Absent on purpose: whether a token is
//! worth anything; `rights` knows.

use std::borrow::Cow;

use super::target;

/// Members of a query that a token or a ticket is given by, here or elsewhere: their values are
/// nobody's business. Without case.
const SECRET_MEMBERS: [&str; 7] =
    ["ticket", "access_token", "token", "authorization", "auth", "jwt", "api_key"];

/// Bytes of a request that must not be shown: a token, or something around one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Hidden<'b>(pub &'b [u8]);

impl std::fmt::Debug for Hidden<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(hidden)")
    }
}

/// What `Authorization` holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authorization<'b> {
    /// Another scheme than `Bearer`: somebody else's, such as a proxy's `Basic`.
    Foreign,
    /// A token.
    Bearer(Hidden<'b>),
    /// `Bearer`, and something behind it that is no token.
    Malformed,
}

/// Reads the value of `Authorization`. The scheme has no case, RFC 9110 §11.1.
pub fn authorization(value: &[u8]) -> Authorization<'_> {
    let end = value.iter().position(|&byte| byte == b' ').unwrap_or(value.len());
    let (scheme, rest) = value.split_at(end);
    let token = rest.trim_ascii_start();
    match scheme.eq_ignore_ascii_case(b"bearer") {
        false => Authorization::Foreign,
        true if is_token68(token) => Authorization::Bearer(Hidden(token)),
        true => Authorization::Malformed,
    }
}

/// The value of the cookie of that name in `Cookie`, without the quotes that may stand around it.
/// Of several the first: the one with the longer path, by RFC 6265 §5.4.
pub fn cookie<'b>(value: &'b [u8], name: &str) -> Option<Hidden<'b>> {
    let mut pairs = value.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
    let named = |pair: &'b [u8]| pair.strip_prefix(name.as_bytes())?.strip_prefix(b"=");
    let value = pairs.find_map(named)?;
    let bare = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
    Some(Hidden(bare.unwrap_or(value)))
}

/// Whether this is one token as RFC 9110 §11.2 and RFC 6750 §2.1 have it.
pub fn is_token68(text: &[u8]) -> bool {
    let is_pad = |byte: &u8| *byte == b'=';
    let pads = text.iter().rev().take_while(|byte| is_pad(byte)).count();
    let body = &text[..text.len() - pads];
    let in_body = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(byte);
    !body.is_empty() && body.iter().all(in_body)
}

/// The first member of `query` that is a secret and no ticket.
pub fn token_in_query(query: &str) -> bool {
    let is_token = |name: &str| is_secret(name) && !name.eq_ignore_ascii_case("ticket");
    target::query_pieces(query).any(|pair| pair.name().is_ok_and(|name| is_token(&name)))
}

/// A target as it may be logged: what could be a secret is left out of its query.
pub fn without_secrets(target: &str) -> Cow<'_, str> {
    let (path, Some(query)) = target::split(target) else {
        return Cow::Borrowed(target);
    };
    let is_secret_pair = |pair: &target::Pair<'_>| pair.name().is_ok_and(|name| is_secret(&name));
    if !target::query_pieces(query).any(|pair| is_secret_pair(&pair)) {
        return Cow::Borrowed(target);
    }
    let shown = target::query_pieces(query).map(|pair| {
        let value = if is_secret_pair(&pair) { "(hidden)" } else { pair.raw_value() };
        format!("{}={value}", pair.raw_name())
    });
    let shown: Vec<String> = shown.collect();
    Cow::Owned(format!("{path}?{}", shown.join("&")))
}

fn is_secret(name: &str) -> bool {
    SECRET_MEMBERS.iter().any(|secret| secret.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_has_no_case_and_others_are_none_of_ours() {
        let token = Authorization::Bearer(Hidden(b"a.b-c_~+/=="));
        for value in ["Bearer a.b-c_~+/==", "bearer a.b-c_~+/==", "BEARER   a.b-c_~+/=="] {
            assert_eq!(authorization(value.as_bytes()), token, "{value}");
        }
        for value in ["Basic dXNlcjpwYXNz", "Digest x", "", "Bearers x", "Bearer,x", "BearerX"] {
            assert_eq!(authorization(value.as_bytes()), Authorization::Foreign, "{value}");
        }
        for value in ["Bearer", "Bearer ", "Bearer a b", "Bearer a,b", "Bearer =", "Bearer a=b"] {
            assert_eq!(authorization(value.as_bytes()), Authorization::Malformed, "{value}");
        }
        assert_eq!(authorization(b"Bearer \xff"), Authorization::Malformed);
        assert_eq!(format!("{:?}", Hidden(b"secret")), "(hidden)");
    }

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        for (line, value) in [
            ("t=1", Some("1")),
            ("a=2; t=1; b=3", Some("1")),
            ("t=\"1\"", Some("1")),
            ("t=1; t=2", Some("1")),
            ("a=2;t=1", Some("1")),
            ("t=", Some("")),
            ("tt=1; xt=1; T=1", None),
            ("t", None),
            ("", None),
            ("a=\"; t=1\"", Some("1\"")),
        ] {
            let found = cookie(line.as_bytes(), "t").map(|hidden| hidden.0);
            assert_eq!(found, value.map(str::as_bytes), "{line}");
        }
    }

    #[test]
    fn what_could_be_a_secret_is_not_shown() {
        for (target, shown) in [
            ("/news", "/news"),
            ("/news?since=1", "/news?since=1"),
            ("/news?ticket=abc", "/news?ticket=(hidden)"),
            ("/news?since=1&ACCESS_TOKEN=abc&wait=5", "/news?since=1&ACCESS_TOKEN=(hidden)&wait=5"),
            ("/news?%74oken=abc", "/news?%74oken=(hidden)"),
            ("/news?jwt", "/news?jwt=(hidden)"),
        ] {
            assert_eq!(without_secrets(target), shown, "{target}");
        }
        assert!(token_in_query("a=1&Token=x") && !token_in_query("ticket=x&tokens=y"));
    }
}
