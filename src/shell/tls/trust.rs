//! What our clients trust: the certificates of authorities that the system has, or those of a file.
//!
//! Came from: `remote`, `compare` and `bench`, with a host and perhaps a file. Goes to: `channel`,
//! and `parley` where there is no socket. Absent on purpose: a way to trust everybody. Whoever has
//! no authority has a file.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore};

/// Whom a client asks, and whose word it takes for that.
#[derive(Clone, Debug)]
pub struct Trust {
    /// What connections have in common; sessions are remembered in it.
    pub settings: Arc<ClientConfig>,
    /// The server's name, or its address.
    pub name: ServerName<'static>,
}

impl Trust {
    /// The same trust, of another client: what either remembers of its sessions is its own.
    #[must_use]
    pub fn of_another(&self) -> Self {
        let mut settings = ClientConfig::clone(&self.settings);
        settings.resumption = Resumption::in_memory_sessions(SESSIONS_OF_A_CLIENT);
        Self { settings: Arc::new(settings), name: self.name.clone() }
    }
}

/// Trust in `host`, as it stands in a URL, by the authorities of `ca`, which is PEM, or else of the
/// system. The error is a line without its flag.
pub fn trust(host: &str, ca: Option<&str>) -> Result<Trust, String> {
    let name = ServerName::try_from(bare(host).to_owned());
    let name = name.map_err(|_| "names a host that no certificate can be for".to_owned())?;
    let roots = match ca {
        Some(text) => of_text(text)?,
        None => of_system()?,
    };
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder.with_protocol_versions(&[&TLS13, &TLS12]);
    let builder = builder.map_err(|error| format!("TLS: {error}"))?;
    let mut settings = builder.with_root_certificates(roots).with_no_client_auth();
    settings.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Trust { settings: Arc::new(settings), name })
}

/// The host without its port, and without the brackets of an IPv6 address.
fn bare(host: &str) -> &str {
    match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => host.split(':').next().unwrap_or(host),
    }
}

/// Reads the file of `--tls-ca`, and gives its PEM, in which there is an authority. The error is a
/// line to print.
pub fn read_ca(file: &Path) -> Result<String, String> {
    let at = format!("--tls-ca {}:", file.display());
    let text = fs::read(file);
    let text = text.map_err(|error| format!("{at} {error}; name a file that we may read"))?;
    // PEM is ASCII; what else stands around it is for people.
    let text = String::from_utf8_lossy(&text).into_owned();
    of_text(&text).map_err(|why| format!("{at} {why}"))?;
    Ok(text)
}

fn of_text(text: &str) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(text.as_bytes()) {
        let certificate = certificate.map_err(|_| "is no sound PEM".to_owned())?;
        roots.add(certificate).map_err(|error| format!("cannot be used ({error})"))?;
    }
    if roots.is_empty() {
        return Err("has no certificate in PEM; give the file that begins with -----BEGIN \
                    CERTIFICATE-----"
            .to_owned());
    }
    Ok(roots)
}

fn of_system() -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    // One that cannot be read is no reason not to use the others.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err("this system has no certificates of authorities; give --tls-ca FILE".into());
    }
    Ok(roots)
}

/// Tickets that a client keeps: as many as `rustls` keeps of one server.
const SESSIONS_OF_A_CLIENT: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_a_certificate_is_for() {
        for (host, name) in [
            ("a.example", "a.example"),
            ("a.example:8443", "a.example"),
            ("127.0.0.1:1", "127.0.0.1"),
            ("[::1]", "::1"),
            ("[::1]:8443", "::1"),
        ] {
            assert_eq!(bare(host), name);
        }
        let said = read_ca(Path::new("/nowhere/ca")).expect_err("no such file");
        assert!(said.starts_with("--tls-ca /nowhere/ca: No such file"), "{said}");
    }
}
