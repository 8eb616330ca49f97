//! The flags about TLS: certificates and their keys.
//!
//! Came from: `config`, which has them read. Goes to: `shell::tls`, which reads the files. Absent
//! on purpose: which address speaks TLS; `--listen https://…` says that.

use std::path::PathBuf;

use clap::Args;

use super::spelling::Listen;

#[derive(Debug, Args)]
#[command(next_help_heading = "TLS")]
pub(super) struct TlsFlags {
    /// A certificate for --listen https://…, in PEM, followed by its intermediates; repeatable: the
    /// one that is for the name that a client asks for, or else the first, is shown
    #[arg(long, env = "TOLLWAY_TLS_CERT", value_name = "FILE", value_delimiter = ',')]
    pub(super) tls_cert: Vec<PathBuf>,
    /// The key of that certificate, in PEM; as many, in the same order
    #[arg(long, env = "TOLLWAY_TLS_KEY", value_name = "FILE", value_delimiter = ',')]
    pub(super) tls_key: Vec<PathBuf>,
}

/// A certificate and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsPair {
    /// `--tls-cert`.
    pub certificate: PathBuf,
    /// `--tls-key`.
    pub key: PathBuf,
}

impl TlsFlags {
    pub(super) fn into_config(
        self,
        listen: &[Listen],
        admin_listen: &[Listen],
    ) -> Result<Vec<TlsPair>, String> {
        let Self { tls_cert, tls_key } = self;
        if tls_cert.len() != tls_key.len() {
            let (certificates, keys) = (tls_cert.len(), tls_key.len());
            return Err(format!(
                "--tls-cert is there {certificates} times and --tls-key {keys} times; give a key \
                 for each certificate, in the same order"
            ));
        }
        let speaks = listen.iter().chain(admin_listen).find(|listen| listen.tls);
        match (speaks, tls_cert.is_empty()) {
            (Some(listen), true) => Err(format!(
                "--listen {} speaks TLS and has no certificate; give --tls-cert and --tls-key",
                listen.text
            )),
            (None, false) => Err(format!(
                "--tls-cert {} is for no address; give --listen https://HOST:PORT",
                tls_cert[0].display()
            )),
            _ => {
                let pairs = tls_cert.into_iter().zip(tls_key);
                Ok(pairs.map(|(certificate, key)| TlsPair { certificate, key }).collect())
            }
        }
    }
}
