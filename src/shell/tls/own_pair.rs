//! A certificate and its key that this program makes for servers of its own, and for nobody else.
//!
//! Both are in one file that has no name any more when they are written to it: a server gets it as
//! its standard input. Nobody else can open it, and nothing is left of it, however this program
//! ends.
//!
//! Came from: `compare`, once for all of its servers. Goes to: each of them. Absent on purpose: a
//! way to keep it. Who has to be believed by others has an authority.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::process::Stdio;
use std::{env, process};

use rcgen::{CertificateParams, KeyPair};

use crate::shell::sys;

/// A certificate that vouches for itself, of an ECDSA key on P-256, for the addresses of loopback.
#[derive(Debug)]
pub struct OwnPair {
    /// In PEM: what clients are to trust.
    pub certificate: String,
    /// That, and the key.
    file: File,
}

impl OwnPair {
    /// Draws a key. An error is a line for people.
    pub fn make() -> Result<Self, String> {
        let failed = |error: rcgen::Error| format!("no certificate can be made: {error}");
        let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
        let params = CertificateParams::new(names).map_err(failed)?;
        let key = KeyPair::generate().map_err(failed)?;
        let certificate = params.self_signed(&key).map_err(failed)?.pem();
        let text = format!("{certificate}{}", key.serialize_pem());
        let file = nameless(text.as_bytes()).map_err(|error| {
            let folder = env::temp_dir();
            format!("{}: {error}; name another folder by TMPDIR", folder.display())
        })?;
        Ok(Self { certificate, file })
    }

    /// Where tests of this process find both.
    #[cfg(test)]
    pub(super) fn path_of_tests(&self) -> std::path::PathBuf {
        use std::os::fd::AsRawFd;
        format!("/proc/self/fd/{}", self.file.as_raw_fd()).into()
    }

    /// Standard input for a server that is told to read both at [`AT`].
    pub fn as_input(&self) -> io::Result<Stdio> {
        self.file.try_clone().map(Stdio::from)
    }
}

/// Where a process finds what it has as its standard input. Opened by this name, a file is read
/// from its beginning by each who opens it: proc(5).
pub const AT: &str = "/proc/self/fd/0";

/// A file with these bytes that only its descriptor leads to.
fn nameless(bytes: &[u8]) -> io::Result<File> {
    let name = format!("tollway-{}-{:016x}", process::id(), sys::random_bits()?);
    let path = env::temp_dir().join(name);
    let mut options = OpenOptions::new();
    // Made by us, or not at all; and for nobody else as long as it has a name.
    let mut file = options.read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    fs::remove_file(&path)?;
    file.write_all(bytes)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;

    use super::*;

    #[test]
    fn the_file_has_no_name_and_is_read_from_its_beginning_by_each() {
        let pair = OwnPair::make().expect("a certificate");
        let about = pair.file.metadata().expect("our file");
        assert_eq!((about.nlink(), about.mode() & 0o777), (0, 0o600));
        let certificates = CertificateDer::pem_slice_iter(pair.certificate.as_bytes());
        let lengths: Vec<usize> = certificates.map(|one| one.expect("PEM").len()).collect();
        assert!(matches!(lengths[..], [350..450]), "{lengths:?}: as `compare` says");
        let path = pair.path_of_tests();
        for _ in 0..2 {
            let text = fs::read_to_string(&path).expect("it is text");
            assert!(text.starts_with(&pair.certificate) && text.contains("PRIVATE KEY"));
        }
    }
}
