//! Extensions of WebSocket: what a client offers becomes what both sides do. RFC 6455 §9.1,
//! RFC 7692 §5 and §7.1.
//!
//! One extension is spoken here, permessage-deflate. Our terms bound what a connection costs, and
//! let many share what is compressed once:
//!
//! | parameter | answer |
//! | --- | --- |
//! | `server_no_context_takeover` | always: each of our messages stands by itself |
//! | `server_max_window_bits` | when asked for: the largest [`Window`] within; none is within 8 |
//! | `client_max_window_bits` | when offered: [`DEFLATE_CONTEXT_BITS`] at most, kept in memory |
//! | `client_no_context_takeover` | when offered, or when the window cannot be bounded |
//!
//! Came from: `wire::handshake`, with the values of `Sec-WebSocket-Extensions`. Goes to: the answer
//! to the client, and the codecs of that connection. Absent on purpose: whether to compress at all;
//! that is `--deflate`.

use std::borrow::Cow;
use std::fmt;

use super::deflate::Window;
use super::grammar::is_token_byte;
use crate::limits::DEFLATE_CONTEXT_BITS;

/// How both sides compress. Its `Display` is the value that the answer names it with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// How far back our messages may refer, each within itself.
    pub window: Window,
    /// The client asked for a window, so the answer names it.
    window_asked: bool,
    /// `Some`: the client keeps its context, in a window of this size as a power of two.
    client_bits: Option<u8>,
}

impl Agreement {
    /// The window, as a power of two, that the client's messages may refer back to. `None`: each
    /// stands by itself.
    pub fn context_bits(self) -> Option<u8> {
        // An encoder that was told 8 and can only do 9 does 9, and so did zlib, silently.
        self.client_bits.map(|bits| bits.max(9))
    }
}

impl fmt::Display for Agreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{NAME}; {SERVER_NO_CONTEXT}")?;
        if self.window_asked {
            write!(f, "; {SERVER_BITS}={}", self.window.bits())?;
        }
        match self.client_bits {
            Some(bits) => write!(f, "; {CLIENT_BITS}={bits}"),
            None => write!(f, "; {CLIENT_NO_CONTEXT}"),
        }
    }
}

/// The value of a `Sec-WebSocket-Extensions` does not follow the grammar of RFC 6455 §9.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// Agrees to the first offer that can be met, over all `fields`, which are one list. `None`: there
/// is none, and the connection goes without.
///
/// Names have no other case than the registered one. Empty elements are passed over (RFC 9110
/// §5.6.1.2), an empty field with them.
pub fn agree(fields: &[&[u8]]) -> Result<Option<Agreement>, Malformed> {
    let mut agreed = None;
    for rest in fields {
        let mut reader = Reader { rest };
        loop {
            while reader.take(b',') {}
            if reader.at_end() {
                break;
            }
            let offer = reader.offer()?;
            agreed = agreed.or(offer.and_then(Offer::agree));
            if !reader.at_end() && !reader.take(b',') {
                return Err(Malformed);
            }
        }
    }
    Ok(agreed)
}

/// One offer of permessage-deflate.
#[derive(Default)]
struct Offer {
    server_no_context: Option<()>,
    client_no_context: Option<()>,
    server_bits: Option<u8>,
    client_bits: Option<u8>,
}

impl Offer {
    /// Takes one parameter. `false`: it is unknown, or double, or its value is bad, and so the
    /// whole offer must be declined (RFC 7692 §7.1).
    fn add(&mut self, name: &[u8], value: Option<&[u8]>) -> bool {
        if name == SERVER_NO_CONTEXT.as_bytes() && value.is_none() {
            self.server_no_context.replace(()).is_none()
        } else if name == CLIENT_NO_CONTEXT.as_bytes() && value.is_none() {
            self.client_no_context.replace(()).is_none()
        } else if name == SERVER_BITS.as_bytes() {
            let bits = value.and_then(window_bits);
            bits.is_some_and(|bits| self.server_bits.replace(bits).is_none())
        } else if name == CLIENT_BITS.as_bytes() {
            // Its value is only a hint, and may be left out.
            let bits = value.map_or(Some(15), window_bits);
            bits.is_some_and(|bits| self.client_bits.replace(bits).is_none())
        } else {
            false
        }
    }

    fn agree(self) -> Option<Agreement> {
        let client_bits = match (self.client_no_context, self.client_bits) {
            (None, Some(hint)) => Some(hint.min(DEFLATE_CONTEXT_BITS)),
            (Some(()), _) | (None, None) => None,
        };
        Some(Agreement {
            window: Window::within(self.server_bits.unwrap_or(15))?,
            window_asked: self.server_bits.is_some(),
            client_bits,
        })
    }
}

/// 8 to 15, without leading zeros (§7.1.2).
fn window_bits(value: &[u8]) -> Option<u8> {
    match value {
        [digit @ b'8'..=b'9'] => Some(digit - b'0'),
        [b'1', digit @ b'0'..=b'5'] => Some(10 + digit - b'0'),
        _ => None,
    }
}

/// What is left of a field. Blanks may stand between any two of its parts.
struct Reader<'b> {
    rest: &'b [u8],
}

impl<'b> Reader<'b> {
    /// One element of the list. `None`: of another extension, or one that must be declined.
    fn offer(&mut self) -> Result<Option<Offer>, Malformed> {
        let mut offer = Offer::default();
        let mut good = self.token()? == NAME.as_bytes();
        while self.take(b';') {
            let name = self.token()?;
            let value = if self.take(b'=') { Some(self.value()?) } else { None };
            good = good && offer.add(name, value.as_deref());
        }
        Ok(good.then_some(offer))
    }

    fn token(&mut self) -> Result<&'b [u8], Malformed> {
        self.skip_blanks();
        let is_part = |byte: &u8| is_token_byte(*byte);
        let length = self.rest.iter().take_while(|byte| is_part(byte)).count();
        let (token, rest) = self.rest.split_at(length);
        self.rest = rest;
        if token.is_empty() {
            return Err(Malformed);
        }
        Ok(token)
    }

    /// A token, bare or in quotes; in quotes any of its bytes may be escaped.
    fn value(&mut self) -> Result<Cow<'b, [u8]>, Malformed> {
        if !self.take(b'"') {
            return self.token().map(Cow::Borrowed);
        }
        let mut value = Vec::new();
        loop {
            let (&byte, rest) = self.rest.split_first().ok_or(Malformed)?;
            self.rest = rest;
            match byte {
                b'"' if value.is_empty() => return Err(Malformed),
                b'"' => return Ok(Cow::Owned(value)),
                b'\\' => {
                    let (&escaped, rest) = self.rest.split_first().ok_or(Malformed)?;
                    self.rest = rest;
                    value.push(escaped);
                }
                _ => value.push(byte),
            }
            if !value.last().copied().is_some_and(is_token_byte) {
                return Err(Malformed);
            }
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        self.skip_blanks();
        let rest = self.rest.strip_prefix(&[byte]);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn at_end(&mut self) -> bool {
        self.skip_blanks();
        self.rest.is_empty()
    }

    fn skip_blanks(&mut self) {
        while let [b' ' | b'\t', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }
}

const NAME: &str = "permessage-deflate";
const SERVER_NO_CONTEXT: &str = "server_no_context_takeover";
const CLIENT_NO_CONTEXT: &str = "client_no_context_takeover";
const SERVER_BITS: &str = "server_max_window_bits";
const CLIENT_BITS: &str = "client_max_window_bits";

#[cfg(test)]
mod tests;
