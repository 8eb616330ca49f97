//! `Forwarded` and `X-Forwarded-For` from outside: what is read, what is passed over, and what is
//! refused.

use super::*;

fn nodes(header: ProxyHeader, lines: &[&str]) -> Vec<String> {
    let lines: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
    let shown = |node| match node {
        Ok(Node::At(address)) => address.to_string(),
        Ok(Node::Hidden) => "hidden".to_owned(),
        Err(NodeMalformed) => "malformed".to_owned(),
    };
    header.nodes(&lines).map(shown).collect()
}

fn forwarded(line: &str) -> Vec<String> {
    nodes(ProxyHeader::Forwarded, &[line])
}

fn x_forwarded_for(line: &str) -> Vec<String> {
    nodes(ProxyHeader::XForwardedFor, &[line])
}

#[test]
fn the_last_proxy_is_read_first_over_all_lines() {
    let lines = ["192.0.2.1, 192.0.2.2", "192.0.2.3", "", " , 192.0.2.4,"];
    let found = nodes(ProxyHeader::XForwardedFor, &lines);
    assert_eq!(found, ["192.0.2.4:0", "192.0.2.3:0", "192.0.2.2:0", "192.0.2.1:0"]);
    let lines = ["for=192.0.2.1;proto=http, for=192.0.2.2", "by=_x;FOR=\"192.0.2.3:80\""];
    let found = nodes(ProxyHeader::Forwarded, &lines);
    assert_eq!(found, ["192.0.2.3:80", "192.0.2.2:0", "192.0.2.1:0"]);
    assert!(nodes(ProxyHeader::ProxyProtocol, &lines).is_empty());
}

/// The examples of RFC 7239 §4, §6 and §7.1.
#[test]
fn the_examples_of_the_standard() {
    assert_eq!(forwarded("for=\"_gazonk\""), ["hidden"]);
    assert_eq!(forwarded("For=\"[2001:db8:cafe::17]:4711\""), ["[2001:db8:cafe::17]:4711"]);
    assert_eq!(forwarded("for=192.0.2.60;proto=http;by=203.0.113.43"), ["192.0.2.60:0"]);
    assert_eq!(forwarded("for=192.0.2.43, for=198.51.100.17"), ["198.51.100.17:0", "192.0.2.43:0"]);
    assert_eq!(forwarded("for=_hidden, for=_SEVKISEK"), ["hidden", "hidden"]);
    assert_eq!(forwarded("for=unknown"), ["hidden"]);
    assert_eq!(forwarded("for=\"192.0.2.43:47011\""), ["192.0.2.43:47011"]);
    assert_eq!(
        forwarded("for=192.0.2.43, for=\"[2001:db8:cafe::17]\""),
        ["[2001:db8:cafe::17]:0", "192.0.2.43:0"]
    );
}

#[test]
fn an_element_that_does_not_tell_is_hidden_and_one_that_cannot_be_read_is_malformed() {
    assert_eq!(forwarded("proto=https"), ["hidden"]);
    assert_eq!(forwarded(";for=192.0.2.1;"), ["192.0.2.1:0"]);
    assert_eq!(forwarded("for=\"192.0.2.1:_port\""), ["192.0.2.1:0"]);
    for bad in [
        "for",
        "for=",
        "for=\"",
        "for=\"192.0.2.1",
        "for=192.0.2.1\"",
        "for=192.0.2.1;for=192.0.2.2",
        "for=[2001:db8::1]",
        "for=2001:db8::1",
        "for=\"192.0.2.1:99999\"",
        "for=\"192.0.2.1:123456\"",
        "for=\"192.0.2.1:\"",
        "for=\"192.0.2.1:_\"",
        "for=192.0.2.256",
        "for=localhost",
        "for=_",
        "for=_a b",
        "for=\"_\\\"\"",
        "=192.0.2.1",
    ] {
        assert_eq!(forwarded(bad).first().map(String::as_str), Some("malformed"), "{bad}");
    }
}

/// A client that opens a quote does not swallow what the proxy adds.
#[test]
fn an_open_quote_hides_nobody() {
    assert_eq!(forwarded("for=\"192.0.2.1, for=198.51.100.17"), ["malformed"]);
    let lines = ["for=\"192.0.2.1", "for=198.51.100.17"];
    assert_eq!(nodes(ProxyHeader::Forwarded, &lines), ["198.51.100.17:0", "malformed"]);
}

#[test]
fn the_spellings_of_x_forwarded_for() {
    assert_eq!(x_forwarded_for("2001:db8::1"), ["[2001:db8::1]:0"]);
    assert_eq!(x_forwarded_for("[2001:db8::1]"), ["[2001:db8::1]:0"]);
    assert_eq!(x_forwarded_for("[2001:db8::1]:80"), ["[2001:db8::1]:80"]);
    assert_eq!(x_forwarded_for("192.0.2.1:80"), ["192.0.2.1:80"]);
    assert_eq!(x_forwarded_for("::ffff:192.0.2.1"), ["192.0.2.1:0"]);
    assert_eq!(x_forwarded_for("unknown"), ["hidden"]);
    assert_eq!(x_forwarded_for("\"192.0.2.1, 192.0.2.2"), ["192.0.2.2:0", "malformed"]);
    for bad in ["[::1", "[::1]80", "[192.0.2.1]", "::1:", "for=192.0.2.1", "\"192.0.2.1\"", "é"] {
        assert_eq!(x_forwarded_for(bad), ["malformed"], "{bad}");
    }
}
