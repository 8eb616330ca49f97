//! What our clients trust: the certificates of authorities that the system has, or those of a file.
//!
//! Came from: `remote`, with a host and perhaps a file. Goes to: `channel`. Absent on purpose: a
//! way to trust everybody. Whoever has no authority has a file.

use std::fs;
use std::path::Path;
use std::sync::Arc;

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

/// Trust in `host`, a name or an address without brackets, by the authorities of the file `ca`, or
/// else of the system. The error is a line without its flag.
pub fn trust(host: &str, ca: Option<&Path>) -> Result<Trust, String> {
    let name = ServerName::try_from(host.to_owned());
    let name = name.map_err(|_| "names a host that no certificate can be for".to_owned())?;
    let roots = match ca {
        Some(file) => of_file(file)?,
        None => of_system()?,
    };
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder.with_protocol_versions(&[&TLS13, &TLS12]);
    let builder = builder.map_err(|error| format!("TLS: {error}"))?;
    let mut settings = builder.with_root_certificates(roots).with_no_client_auth();
    settings.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Trust { settings: Arc::new(settings), name })
}

fn of_file(file: &Path) -> Result<RootCertStore, String> {
    let at = format!("--tls-ca {}:", file.display());
    let text = fs::read(file);
    let text = text.map_err(|error| format!("{at} {error}; name a file that we may read"))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|_| format!("{at} is no sound PEM"))?;
        roots.add(certificate).map_err(|error| format!("{at} cannot be used ({error})"))?;
    }
    if roots.is_empty() {
        return Err(format!(
            "{at} has no certificate in PEM; give the file that begins with -----BEGIN \
             CERTIFICATE-----"
        ));
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
