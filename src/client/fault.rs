//! Why a subscriber cannot go on, for people.
//!
//! Came from: `subscriber`. Goes to: the complaints of a run. Absent on purpose: trying again;
//! where faults are counted, one that is mended is one that is hidden.

use std::fmt;

use super::frames::ServerFrameError;
use super::response::ResponseError;

/// Why a subscriber cannot go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An answer with another status than the way expects.
    Status(u16),
    /// An answer that breaks HTTP.
    Answer(ResponseError),
    /// A handshake that RFC 6455 does not allow, or another subprotocol than asked for.
    Handshake,
    /// A frame that breaks RFC 6455.
    Frame(ServerFrameError),
    /// A body or a frame that is not the JSON it has to be.
    Json,
    /// The server has closed the WebSocket: code and reason.
    Closed(u16, String),
    /// The connection ended while something was to come.
    CutOff,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "was answered with status {status}"),
            Self::Answer(error) => write!(f, "got an answer that breaks HTTP ({error:?})"),
            Self::Handshake => f.write_str("got a handshake that does not match its own"),
            Self::Frame(error) => write!(f, "got a frame that breaks RFC 6455 ({error:?})"),
            Self::Json => f.write_str("got something that is not the JSON it has to be"),
            Self::Closed(code, reason) => write!(f, "was closed with {code} ({reason})"),
            Self::CutOff => f.write_str("lost its connection"),
        }
    }
}
