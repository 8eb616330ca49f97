//! The flags that say which proxies are believed, and in what.
//!
//! Came from: `config`, which has them read. Goes to: `config`, as ranges of addresses. Absent on
//! purpose: guessing which of three headers a proxy speaks; whoever runs it knows.

use clap::Args;

use super::checks;
use crate::wire::address_range::AddressRange;
use crate::wire::forwarded::ProxyHeader;

#[derive(Debug, Args)]
#[command(next_help_heading = "Proxies")]
pub(super) struct ProxyFlags {
    /// A proxy whose word is taken for which client a request is from: its address, or a range such
    /// as 10.0.0.0/8; repeatable
    #[arg(long, env = "TOLLWAY_TRUST_PROXY", value_name = "ADDRESS", value_delimiter = ',')]
    pub(super) trust_proxy: Vec<String>,
    /// How such a proxy tells: x-forwarded-for, forwarded or proxy-protocol
    #[arg(long, env = "TOLLWAY_PROXY_HEADER", value_name = "NAME", value_parser = header)]
    #[arg(default_value = "x-forwarded-for")]
    pub(super) proxy_header: ProxyHeader,
}

/// Who is believed whose requests it brings.
#[derive(Debug, Clone, Default)]
pub struct ProxyConfig {
    /// The proxies.
    pub trusted: Vec<AddressRange>,
    /// How they tell.
    pub header: ProxyHeader,
}

impl ProxyFlags {
    pub(super) fn into_config(self) -> Result<ProxyConfig, String> {
        let trusted = checks::patterns("--trust-proxy", &self.trust_proxy, AddressRange::parse)?;
        let header = self.proxy_header;
        let written = HEADERS.iter().find(|(_, named)| *named == header);
        match written {
            Some((name, _)) if trusted.is_empty() && header != ProxyHeader::default() => {
                Err(format!(
                    "--proxy-header {name} is of no use without --trust-proxy ADDRESS; give it, \
                     or leave it out"
                ))
            }
            _ => Ok(ProxyConfig { trusted, header }),
        }
    }
}

/// How each is written.
const HEADERS: [(&str, ProxyHeader); 3] = [
    ("x-forwarded-for", ProxyHeader::XForwardedFor),
    ("forwarded", ProxyHeader::Forwarded),
    ("proxy-protocol", ProxyHeader::ProxyProtocol),
];

fn header(name: &str) -> Result<ProxyHeader, &'static str> {
    let found = HEADERS.iter().find(|(written, _)| *written == name);
    let remedy = "is none of them; write x-forwarded-for, forwarded or proxy-protocol";
    found.map(|(_, header)| *header).ok_or(remedy)
}
