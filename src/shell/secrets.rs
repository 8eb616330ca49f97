//! The operator's secrets: read from the files that they are in, once, when the server starts.
//!
//! A file is read and let go of: a token that is taken out of it is good until the server is
//! started anew. What is said of a secret that cannot be used names its flag, its file and its
//! line, and never the secret.
//!
//! Came from: `mod`, with the flags about rights. Goes to: the same, as [`Rights`] for all threads.
//! Absent on purpose: what a token or a key has to look like; `rights::secrets` knows.

use std::sync::Arc;
use std::{fs, io};

use super::sys;
use crate::config::{RightsConfig, Secret};
use crate::rights::jwt::JwtRules;
use crate::rights::secrets::{SecretFault, jwt_keys, token, token_of_topics};
use crate::rights::{Rights, Secrets};

/// Why there are no rights.
#[derive(Debug)]
pub enum SecretError {
    /// A secret cannot be read or used: the line that says so.
    Unusable(String),
    /// The system has no random bits.
    System(io::Error),
}

/// The rights that follow from the flags. `None`: everybody may do everything.
pub fn rights(config: &RightsConfig) -> Result<Option<Arc<Rights>>, SecretError> {
    let secrets = read(config).map_err(SecretError::Unusable)?;
    let mut key = [0; 32];
    for word in key.as_chunks_mut::<8>().0 {
        *word = sys::random_bits().map_err(SecretError::System)?.to_ne_bytes();
    }
    Ok(Rights::of(secrets, key).map(Arc::new))
}

fn read(config: &RightsConfig) -> Result<Secrets, String> {
    let mut keys = Vec::new();
    for (n, secret) in (1..).zip(&config.jwt_keys) {
        let (place, text) = whole("--jwt-key", n, secret)?;
        keys.extend(jwt_keys(&text).map_err(|fault| format!("{place} {fault}"))?);
    }
    Ok(Secrets {
        publish: lines("--publish-token", &config.publish, token_of_topics)?,
        subscribe: lines("--subscribe-token", &config.subscribe, token_of_topics)?,
        admin: lines("--admin-token", &config.admin, token)?,
        jwt: JwtRules {
            keys,
            audience: config.jwt_audience.clone(),
            issuer: config.jwt_issuer.clone(),
        },
        public: config.public.clone(),
        admin_listens: config.admin_listens,
    })
}

/// The token that a client of ours shows, from the flag or from the only line of the file that this
/// names.
pub fn token_to_show(flag: &str, secret: &Secret) -> Result<String, String> {
    let any = |text: &str| Ok(text.to_owned());
    let mut read = lines(flag, std::slice::from_ref(secret), any)?;
    let token = read.pop().unwrap_or_default();
    if !read.is_empty() {
        let file = secret.file().unwrap_or_else(|| "".as_ref()).display();
        return Err(format!("{flag}: {file}: has more than one token; name a file that has one"));
    }
    // The value is nobody's business, not even when it is wrong.
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(format!(
            "{flag} takes visible ASCII without spaces; give it as it was issued, or @FILE"
        ));
    }
    Ok(token)
}

/// Reads each secret of one flag, and each line of each file that one names.
fn lines<S>(
    flag: &str,
    given: &[Secret],
    parse: impl Fn(&str) -> Result<S, SecretFault>,
) -> Result<Vec<S>, String> {
    let mut read = Vec::new();
    for (n, secret) in (1..).zip(given) {
        let (place, text) = whole(flag, n, secret)?;
        if secret.file().is_none() {
            read.push(parse(&text).map_err(|fault| format!("{place} {fault}"))?);
            continue;
        }
        let before = read.len();
        for (n, line) in (1..).zip(text.lines().map(str::trim)) {
            if !line.is_empty() && !line.starts_with('#') {
                let fault = |fault| format!("{place} line {n} {fault}");
                read.push(parse(line).map_err(fault)?);
            }
        }
        if read.len() == before {
            return Err(format!("{place} no line has a token; write one, or leave the flag out"));
        }
    }
    Ok(read)
}

/// Where a secret stands, and all that stands there.
fn whole(flag: &str, n: usize, secret: &Secret) -> Result<(String, String), String> {
    let Some(file) = secret.file() else {
        return Ok((format!("{flag}: value {n}"), secret.text().to_owned()));
    };
    let place = format!("{flag}: {}:", file.display());
    match fs::read_to_string(file) {
        Ok(text) => Ok((place, text)),
        Err(error) => Err(format!("{place} {error}; name a file of text that we may read")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        text.parse().expect("any text")
    }

    fn complaint(config: &RightsConfig) -> String {
        read(config).expect_err("it cannot be used")
    }

    #[test]
    fn what_cannot_be_used_is_named_by_its_place_and_not_shown() {
        let publish = vec![secret("a-token-of-16-or-more"), secret("hush")];
        let mut config = RightsConfig { publish, ..RightsConfig::default() };
        let text = complaint(&config);
        assert!(text.starts_with("--publish-token: value 2 is shorter than 16"), "{text}");
        assert!(!text.contains("hush"), "{text}");
        config.publish = vec![secret("@/nowhere/tokens")];
        let text = complaint(&config);
        assert!(text.starts_with("--publish-token: /nowhere/tokens: "), "{text}");
        config.publish = Vec::new();
        config.jwt_keys = vec![secret("hush")];
        let text = complaint(&config);
        assert!(text.starts_with("--jwt-key: value 1 is shorter than 32"), "{text}");
    }

    #[test]
    fn a_file_has_a_secret_in_each_line() {
        let name = format!("tollway-tokens-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let at = |text: &str| {
            fs::write(&path, text).expect("a folder for what is temporary");
            let admin = vec![secret(&format!("@{}", path.display()))];
            read(&RightsConfig { admin, ..RightsConfig::default() })
        };
        let good = at("# of the operators\na-token-of-16-or-more\n\n  another-token-of-16 \r\n");
        assert_eq!(good.expect("two tokens").admin.len(), 2);
        let wrong = at("a-token-of-16-or-more\nhush hush\n").expect_err("no token");
        assert!(wrong.ends_with(NO_TOKEN_END) && wrong.contains(": line 2 is no token"), "{wrong}");
        assert!(!wrong.contains("hush"), "{wrong}");
        assert!(at("# none\n").expect_err("none").contains("no line has a token"));
        fs::remove_file(&path).expect("it was written");
    }

    #[test]
    fn a_token_to_be_shown_is_one_and_is_not_told_when_it_is_wrong() {
        let show = |text: &str| token_to_show("--token", &secret(text));
        assert_eq!(show("s3cret").as_deref(), Ok("s3cret"));
        for wrong in ["", "s3cret s3cret", "s3cret\r\nX: y", "s3crüt"] {
            let said = show(wrong).expect_err(wrong);
            assert!(said.starts_with("--token takes visible ASCII"), "{said}");
            assert!(!said.contains("s3cr"), "{said}");
        }
        let path = std::env::temp_dir().join(format!("tollway-token-{}", std::process::id()));
        let at = |text: &str| {
            fs::write(&path, text).expect("a folder for what is temporary");
            show(&format!("@{}", path.display()))
        };
        assert_eq!(at("# mine\n s3cret\n").as_deref(), Ok("s3cret"));
        let several = at("s3cret\ns3cret-too\n").expect_err("two");
        assert!(several.ends_with("has more than one token; name a file that has one"));
        assert!(at("\n").expect_err("none").contains("no line has a token"));
        fs::remove_file(&path).expect("it was written");
        assert!(
            show("@/nowhere/token").expect_err("none").starts_with("--token: /nowhere/token: ")
        );
    }

    const NO_TOKEN_END: &str = "and nothing else";
}
