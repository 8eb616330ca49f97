//! Renewal: files of certificates and keys are looked at again, and what has changed is served.
//!
//! Programs that renew certificates write two files, one after the other. So a change is read when
//! the files have been the same for two looks; what cannot be used then is told in the log, and
//! what was served before is served on. Connections keep what they began with.
//!
//! What could not be used is read again at each look: that we may read a file now, or may enter a
//! folder above it, does not show in what is looked at. It is told again when the words for it, or
//! the files, have changed.
//!
//! A thread of its own looks, since a disk may let it wait. Its two `stat` calls a second for each
//! pair are nothing beside one handshake.
//!
//! Came from: `settings`. Goes to: `certificates`. Absent on purpose: a signal. Who renews need not
//! know who serves.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use rustls::crypto::CryptoProvider;

use super::certificates::{self, Certificates};
use crate::config::TlsPair;
use crate::limits::TLS_LOOK_MS;
use crate::shell::clock::Wall;

/// What tells one state of a file from another: file system, number, size, moment of its change.
/// `None`: it cannot be seen.
type FileState = Option<[u64; 5]>;

/// Both files of each pair, as they are now.
pub fn look(pairs: &[TlsPair]) -> Vec<[FileState; 2]> {
    pairs.iter().map(|pair| [&pair.certificate, &pair.key].map(|file| seen(file))).collect()
}

fn seen(file: &Path) -> FileState {
    let about = fs::metadata(file).ok()?;
    let [seconds, nanoseconds] = [about.mtime(), about.mtime_nsec()].map(i64::cast_unsigned);
    Some([about.dev(), about.ino(), about.size(), seconds, nanoseconds])
}

/// Looks until the certificates are served no more.
pub fn watch(
    pairs: Vec<TlsPair>,
    seen: Vec<[FileState; 2]>,
    certificates: &Arc<Certificates>,
    provider: Arc<CryptoProvider>,
) {
    let certificates = Arc::downgrade(certificates);
    let failed = vec![None; pairs.len()];
    let mut watch = Renewal { pairs, read: seen.clone(), last: seen, failed };
    let body = move || {
        loop {
            thread::sleep(Duration::from_millis(TLS_LOOK_MS));
            if !watch.step(&certificates, &provider) {
                return;
            }
        }
    };
    let thread = thread::Builder::new().name("certificates".to_owned()).spawn(body);
    if let Err(error) = thread {
        log::warn!("certificates that are renewed are not noticed: {error}");
    }
}

/// What is known of the files.
struct Renewal {
    pairs: Vec<TlsPair>,
    /// As they were when they were last read.
    read: Vec<[FileState; 2]>,
    /// As they were at the last look.
    last: Vec<[FileState; 2]>,
    /// Why what was read last is not served.
    failed: Vec<Option<String>>,
}

impl Renewal {
    /// One look. `false`: nobody serves the certificates any more.
    fn step(&mut self, certificates: &Weak<Certificates>, provider: &CryptoProvider) -> bool {
        let Some(certificates) = certificates.upgrade() else {
            return false;
        };
        let now = look(&self.pairs);
        for (index, pair) in self.pairs.iter().enumerate() {
            let has_changed = now[index] != self.read[index];
            let failed = &mut self.failed[index];
            if now[index] != self.last[index] || !(has_changed || failed.is_some()) {
                continue;
            }
            self.read[index] = now[index];
            match certificates::load(pair, provider, Wall::look().unix_s) {
                Ok(loaded) => {
                    loaded.warnings.iter().for_each(|line| log::warn!("{line}"));
                    certificates.renew(index, loaded.pair);
                    log::info!("--tls-cert {}: renewed", pair.certificate.display());
                    *failed = None;
                }
                Err(line) if !has_changed && failed.as_ref() == Some(&line) => {}
                Err(line) => {
                    log::error!("{line}; the one before is still served");
                    *failed = Some(line);
                }
            }
        }
        self.last = now;
        true
    }
}
