//! The PROXY protocol from outside, both versions: whole, in pieces, and spoiled.

use super::*;

/// What the whole says; every shorter beginning of it has to be partial.
fn whole(bytes: &[u8]) -> Option<String> {
    for end in 0..bytes.len() {
        assert_eq!(decode(&bytes[..end]), Ok(Parsed::Partial), "{end} of {bytes:?}");
    }
    let behind = [bytes, b"GET / HTTP/1.1\r\n"].concat();
    match decode(&behind) {
        Ok(Parsed::Complete { value, used }) if used == bytes.len() => {
            value.map(|client| client.to_string())
        }
        other => panic!("{other:?} of {}", bytes.escape_ascii()),
    }
}

/// The offence of the whole, and how many bytes it took to find it.
fn offence(bytes: &[u8]) -> (ProxyError, usize) {
    let found = (0..=bytes.len()).find_map(|end| Some((decode(&bytes[..end]).err()?, end)));
    let (error, end) = found.unwrap_or_else(|| panic!("{} is sound", bytes.escape_ascii()));
    let behind = [bytes, b"GET / HTTP/1.1\r\n"].concat();
    assert_eq!(decode(&behind), Err(error), "one verdict, whatever follows");
    (error, end)
}

fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).expect("short").to_be_bytes();
    [&SIGNATURE[..], &[command, family], &length, body].concat()
}

const V4: [u8; 12] = [192, 0, 2, 1, 198, 51, 100, 1, 0xdc, 0x04, 0x01, 0xbb];

fn v6() -> Vec<u8> {
    let addresses = ["2001:db8::1", "2001:db8::2"]
        .map(|text| text.parse::<Ipv6Addr>().expect("an address").octets());
    [&addresses.concat()[..], &[0xdc, 0x04, 0x01, 0xbb]].concat()
}

#[test]
fn a_line_of_version_1() {
    let v4 = whole(b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n");
    assert_eq!(v4.as_deref(), Some("192.0.2.1:56324"));
    let v6 = whole(b"PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n");
    assert_eq!(v6.as_deref(), Some("[2001:db8::1]:56324"));
    let mapped = whole(b"PROXY TCP6 ::ffff:192.0.2.1 ::1 0 65535\r\n");
    assert_eq!(mapped.as_deref(), Some("192.0.2.1:0"));
    assert_eq!(whole(b"PROXY UNKNOWN\r\n"), None);
    assert_eq!(whole(b"PROXY UNKNOWN ffff::1 whatever it says\r\n"), None);
    let longest = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    let line = format!("PROXY UNKNOWN {longest} {longest} 65535 65535\r\n");
    assert_eq!(line.len(), LINE_BYTES_MAX);
    assert_eq!(whole(line.as_bytes()), None);
}

#[test]
fn a_line_that_cannot_be_read() {
    for text in [
        "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 56324\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443 \r\n",
        "PROXY TCP4  192.0.2.1 198.51.100.1 56324 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 056324 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 +1 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 65536 443\r\n",
        "PROXY TCP4 192.0.2 198.51.100.1 56324 443\r\n",
        "PROXY TCP4 ::1 ::1 56324 443\r\n",
        "PROXY TCP6 192.0.2.1 198.51.100.1 56324 443\r\n",
        "PROXY UDP4 192.0.2.1 198.51.100.1 56324 443\r\n",
        "PROXY tcp4 192.0.2.1 198.51.100.1 56324 443\r\n",
        "PROXY TCP4 localhost 198.51.100.1 56324 443\r\n",
        "PROXY \r\n",
        "PROXY TCP4\r\n",
    ] {
        assert_eq!(offence(text.as_bytes()), (ProxyError::LineMalformed, text.len()), "{text:?}");
    }
    let endless = format!("PROXY UNKNOWN {}", "x".repeat(200));
    assert_eq!(offence(endless.as_bytes()), (ProxyError::LineTooLong, LINE_BYTES_MAX));
}

#[test]
fn who_says_something_else_is_found_out_by_the_first_byte_that_differs() {
    for (bytes, end) in [
        (&b"GET / HTTP/1.1\r\n"[..], 1),
        (b"PUT / HTTP/1.1\r\n", 2),
        (b"PROXYX", 6),
        (b"\r\nGET /", 3),
        (b"\r\n\r\n\0\r\nQUIT\r", 12),
        (b"\x16\x03\x01", 1),
    ] {
        assert_eq!(offence(bytes), (ProxyError::NoHeader, end), "{}", bytes.escape_ascii());
    }
}

#[test]
fn a_header_of_version_2() {
    let tlvs = [0x01, 0, 2, b'h', b'2', 0x04, 0, 0];
    for tlvs in [&tlvs[..], b""] {
        let v4 = v2(0x21, 0x11, &[&V4[..], tlvs].concat());
        assert_eq!(whole(&v4).as_deref(), Some("192.0.2.1:56324"));
        let v6 = v2(0x21, 0x21, &[&v6()[..], tlvs].concat());
        assert_eq!(whole(&v6).as_deref(), Some("[2001:db8::1]:56324"));
        assert_eq!(whole(&v2(0x21, 0x31, &[&[0; 216], tlvs].concat())), None, "AF_UNIX");
    }
}

#[test]
fn a_proxy_that_speaks_for_itself_or_does_not_tell() {
    assert_eq!(whole(&v2(0x20, 0x00, b"")), None);
    assert_eq!(whole(&v2(0x20, 0x11, &V4)), None, "LOCAL has no client, whatever it says");
    assert_eq!(whole(&v2(0x20, 0x11, b"xx")), None, "what stands behind LOCAL is passed over");
    assert_eq!(whole(&v2(0x21, 0x00, b"")), None);
    assert_eq!(whole(&v2(0x21, 0x00, b"what it is nobody knows")), None);
}

#[test]
fn what_is_wrong_with_a_header_of_version_2_is_found_at_its_byte() {
    let cases = [
        (v2(0x11, 0x11, &V4), ProxyError::VersionUnknown, 13),
        (v2(0x31, 0x11, &V4), ProxyError::VersionUnknown, 13),
        (v2(0x22, 0x11, &V4), ProxyError::CommandUnknown, 13),
        (v2(0x21, 0x12, &V4), ProxyError::FamilyUnknown, 14),
        (v2(0x21, 0x13, &V4), ProxyError::FamilyUnknown, 14),
        (v2(0x21, 0x41, &V4), ProxyError::FamilyUnknown, 14),
        (v2(0x21, 0x11, &V4[..11]), ProxyError::AddressesCut, 16),
        (v2(0x21, 0x21, &v6()[..35]), ProxyError::AddressesCut, 16),
        (v2(0x21, 0x31, &[0; 215]), ProxyError::AddressesCut, 16),
        (v2(0x21, 0x11, &[0; PROXY_HEADER_BYTES_MAX]), ProxyError::TooLong, 16),
        (v2(0x20, 0x00, &vec![0; 0xffff]), ProxyError::TooLong, 16),
    ];
    for (bytes, error, end) in cases {
        assert_eq!(offence(&bytes), (error, end));
    }
    for tlvs in [&b"\x01"[..], b"\x01\0", b"\x01\0\x01", b"\x01\0\x01x\x02", b"\x01\xff\xffx"] {
        let bytes = v2(0x21, 0x11, &[&V4[..], tlvs].concat());
        assert_eq!(offence(&bytes), (ProxyError::TlvCut, bytes.len()));
    }
}

#[test]
fn the_longest_header_is_taken() {
    let value = vec![0; PROXY_HEADER_BYTES_MAX - FIXED_BYTES - V4.len() - 3];
    let length = u16::try_from(value.len()).expect("short").to_be_bytes();
    let bytes = v2(0x21, 0x11, &[&V4[..], &[0xe0], &length, &value].concat());
    assert_eq!(bytes.len(), PROXY_HEADER_BYTES_MAX);
    assert_eq!(whole(&bytes).as_deref(), Some("192.0.2.1:56324"));
}

#[test]
fn each_offence_has_words_of_its_own() {
    let all = [
        ProxyError::NoHeader,
        ProxyError::LineTooLong,
        ProxyError::LineMalformed,
        ProxyError::VersionUnknown,
        ProxyError::CommandUnknown,
        ProxyError::FamilyUnknown,
        ProxyError::TooLong,
        ProxyError::AddressesCut,
        ProxyError::TlvCut,
    ];
    for (at, error) in all.iter().enumerate() {
        assert!(!error.detail().is_empty(), "{error:?}");
        assert!(all[..at].iter().all(|other| other.detail() != error.detail()), "{error:?}");
    }
}
