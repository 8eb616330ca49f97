//! Headers of the PROXY protocol: cuts do not matter, a verdict never changes with what follows,
//! and what is taken is what a naive reader of the specification takes.
//!
//! Came from: bytes. Goes to: `wire::proxy_protocol`.

use std::net::{IpAddr, SocketAddr};

use tollway::limits::PROXY_HEADER_BYTES_MAX;
use tollway::wire::Parsed;
use tollway::wire::proxy_protocol::decode;

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

pub fn check(input: &[u8]) {
    let verdict = decode(input);
    for end in 0..input.len().min(300) {
        match (decode(&input[..end]), &verdict) {
            (Ok(Parsed::Partial), _) => {}
            (Ok(Parsed::Complete { value, used }), verdict) => {
                assert!(used <= end);
                assert_eq!(Ok(Parsed::Complete { value, used }), *verdict, "at {end}");
            }
            (Err(error), verdict) => assert_eq!(Err(error), *verdict, "at {end}"),
        }
    }
    match verdict {
        Ok(Parsed::Complete { value, used }) => {
            assert!(used <= PROXY_HEADER_BYTES_MAX && used <= input.len());
            assert_eq!(naive(&input[..used]), Some(value), "a header that nobody would write");
        }
        Ok(Parsed::Partial) => {
            assert!(input.len() < PROXY_HEADER_BYTES_MAX, "it waits for ever");
            assert!(!input.contains(&b'\n') || input.starts_with(b"\r\n"));
        }
        // Whatever the naive reader takes whole, and is not too long, has to be taken.
        Err(_) => {
            let short = input.len() <= 107 || input.starts_with(SIGNATURE);
            let fits = input.len() <= PROXY_HEADER_BYTES_MAX;
            assert!(!(short && fits) || naive(input).is_none(), "refused and sound");
        }
    }
}

/// A whole header, and nothing behind it.
fn naive(bytes: &[u8]) -> Option<Option<SocketAddr>> {
    match bytes.strip_prefix(SIGNATURE) {
        Some(rest) => version_2(rest),
        None => version_1(std::str::from_utf8(bytes).ok()?),
    }
}

fn version_1(line: &str) -> Option<Option<SocketAddr>> {
    let line = line.strip_suffix("\r\n").filter(|line| !line.contains('\n'))?;
    let words: Vec<&str> = line.split(' ').collect();
    match words[..] {
        ["PROXY", "UNKNOWN", ..] => Some(None),
        ["PROXY", family @ ("TCP4" | "TCP6"), from, to, port, other] => {
            let [from, to]: [IpAddr; 2] = [from.parse().ok()?, to.parse().ok()?];
            let same = [from, to].iter().all(|ip| ip.is_ipv4() == (family == "TCP4"));
            let [number, other_number]: [u16; 2] = [port.parse().ok()?, other.parse().ok()?];
            // Written again it has to be the same: no signs, no leading zeros.
            let plain = number.to_string() == port && other_number.to_string() == other;
            (same && plain).then(|| Some(SocketAddr::new(from.to_canonical(), number)))
        }
        _ => None,
    }
}

fn version_2(rest: &[u8]) -> Option<Option<SocketAddr>> {
    let (&command, &family) = (rest.first()?, rest.get(1)?);
    let length = usize::from(*rest.get(2)?) * 256 + usize::from(*rest.get(3)?);
    let body = &rest[4..];
    if body.len() != length || !matches!(command, 0x20 | 0x21) {
        return None;
    }
    let taken = match family {
        0x00 => 0,
        0x11 => 12,
        0x21 => 36,
        0x31 => 216,
        _ => return None,
    };
    if command == 0x20 {
        return Some(None);
    }
    let mut at = taken;
    while family != 0 && at < length {
        at += 3 + usize::from(*body.get(at + 1)?) * 256 + usize::from(*body.get(at + 2)?);
    }
    if family != 0 && at != length {
        return None;
    }
    let port = |at: usize| u16::from_be_bytes([body[at], body[at + 1]]);
    Some(match family {
        0x11 => {
            let octets: [u8; 4] = body[..4].try_into().unwrap();
            Some(SocketAddr::new(IpAddr::from(octets), port(8)))
        }
        0x21 => {
            let octets: [u8; 16] = body[..16].try_into().unwrap();
            Some(SocketAddr::new(IpAddr::from(octets).to_canonical(), port(32)))
        }
        _ => None,
    })
}

pub fn seeds() -> Vec<Vec<u8>> {
    let v2 = |command: u8, family: u8, body: &[u8]| {
        let length = (body.len() as u16).to_be_bytes();
        [SIGNATURE, &[command, family], &length, body].concat()
    };
    let v4 = [192, 0, 2, 1, 198, 51, 100, 1, 0xdc, 0x04, 0x01, 0xbb];
    let v6 = [[0x20; 18], [0x01; 18]].concat();
    vec![
        b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\nGET / HTTP/1.1\r\n".to_vec(),
        b"PROXY TCP6 2001:db8::1 ::ffff:198.51.100.1 56324 443\r\n".to_vec(),
        b"PROXY UNKNOWN\r\n".to_vec(),
        b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n".to_vec(),
        b"PROXY TCP4 192.0.2.1 198.51.100.1 056324 443\r\n".to_vec(),
        v2(0x20, 0x00, b""),
        v2(0x20, 0x11, b"odd"),
        v2(0x21, 0x00, b"anything"),
        v2(0x21, 0x11, &v4),
        v2(0x21, 0x11, &[&v4[..], &[1, 0, 2, b'h', b'2', 4, 0, 0]].concat()),
        v2(0x21, 0x21, &v6),
        v2(0x21, 0x31, &[b'/'; 216]),
        v2(0x21, 0x12, &v4),
        v2(0x31, 0x11, &v4),
        v2(0x21, 0x11, &[&v4[..], &[1, 0xff, 0xff]].concat()),
    ]
}
