//! The opening handshake of WebSocket, the server's half. RFC 6455 §4.2.
//!
//! Came from: `wire::head`, which fills an [`OpeningHandshake`] when a request asks to upgrade to
//! `websocket`. Goes to: `technique::websocket`, with the accept key; or to the client, as an error
//! status. Absent on purpose: `Origin`, which subprotocol is spoken, and whether messages are
//! compressed: those are policy. What could be agreed on about compression is `wire::extension`'s
//! to say.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

use super::extension::{self, Agreement};
use super::head::{Framing, OpeningHandshake, Version};
use super::offences::offences;
use super::refuse_if;

/// A handshake that can be answered with 101.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accept {
    /// The value of `Sec-WebSocket-Accept`, ASCII.
    pub key: [u8; ACCEPT_KEY_BYTES],
    /// permessage-deflate, on these terms. Whoever does not compress takes it out.
    pub deflate: Option<Agreement>,
}

/// Judges what a GET request asks by §4.2.1, in that section's order: the request line first, then
/// the key, and what was offered beside it last. With any other method nobody judges it: an upgrade
/// is obeyed on GET alone (§4.1), and a server may ignore it (RFC 9110 §7.8).
pub fn judge(
    version: Version,
    framing: Framing,
    handshake: &OpeningHandshake<'_>,
) -> Result<Accept, HandshakeError> {
    refuse_if(matches!(version, Version::Http10), HandshakeError::Http10)?;
    // The RFC has no rule about a body. We refuse one because the bytes after the head are frames:
    // to read them as anything else would leave in doubt where the first frame begins.
    let bodiless = matches!(framing, Framing::Empty | Framing::Length(0));
    refuse_if(!bodiless, HandshakeError::BodyPresent)?;
    refuse_if(!handshake.connection_upgrade, HandshakeError::ConnectionMissing)?;

    // The version goes before the key: what a key is, is for a version to say.
    let version = handshake.version.ok_or(HandshakeError::VersionMissing)?;
    refuse_if(version.trim_ascii() != VERSION, HandshakeError::VersionUnsupported)?;

    refuse_if(handshake.key_double, HandshakeError::KeyDouble)?;
    let key = handshake.key.ok_or(HandshakeError::KeyMissing)?.trim_ascii();
    refuse_if(!is_base64_of_16_bytes(key), HandshakeError::KeyMalformed)?;
    let deflate = extension::agree(&handshake.extensions);
    Ok(Accept {
        key: accept_key(key),
        deflate: deflate.map_err(|_| HandshakeError::ExtensionsMalformed)?,
    })
}

/// `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key` (§4.2.2, point 5.4). The key goes in as it was
/// spelled, not decoded.
pub fn accept_key(key: &[u8]) -> [u8; ACCEPT_KEY_BYTES] {
    let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    let mut text = [0; ACCEPT_KEY_BYTES];
    STANDARD
        .encode_slice(digest, &mut text)
        .expect("20 bytes of SHA-1 are 28 characters of base64");
    text
}

/// Appends the head of the 101 answer. `protocol` is one that the client offered; without it the
/// field is left out, which says that none was agreed on. `extra` fields are our own text, and hold
/// no line breaks.
pub fn response(
    accept: &Accept,
    protocol: Option<&str>,
    extra: &[(&str, &str)],
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(
        b"HTTP/1.1 101 Switching Protocols\r\n\
          Upgrade: websocket\r\n\
          Connection: Upgrade\r\n\
          Sec-WebSocket-Accept: ",
    );
    out.extend_from_slice(&accept.key);
    out.extend_from_slice(b"\r\n");
    let protocol = protocol.map(|protocol| ("Sec-WebSocket-Protocol", protocol));
    let terms = accept.deflate.map(|terms| terms.to_string());
    let terms = terms.as_deref();
    let terms = terms.map(|terms| ("Sec-WebSocket-Extensions", terms));
    for (name, value) in protocol.iter().chain(&terms).chain(extra) {
        let breaks = |text: &str| text.contains(['\r', '\n', '\0']);
        debug_assert!(!breaks(name) && !breaks(value), "{name}: {value:?}");
        for part in [name, ": ", value, "\r\n"] {
            out.extend_from_slice(part.as_bytes());
        }
    }
    out.extend_from_slice(b"\r\n");
}

offences! {
    /// Why a request to upgrade is refused, in the order in which [`judge`] looks. A client that
    /// tells no version gets 426 as one that tells a wrong one does: `Sec-WebSocket-Version: 13` in
    /// the answer, beside `Upgrade: websocket` (§4.4), is the remedy for both.
    pub enum HandshakeError {
        Http10 = BadRequest, "http10",
            "HTTP/1.0 cannot upgrade; send the request as HTTP/1.1.";
        BodyPresent = BadRequest, "body_present",
            "An upgrade to websocket has no body; leave out Content-Length and Transfer-Encoding.";
        ConnectionMissing = BadRequest, "connection_missing",
            "Upgrade came without Connection: Upgrade; send both, and let no proxy drop one.";
        VersionMissing = UpgradeRequired, "version_missing",
            "Sec-WebSocket-Version is missing; send Sec-WebSocket-Version: 13.";
        VersionUnsupported = UpgradeRequired, "version_unsupported",
            "This version of WebSocket is not spoken here; send Sec-WebSocket-Version: 13.";
        KeyDouble = BadRequest, "key_double",
            "Sec-WebSocket-Key came more than once; send it once.";
        KeyMissing = BadRequest, "key_missing",
            "Sec-WebSocket-Key is missing; send 16 random bytes in base64 under that name.";
        KeyMalformed = BadRequest, "key_malformed",
            "Sec-WebSocket-Key must be 16 bytes in base64: 24 characters.";
        ExtensionsMalformed = BadRequest, "extensions_malformed",
            "Sec-WebSocket-Extensions is no list of `name; parameter=value`; mend it, or leave it \
             out.";
    }
}

/// Whether `key` spells 16 bytes: 22 characters of the alphabet and two of padding. The bytes
/// themselves mean nothing, so they are not decoded; and clients that draw 22 random characters
/// leave bits in the last one that a strict decoder would refuse for no gain.
fn is_base64_of_16_bytes(key: &[u8]) -> bool {
    let in_alphabet = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let text = key.strip_suffix(b"==");
    text.is_some_and(|text| text.len() == 22 && text.iter().all(in_alphabet))
}

/// The one version that ever became a standard.
const VERSION: &[u8] = b"13";
/// What marks the digest as a WebSocket server's (§1.3): no other protocol hashes with it.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// 20 bytes of SHA-1, in base64.
const ACCEPT_KEY_BYTES: usize = 28;

#[cfg(test)]
mod tests;
