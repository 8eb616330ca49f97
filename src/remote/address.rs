//! `--url`: where a server is, and what its requests carry.
//!
//! Came from: `flags`. Goes to: whoever connects. Absent on purpose: connecting.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::Path;

use crate::client::endpoint::{BearerToken, Endpoint};
use crate::config::{ends_in_no_port, without_secrets};
use crate::shell::tls::trust::{Trust, read_ca, trust};

/// A server that can be connected to.
#[derive(Clone, Debug)]
pub struct ServerAddress {
    /// What stands in the head of a request.
    pub endpoint: Endpoint,
    /// Of the host, at least one; tried in this order.
    pub addresses: Vec<SocketAddr>,
    /// TLS is spoken, and this is believed.
    pub trust: Option<Trust>,
}

/// Reads `http://HOST[:PORT][/PATH]`, or `https://`. `ca`: who vouches for the server. An error is
/// the line to print.
pub fn read(
    url: &str,
    token: Option<BearerToken>,
    ca: Option<&Path>,
) -> Result<ServerAddress, String> {
    let wrong = |why: &str| format!("--url {}: {why}", without_secrets(url));
    let (tls, rest) = match url.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (false, rest),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (true, rest),
        _ => return Err(wrong("is not an http:// address; write http://HOST:PORT")),
    };
    let (host, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let is_visible = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    if host.is_empty() || !is_visible(rest) || rest.contains(['?', '#', '@']) {
        return Err(wrong(
            "has something other than a host, a port and a path; write \
                          http://HOST:PORT",
        ));
    }
    if ends_in_no_port(host) {
        return Err(wrong("has a port that does not exist; ports end at 65535"));
    }
    let found = with_port(host, if tls { 443 } else { 80 }).to_socket_addrs();
    let addresses: Vec<SocketAddr> = match found {
        Ok(found) => found.collect(),
        Err(_) => return Err(wrong("names a host that is not known here; write http://HOST:PORT")),
    };
    if addresses.is_empty() {
        return Err(wrong("names a host without an address; write http://HOST:PORT"));
    }
    let prefix = path.trim_end_matches('/').to_owned();
    let endpoint = Endpoint { host: host.to_owned(), prefix, token };
    let ca = ca.filter(|_| tls).map(read_ca).transpose()?;
    let trust = tls.then(|| trust(host, ca.as_deref())).transpose().map_err(|why| wrong(&why))?;
    Ok(ServerAddress { endpoint, addresses, trust })
}

fn with_port(host: &str, port: u16) -> String {
    // Behind the bracket of an IPv6 address, if there is one.
    let behind = host.rsplit_once(']').map_or(host, |(_, rest)| rest);
    if behind.contains(':') { host.to_owned() } else { format!("{host}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_a_host_a_port_and_perhaps_a_path() {
        for (url, host, prefix, address) in [
            ("http://127.0.0.1:81", "127.0.0.1:81", "", "127.0.0.1:81"),
            ("HTTP://127.0.0.1/", "127.0.0.1", "", "127.0.0.1:80"),
            ("http://[::1]:82/base/", "[::1]:82", "/base", "[::1]:82"),
            ("http://[::1]/a/b", "[::1]", "/a/b", "[::1]:80"),
        ] {
            let read = read(url, Some("t0".into()), None).expect(url);
            assert_eq!((&*read.endpoint.host, &*read.endpoint.prefix), (host, prefix), "{url}");
            assert_eq!(read.addresses, [address.parse().expect(address)], "{url}");
            assert_eq!(read.endpoint.token, Some("t0".into()));
        }
    }

    #[test]
    fn who_vouches_is_read_for_https_only() {
        let nowhere = Some(Path::new("/nowhere/ca"));
        let said = read("https://127.0.0.1", None, nowhere).expect_err("no such file");
        assert!(said.starts_with("--tls-ca /nowhere/ca: No such file"), "{said}");
        assert!(read("http://127.0.0.1", None, nowhere).expect("it is plain").trust.is_none());
    }

    #[test]
    fn what_is_wrong_is_named_with_the_remedy_and_no_secret() {
        for (url, why) in [
            ("127.0.0.1:1", "is not an http:// address; write http://HOST:PORT"),
            ("ws://127.0.0.1:1", "is not an http:// address"),
            ("https://", "has something other than"),
            ("https://nowhere.invalid", "names a host that is not known here"),
            ("http://", "has something other than"),
            ("http://127.0.0.1/?x", "has something other than"),
            ("http://127.0.0.1/a b", "has something other than"),
            ("http://me:s3cret@127.0.0.1/", "has something other than"),
            ("http://127.0.0.1/?token=s3cret", "--url http://127.0.0.1/: has something other than"),
            ("https://me:s3cret@a.example/", "has something other than"),
            ("https://me:s3cret/x@a.example/", "has something other than"),
            ("ftp://me:s3cret@a.example/", "--url a.example/: is not an http:// address"),
            ("http://nowhere.invalid:1", "names a host that is not known here"),
            ("http://127.0.0.1:99999", "has a port that does not exist; ports end at 65535"),
            ("http://[::1]:65536/a", "has a port that does not exist; ports end at 65535"),
        ] {
            let said = read(url, None, None).expect_err(url);
            assert!(said.starts_with("--url ") && said.contains(why), "{url}: {said}");
            assert!(!said.contains("s3cret"), "{said}");
        }
    }
}
