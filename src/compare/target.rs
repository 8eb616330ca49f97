//! A server that is compared: where it is, whether it speaks TLS, and what is shown to it.
//!
//! Came from: `flags`, with `--url`; `mod`, for a server that it has started. Goes to: whoever
//! connects. Absent on purpose: connecting.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::Path;

use crate::client::cipher::TlsPlan;
use crate::client::endpoint::BearerToken;
use crate::config::{ends_in_no_port, without_secrets};
use crate::shell::tls::trust::{read_ca, trust};

/// A running server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// `host:port`, as in the field `Host`.
    pub host: String,
    /// Those of that host, tried in this order.
    pub addresses: Vec<SocketAddr>,
    /// Whom to trust, if TLS is spoken.
    pub tls: Option<TlsPlan>,
    /// By which to publish and to read.
    pub token: Option<BearerToken>,
    /// By which to see what it costs.
    pub costs_token: Option<BearerToken>,
}

impl Target {
    /// One that asks nobody for a token. `ca`: it speaks TLS, and this vouches for it.
    pub fn open(address: SocketAddr, ca: Option<&str>) -> Self {
        let host = address.to_string();
        let tls = ca.map(|ca| TlsPlan { host: host.clone(), ca: Some(ca.to_owned()) });
        Self { host, addresses: vec![address], tls, token: None, costs_token: None }
    }

    /// Reads `http://HOST[:PORT]`, or `https://`. `ca`: who vouches for the server. An error is the
    /// line to print.
    pub fn read(url: &str, ca: Option<&Path>) -> Result<Self, String> {
        let shown = without_secrets(url);
        let wrong = |why: &str| format!("--url {shown}: {why}; write http://HOST:PORT");
        // RFC 3986 §3.1: in any case.
        let (is_secure, rest) = match url.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (false, rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (true, rest),
            _ => return Err(wrong("is not an http:// or https:// address")),
        };
        let host = rest.strip_suffix('/').unwrap_or(rest);
        if host.is_empty() || host.contains(['/', '?', '#', '@', ' ']) {
            return Err(wrong("has something other than a host and a port"));
        }
        if ends_in_no_port(host) {
            return Err(format!(
                "--url {shown}: has a port that does not exist; ports end at 65535"
            ));
        }
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let port = if is_secure { 443 } else { 80 };
        let with_port = if has_port { host.to_owned() } else { format!("{host}:{port}") };
        let found = with_port.to_socket_addrs();
        let found = found.map_err(|_| wrong("names a host that is not known here"))?;
        let addresses: Vec<SocketAddr> = found.collect();
        if addresses.is_empty() {
            return Err(wrong("names no address"));
        }
        let host = host.to_owned();
        let mut target = Self { host, addresses, tls: None, token: None, costs_token: None };
        if is_secure {
            let ca = ca.map(read_ca).transpose()?;
            trust(&target.host, ca.as_deref()).map_err(|why| format!("--url {shown}: {why}"))?;
            target.tls = Some(TlsPlan { host: target.host.clone(), ca });
        }
        Ok(target)
    }

    /// The address of a path there.
    pub fn url(&self, path: &str) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}{path}", self.host)
    }
}
