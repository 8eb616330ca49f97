//! Certificates for the tests, and servers that show them.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::CertificateDer;

use crate::server::{Server, fresh_path};

/// A certificate that vouches for itself, and its key, in files.
pub(crate) struct Pair {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    pub(crate) der: CertificateDer<'static>,
}

impl Pair {
    /// For these names and addresses, good for a few hundred years.
    pub(crate) fn of(names: &[&str]) -> Self {
        Self::between(names, 1975, 4096)
    }

    /// The same, good from the beginning of one year to that of another.
    pub(crate) fn between(names: &[&str], from: i32, until: i32) -> Self {
        let (certificate, key) = (fresh_path("crt"), fresh_path("key"));
        let mut params = params(names);
        params.not_before = date_time_ymd(from, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        let der = write(&certificate, &key, &params);
        Self { certificate, key, der }
    }

    /// One of an authority, which may vouch for others and not show itself.
    pub(crate) fn of_authority(names: &[&str]) -> Self {
        let mut params = params(names);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let (certificate, key) = (fresh_path("crt"), fresh_path("key"));
        let der = write(&certificate, &key, &params);
        Self { certificate, key, der }
    }

    /// Puts another certificate and key in the place of these, as programs do that renew them.
    pub(crate) fn renew(&mut self, names: &[&str]) {
        self.der = write(&self.certificate, &self.key, &params(names));
    }

    /// The flags that show it.
    pub(crate) fn flags(&self) -> [&str; 4] {
        ["--tls-cert", text(&self.certificate), "--tls-key", text(&self.key)]
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.certificate);
        let _ = fs::remove_file(&self.key);
    }
}

/// Good for a few hundred years, as `rcgen` has it.
fn params(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    CertificateParams::new(names).expect("names")
}

fn write(certificate: &Path, key: &Path, params: &CertificateParams) -> CertificateDer<'static> {
    let pair = KeyPair::generate().expect("a key");
    let made = params.self_signed(&pair).expect("a certificate");
    fs::write(certificate, made.pem()).expect("the scratch directory is writable");
    fs::write(key, pair.serialize_pem()).expect("the scratch directory is writable");
    fs::set_permissions(key, Permissions::from_mode(0o600)).expect("our file");
    made.der().clone()
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("a tree in a path of UTF-8")
}

/// A server on an address that speaks TLS.
pub(crate) fn server(pair: &Pair, flags: &[&str]) -> Server {
    let command = Command::new(env!("CARGO_BIN_EXE_tollway"));
    let flags = [&pair.flags()[..], flags].concat();
    Server::start_at("https://127.0.0.1:0", command, &flags, Stdio::null())
}

/// Runs `body` against a server of one thread, then against one of four.
pub(crate) fn for_threads(flags: &[&str], mut body: impl FnMut(&Server, &Pair)) {
    let pair = Pair::of(&["localhost", "127.0.0.1"]);
    for threads in ["1", "4"] {
        body(&server(&pair, &[&["--threads", threads], flags].concat()), &pair);
    }
}
