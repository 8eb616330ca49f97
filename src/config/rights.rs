//! The flags about rights: tokens, keys, and where they stand.
//!
//! A secret is read as it comes and never shown: not by `Debug`, not by `--help`, not in a
//! complaint. Whether it can be used is found out where files are read as well.
//!
//! Came from: `config`, which has the flags read. Goes to: `shell::secrets`, which reads the files
//! that they name. Absent on purpose: what a token or a key has to look like; `rights` knows.

use std::convert::Infallible;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use clap::Args;

use crate::rights::pattern::TopicPattern;

/// What the operator says about rights, with files still to be read.
#[derive(Debug, Clone, Default)]
pub struct RightsConfig {
    /// `--publish-token`.
    pub publish: Vec<Secret>,
    /// `--subscribe-token`.
    pub subscribe: Vec<Secret>,
    /// `--admin-token`.
    pub admin: Vec<Secret>,
    /// `--jwt-key`.
    pub jwt_keys: Vec<Secret>,
    /// `--jwt-audience`.
    pub jwt_audience: Option<String>,
    /// `--jwt-issuer`.
    pub jwt_issuer: Option<String>,
    /// `--public-topic`.
    pub public: Vec<TopicPattern>,
    /// `--admin-listen` was given.
    pub admin_listens: bool,
}

/// A secret, or `@` and the file that has it.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// The file that has it.
    pub fn file(&self) -> Option<&Path> {
        self.0.strip_prefix('@').map(Path::new)
    }

    /// The secret itself, when it is in no file.
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

impl FromStr for Secret {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Rights")]
pub(super) struct RightsFlags {
    /// A token by which to publish: TOKEN for all topics, PATTERN=TOKEN for some, as in chat.*=…;
    /// @FILE reads one a line; from then on nobody publishes without; repeatable
    #[arg(long, env = "TOLLWAY_PUBLISH_TOKEN", value_name = "[PATTERN=]TOKEN|@FILE")]
    #[arg(value_delimiter = ',')]
    pub(super) publish_token: Vec<Secret>,
    /// A token by which to read, likewise
    #[arg(long, env = "TOLLWAY_SUBSCRIBE_TOKEN", value_name = "[PATTERN=]TOKEN|@FILE")]
    #[arg(value_delimiter = ',')]
    pub(super) subscribe_token: Vec<Secret>,
    /// A token by which to read /metrics, /-/costs and /-/connections; @FILE reads one a line;
    /// repeatable. With any token or key given, nobody reads those without
    #[arg(long, env = "TOLLWAY_ADMIN_TOKEN", value_name = "TOKEN|@FILE", value_delimiter = ',')]
    pub(super) admin_token: Vec<Secret>,
    /// A key by which JWTs are signed: a secret for HS256, or a public key in PEM for EdDSA; @FILE
    /// reads several; from then on nobody publishes or reads without a token; repeatable
    #[arg(long, env = "TOLLWAY_JWT_KEY", value_name = "KEY|@FILE")]
    pub(super) jwt_key: Vec<Secret>,
    /// What this server is called in the aud of a JWT; without it a JWT must have none
    #[arg(long, env = "TOLLWAY_JWT_AUDIENCE", value_name = "NAME")]
    pub(super) jwt_audience: Option<String>,
    /// The iss that a JWT must have; without it any will do, or none
    #[arg(long, env = "TOLLWAY_JWT_ISSUER", value_name = "NAME")]
    pub(super) jwt_issuer: Option<String>,
    /// Topics that everybody may read, whatever else takes a token: a name, in which * stands for
    /// any characters; repeatable
    #[arg(long, env = "TOLLWAY_PUBLIC_TOPIC", value_name = "PATTERN", value_delimiter = ',')]
    pub(super) public_topic: Vec<String>,
}

impl RightsFlags {
    /// Checks what belongs together, and puts it together. `admin_listens`: reports have addresses
    /// of their own.
    pub(super) fn into_config(self, admin_listens: bool) -> Result<RightsConfig, String> {
        let pattern = |text: &String| {
            TopicPattern::parse(text).ok_or_else(|| {
                format!(
                    "--public-topic {text}: names no topic; write a name of A-Z a-z 0-9 _ . ~ -, \
                     with * for any characters"
                )
            })
        };
        let public = self.public_topic.iter().map(pattern).collect::<Result<Vec<_>, _>>()?;
        let (signed, closed) = (!self.jwt_key.is_empty(), !self.subscribe_token.is_empty());
        let alone = [
            ("--public-topic", !public.is_empty() && !signed && !closed, "every topic is public"),
            ("--jwt-audience", self.jwt_audience.is_some() && !signed, "no JWT is taken"),
            ("--jwt-issuer", self.jwt_issuer.is_some() && !signed, "no JWT is taken"),
        ];
        if let Some((flag, _, why)) = alone.iter().find(|(_, alone, _)| *alone) {
            return Err(format!("{flag} has no effect: {why} without --jwt-key; leave it out"));
        }
        Ok(RightsConfig {
            publish: self.publish_token,
            subscribe: self.subscribe_token,
            admin: self.admin_token,
            jwt_keys: self.jwt_key,
            jwt_audience: self.jwt_audience,
            jwt_issuer: self.jwt_issuer,
            public,
            admin_listens,
        })
    }
}
