//! The opening handshake: the verdict agrees with a naive reading of the same fields, the accept
//! key with a SHA-1 written from its standard, and the 101 is read back.
//!
//! Came from: bytes, which become the fields of a request; the first chooses method, version and
//! framing. Goes to: `wire::head`, `wire::handshake`.

use tollway::limits::HEAD_BYTES_MAX;
use tollway::wire::Parsed;
use tollway::wire::extension::agree;
use tollway::wire::handshake::{Accept, HandshakeError, accept_key, judge, response};
use tollway::wire::head::{Framing, HeadDecoder, Version};

use super::readers::{http, json};
use super::{choice, head};

pub fn check(input: &[u8]) {
    let (choices, fields) = choice(input);
    key_agrees(fields);
    let method = ["GET", "POST", "HEAD", "get"][usize::from(choices % 4)];
    let version = ["1.1", "1.0"][usize::from(choices / 4 % 2)];
    let framing = ["", "Content-Length: 0\r\n", "Content-Length: 7\r\n"];
    let framing = framing[usize::from(choices / 8 % 3)];
    let line = format!("{method} /chat HTTP/{version}\r\nHost: a\r\nUpgrade: WebSocket\r\n");
    let bytes = [line.as_bytes(), framing.as_bytes(), fields, b"\r\n\r\n"].concat();
    let decoded = HeadDecoder::default().decode(&bytes, HEAD_BYTES_MAX);
    let Ok(Parsed::Complete { value: head, used }) = decoded else {
        return;
    };
    let offer = head.upgrade.as_ref().expect("`Upgrade` lists it");
    let verdict = judge(head.version, head.framing, offer);
    let fields = head::fields(&bytes[..used]);
    let bodiless = matches!(head.framing, Framing::Empty | Framing::Length(0));
    let new = head.version == Version::Http11;
    // What a quoted comma means in a list of tokens, nobody says.
    if !values(&fields, "connection").join(&b',').contains(&b'"') {
        // The list of extensions is judged last, and has twins of its own.
        let extensions = agree(&offer.extensions).map(|_| ());
        let extensions = extensions.map_err(|_| HandshakeError::ExtensionsMalformed);
        let expected = naive(new, bodiless, &fields).and(extensions);
        assert_eq!(verdict.map(|_| ()), expected);
    }
    assert_eq!(Vec::from_iter(offer.protocols()), naive_protocols(&fields));
    match verdict {
        Ok(accept) => {
            let key = values(&fields, "sec-websocket-key")[0];
            assert_eq!(accept.key, accept_key(key), "as it was spelled");
            let protocol = offer.protocols().next();
            answer_reads_back(&accept, protocol);
        }
        Err(offence) => {
            assert!(matches!(offence.status().code(), 400 | 426), "{offence:?}");
        }
    }
}

fn values<'f>(fields: &'f [(String, Vec<u8>)], name: &str) -> Vec<&'f [u8]> {
    let named = fields.iter().filter(|field| field.0 == name);
    named.map(|(_, value)| value.as_slice()).collect()
}

fn elements(fields: &[(String, Vec<u8>)], name: &str) -> Vec<Vec<u8>> {
    let list = values(fields, name).join(&b',');
    let elements = list.split(|&byte| byte == b',').map(|element| element.trim_ascii().to_vec());
    elements.filter(|element| !element.is_empty()).collect()
}

/// RFC 6455 §4.2.1.
fn naive(new: bool, bodiless: bool, fields: &[(String, Vec<u8>)]) -> Result<(), HandshakeError> {
    let upgrade = elements(fields, "connection").iter().any(|o| o.eq_ignore_ascii_case(b"upgrade"));
    let version = values(fields, "sec-websocket-version");
    let keys = values(fields, "sec-websocket-key");
    let sixteen = |key: &[u8]| {
        let alphabet = |b: &u8| b.is_ascii_alphanumeric() || *b == b'+' || *b == b'/';
        key.len() == 24 && key.ends_with(b"==") && key[..22].iter().all(alphabet)
    };
    if !new {
        Err(HandshakeError::Http10)
    } else if !bodiless {
        Err(HandshakeError::BodyPresent)
    } else if !upgrade {
        Err(HandshakeError::ConnectionMissing)
    } else if version.is_empty() {
        Err(HandshakeError::VersionMissing)
    } else if version != [b"13"] {
        Err(HandshakeError::VersionUnsupported)
    } else if keys.len() > 1 {
        Err(HandshakeError::KeyDouble)
    } else if keys.is_empty() {
        Err(HandshakeError::KeyMissing)
    } else if !sixteen(keys[0]) {
        Err(HandshakeError::KeyMalformed)
    } else if !values(fields, "sec-websocket-extensions").into_iter().all(naive_extensions) {
        Err(HandshakeError::ExtensionsMalformed)
    } else {
        Ok(())
    }
}

/// RFC 6455 §9.1: a list of names, each with parameters, some of which have values.
fn naive_extensions(value: &[u8]) -> bool {
    let token = |text: &[u8]| {
        let part = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b);
        !text.is_empty() && text.iter().all(part)
    };
    let parameter = |text: &[u8]| match text.iter().position(|&byte| byte == b'=') {
        None => token(text),
        Some(at) => {
            let (name, value) = (text[..at].trim_ascii_end(), text[at + 1..].trim_ascii_start());
            let quoted = value.strip_prefix(b"\"").map(|value| value.strip_suffix(b"\""));
            token(name)
                && match quoted {
                    None => token(value),
                    Some(value) => value.and_then(unescaped).is_some_and(|value| token(&value)),
                }
        }
    };
    let mut extensions = outside_quotes(value, b',').into_iter().filter(|text| !text.is_empty());
    extensions.all(|extension| {
        let parts = outside_quotes(extension, b';');
        token(parts[0]) && parts[1..].iter().all(|part| parameter(part))
    })
}

/// What lies between separators that are not in quotes, without the blanks around it.
fn outside_quotes(text: &[u8], separator: u8) -> Vec<&[u8]> {
    let (mut parts, mut from, mut quoted, mut at) = (Vec::new(), 0, false, 0);
    while at < text.len() {
        match text[at] {
            b'\\' if quoted => at += 1,
            b'"' => quoted = !quoted,
            byte if byte == separator && !quoted => {
                parts.push(text[from..at].trim_ascii());
                from = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    parts.push(text[from..].trim_ascii());
    parts
}

fn unescaped(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut bytes = text.iter();
    while let Some(&byte) = bytes.next() {
        out.push(if byte == b'\\' { *bytes.next()? } else { byte });
        // A quote that nothing escapes would have ended the string.
        if byte == b'"' {
            return None;
        }
    }
    Some(out)
}

fn naive_protocols(fields: &[(String, Vec<u8>)]) -> Vec<String> {
    let token = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b);
    let elements = elements(fields, "sec-websocket-protocol").into_iter();
    let tokens = elements.filter(|element| element.iter().all(token));
    tokens.map(|token| String::from_utf8(token).unwrap()).collect()
}

fn answer_reads_back(accept: &Accept, protocol: Option<&str>) {
    let mut out = b"before".to_vec();
    response(accept, protocol, &[("Last-Event-ID", "e-0")], &mut out);
    let head = http::head(out.strip_prefix(b"before").unwrap()).expect("a whole head");
    assert_eq!(head.used, out.len() - 6);
    assert_eq!((head.status, head.field("Upgrade")), (101, Some("websocket")));
    assert_eq!(head.field("Connection"), Some("Upgrade"));
    assert_eq!(head.field("Sec-WebSocket-Accept").map(str::as_bytes), Some(&accept.key[..]));
    assert_eq!(head.field("Sec-WebSocket-Protocol"), protocol);
    assert_eq!(head.field("Last-Event-ID"), Some("e-0"));
}

fn key_agrees(key: &[u8]) {
    let text = [key, b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"].concat();
    assert_eq!(accept_key(key), *json::to_base64(&sha1(&text)).as_bytes());
}

/// FIPS 180-4 §6.1.2, word by word.
fn sha1(text: &[u8]) -> Vec<u8> {
    let mut padded = text.to_vec();
    padded.push(0x80);
    while padded.len() % 64 != 56 {
        padded.push(0);
    }
    padded.extend_from_slice(&(text.len() as u64 * 8).to_be_bytes());
    let mut h: [u32; 5] = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0];
    for block in padded.chunks(64) {
        let mut w: Vec<u32> = block
            .chunks(4)
            .map(|word| word.iter().fold(0, |w, &byte| w << 8 | u32::from(byte)))
            .collect();
        for t in 16..80 {
            w.push((w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16]).rotate_left(1));
        }
        let [mut a, mut b, mut c, mut d, mut e] = h;
        for (t, &word) in w.iter().enumerate() {
            let (f, k) = match t {
                0..20 => ((b & c) ^ (!b & d), 0x5A82_7999),
                20..40 => (b ^ c ^ d, 0x6ED9_EBA1),
                40..60 => ((b & c) ^ (b & d) ^ (c & d), 0x8F1B_BCDC),
                _ => (b ^ c ^ d, 0xCA62_C1D6),
            };
            let sum = a.rotate_left(5).wrapping_add(f).wrapping_add(e).wrapping_add(k);
            (e, d, c, b, a) = (d, c, b.rotate_left(30), a, sum.wrapping_add(word));
        }
        for (h, x) in h.iter_mut().zip([a, b, c, d, e]) {
            *h = h.wrapping_add(x);
        }
    }
    h.iter().flat_map(|word| word.to_be_bytes()).collect()
}

pub fn seeds() -> Vec<Vec<u8>> {
    let good = "Connection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
    let more = "\r\nSec-WebSocket-Protocol: a, b\r\nSec-WebSocket-Protocol: tollway.v1,, c d\r\n\
                Sec-WebSocket-Extensions: permessage-deflate";
    let mut seeds: Vec<Vec<u8>> = (0..24).map(|n| [&[n], good.as_bytes()].concat()).collect();
    for fields in [
        format!("{good}{more}"),
        good.replace("13", "8"),
        good.replace("Q==", "Q="),
        good.replace("Upgrade", "close"),
        good.replace("Connection", "X"),
        good.replace("Sec-WebSocket-Key", "Sec-WebSocket-Kex"),
        good.replace("Sec-WebSocket-Version", "X"),
        format!("{good}\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
        format!("{good}\r\nSec-WebSocket-Version: 13"),
        format!("{good}\r\nSec-WebSocket-Extensions: a; b=\"1\\2\" , ,c;d = e"),
        format!("{good}\r\nSec-WebSocket-Extensions: a b"),
    ] {
        seeds.push([&[0], fields.as_bytes()].concat());
    }
    seeds
}
