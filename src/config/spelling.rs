//! How sizes, durations and addresses are written: one spelling for reading and for showing.
//!
//! Came from: the command line and the environment. Goes to: `config`. Absent on purpose: bounds;
//! `0` is a size like any other here.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::str::FromStr;

/// Why a value could not be read: the offence and the remedy, in a sentence without its subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Misspelt(&'static str);

impl Misspelt {
    /// No word for on or off.
    pub(super) const SWITCH: Self = Self("is neither on nor off; write true or false");
}

/// Reads a whole number that is not negative.
pub(crate) fn whole<N: FromStr>(text: &str) -> Result<N, Misspelt> {
    if is_negative(text) {
        return Err(Misspelt("is negative; write a whole number, such as 4"));
    }
    // `parse` takes a sign.
    let is_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits {
        return Err(Misspelt("is not a whole number; write digits alone, such as 4"));
    }
    text.parse().map_err(|_| Misspelt("is more than this machine can count; give less"))
}

/// Reads a number that may have a fraction.
pub(crate) fn fraction(text: &str) -> Result<f64, Misspelt> {
    text.parse().map_err(|_| Misspelt("is not a number; write 2, or 0.5"))
}

/// A number of bytes: `64KiB`, `16MiB`, `1GiB`, or plain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub usize);

/// A stretch of time in milliseconds: `500ms`, `15s`, `2m`, `1h`, `7d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub u64);

/// A `--listen`: what was written, and the addresses it stands for. They share one port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// As it was written.
    pub text: String,
    /// Connections speak TLS.
    pub tls: bool,
    /// At least one.
    pub addresses: Vec<SocketAddr>,
}

const SIZES: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
const SPANS: [(&str, u64); 5] =
    [("d", 24 * 60 * 60 * 1000), ("h", 60 * 60 * 1000), ("m", 60 * 1000), ("s", 1000), ("ms", 1)];

impl FromStr for Size {
    type Err = Misspelt;

    fn from_str(text: &str) -> Result<Self, Misspelt> {
        const REMEDY: Misspelt = Misspelt("is not a size; write 64KiB, 16MiB, or plain bytes");
        if is_negative(text) {
            return Err(Misspelt("is negative, and a size is not; write 64KiB, or plain bytes"));
        }
        let (number, unit) = split(text).ok_or(REMEDY)?;
        let factor = if unit.is_empty() { 1 } else { factor(&SIZES, unit).ok_or(REMEDY)? };
        let bytes = number.checked_mul(factor).and_then(|bytes| usize::try_from(bytes).ok());
        bytes.map(Self).ok_or(Misspelt("is more than this machine can address; give less"))
    }
}

impl FromStr for Span {
    type Err = Misspelt;

    fn from_str(text: &str) -> Result<Self, Misspelt> {
        const REMEDY: Misspelt = Misspelt("is not a duration; write 500ms, 15s, 2m, 1h or 7d");
        if is_negative(text) {
            return Err(Misspelt("is negative, and a duration is not; write 500ms, 15s or 2m"));
        }
        let (number, unit) = split(text).ok_or(REMEDY)?;
        if unit.is_empty() {
            let none = (number == 0).then_some(Self(0)); // Of whatever unit.
            return none.ok_or(Misspelt("has no unit; write 500ms, 15s, 2m, 1h or 7d"));
        }
        let factor = factor(&SPANS, unit).ok_or(REMEDY)?;
        number.checked_mul(factor).map(Self).ok_or(Misspelt("is longer than anything; give less"))
    }
}

impl FromStr for Listen {
    type Err = Misspelt;

    fn from_str(text: &str) -> Result<Self, Misspelt> {
        const REMEDY: Misspelt = Misspelt(
            "is not an address; write HOST:PORT, such as localhost:8080 or 127.0.0.1:8080",
        );
        const PATH: Misspelt =
            Misspelt("has something behind its port; write https://HOST:PORT, and no more");
        const PORT: Misspelt =
            Misspelt("has a port that does not exist; ports end at 65535, and 0 takes any");
        let whole = text;
        let (tls, text) = match text.split_once("://") {
            Some((scheme, text)) if scheme.eq_ignore_ascii_case("https") => (true, text),
            Some((scheme, text)) if scheme.eq_ignore_ascii_case("http") => (false, text),
            Some(_) => return Err(REMEDY),
            None => (false, text),
        };
        if text.starts_with('/') || text.starts_with("unix:") {
            return Err(Misspelt(
                "is a socket of the file system; only TCP is served: write HOST:PORT",
            ));
        }
        if text.contains('/') {
            return Err(PATH);
        }
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(text.parse::<u16>().map_or(PORT, |_| {
                Misspelt(
                    "names no host; write localhost:PORT for this machine alone, :PORT for all",
                )
            }));
        }
        let (host, port) = text.rsplit_once(':').ok_or(REMEDY)?;
        let digits = port.bytes().all(|byte| byte.is_ascii_digit()); // `parse` takes a sign.
        if port.is_empty() || !digits {
            return Err(REMEDY);
        }
        let port: u16 = port.parse().map_err(|_| PORT)?;
        let mut addresses: Vec<SocketAddr> = if host.is_empty() {
            let all: [IpAddr; 2] = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
            all.into_iter().map(|ip| (ip, port).into()).collect()
        } else if host.eq_ignore_ascii_case("localhost") {
            // RFC 6761 §6.3: nobody is to be asked. Many a hosts file has one of the two alone, and
            // what is printed is to be found by either.
            let both: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
            both.into_iter().map(|ip| (ip, port).into()).collect()
        } else if let Ok(address) = text.parse() {
            vec![address]
        } else if host.contains(':') || host.contains('[') {
            return Err(REMEDY); // An IPv6 address without its brackets, or with something in them.
        } else {
            let found = text.to_socket_addrs();
            found.map_err(|_| Misspelt("names a host that is not known here"))?.collect()
        };
        // A resolver may name an address twice. IPv4 comes first: it is the one to show.
        addresses.sort_unstable();
        addresses.dedup();
        if addresses.is_empty() {
            return Err(REMEDY);
        }
        Ok(Self { text: whole.to_owned(), tls, addresses })
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(f, self.0 as u64, &SIZES)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(f, self.0, &SPANS)
    }
}

impl fmt::Display for Misspelt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Misspelt {}

/// Behind the last colon of a `HOST:PORT` stands a number that is too large for a port.
pub(crate) fn ends_in_no_port(authority: &str) -> bool {
    let port = authority.rsplit_once(':').map_or("", |(_, port)| port);
    let is_number = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    is_number && port.parse::<u16>().is_err()
}

/// A minus and a number, whatever its unit.
fn is_negative(text: &str) -> bool {
    text.strip_prefix('-').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// Digits, and what follows them. `None`: no digits, or too many.
fn split(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    Some((number.parse().ok()?, unit))
}

fn factor(units: &[(&str, u64)], unit: &str) -> Option<u64> {
    units.iter().find(|(name, _)| *name == unit).map(|&(_, factor)| factor)
}

/// In the largest unit that needs no fraction.
fn show(f: &mut fmt::Formatter<'_>, value: u64, units: &[(&str, u64)]) -> fmt::Result {
    let whole = |&&(_, factor): &&(&str, u64)| value != 0 && value.is_multiple_of(factor);
    match units.iter().find(whole) {
        Some((name, factor)) => write!(f, "{}{name}", value / factor),
        None => write!(f, "{value}"),
    }
}
