//! Certificates and their keys: read from files, judged, and chosen by the name that a client asks
//! for. RFC 5280, RFC 6066 §3 (SNI), RFC 7468 (PEM).
//!
//! A pair that no client could use is refused with a line that names the file and the remedy: a
//! file without a certificate or a key, a key of another certificate, a kind of key that TLS does
//! not sign with. One that has run out, or begins in the future, is served with a warning: a server
//! that does not start is no better for those who come, and clocks of small machines are wrong
//! after a cold start.
//!
//! Came from: `settings` and `renewal`, with paths. Goes to: `rustls`, once for each handshake.
//! Absent on purpose: chains that lead to a root. Which roots there are is the client's affair.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, Error, InconsistentKeys, RootCertStore};

use crate::config::TlsPair;

/// The pairs that are served, the default first. They may be changed while the server runs.
#[derive(Debug)]
pub struct Certificates {
    served: RwLock<Vec<Arc<CertifiedKey>>>,
}

/// A pair that can be served, and what its operator should know of it.
#[derive(Debug)]
pub struct Loaded {
    /// The certificates, the server's own first, and its key.
    pub pair: Arc<CertifiedKey>,
    /// What is wrong with it, each in a line.
    pub warnings: Vec<String>,
}

impl Certificates {
    /// These pairs, the default first; at least one.
    pub fn new(served: Vec<Arc<CertifiedKey>>) -> Self {
        Self { served: RwLock::new(served) }
    }

    /// Serves another pair in the place of the one with this index.
    pub fn renew(&self, index: usize, pair: Arc<CertifiedKey>) {
        // A lock is poisoned by a panic while it is held; nothing here can.
        let mut served = self.served.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(old) = served.get_mut(index) {
            *old = pair;
        }
    }
}

impl ResolvesServerCert for Certificates {
    /// Of those that are for the name, the first whose key can sign what the client understands;
    /// else the default, which a client can at least refuse with a reason.
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let served = self.served.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let name = hello.server_name().and_then(|name| ServerName::try_from(name).ok());
        let signs =
            |pair: &&Arc<CertifiedKey>| pair.key.choose_scheme(hello.signature_schemes()).is_some();
        let named = |pair: &&Arc<CertifiedKey>| name.as_ref().is_some_and(|name| fits(pair, name));
        let found = served.iter().filter(named).find(signs);
        found.or_else(|| served.iter().find(signs)).or(served.first()).cloned()
    }
}

fn fits(pair: &CertifiedKey, name: &ServerName<'_>) -> bool {
    let parsed = pair.end_entity_cert().and_then(ParsedCertificate::try_from);
    parsed.is_ok_and(|certificate| verify_server_name(&certificate, name).is_ok())
}

/// Reads a pair, and judges it. The error is a line that names the flag, the file and the remedy.
pub fn load(files: &TlsPair, provider: &CryptoProvider, unix_s: u64) -> Result<Loaded, String> {
    let chain = certificates(&files.certificate)?;
    let key = key(&files.key)?;
    let at_key = format!("--tls-key {}:", files.key.display());
    let key = provider.key_provider.load_private_key(key).map_err(|_| {
        format!("{at_key} is no key of RSA, ECDSA (P-256, P-384) or Ed25519; give one of those")
    })?;
    let pair = CertifiedKey::new(chain, key);
    let at = format!("--tls-cert {}:", files.certificate.display());
    match pair.keys_match() {
        Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
        Err(Error::InconsistentKeys(_)) => {
            return Err(format!(
                "{at_key} is not the key of --tls-cert {}; give the two that were made together, \
                 in the same order",
                files.certificate.display()
            ));
        }
        Err(error) => {
            return Err(format!(
                "{at} its first certificate cannot be read ({error}); give one of X.509 version 3"
            ));
        }
    }
    let mut warnings = Vec::new();
    if let Some(line) = untimely(&pair, provider, unix_s) {
        warnings.push(format!("{at} {line}"));
    }
    if is_open(&files.key) {
        warnings.push(format!(
            "{at_key} everybody on this machine may read it; take that right away (chmod o= FILE)"
        ));
    }
    Ok(Loaded { pair: Arc::new(pair), warnings })
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = read("--tls-cert", file)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let at = format!("--tls-cert {}:", file.display());
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        Ok(_) => Err(format!(
            "{at} has no certificate in PEM; give the file that begins with -----BEGIN \
             CERTIFICATE-----"
        )),
        Err(error) => Err(format!("{at} is no sound PEM ({}); fetch it anew", worded(&error))),
    }
}

fn key(file: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let text = read("--tls-key", file)?;
    let at = format!("--tls-key {}:", file.display());
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
        pem::Error::NoItemsFound if contains(&text, b"ENCRYPTED PRIVATE KEY") => format!(
            "{at} is locked by a passphrase, which nobody is there to type; take it off (openssl \
             pkey)"
        ),
        pem::Error::NoItemsFound => format!(
            "{at} has no key in PEM; give the file that begins with -----BEGIN PRIVATE KEY-----"
        ),
        error => format!("{at} is no sound PEM ({}); fetch it anew", worded(&error)),
    })
}

/// What is wrong, without what stands in the file.
fn worded(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::MissingSectionEnd { .. } => "a section has no end",
        pem::Error::IllegalSectionStart { .. } => "a section begins badly",
        pem::Error::Base64Decode(_) => "what is in it is no base64",
        _ => "it cannot be read",
    }
}

fn contains(text: &[u8], words: &[u8]) -> bool {
    text.windows(words.len()).any(|window| window == words)
}

fn read(flag: &str, file: &Path) -> Result<Vec<u8>, String> {
    fs::read(file).map_err(|error| {
        format!("{flag} {}: {error}; name a file that we may read", file.display())
    })
}

/// Whether anybody on the machine may read the file.
fn is_open(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|about| about.permissions().mode() & 0o004 != 0)
}

/// What is to be said of a certificate that is not good now. The check of a chain begins with its
/// dates; that it then leads to no root is expected, since none is given.
fn untimely(pair: &CertifiedKey, provider: &CryptoProvider, unix_s: u64) -> Option<String> {
    let certificate = ParsedCertificate::try_from(pair.end_entity_cert().ok()?).ok()?;
    let now = UnixTime::since_unix_epoch(Duration::from_secs(unix_s));
    let algorithms = provider.signature_verification_algorithms.all;
    let roots = RootCertStore::empty();
    let judged =
        verify_server_cert_signed_by_trust_anchor(&certificate, &roots, &[], now, algorithms);
    let mut line = String::new();
    match judged {
        Err(Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })) => {
            let days = unix_s.saturating_sub(not_after.as_secs()) / DAY_S;
            write!(line, "ran out {days} days ago; clients refuse it; renew it")
        }
        Err(Error::InvalidCertificate(CertificateError::NotValidYetContext {
            not_before, ..
        })) => {
            let days = not_before.as_secs().saturating_sub(unix_s) / DAY_S;
            write!(line, "begins in {days} days; clients refuse it until then; is the clock right?")
        }
        _ => return None,
    }
    .expect("a string takes everything");
    Some(line)
}

const DAY_S: u64 = 24 * 60 * 60;
