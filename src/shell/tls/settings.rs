//! What all TLS connections have in common: versions, protocols, certificates, tickets.
//!
//! Versions 1.2 and 1.3, with the cipher suites that `rustls` has: AES-GCM and ChaCha20-Poly1305
//! with ephemeral keys, and nothing else. Over ALPN (RFC 7301) `http/1.1` is all that is spoken: a
//! client that offers others only is refused, as §3.2 has it, and one that offers nothing is
//! served. A session can be taken up again by a ticket, whose keys change every few hours and are
//! in no file, or, by clients of 1.2 that know no tickets, by its number, out of a bounded table.
//!
//! Came from: `config`. Goes to: each thread's loop. Absent on purpose: data before the handshake
//! is complete (0-RTT), which anybody could send again; certificates of clients; renegotiation.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring::{Ticketer, default_provider};
use rustls::server::ServerSessionMemoryCache;
use rustls::version::{TLS12, TLS13};

use super::certificates::{self, Certificates};
use super::renewal;
use crate::config::TlsPair;
use crate::limits::TLS_SESSIONS_MAX;
use crate::shell::clock::Wall;

/// Reads the certificates, and keeps an eye on their files from then on. `None`: there are none.
/// The error is a line for the operator.
pub fn start(pairs: &[TlsPair]) -> Result<Option<Arc<ServerConfig>>, String> {
    if pairs.is_empty() {
        return Ok(None);
    }
    let provider = Arc::new(default_provider());
    let now = Wall::look().unix_s;
    let mut served = Vec::new();
    let seen = renewal::look(pairs);
    for pair in pairs {
        let loaded = certificates::load(pair, &provider, now)?;
        loaded.warnings.iter().for_each(|line| log::warn!("{line}"));
        served.push(loaded.pair);
    }
    let certificates = Arc::new(Certificates::new(served));
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_protocol_versions(&[&TLS13, &TLS12]);
    let builder = builder.map_err(|error| format!("TLS: {error}"))?.with_no_client_auth();
    let mut settings = builder.with_cert_resolver(Arc::clone(&certificates) as _);
    settings.alpn_protocols = vec![b"http/1.1".to_vec()];
    settings.session_storage = ServerSessionMemoryCache::new(TLS_SESSIONS_MAX);
    settings.ticketer = Ticketer::new().map_err(|error| format!("TLS: {error}"))?;
    renewal::watch(pairs.to_vec(), seen, &certificates, provider);
    Ok(Some(Arc::new(settings)))
}
