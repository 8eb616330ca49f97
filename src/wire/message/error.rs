//! What a client may say wrongly, and what to close with. RFC 6455 §7.4.
//!
//! Came from: `wire::message`, which finds the offence. Goes to: `conn`, which closes for it.
//! Absent on purpose: anything but names, so that an error is a byte or two.

use crate::wire::deflate::InflateError;
use crate::wire::frame::{CloseCode, FrameError};
use crate::wire::utf8::NotUtf8;

/// What is wrong with what a client said. The variant is the offence; [`Self::close_code`] the
/// remedy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageError {
    /// A header that is wrong by itself.
    Frame(FrameError),
    /// A continuation, and nothing to continue.
    ContinuationWithoutStart,
    /// A new message before the last fragment of the one before.
    StartWithinFragments,
    /// Fragments, or an inflated message, that come to more than the message bound.
    TooBig,
    /// A compressed message that is not DEFLATE.
    NotDeflate,
    /// Text that is not UTF-8.
    NotUtf8,
    /// A Close payload of one byte.
    CloseTooShort,
    /// A close code that may not be sent.
    CloseCodeInvalid,
    /// A Close reason that is not UTF-8.
    CloseReasonNotUtf8,
}

impl MessageError {
    /// Every offence, those of frames included.
    pub const ALL: &[Self] = &[
        Self::Frame(FrameError::ReservedOpcode),
        Self::Frame(FrameError::ReservedBits),
        Self::Frame(FrameError::ControlFragmented),
        Self::Frame(FrameError::Unmasked),
        Self::Frame(FrameError::ControlTooLong),
        Self::Frame(FrameError::LengthHighBit),
        Self::Frame(FrameError::LengthNotMinimal),
        Self::Frame(FrameError::TooLong),
        Self::ContinuationWithoutStart,
        Self::StartWithinFragments,
        Self::TooBig,
        Self::NotDeflate,
        Self::NotUtf8,
        Self::CloseTooShort,
        Self::CloseCodeInvalid,
        Self::CloseReasonNotUtf8,
    ];

    /// The code to close with.
    pub const fn close_code(self) -> CloseCode {
        match self {
            Self::Frame(error) => error.close_code(),
            Self::ContinuationWithoutStart
            | Self::StartWithinFragments
            | Self::NotDeflate
            | Self::CloseTooShort
            | Self::CloseCodeInvalid => CloseCode::PROTOCOL,
            Self::TooBig => CloseCode::TOO_BIG,
            Self::NotUtf8 | Self::CloseReasonNotUtf8 => CloseCode::NOT_UTF8,
        }
    }

    /// The offence as a word for programs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Frame(error) => error.code(),
            Self::ContinuationWithoutStart => "continuation_without_start",
            Self::StartWithinFragments => "start_within_fragments",
            Self::TooBig => "too_big",
            Self::NotDeflate => "not_deflate",
            Self::NotUtf8 => "not_utf8",
            Self::CloseTooShort => "close_too_short",
            Self::CloseCodeInvalid => "close_code_invalid",
            Self::CloseReasonNotUtf8 => "close_reason_not_utf8",
        }
    }

    /// The offence and what to do about it: a sentence that fits a Close frame.
    pub const fn detail(self) -> &'static str {
        match self {
            Self::Frame(error) => error.detail(),
            Self::ContinuationWithoutStart => "There is no message to continue; start with 1 or 2.",
            Self::StartWithinFragments => "The message before is unfinished; finish it first.",
            Self::TooBig => "The message is over the bound; send less at a time.",
            Self::NotDeflate => "The compressed message is not DEFLATE; see RFC 7692 §7.2.",
            Self::NotUtf8 => "The text is not UTF-8; send bytes as a binary message.",
            Self::CloseTooShort => "A Close payload is empty, or a code of two bytes and a reason.",
            Self::CloseCodeInvalid => "This close code may not be sent; use 1000.",
            Self::CloseReasonNotUtf8 => "The reason of the Close is not UTF-8.",
        }
    }
}

impl From<FrameError> for MessageError {
    fn from(error: FrameError) -> Self {
        Self::Frame(error)
    }
}

impl From<InflateError> for MessageError {
    fn from(error: InflateError) -> Self {
        match error {
            InflateError::Corrupt => Self::NotDeflate,
            InflateError::TooBig => Self::TooBig,
            InflateError::NotUtf8(_) => Self::NotUtf8,
        }
    }
}

impl From<NotUtf8> for MessageError {
    fn from(_: NotUtf8) -> Self {
        Self::NotUtf8
    }
}
