//! Authorities and origins, parsed and compared. RFC 3986 §3.2 and §6.2.2, RFC 9110 §4.2.3,
//! RFC 6454 §4 and §6.2.
//!
//! One host has many spellings: a port that goes without saying, capitals, percent signs, zeros in
//! an address. Texts that differ may mean the same, so what is compared here is what they mean.
//!
//! Came from: `conn::origin`, with the `Host` and the `Origin` of a request and the patterns of the
//! operator. Goes to: the same. Absent on purpose: names and passwords before an `@`, which neither
//! field may have; the resolution of names; and the translation of Unicode names, which a browser
//! has done before it sends them.

mod pattern;

use std::fmt::{self, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr};

pub use pattern::{HostPattern, OriginPattern, PatternError};

/// A host, in the one form of all its spellings.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// A registered name: lower case, percent signs only where they are needed, never empty.
    Name(Box<str>),
    /// An address of IP version 4, of four decimal numbers.
    V4(Ipv4Addr),
    /// An address of IP version 6, in brackets when it is written.
    V6(Ipv6Addr),
}

impl Host {
    /// Reads a host as it stands in an authority. `None`: it is none, or a literal of a version
    /// that nobody has.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(inner) = text.strip_prefix('[') {
            return inner.strip_suffix(']')?.parse().ok().map(Self::V6);
        }
        match text.parse() {
            Ok(address) => Some(Self::V4(address)),
            Err(_) => normalized_name(text).map(Self::Name),
        }
    }

    /// Whether this is one of the three names by which a program on this machine is reached from
    /// this machine: `localhost`, `127.0.0.1`, `[::1]`.
    ///
    /// Not the other addresses of 127.0.0.0/8, at which the same port may be somebody else's; and
    /// not the names under `.localhost`, which developers give to applications that are to be told
    /// apart.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self {
            Self::Name(name) => &**name == "localhost",
            Self::V4(address) => *address == Ipv4Addr::LOCALHOST,
            Self::V6(address) => *address == Ipv6Addr::LOCALHOST,
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::V4(address) => address.fmt(f),
            Self::V6(address) => write!(f, "[{address}]"),
        }
    }
}

/// A host and perhaps a port: the value of `Host`, and what follows `://` in an origin.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Authority {
    /// The host.
    pub host: Host,
    /// The port as it was given. `None`: the one of the scheme, as when nothing follows the colon.
    pub port: Option<u16>,
}

impl Authority {
    /// Reads an authority without user information. `None`: it is none, or its port is larger than
    /// any port.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        // The colons of an address stand before its bracket.
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port),
            Some(_) | None => (text, ""),
        };
        let digits = port.bytes().all(|byte| byte.is_ascii_digit());
        let port = match port {
            "" => None,
            _ if digits => Some(port.parse().ok()?),
            _ => return None,
        };
        Some(Self { host: Host::parse(host)?, port })
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.host),
            None => self.host.fmt(f),
        }
    }
}

/// Whose page asks. RFC 6454 §6.2: its `Display` is the serialization.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// `null`: a page that the browser keeps apart from all others, such as one in a sandbox, or
    /// one that was opened from a file.
    Opaque,
    /// `file://`: a page that was opened from a file, by the programs that say so.
    File,
    /// A page of a site. Equal when scheme, host and port are.
    Site {
        /// The scheme, in lower case.
        scheme: Box<str>,
        /// The host.
        host: Host,
        /// The port; `None` only for a scheme that has none by itself.
        port: Option<u16>,
    },
}

impl Origin {
    /// Reads one origin. `None`: it is none, or a list of several (RFC 6454 §7.1).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text == "null" {
            return Some(Self::Opaque);
        }
        let (scheme, authority) = text.split_once("://")?;
        let scheme = normalized_scheme(scheme)?;
        if &*scheme == "file" && authority.is_empty() {
            return Some(Self::File);
        }
        let Authority { host, port } = Authority::parse(authority)?;
        let port = port.or(default_port(&scheme));
        Some(Self::Site { scheme, host, port })
    }

    /// The origin of a page of `scheme` at `authority`.
    #[must_use]
    pub fn of(scheme: &str, authority: &Authority) -> Option<Self> {
        let scheme = normalized_scheme(scheme)?;
        let port = authority.port.or(default_port(&scheme));
        Some(Self::Site { scheme, host: authority.host.clone(), port })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opaque => f.write_str("null"),
            Self::File => f.write_str("file://"),
            Self::Site { scheme, host, port } => {
                write!(f, "{scheme}://{host}")?;
                match port.filter(|_| *port != default_port(scheme)) {
                    Some(port) => write!(f, ":{port}"),
                    None => Ok(()),
                }
            }
        }
    }
}

/// The port that goes without saying, for the schemes that are spoken here.
#[must_use]
pub fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        _ => None,
    }
}

/// A scheme in lower case, RFC 3986 §3.1.
fn normalized_scheme(text: &str) -> Option<Box<str>> {
    let in_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    let begins = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
    (begins && text.bytes().all(in_scheme)).then(|| text.to_ascii_lowercase().into())
}

/// A registered name by the rules of RFC 3986 §6.2.2: letters in lower case, and a percent sign
/// only before what may not stand for itself, with digits in capitals. `None` for what is no name.
fn normalized_name(text: &str) -> Option<Box<str>> {
    let mut name = String::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        rest = tail;
        match byte {
            b'%' => {
                let ([high, low], tail) = tail.split_first_chunk()?;
                rest = tail;
                let [high, low] = [high, low].map(|&digit| char::from(digit).to_digit(16));
                // Two hex digits are at most 0xFF.
                let byte = (high? * 16 + low?) as u8;
                if is_unreserved(byte) {
                    name.push(char::from(byte.to_ascii_lowercase()));
                } else {
                    let _ = write!(name, "%{byte:02X}");
                }
            }
            _ if is_unreserved(*byte) || b"!$&'()*+,;=".contains(byte) => {
                name.push(char::from(byte.to_ascii_lowercase()));
            }
            _ => return None,
        }
    }
    (!name.is_empty()).then(|| name.into())
}

/// RFC 3986 §2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_has_one_meaning_in_all_its_spellings() {
        for spellings in [
            &["example.com", "EXAMPLE.com", "ex%61mple.com", "ex%41mple.com", "example.com:"][..],
            &["example.com:8080", "Example.Com:08080"],
            &["[::1]", "[0:0:0:0:0:0:0:1]", "[0::0001]:"],
            &["[2001:DB8::A]:443", "[2001:db8:0::a]:443"],
            &["127.0.0.1:80", "127.0.0.1:080"],
            &["%c3%bc.example", "%C3%BC.example"],
        ] {
            let meanings: Vec<_> = spellings.iter().map(|text| Authority::parse(text)).collect();
            assert!(meanings[0].is_some(), "{spellings:?}");
            assert!(meanings.iter().all(|meaning| *meaning == meanings[0]), "{meanings:?}");
        }
    }

    #[test]
    fn what_means_something_else_is_something_else() {
        let hosts = ["example.com", "example.com.", "example.com.evil", "[::1]", "127.0.0.1"];
        let hosts = hosts.iter().chain(&["localhost", "[::ffff:127.0.0.1]", "127.1", "ex%2fmple"]);
        let parsed: Vec<_> = hosts.map(|text| Authority::parse(text).expect(text)).collect();
        for (n, one) in parsed.iter().enumerate() {
            assert!(parsed[n + 1..].iter().all(|other| one != other), "{one}");
        }
        assert_ne!(Authority::parse("a:80"), Authority::parse("a"), "that is for a scheme to say");
    }

    #[test]
    fn what_is_no_authority_is_refused() {
        for text in [
            "",
            ":80",
            "a:b",
            "a:+1",
            "a:65536",
            "a:99999999999999999999",
            "a b",
            "a/b",
            "u@a",
            "[::1",
            "::1",
            "[::1]x",
            "[::g]",
            "[v1.a]",
            "[fe80::1%25eth0]",
            "a%2",
            "a%zz",
            "é",
            "[]",
        ] {
            assert_eq!(Authority::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        for (text, serialized) in [
            ("https://example.com", "https://example.com"),
            ("HTTPS://Example.COM:443", "https://example.com"),
            ("http://example.com:443", "http://example.com:443"),
            ("http://[0:0::1]:80", "http://[::1]"),
            ("capacitor://localhost", "capacitor://localhost"),
            ("app+x://a:1", "app+x://a:1"),
            ("null", "null"),
            ("file://", "file://"),
            ("File://", "file://"),
        ] {
            let origin = Origin::parse(text).expect(text);
            assert_eq!(origin.to_string(), serialized);
            assert_eq!(Origin::parse(serialized), Some(origin));
        }
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for text in [
            "",
            "*",
            "Null",
            "example.com",
            "://a",
            "http://",
            "http:///",
            "http://a/",
            "1http://a",
            "http://a http://b",
            "http://u@a",
            "http://a?b",
            "http:a",
            "http://*.a b",
        ] {
            assert_eq!(Origin::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn loopback_has_three_names() {
        for text in ["localhost", "LOCALHOST", "127.0.0.1", "[::1]", "[0:0:0:0:0:0:0:1]"] {
            assert!(Host::parse(text).expect(text).is_loopback(), "{text}");
        }
        for text in [
            "localhost.evil.example",
            "a.localhost",
            "localhost.",
            "127.0.0.2",
            "127.1",
            "0.0.0.0",
            "[::]",
            "[::ffff:127.0.0.1]",
            "example.com",
        ] {
            assert!(!Host::parse(text).expect(text).is_loopback(), "{text}");
        }
    }

    #[test]
    fn a_page_at_an_authority_has_the_port_of_its_scheme() {
        let of = |scheme: &str, text: &str| {
            Origin::of(scheme, &Authority::parse(text).expect(text)).map(|o| o.to_string())
        };
        assert_eq!(of("https", "a:443").as_deref(), Some("https://a"));
        assert_eq!(of("http", "a:443").as_deref(), Some("http://a:443"));
        assert_eq!(of("http", "a").as_deref(), Some("http://a"));
        assert_eq!(of("h ttp", "a"), None);
    }
}
