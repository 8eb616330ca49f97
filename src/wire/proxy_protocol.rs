//! The PROXY protocol, versions 1 and 2: what a proxy that passes on bytes says before the first of
//! them about whose they are. "The PROXY protocol", HAProxy Technologies, revision of 2020/03/05.
//!
//! Version 1 (§2.1) is a line of text, `PROXY TCP4 192.0.2.1 198.51.100.1 56324 443`; version 2
//! (§2.2) a signature, 4 bytes and addresses in binary, with type-length-values behind them.
//!
//! Came from: `conn`, with the first bytes of a connection from a proxy that is named by the
//! operator. Goes to: the same, as the address of the client. Absent on purpose: guessing. §5: who
//! is not configured to expect a header must not look for one, and who is must not go on without.
//! Also the destination, and what TLVs say: they are measured and passed over.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Parsed, refuse_if};
use crate::limits::PROXY_HEADER_BYTES_MAX;

/// The longest line of version 1, its end included. §2.1.
const LINE_BYTES_MAX: usize = 107;
/// How a header of version 2 begins. §2.2.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, command, family and length.
const FIXED_BYTES: usize = 16;

/// Why the first bytes are no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyError {
    /// They begin like neither version.
    NoHeader,
    /// The line of version 1 does not end where it has to.
    LineTooLong,
    /// The line of version 1 has not its six words, or one that says nothing known.
    LineMalformed,
    /// A version of the binary form that is not 2.
    VersionUnknown,
    /// A command that is neither LOCAL nor PROXY.
    CommandUnknown,
    /// A family and transport that no stream has.
    FamilyUnknown,
    /// The header announces more than [`PROXY_HEADER_BYTES_MAX`].
    TooLong,
    /// The addresses do not fit into the announced length.
    AddressesCut,
    /// A TLV does not fit into the announced length.
    TlvCut,
}

impl ProxyError {
    /// The offence, for the log.
    pub const fn detail(self) -> &'static str {
        match self {
            Self::NoHeader => "no header of the PROXY protocol",
            Self::LineTooLong => "a PROXY line of more than 107 bytes",
            Self::LineMalformed => "a PROXY line that cannot be read",
            Self::VersionUnknown => "a version of the PROXY protocol that is not known",
            Self::CommandUnknown => "a command of the PROXY protocol that is not known",
            Self::FamilyUnknown => "a family of addresses that no stream has",
            Self::TooLong => "a PROXY header that is too long",
            Self::AddressesCut => "a PROXY header too short for its addresses",
            Self::TlvCut => "a TLV that is longer than its PROXY header",
        }
    }
}

/// Takes a header off the front of `buf`. The value is the client's address; `None`: the proxy
/// speaks for itself (LOCAL), or does not tell (UNKNOWN, `AF_UNSPEC`, `AF_UNIX`).
///
/// Every byte is judged as early as it can be: a peer that is no proxy is found out by the first
/// byte that differs.
pub fn decode(buf: &[u8]) -> Result<Parsed<Option<SocketAddr>>, ProxyError> {
    let begins = |start: &[u8]| buf.iter().zip(start).all(|(byte, expected)| byte == expected);
    if begins(SIGNATURE) {
        binary(buf)
    } else if begins(b"PROXY ") {
        line(buf)
    } else {
        Err(ProxyError::NoHeader)
    }
}

fn line(buf: &[u8]) -> Result<Parsed<Option<SocketAddr>>, ProxyError> {
    let seen = &buf[..buf.len().min(LINE_BYTES_MAX)];
    let Some(end) = seen.iter().position(|&byte| byte == b'\n') else {
        let endless = seen.len() == LINE_BYTES_MAX;
        return if endless { Err(ProxyError::LineTooLong) } else { Ok(Parsed::Partial) };
    };
    let used = end + 1;
    let text = seen[..end].strip_suffix(b"\r").ok_or(ProxyError::LineMalformed)?;
    let text = str::from_utf8(text).map_err(|_| ProxyError::LineMalformed)?;
    let value = words(text)?;
    Ok(Parsed::Complete { value, used })
}

fn words(text: &str) -> Result<Option<SocketAddr>, ProxyError> {
    let mut words = text.split(' ').skip(1);
    let family = words.next().ok_or(ProxyError::LineMalformed)?;
    if family == "UNKNOWN" {
        return Ok(None); // §2.1: whatever else the line says is to be passed over.
    }
    named_source(family, words).map(Some).ok_or(ProxyError::LineMalformed)
}

/// Whom the words behind the family name as the source.
fn named_source<'a>(family: &str, mut words: impl Iterator<Item = &'a str>) -> Option<SocketAddr> {
    let [source, destination, port, other] = [(); 4].map(|()| words.next().unwrap_or_default());
    let of_family = |text: &str| match family {
        "TCP4" => text.parse::<Ipv4Addr>().ok().map(IpAddr::from),
        "TCP6" => text.parse::<Ipv6Addr>().ok().map(IpAddr::from),
        _ => None,
    };
    let address = of_family(source)?;
    of_family(destination)?;
    let port = number(port)?;
    number(other)?;
    words.next().is_none().then(|| client(address, port))
}

/// A port: decimal, without sign and leading zeros. §2.1.
fn number(digits: &str) -> Option<u16> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    let leading_zero = digits.len() > 1 && digits.starts_with('0');
    digits.parse().ok().filter(|_| plain && !leading_zero)
}

fn binary(buf: &[u8]) -> Result<Parsed<Option<SocketAddr>>, ProxyError> {
    if let Some(&command) = buf.get(12) {
        refuse_if(command >> 4 != 2, ProxyError::VersionUnknown)?;
        refuse_if(command & 0x0f > 1, ProxyError::CommandUnknown)?;
    }
    if let Some(family) = buf.get(13) {
        // AF_UNSPEC, TCP over IPv4, TCP over IPv6, a UNIX stream.
        refuse_if(!matches!(family, 0x00 | 0x11 | 0x21 | 0x31), ProxyError::FamilyUnknown)?;
    }
    let Some(&[.., command, family, high, low]) = buf.first_chunk::<FIXED_BYTES>() else {
        return Ok(Parsed::Partial);
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    let used = FIXED_BYTES + length;
    refuse_if(used > PROXY_HEADER_BYTES_MAX, ProxyError::TooLong)?;
    let is_local = command == 0x20; // Version 2, command LOCAL.
    let addresses = match family {
        0x11 => 2 * (4 + 2),
        0x21 => 2 * (16 + 2),
        0x31 => 2 * 108,
        _ => 0,
    };
    // What stands behind LOCAL is to be passed over, whatever it is. §2.2.
    refuse_if(!is_local && length < addresses, ProxyError::AddressesCut)?;
    let Some(body) = buf.get(FIXED_BYTES..used) else {
        return Ok(Parsed::Partial);
    };
    if is_local {
        return Ok(Parsed::Complete { value: None, used });
    }
    let (addresses, tlvs) = body.split_at(addresses);
    refuse_if(family != 0 && !are_whole(tlvs), ProxyError::TlvCut)?;
    Ok(Parsed::Complete { value: source(addresses), used })
}

/// Source address, destination address, source port, destination port.
fn source(addresses: &[u8]) -> Option<SocketAddr> {
    match *addresses {
        [a, b, c, d, _, _, _, _, high, low, _, _] => {
            Some(client(IpAddr::from([a, b, c, d]), u16::from_be_bytes([high, low])))
        }
        ref v6 if v6.len() == 36 => {
            let (address, port) = (*v6.first_chunk::<16>()?, *v6.get(32..)?.first_chunk()?);
            Some(client(address.into(), u16::from_be_bytes(port)))
        }
        _ => None,
    }
}

/// Whether type, length and value follow each other to the end. §2.2.1.
fn are_whole(mut tlvs: &[u8]) -> bool {
    while let [_, high, low, rest @ ..] = tlvs {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let Some(behind) = rest.get(length..) else {
            return false;
        };
        tlvs = behind;
    }
    tlvs.is_empty()
}

fn client(address: IpAddr, port: u16) -> SocketAddr {
    (address.to_canonical(), port).into()
}

#[cfg(test)]
mod tests;
