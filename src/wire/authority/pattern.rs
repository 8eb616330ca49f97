//! What an operator writes to name hosts and origins: one of them, or all names below one.
//! `--allow-origin`, `--allow-host`.
//!
//! A pattern that can never match is refused with its remedy, when the server starts: a value that
//! is taken and then refuses everybody is found by nobody.
//!
//! Came from: the command line. Goes to: `conn::origin`, to be held against what browsers send.
//! Absent on purpose: paths, which an origin has none of; ranges of ports; and a star anywhere but
//! in front of a name, or alone.

use std::fmt;

use super::{Authority, Host, Origin, normalized_scheme};

/// The origins that one `--allow-origin` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OriginPattern {
    /// `*`: all, `null` and `file://` among them.
    Any,
    /// This one.
    One(Origin),
    /// `https://*.example.com`: every name below `example.com`, however far, and not itself. So do
    /// browsers read it in a Content-Security-Policy.
    Below {
        /// The scheme, in lower case.
        scheme: Box<str>,
        /// The name behind the star, with the dot before it.
        suffix: Box<str>,
        /// The port; `None` only for a scheme that has none by itself.
        port: Option<u16>,
    },
}

/// The hosts that one `--allow-host` names, at any port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostPattern {
    /// This one.
    One(Host),
    /// `*.example.com`: every name below `example.com`, and not itself. The text is the name behind
    /// the star, with the dot before it.
    Below(Box<str>),
}

/// Why a pattern is none: what is wrong, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternError(String);

impl OriginPattern {
    /// Reads the value of a flag.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if text == "*" {
            return Ok(Self::Any);
        }
        if text.eq_ignore_ascii_case("null") {
            return Ok(Self::One(Origin::Opaque));
        }
        let Some((scheme, authority)) = text.split_once("://") else {
            return Err(offence(
                "has no scheme",
                "write scheme://host, such as https://example.com, or * for all",
            ));
        };
        let Some(scheme) = normalized_scheme(scheme) else {
            return Err(offence("has no scheme that there can be", "write http:// or https://"));
        };
        match &*scheme {
            "file" if authority.is_empty() => return Ok(Self::One(Origin::File)),
            "file" => {
                return Err(offence("names a file", "write file:// for all pages from files"));
            }
            "ws" | "wss" => {
                let remedy = "write http:// or https://, as the page's address does";
                return Err(offence("is no page's origin", remedy));
            }
            _ => {}
        }
        refuse_common(authority)?;
        let (star, rest) = match authority.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, authority),
        };
        let parsed = parse_authority(rest)?;
        let origin = Origin::of(&scheme, &parsed);
        match origin {
            Some(Origin::Site { scheme, host, port }) if star => {
                Ok(Self::Below { scheme, suffix: suffix_of(&host)?, port })
            }
            Some(origin) => Ok(Self::One(origin)),
            None => Err(offence("is not an origin", "write scheme://host")),
        }
    }

    /// Whether this pattern names `origin`.
    #[must_use]
    pub fn matches(&self, origin: &Origin) -> bool {
        match (self, origin) {
            (Self::Any, _) => true,
            (Self::One(one), origin) => one == origin,
            (Self::Below { scheme, suffix, port }, Origin::Site { scheme: s, host, port: p }) => {
                scheme == s && port == p && is_below(host, suffix)
            }
            (Self::Below { .. }, Origin::Opaque | Origin::File) => false,
        }
    }
}

impl HostPattern {
    /// Reads the value of a flag.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if let Some((_, host)) = text.split_once("://") {
            let host = host.split('/').next().unwrap_or_default();
            let remedy = format!("write the host alone, such as {host}");
            return Err(offence("has a scheme", &remedy));
        }
        refuse_common(text)?;
        let (star, rest) = match text.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let Authority { host, port } = parse_authority(rest)?;
        if port.is_some() || rest.ends_with(':') {
            let remedy = format!("write {host}: a host is served at every port");
            return Err(offence("has a port", &remedy));
        }
        if star { suffix_of(&host).map(Self::Below) } else { Ok(Self::One(host)) }
    }

    /// Whether this pattern names `host`.
    #[must_use]
    pub fn matches(&self, host: &Host) -> bool {
        match self {
            Self::One(one) => one == host,
            Self::Below(suffix) => is_below(host, suffix),
        }
    }
}

/// What is wrong with a host in a pattern and can be told from its text.
fn refuse_common(authority: &str) -> Result<(), PatternError> {
    if let Some(at) = authority.find(['/', '?', '#']) {
        let (host, _) = authority.split_at(at);
        let remedy = format!("end it at the host or its port: {host}");
        return Err(offence("goes on behind the host", &remedy));
    }
    if !authority.is_ascii() {
        let remedy = "write its names as browsers send them, beginning with xn--";
        return Err(offence("is not ASCII", remedy));
    }
    if authority.contains('@') {
        return Err(offence("has a user's name", "leave out all that stands before the @"));
    }
    if authority.strip_prefix("*.").unwrap_or(authority).contains('*') {
        let remedy = "a star stands for whole labels in front of a name, as in *.example.com";
        return Err(offence("has a star where none can be", remedy));
    }
    Ok(())
}

fn parse_authority(text: &str) -> Result<Authority, PatternError> {
    Authority::parse(text).ok_or_else(|| {
        let remedy = "write a host, such as example.com, 192.0.2.1 or [2001:db8::1], and perhaps a \
                      colon and a port of at most 65535";
        offence("does not name a host", remedy)
    })
}

/// The end of all names below `host`.
fn suffix_of(host: &Host) -> Result<Box<str>, PatternError> {
    match host {
        Host::Name(name) => Ok(format!(".{name}").into()),
        Host::V4(_) | Host::V6(_) => {
            Err(offence("has a star before an address", "leave out the star and its dot"))
        }
    }
}

/// Whether the name ends in `suffix` and has more than a dot before that.
fn is_below(host: &Host, suffix: &str) -> bool {
    match host {
        Host::Name(name) => {
            name.strip_suffix(suffix).is_some_and(|front| !front.is_empty() && front != ".")
        }
        Host::V4(_) | Host::V6(_) => false,
    }
}

fn offence(what: &str, remedy: &str) -> PatternError {
    PatternError(format!("{what}; {remedy}"))
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PatternError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(pattern: &str, origin: &str) -> bool {
        let pattern = OriginPattern::parse(pattern).unwrap_or_else(|e| panic!("{pattern} {e}"));
        pattern.matches(&Origin::parse(origin).expect(origin))
    }

    #[test]
    fn a_pattern_names_what_it_obviously_means() {
        for (pattern, origin) in [
            ("https://app.example", "https://app.example"),
            ("https://app.example:443", "https://app.example"),
            ("http://app.example:80", "http://app.example"),
            ("HTTPS://App.Example", "https://app.example"),
            ("https://app.example:", "https://app.example"),
            ("https://app.example:08443", "https://app.example:8443"),
            ("http://[0:0::1]:8080", "http://[::1]:8080"),
            ("https://*.example", "https://a.example"),
            ("https://*.example", "https://a.b.example"),
            ("https://*.example:443", "https://a.example"),
            ("https://*.Example:8443", "https://a.example:8443"),
            ("null", "null"),
            ("NULL", "null"),
            ("file://", "file://"),
            ("FILE://", "file://"),
            ("capacitor://localhost", "capacitor://localhost"),
            ("*", "https://any.example"),
            ("*", "null"),
            ("*", "file://"),
        ] {
            assert!(names(pattern, origin), "{pattern} {origin}");
        }
    }

    #[test]
    fn a_pattern_names_nothing_else() {
        for (pattern, origin) in [
            ("https://app.example", "http://app.example"),
            ("https://app.example", "https://app.example:444"),
            ("https://app.example", "https://app.example.evil"),
            ("https://*.example", "https://example"),
            ("https://*.example", "https://badexample"),
            ("https://*.example", "https://.example"),
            ("https://*.example", "https://..example"),
            ("https://*.example", "https://a.example:444"),
            ("https://*.example", "http://a.example"),
            ("https://*.example", "https://a.example.evil"),
            ("https://*.0.0.1.example", "https://127.0.0.1"),
            ("null", "file://"),
            ("file://", "null"),
        ] {
            assert!(!names(pattern, origin), "{pattern} {origin}");
        }
    }

    #[test]
    fn a_pattern_that_can_never_match_is_refused_with_the_remedy() {
        for (pattern, remedy) in [
            ("", "write scheme://host"),
            ("app.example", "write scheme://host"),
            ("*.app.example", "write scheme://host"),
            ("https:app.example", "write scheme://host"),
            ("://app.example", "write http://"),
            ("https://", "write a host"),
            ("https://app.example/", "end it at the host or its port: app.example"),
            ("https://app.example/chat", "end it at the host or its port: app.example"),
            ("https://app.example?x", "end it at the host"),
            ("https://app.example:*", "a star stands for whole labels"),
            ("https://*", "a star stands for whole labels"),
            ("https://a*.example", "a star stands for whole labels"),
            ("https://*.*.example", "a star stands for whole labels"),
            ("https://a.*.example", "a star stands for whole labels"),
            ("https://*.127.0.0.1", "leave out the star"),
            ("https://app.example:65536", "at most 65535"),
            ("https://app.example:http", "at most 65535"),
            ("https://me@app.example", "before the @"),
            ("https://münchen.example", "xn--"),
            ("https://app example", "write a host"),
            ("wss://app.example", "write http:// or https://"),
            ("file:///srv/page.html", "write file://"),
        ] {
            let refused = OriginPattern::parse(pattern).expect_err(pattern).to_string();
            assert!(refused.contains(remedy), "{pattern}: {refused}");
        }
    }

    #[test]
    fn a_host_pattern_is_a_host_at_any_port() {
        let matches = |pattern: &str, host: &str| {
            HostPattern::parse(pattern).expect(pattern).matches(&Host::parse(host).expect(host))
        };
        assert!(matches("Example.com", "EXAMPLE.com"));
        assert!(matches("[0::1]", "[::1]"));
        assert!(matches("192.0.2.1", "192.0.2.1"));
        assert!(matches("*.example.com", "a.b.example.com"));
        assert!(!matches("*.example.com", "example.com"));
        assert!(!matches("example.com", "a.example.com"));
        for (pattern, remedy) in [
            ("", "write a host"),
            ("*", "a star stands"),
            ("https://example.com", "write the host alone, such as example.com"),
            ("example.com:80", "write example.com: a host is served at every port"),
            ("example.com:", "write example.com: a host"),
            ("example.com/", "end it at the host"),
            ("*.[::1]", "leave out the star"),
        ] {
            let refused = HostPattern::parse(pattern).expect_err(pattern).to_string();
            assert!(refused.contains(remedy), "{pattern}: {refused}");
        }
    }
}
