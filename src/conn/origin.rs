//! Who may ask from a browser: the `Origin` rule, the hosts that are served, and where our own
//! pages may connect to. Fetch standard, CORS protocol; RFC 6454; RFC 6455 §10.2.
//!
//! Came from: `route`, with the two fields. Goes to: the response context, as the value to be
//! granted. Absent on purpose: cookies; `admission` asks here whether one counts.
//!
//! A page is ours when its origin is the one that it asks at, and when it comes from another port
//! of this process: a page on one port whose WebSocket is on another is one application. The three
//! names of loopback are one host for that, because which of them stands in the address bar is an
//! accident of typing.

use std::fmt::Write as _;
use std::sync::Arc;

use super::refused_origins::RefusedOrigins;
use crate::wire::authority::{Authority, HostPattern, Origin, OriginPattern};

/// What the operator says about browsers, and where this process listens.
#[derive(Debug, Clone, Default)]
pub struct Origins {
    /// `--allow-origin`.
    pub allowed: Vec<OriginPattern>,
    /// `--allow-host`; when there are none, every host is served.
    pub hosts: Vec<HostPattern>,
    /// The ports that this process listens on in plain HTTP.
    pub ports: Vec<u16>,
    /// Those on which it speaks TLS.
    pub tls_ports: Vec<u16>,
    /// Which refusals the log has told; one memory for all threads.
    pub refused: Arc<RefusedOrigins>,
}

/// What an `Origin` field comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OriginCheck {
    /// No browser asks, or a page of the very same origin: nothing to grant.
    Same,
    /// A page of another port of ours, or one of another site that the operator allows: the value
    /// to grant.
    Allowed(Box<str>),
    /// A page of another site.
    Foreign,
}

impl OriginCheck {
    /// Whether it grants something to a site, which may then use the cookie of who is signed in.
    /// `*` is everybody's; and so are `null` and `file://`, for any page can have a frame that says
    /// so.
    pub fn names_a_site(&self) -> bool {
        let Self::Allowed(origin) = self else {
            return false;
        };
        matches!(Origin::parse(origin), Some(Origin::Site { .. }))
    }
}

impl Origins {
    /// Judges an `Origin` against the `Host` that was asked for, by TLS or in plain HTTP.
    pub fn judge(&self, origin: Option<&[u8]>, host: Option<&str>, by_tls: bool) -> OriginCheck {
        let Some(origin) = origin else {
            return OriginCheck::Same;
        };
        let text = str::from_utf8(origin).unwrap_or_default();
        let Some(origin) = Origin::parse(text) else {
            return OriginCheck::Foreign;
        };
        let host = host.and_then(Authority::parse);
        if host.as_ref().is_some_and(|host| is_same(&origin, host, by_tls)) {
            OriginCheck::Same
        } else if host.is_some_and(|host| self.is_ours(&origin, &host, by_tls)) {
            OriginCheck::Allowed(text.into())
        } else if self.allowed.contains(&OriginPattern::Any) {
            OriginCheck::Allowed("*".into())
        } else if self.allowed.iter().any(|pattern| pattern.matches(&origin)) {
            OriginCheck::Allowed(text.into())
        } else {
            OriginCheck::Foreign
        }
    }

    /// Whether a request for `host` is answered at all. One that names no host is: it is HTTP/1.0,
    /// which no browser speaks, and browsers are what the rule is about.
    pub fn serves(&self, host: Option<&str>) -> bool {
        let Some(host) = host.filter(|_| !self.hosts.is_empty()) else {
            return true;
        };
        let host = Authority::parse(host);
        host.is_some_and(|Authority { host, .. }| self.hosts.iter().any(|p| p.matches(&host)))
    }

    /// Where a page that was asked for at `host` may connect to, beside its own origin: our other
    /// ports, and the other names of loopback. Sources of a Content-Security-Policy, each with a
    /// space before it.
    pub fn sources(&self, host: Option<&str>) -> String {
        let mut sources = String::new();
        let Some(Authority { host, .. }) = host.and_then(Authority::parse) else {
            return sources;
        };
        let own = host.to_string();
        let names = if host.is_loopback() { &LOOPBACK_SOURCES[..] } else { &[own.as_str()] };
        // The grammar of sources has no addresses in brackets, and what a stranger calls us must
        // not end the source, or the policy.
        let is_plain = |name: &&&str| {
            name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
        };
        for name in names.iter().filter(is_plain) {
            for port in &self.ports {
                let _ = write!(sources, " http://{name}:{port} ws://{name}:{port}");
            }
            for port in &self.tls_ports {
                let _ = write!(sources, " https://{name}:{port} wss://{name}:{port}");
            }
        }
        sources
    }

    /// A page that was served by this process, at whatever port.
    fn is_ours(&self, origin: &Origin, asked: &Authority, by_tls: bool) -> bool {
        let Origin::Site { scheme, host, port: Some(port) } = origin else {
            return false;
        };
        let same_host = *host == asked.host || (host.is_loopback() && asked.host.is_loopback());
        // A proxy may end TLS in front of a plain port.
        let ours = match &**scheme {
            "https" => self.tls_ports.contains(port) || self.ports.contains(port),
            "http" => !by_tls && self.ports.contains(port),
            _ => false,
        };
        same_host && ours
    }
}

/// The names of loopback that a Content-Security-Policy can name.
const LOOPBACK_SOURCES: [&str; 2] = ["localhost", "127.0.0.1"];

/// Whether a page of `origin` asks where it came from. RFC 9110 §4.2.3.
///
/// The scheme is the origin's on both sides: behind a proxy that ends TLS, the browser says https
/// and we cannot know better. Where we speak TLS ourselves, a page of `http` is none of ours:
/// anybody on the way may have written it.
fn is_same(origin: &Origin, asked: &Authority, by_tls: bool) -> bool {
    match origin {
        Origin::Site { scheme, .. } if &**scheme == "https" || !by_tls && is_web(scheme) => {
            Origin::of(scheme, asked).as_ref() == Some(origin)
        }
        Origin::Site { .. } | Origin::Opaque | Origin::File => false,
    }
}

/// Whether pages of this scheme come from servers.
fn is_web(scheme: &str) -> bool {
    matches!(scheme, "http" | "https")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(allowed: &[&str], ports: &[u16]) -> Origins {
        let allowed = allowed.iter().map(|text| OriginPattern::parse(text).expect(text));
        Origins { allowed: allowed.collect(), ports: ports.to_vec(), ..Origins::default() }
    }

    fn judge(origins: &Origins, origin: &str, host: &str) -> OriginCheck {
        origins.judge(Some(origin.as_bytes()), Some(host), false)
    }

    #[test]
    fn a_page_of_the_same_origin_is_ours_however_the_two_are_spelled() {
        let none = Origins::default();
        for (origin, host) in [
            ("http://chat.example:8080", "chat.example:8080"),
            ("http://chat.example:8080", "Chat.Example:08080"),
            ("http://chat.example", "chat.example:80"),
            ("http://chat.example", "chat.example:"),
            ("http://chat.example", "ch%61t.example"),
            ("https://chat.example", "chat.example:443"),
            ("https://chat.example", "chat.example"),
            ("https://chat.example:8443", "chat.example:8443"),
            ("http://[::1]:8080", "[0:0:0:0:0:0:0:1]:8080"),
            ("http://127.0.0.1", "127.0.0.1:80"),
        ] {
            assert_eq!(judge(&none, origin, host), OriginCheck::Same, "{origin} {host}");
        }
        assert_eq!(none.judge(None, Some("chat.example"), false), OriginCheck::Same);
    }

    #[test]
    fn any_other_page_is_foreign() {
        let none = Origins::default();
        for (origin, host) in [
            ("http://chat.example", "chat.example:8080"),
            ("http://chat.example:8080", "chat.example"),
            ("http://chat.example", "chat.example:443"),
            ("https://chat.example", "chat.example:80"),
            ("http://chat.example.evil", "chat.example:80"),
            ("http://chat.example:8080.evil", "chat.example:8080"),
            ("http://chat.example:8080 http://evil", "chat.example:8080"),
            ("ws://chat.example", "chat.example"),
            ("capacitor://chat.example", "chat.example"),
            ("chat.example", "chat.example"),
            ("null", "null"),
            ("file://", "chat.example"),
            ("", "chat.example"),
            ("http://", ""),
        ] {
            assert_eq!(judge(&none, origin, host), OriginCheck::Foreign, "{origin} {host}");
        }
        let bytes = none.judge(Some(b"http://\xff"), Some("chat.example"), false);
        assert_eq!(bytes, OriginCheck::Foreign);
        let nowhere = none.judge(Some(b"http://chat.example"), None, false);
        assert_eq!(nowhere, OriginCheck::Foreign);
    }

    #[test]
    fn a_page_of_another_port_of_ours_is_allowed_and_loopback_is_one_host() {
        let ours = origins(&[], &[80, 8080]);
        for (origin, host) in [
            ("http://chat.example", "chat.example:8080"),
            ("http://chat.example:8080", "chat.example"),
            ("http://localhost", "localhost:8080"),
            ("http://localhost:8080", "127.0.0.1:8080"),
            ("http://127.0.0.1:8080", "[::1]"),
            ("http://[::1]:8080", "localhost:8080"),
        ] {
            let allowed = OriginCheck::Allowed(origin.into());
            assert_eq!(judge(&ours, origin, host), allowed, "{origin} {host}");
        }
        for (origin, host) in [
            ("http://localhost:1", "localhost:8080"),
            ("http://evil.example:8080", "localhost:8080"),
            ("http://localhost.evil.example:8080", "localhost:8080"),
            ("http://localhost:8080", "chat.example:8080"),
            ("http://chat.example:8080", "localhost:8080"),
            ("http://a.localhost:8080", "localhost:8080"),
            ("http://127.0.0.2:8080", "localhost:8080"),
            ("ftp://localhost:8080", "127.0.0.1:8080"),
            ("null", "localhost:8080"),
        ] {
            assert_eq!(judge(&ours, origin, host), OriginCheck::Foreign, "{origin} {host}");
        }
    }

    #[test]
    fn by_tls_a_page_is_ours_when_it_came_by_tls_too() {
        let ours = Origins { tls_ports: vec![8443], ..origins(&[], &[8080]) };
        let judge = |origin: &str, host: &str, by_tls| {
            ours.judge(Some(origin.as_bytes()), Some(host), by_tls)
        };
        for (origin, host, by_tls, comes_to) in [
            ("https://chat.example:8443", "chat.example:8443", true, OriginCheck::Same),
            ("https://chat.example", "chat.example:443", true, OriginCheck::Same),
            ("http://chat.example:8443", "chat.example:8443", true, OriginCheck::Foreign),
            ("http://chat.example:8080", "chat.example:8443", true, OriginCheck::Foreign),
            ("http://chat.example:8443", "chat.example:8080", false, OriginCheck::Foreign),
        ] {
            assert_eq!(judge(origin, host, by_tls), comes_to, "{origin} {host} {by_tls}");
        }
        for (origin, host, by_tls) in [
            ("https://chat.example:8443", "chat.example:8080", false),
            ("https://localhost:8443", "127.0.0.1:8080", false),
        ] {
            let allowed = OriginCheck::Allowed(origin.into());
            assert_eq!(judge(origin, host, by_tls), allowed, "{origin} {host}");
        }
        let sources = ours.sources(Some("chat.example:8443"));
        let by_tls = " https://chat.example:8443 wss://chat.example:8443";
        assert!(sources.ends_with(by_tls), "{sources}");
    }

    #[test]
    fn others_are_allowed_by_name() {
        let listed = origins(&["https://app.example:443", "https://*.example", "null"], &[]);
        for origin in ["https://app.example", "https://a.example", "null"] {
            let allowed = OriginCheck::Allowed(origin.into());
            assert_eq!(judge(&listed, origin, "chat.example"), allowed, "{origin}");
        }
        for origin in ["http://app.example", "https://example", "file://", "https://a.example:1"] {
            assert_eq!(judge(&listed, origin, "chat.example"), OriginCheck::Foreign, "{origin}");
        }
        let any = origins(&["*"], &[]);
        for origin in ["https://else.example", "null", "file://"] {
            let allowed = OriginCheck::Allowed("*".into());
            assert_eq!(judge(&any, origin, "chat.example"), allowed, "{origin}");
        }
    }

    #[test]
    fn hosts_are_served_by_name_when_any_are_named() {
        assert!(Origins::default().serves(Some("whatever.example")));
        let hosts = ["chat.example", "*.chat.example", "[::1]"];
        let hosts = hosts.map(|text| HostPattern::parse(text).expect(text)).to_vec();
        let named = Origins { hosts, ..Origins::default() };
        for host in ["chat.example", "CHAT.example:8080", "a.chat.example", "[0::1]:80"] {
            assert!(named.serves(Some(host)), "{host}");
        }
        for host in ["evil.example", "chat.example.evil", "127.0.0.1", "", "chat.example:99999"] {
            assert!(!named.serves(Some(host)), "{host}");
        }
        assert!(named.serves(None));
    }

    #[test]
    fn a_page_may_connect_to_all_our_ports_and_a_host_cannot_end_its_policy() {
        let ours = origins(&[], &[80, 8080]);
        assert_eq!(
            ours.sources(Some("chat.example")),
            " http://chat.example:80 ws://chat.example:80 http://chat.example:8080 \
             ws://chat.example:8080"
        );
        let loopback = " http://localhost:80 ws://localhost:80 http://localhost:8080 \
                        ws://localhost:8080 http://127.0.0.1:80 ws://127.0.0.1:80 \
                        http://127.0.0.1:8080 ws://127.0.0.1:8080";
        for host in ["localhost:8080", "127.0.0.1", "[::1]:8080"] {
            assert_eq!(ours.sources(Some(host)), loopback, "{host}");
        }
        for host in ["a;script-src", "a'b", "a,b", "*", "[2001:db8::1]", "a_b", ""] {
            assert_eq!(ours.sources(Some(host)), "", "{host}");
        }
        assert_eq!(ours.sources(None), "");
    }
}
