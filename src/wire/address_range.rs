//! Ranges of addresses, as an operator names them: `192.0.2.7`, `10.0.0.0/8`, `fd00::/8`. RFC 4632,
//! RFC 4291 §2.3.
//!
//! Came from: `config`, with what was typed. Goes to: `conn::proxies`, which asks whether an
//! address lies within. Absent on purpose: names. Whom a resolver names today is not whom it names
//! tomorrow.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// Addresses whose first bits are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressRange {
    /// The first of them. An IPv4 address is in the lowest 32 bits.
    first: u128,
    /// How many bits count, of 32 or of 128.
    bits: u8,
    is_v4: bool,
}

/// Why a text is no range: the offence and the remedy, in a sentence without its subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeError {
    /// It begins with no address.
    Address,
    /// The number behind the slash is none, or too large.
    Bits,
    /// The address has bits behind those that count.
    Inside,
}

impl AddressRange {
    /// Reads an address, or a range in the notation of CIDR.
    pub fn parse(text: &str) -> Result<Self, RangeError> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| RangeError::Address)?;
        let (first, is_v4) = number(address);
        let width = if is_v4 { 32 } else { 128 };
        let bits = match bits {
            None => width,
            Some(digits) => {
                let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.len() <= 3;
                let bits = digits.parse().ok().filter(|&bits| plain && bits <= width);
                bits.ok_or(RangeError::Bits)?
            }
        };
        let range = Self { first, bits, is_v4 };
        if range.head_of(first) == first { Ok(range) } else { Err(RangeError::Inside) }
    }

    /// Whether `address` lies within. One that is IPv4 written as IPv6 is IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (number, is_v4) = number(address.to_canonical());
        is_v4 == self.is_v4 && self.head_of(number) == self.first
    }

    /// The bits of `number` that count.
    fn head_of(&self, number: u128) -> u128 {
        let width = if self.is_v4 { 32 } else { 128 };
        let tail = width - u32::from(self.bits);
        number.checked_shr(tail).unwrap_or_default().checked_shl(tail).unwrap_or_default()
    }
}

fn number(address: IpAddr) -> (u128, bool) {
    match address {
        IpAddr::V4(address) => (address.to_bits().into(), true),
        IpAddr::V6(address) => (address.to_bits(), false),
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = match u32::try_from(self.first) {
            Ok(bits) if self.is_v4 => IpAddr::V4(bits.into()),
            _ => Ipv6Addr::from_bits(self.first).into(),
        };
        write!(f, "{first}/{}", self.bits)
    }
}

impl fmt::Display for RangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Address => "is no address; write 192.0.2.7, 10.0.0.0/8 or fd00::/8",
            Self::Bits => {
                "has no number of bits behind the slash; write at most /32, or /128 of IPv6"
            }
            Self::Inside => {
                "has bits set behind those that count; write the first address of the range"
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> AddressRange {
        AddressRange::parse(text).expect(text)
    }

    #[test]
    fn a_range_has_the_addresses_whose_first_bits_are_its_own() {
        for (text, inside, outside) in [
            ("192.0.2.7", "192.0.2.7", "192.0.2.6"),
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("0.0.0.0/0", "255.255.255.255", "::1"),
            ("::/0", "2001:db8::1", "10.0.0.1"),
            ("fd00::/8", "fdff::1", "fe00::1"),
            ("2001:db8::/127", "2001:db8::1", "2001:db8::2"),
            ("127.0.0.1/32", "::ffff:127.0.0.1", "::1"),
        ] {
            let contains = |address: &str| range(text).contains(address.parse().expect("one"));
            assert!(contains(inside) && !contains(outside), "{text}");
        }
        assert_eq!(range("10.0.0.0/8").to_string(), "10.0.0.0/8");
        assert_eq!(range("::1").to_string(), "::1/128");
    }

    #[test]
    fn what_is_no_range_says_why() {
        for (text, error) in [
            ("", RangeError::Address),
            ("localhost", RangeError::Address),
            ("10.0.0", RangeError::Address),
            ("/8", RangeError::Address),
            ("10.0.0.0/", RangeError::Bits),
            ("10.0.0.0/33", RangeError::Bits),
            ("10.0.0.0/+8", RangeError::Bits),
            ("::/129", RangeError::Bits),
            ("10.0.0.1/8", RangeError::Inside),
            ("::1/64", RangeError::Inside),
        ] {
            assert_eq!(AddressRange::parse(text), Err(error), "{text}");
        }
    }
}
