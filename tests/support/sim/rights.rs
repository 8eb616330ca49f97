//! Guests of a server that asks for rights: what they show, and requests that must be denied.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tollway::rights::secrets::{jwt_keys, token_of_topics};
use tollway::rights::{Rights, Secrets};

use super::line::{Deeds, Kind, Line};
use super::stage::Stage;

const BOTH: &str = "token-of-a-good-guest";
const READER: &str = "token-of-a-mere-reader";
const SECRET: &str = "the-secret-of-all-simulations-32-b";

/// The rights of a world whose seed asks for some: every third.
pub fn of(seed: u64) -> Option<Arc<Rights>> {
    if seed % 3 != 2 {
        return None;
    }
    let mut secrets = Secrets::default();
    let token = |text| token_of_topics(text).expect("a token");
    secrets.publish.push(token(BOTH));
    secrets.subscribe.extend([token(BOTH), token(READER)]);
    secrets.jwt.keys = jwt_keys(SECRET).expect("a key");
    Rights::of(secrets, [5; 32]).map(Arc::new)
}

/// A JWT for everything, up to that second.
fn jwt(until_s: u64) -> String {
    let claims = format!(r#"{{"exp":{until_s},"tollway":{{"publish":["*"],"subscribe":["*"]}}}}"#);
    let signed = [r#"{"alg":"HS256"}"#, &claims].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
    let mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("any length");
    let mac = mac.chain_update(&signed).finalize().into_bytes();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac))
}

/// The field that a good guest sends.
pub fn field(stage: &Stage) -> String {
    match stage.script.rights {
        true => format!("Authorization: Bearer {BOTH}\r\n"),
        false => String::new(),
    }
}

/// What a token of limited time was shown with.
#[derive(Clone, Copy, Debug)]
pub struct GoodUntil {
    /// When the request was made, by the clock that only goes on.
    asked_at: u64,
    /// The token's `exp`, by the wall.
    until_s: u64,
}

impl Deeds {
    /// Whether the token's time may be over at `at`. The server takes it off the wall when it reads
    /// the request, whatever the wall says then, and waits for what is left of it, from the next
    /// second on, by the clock that only goes on.
    pub fn token_is_over(&self, stage: &Stage, at: u64) -> bool {
        let Some(GoodUntil { asked_at, until_s }) = self.good_until else {
            return false;
        };
        stage.world.walls_since(asked_at).iter().any(|&(seen_at, wall_s)| {
            let next_s = (seen_at.0 / 1000 + 1) * 1000;
            let left_s = until_s.checked_sub(wall_s + 1);
            left_s.map_or(asked_at, |left_s| next_s + left_s * 1000) <= at
        })
    }
}

impl Line {
    /// The field of a reader that stays; its token may be good for some time only.
    pub fn field_of_a_stream(&mut self, stage: &mut Stage) -> String {
        if !stage.script.rights || !stage.dice.one_in(3) {
            return field(stage);
        }
        let left_s = stage.dice.wide(1, 100);
        let until_s = stage.world.wall_s() + left_s;
        self.deeds.good_until = Some(GoodUntil { asked_at: stage.world.now.0, until_s });
        format!("Authorization: Bearer {}\r\n", jwt(until_s))
    }

    /// A request that must be denied, and leave no trace.
    pub fn ask_without_right(&mut self, stage: &mut Stage) {
        let body = "nobody may hear this";
        let length = body.len();
        let (line, field, status) = match stage.dice.below(7) {
            0 => ("GET /a", String::new(), 401),
            1 => ("GET /a/sse", "Authorization: Bearer some-other-token\r\n".into(), 401),
            2 => ("GET /a/poll?wait=9", "Cookie: tollway_token=x\r\n".into(), 401),
            3 => ("GET /a?token=x", field(stage), 400),
            4 => ("GET /-/connections", field(stage), 403),
            5 => {
                let old = jwt(0);
                ("GET /a", format!("Authorization: Bearer {old}\r\n"), 401)
            }
            _ => {
                let field =
                    format!("Authorization: Bearer {READER}\r\nContent-Length: {length}\r\n");
                ("POST /a", field, 403)
            }
        };
        let posts = line.starts_with("POST");
        self.compose(format!("{line} HTTP/1.1\r\nHost: sim\r\n{field}\r\n").as_bytes());
        if posts {
            self.compose(body.as_bytes());
        }
        stage.see("denied");
        self.expect(stage, Kind::Plain(status), false);
    }
}
