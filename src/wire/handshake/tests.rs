//! Facts about the opening handshake.
//!
//! Came from: RFC 6455 §1.3 and §4.2. Goes to: `cargo test`.

use super::HandshakeError as E;
use super::*;

const KEY: &[u8] = b"dGhlIHNhbXBsZSBub25jZQ==";

fn opening() -> OpeningHandshake<'static> {
    OpeningHandshake {
        connection_upgrade: true,
        key: Some(KEY),
        version: Some(b"13"),
        ..OpeningHandshake::default()
    }
}

fn judged(opening: &OpeningHandshake<'_>) -> Result<Accept, E> {
    judge(Version::Http11, Framing::Empty, opening)
}

fn with_key(key: &[u8]) -> Result<Accept, E> {
    judged(&OpeningHandshake { key: Some(key), ..opening() })
}

fn with_version(version: Option<&[u8]>) -> Result<Accept, E> {
    judged(&OpeningHandshake { version, ..opening() })
}

#[test]
fn the_sample_of_the_rfc_is_accepted_with_its_key() {
    let accept = judged(&opening()).expect("§1.3 is a good handshake");
    assert_eq!(&accept.key, b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

#[test]
fn every_offence_is_named_and_has_its_status() {
    let (new, none) = (Version::Http11, Framing::Empty);
    let keyless = OpeningHandshake { key: None, ..opening() };
    let double = OpeningHandshake { key_double: true, ..opening() };
    let hidden = OpeningHandshake { connection_upgrade: false, ..opening() };
    let listless =
        OpeningHandshake { extensions: vec![b"permessage-deflate", b"a b"], ..opening() };
    let cases = [
        (judge(Version::Http10, none, &opening()), E::Http10, 400),
        (judge(new, Framing::Length(1), &opening()), E::BodyPresent, 400),
        (judge(new, Framing::Chunked, &opening()), E::BodyPresent, 400),
        (judged(&hidden), E::ConnectionMissing, 400),
        (with_version(None), E::VersionMissing, 426),
        (with_version(Some(b"8")), E::VersionUnsupported, 426),
        (with_version(Some(b"013")), E::VersionUnsupported, 426),
        (with_version(Some(b"13, 8")), E::VersionUnsupported, 426),
        (with_version(Some(b"")), E::VersionUnsupported, 426),
        (judged(&double), E::KeyDouble, 400),
        (judged(&keyless), E::KeyMissing, 400),
        (with_key(b""), E::KeyMalformed, 400),
        (with_key(b"SGVsbG8sIHdvcmxkIQ=="), E::KeyMalformed, 400), // 13 bytes
        (with_key(b"dGhlIHNhbXBsZSBub25jZQ"), E::KeyMalformed, 400), // no padding
        (with_key(b"dGhlIHNhbXBsZSBub25jZ==="), E::KeyMalformed, 400),
        (with_key(b"dGhlIHNhbXBsZSBub25jZSE="), E::KeyMalformed, 400), // 17 bytes
        (with_key(b"dGhlIHNhbXBs_SBub25jZQ=="), E::KeyMalformed, 400), // other alphabet
        (with_key(b"dGhlIHNhbXBsZSBub25jZQ==, x"), E::KeyMalformed, 400),
        (judged(&listless), E::ExtensionsMalformed, 400),
    ];
    for (verdict, error, status) in cases {
        assert_eq!(verdict, Err(error));
        assert_eq!(error.status().code(), status, "{error:?}");
    }
    for error in E::ALL {
        let produced = |case: &(_, E, u16)| case.1 == *error;
        assert!(cases.iter().any(produced), "{error:?} is produced by no case");
    }
}

#[test]
fn what_real_clients_send_is_accepted() {
    assert!(judge(Version::Http11, Framing::Length(0), &opening()).is_ok());
    assert!(with_version(Some(b" 13\t")).is_ok());
    // 22 random characters: bits are left over in the last one.
    assert!(with_key(b"AAAAAAAAAAAAAAAAAAAAAB==").is_ok());
    // Blanks around the value are not part of the key.
    assert_eq!(with_key(b" dGhlIHNhbXBsZSBub25jZQ== "), judged(&opening()));
}

#[test]
fn codes_are_the_variants_and_details_are_sentences() {
    for error in E::ALL {
        let mut snake = String::new();
        for (at, char) in format!("{error:?}").char_indices() {
            if at > 0 && char.is_ascii_uppercase() {
                snake.push('_');
            }
            snake.push(char.to_ascii_lowercase());
        }
        assert_eq!(error.code(), snake);
        assert!(error.detail().ends_with('.') && !error.detail().contains("  "));
    }
}

#[test]
fn subprotocols_are_one_list_however_many_fields_carry_it() {
    let cases: &[(&[&[u8]], &[&str])] = &[
        (&[], &[]),
        (&[b""], &[]),
        (&[b"tollway.v1"], &["tollway.v1"]),
        (&[b"chat, tollway.v1"], &["chat", "tollway.v1"]),
        (&[b"a,\tb ,,", b" c"], &["a", "b", "c"]),
        (&[b"two words, ok, \xFF, q\"uoted, (x)"], &["ok"]),
    ];
    for &(values, expected) in cases {
        let opening =
            OpeningHandshake { protocols: values.to_vec(), ..OpeningHandshake::default() };
        assert_eq!(opening.protocols().collect::<Vec<_>>(), expected, "{values:?}");
    }
}

#[test]
fn the_answer_has_what_was_agreed_on_and_no_more() {
    let accept = judged(&opening()).expect("a good handshake");
    let bare = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
    let cases: [(_, &[(&str, &str)], _); 3] = [
        (None, &[], ""),
        (Some("tollway.v1"), &[], "Sec-WebSocket-Protocol: tollway.v1\r\n"),
        (
            Some("x"),
            &[("Server", "tollway"), ("A", "b")],
            "Sec-WebSocket-Protocol: x\r\nServer: tollway\r\nA: b\r\n",
        ),
    ];
    for (protocol, extra, fields) in cases {
        let mut out = b"before".to_vec();
        response(&accept, protocol, extra, &mut out);
        let text = String::from_utf8(out).expect("ASCII");
        assert_eq!(text, format!("before{bare}{fields}\r\n"));
    }

    let accept = judged(&OpeningHandshake {
        extensions: vec![b"x; y=z, permessage-deflate; client_max_window_bits"],
        ..opening()
    });
    let mut out = Vec::new();
    response(&accept.expect("a good handshake"), None, &[], &mut out);
    let text = String::from_utf8(out).expect("ASCII");
    let terms = "permessage-deflate; server_no_context_takeover; client_max_window_bits=12";
    assert_eq!(text, format!("{bare}Sec-WebSocket-Extensions: {terms}\r\n\r\n"));
}
