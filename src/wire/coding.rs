//! Content codings: which of ours a client takes, and likes best. RFC 9110 §8.4 and §12.5.3.
//!
//! Came from: `wire::head`, with each line of `Accept-Encoding`. Goes to: the answers that have a
//! coded form. Absent on purpose: codings that we do not have (`br`, `zstd`), and streams: what is
//! coded here is there whole.

use std::io::Read as _;

use flate2::Compression;
use flate2::bufread::{GzEncoder, ZlibEncoder};

use super::grammar::{cut_at_equals, elements, parts};

/// How the bytes of a body are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentCoding {
    /// As they are.
    Identity,
    /// The zlib format, RFC 1950.
    Deflate,
    /// RFC 1952.
    Gzip,
}

impl ContentCoding {
    /// What `Content-Encoding` calls it; `None` for none.
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Deflate => Some("deflate"),
            Self::Gzip => Some("gzip"),
        }
    }

    /// `bytes` in this coding, as small as can be. Empty, should they ever refuse to be compressed.
    pub fn encode(self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let done = match self {
            Self::Identity => return bytes.to_vec(),
            Self::Gzip => GzEncoder::new(bytes, Compression::best()).read_to_end(&mut out),
            Self::Deflate => ZlibEncoder::new(bytes, Compression::best()).read_to_end(&mut out),
        };
        done.map(|_| out).unwrap_or_default()
    }
}

/// What all lines of `Accept-Encoding` say of the codings that we have: a weight from 0 to 1000, or
/// `None` for one that they do not name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AcceptedCodings {
    gzip: Option<u16>,
    deflate: Option<u16>,
    identity: Option<u16>,
    any: Option<u16>,
}

impl AcceptedCodings {
    /// Takes one line. Of a coding that is named twice, the last weight counts.
    pub(super) fn take(&mut self, value: &[u8]) {
        for element in elements(value) {
            let mut parts = parts(element, b';');
            let name = parts.next().unwrap_or_default();
            let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
            let slot = match () {
                // RFC 9110 §8.4.1.3: a recipient takes `x-gzip` for `gzip`.
                () if is("gzip") || is("x-gzip") => &mut self.gzip,
                () if is("deflate") => &mut self.deflate,
                () if is("identity") => &mut self.identity,
                () if is("*") => &mut self.any,
                () => continue,
            };
            *slot = Some(parts.map(cut_at_equals).find_map(weight).unwrap_or(1000));
        }
    }

    /// The coding that the client likes best; of two that it likes alike, the smaller one. What is
    /// not coded is always sent to who takes nothing else, as §12.5.3 asks, even if that is refused
    /// too: an answer is worth more than a 406.
    pub fn best(&self) -> ContentCoding {
        let of = |own: Option<u16>| own.or(self.any).unwrap_or(0);
        let (gzip, deflate, identity) = (of(self.gzip), of(self.deflate), of(self.identity));
        if gzip > 0 && gzip >= deflate && gzip >= identity {
            ContentCoding::Gzip
        } else if deflate > 0 && deflate >= identity {
            ContentCoding::Deflate
        } else {
            ContentCoding::Identity
        }
    }
}

/// The weight in thousandths, if this parameter is one: §12.4.2. One that cannot be read is 0,
/// which costs bytes and no understanding.
fn weight((name, value): (&[u8], &[u8])) -> Option<u16> {
    name.eq_ignore_ascii_case(b"q").then(|| thousandths(value).unwrap_or(0))
}

fn thousandths(value: &[u8]) -> Option<u16> {
    let (&whole, rest) = value.split_first()?;
    let decimals = match rest {
        [] => rest,
        [b'.', decimals @ ..] if decimals.len() <= 3 => decimals,
        _ => return None,
    };
    let mut sum = 0;
    for place in 0..3 {
        let digit = decimals.get(place).copied().unwrap_or(b'0');
        sum = sum * 10 + char::from(digit).to_digit(10)?;
    }
    match whole {
        b'0' => u16::try_from(sum).ok(),
        b'1' if sum == 0 => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::bufread::{GzDecoder, ZlibDecoder};

    #[test]
    fn what_was_coded_is_decoded_to_the_same() {
        let text = "the same words, again and again ".repeat(100).into_bytes();
        let [mut gzip, mut zlib] = [Vec::new(), Vec::new()];
        let coded = ContentCoding::Gzip.encode(&text);
        GzDecoder::new(&coded[..]).read_to_end(&mut gzip).expect("gzip");
        let coded = ContentCoding::Deflate.encode(&text);
        assert!(coded.len() < text.len() / 10);
        ZlibDecoder::new(&coded[..]).read_to_end(&mut zlib).expect("zlib");
        assert_eq!((&gzip, &zlib, &ContentCoding::Identity.encode(&text)), (&text, &text, &text));
    }

    fn best(lines: &[&str]) -> ContentCoding {
        let mut accepted = AcceptedCodings::default();
        for line in lines {
            accepted.take(line.as_bytes());
        }
        accepted.best()
    }

    #[test]
    fn the_client_chooses_and_at_equal_weights_we_do() {
        use ContentCoding::{Deflate, Gzip, Identity};
        for (line, coding) in [
            ("", Identity),
            ("gzip, deflate, br, zstd", Gzip),
            ("deflate, gzip", Gzip),
            ("X-GZIP", Gzip),
            ("deflate", Deflate),
            ("br", Identity),
            ("*", Gzip),
            ("gzip;q=0, *", Deflate),
            ("gzip;q=0.5, deflate;q=0.501", Deflate),
            ("gzip ; Q=0.5 , deflate; q=.9", Gzip),
            ("identity, gzip;q=0.9", Identity),
            ("identity;q=0.9, gzip;q=0.9", Gzip),
            ("gzip;q=0.001", Gzip),
            ("gzip;q=0.0009", Identity),
            ("gzip;q=0.000", Identity),
            ("gzip;q=1.000", Gzip),
            ("gzip;q=1.001", Identity),
            ("gzip;q=2", Identity),
            ("gzip;q=", Identity),
            ("gzip;q=-1", Identity),
            ("gzip;level=9;q=0", Identity),
            ("*;q=0", Identity),
            ("identity;q=0", Identity),
            ("*;q=0, deflate", Deflate),
            (",, ,gzip,,", Gzip),
        ] {
            assert_eq!(best(&[line]), coding, "{line}");
        }
    }

    #[test]
    fn several_lines_are_one_list() {
        assert_eq!(best(&["br", "gzip;q=0.1", "deflate;q=0.2"]), ContentCoding::Deflate);
        assert_eq!(best(&["gzip", "gzip;q=0"]), ContentCoding::Identity);
    }
}
