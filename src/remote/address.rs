//! `--url`: where a server is, and what its requests carry.
//!
//! Came from: `flags`. Goes to: whoever connects. Absent on purpose: connecting.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::Path;

use crate::client::endpoint::{BearerToken, Endpoint};
use crate::config::{ends_in_no_port, without_secrets};
use crate::shell::lookup::Lookup;
use crate::shell::tls::trust::{Trust, read_ca, trust};

/// A server that can be connected to.
#[derive(Clone, Debug)]
pub struct ServerAddress {
    /// What stands in the head of a request.
    pub endpoint: Endpoint,
    /// The host as it is looked up, with its port.
    pub name: String,
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
    let name = with_port(host, if tls { 443 } else { 80 });
    let found = name.to_socket_addrs();
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
    Ok(ServerAddress { endpoint, name, addresses, trust })
}

fn with_port(host: &str, port: u16) -> String {
    // Behind the bracket of an IPv6 address, if there is one.
    let behind = host.rsplit_once(']').map_or(host, |(_, rest)| rest);
    if behind.contains(':') { host.to_owned() } else { format!("{host}:{port}") }
}

/// The name of a server's host, looked up again for who reads for longer than a name keeps its
/// addresses.
pub struct HostName {
    /// `None`: an address in figures has no other.
    name: Option<String>,
    lookup: Option<Lookup>,
}

impl HostName {
    /// Of the addresses of this server.
    pub fn of(server: &ServerAddress) -> Self {
        let is_name = server.name.parse::<SocketAddr>().is_err();
        Self { name: is_name.then(|| server.name.clone()), lookup: None }
    }

    /// Something went wrong: the server may have moved. Nobody waits for the answer. One that is
    /// here and was not taken is of an earlier failure, perhaps weeks ago, and does not count.
    pub fn ask(&mut self) {
        let is_under_way = self.lookup.as_ref().is_some_and(|lookup| lookup.found().is_none());
        if let Some(name) = self.name.as_ref().filter(|_| !is_under_way) {
            self.lookup = Lookup::begin(name.clone());
        }
    }

    /// Puts what was found, if anything was, in the place of `addresses`. The first of them is the
    /// one that worked: it stays the first, if it is still one of the host's.
    pub fn take(&mut self, addresses: &mut Vec<SocketAddr>) {
        let Some(mut found) = self.lookup.as_ref().and_then(Lookup::found) else {
            return;
        };
        self.lookup = None;
        if !found.is_empty() {
            let works = addresses.first().copied();
            found.sort_by_key(|address| Some(*address) != works);
            *addresses = found;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

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
    fn a_name_is_looked_up_again_and_what_works_stays_first() {
        let server = read("http://localhost:81", None, None).expect("it is known everywhere");
        let gone: SocketAddr = "192.0.2.1:81".parse().expect("an address");
        let mut host = HostName::of(&server);
        let mut take = |mut addresses: Vec<SocketAddr>| {
            host.ask();
            while host.lookup.is_some() {
                thread::yield_now();
                host.take(&mut addresses);
            }
            addresses
        };
        assert_eq!(take(vec![gone]), server.addresses, "it has moved");
        let last = *server.addresses.last().expect("at least one");
        let taken = take(vec![last, gone]);
        assert_eq!((taken[0], taken.len()), (last, server.addresses.len()));
    }

    #[test]
    fn an_answer_that_nobody_took_in_time_is_asked_for_anew() {
        let server = read("http://localhost:81", None, None).expect("it is known everywhere");
        let mut addresses = vec!["192.0.2.1:81".parse().expect("an address")];
        let old = Lookup::begin("192.0.2.2:81".into()).expect("a thread");
        // Once it has ended it has found nothing, which would change nothing.
        while old.found() != Some(Vec::new()) {
            thread::yield_now();
        }
        let mut host = HostName { lookup: Some(old), ..HostName::of(&server) };
        host.ask();
        while host.lookup.is_some() {
            thread::yield_now();
            host.take(&mut addresses);
        }
        assert_eq!(addresses, server.addresses);
    }

    #[test]
    fn what_is_not_found_changes_nothing_and_figures_are_not_looked_up() {
        let known = read("http://127.0.0.1:81", None, None).expect("figures");
        let mut host = HostName::of(&known);
        host.ask();
        assert!(host.lookup.is_none());
        let mut host = HostName { name: Some("nowhere.invalid:81".into()), lookup: None };
        host.ask();
        let mut addresses = known.addresses.clone();
        while host.lookup.is_some() {
            thread::yield_now();
            host.take(&mut addresses);
        }
        assert_eq!(addresses, known.addresses);
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
