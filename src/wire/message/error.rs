//! What a client may say wrongly, and what to close with. RFC 6455 §7.4.
//!
//! Came from: `wire::message`, which finds the offence. Goes to: `conn`, which closes for it.
//! Absent on purpose: anything but names, so that an error is a byte or two.

use crate::wire::deflate::InflateError;
use crate::wire::frame::{CloseCode, FrameError};
use crate::wire::offences::offences;
use crate::wire::utf8::NotUtf8;

offences! {
    /// What is wrong with what a client said: with a frame's header by itself, or with its place
    /// and its payload.
    pub enum MessageError: close_code -> CloseCode, Frame(FrameError) {
        ContinuationWithoutStart = PROTOCOL, "continuation_without_start",
            "There is no message to continue; start with 1 or 2.";
        StartWithinFragments = PROTOCOL, "start_within_fragments",
            "The message before is unfinished; finish it first.";
        TooBig = TOO_BIG, "too_big",
            "The message is over the bound, --max-message; send less at a time.";
        NotDeflate = PROTOCOL, "not_deflate",
            "The compressed message is not DEFLATE; see RFC 7692 §7.2.";
        NotUtf8 = NOT_UTF8, "not_utf8",
            "The text is not UTF-8; send bytes as a binary message.";
        CloseTooShort = PROTOCOL, "close_too_short",
            "A Close payload is empty, or a code of two bytes and a reason.";
        CloseCodeInvalid = PROTOCOL, "close_code_invalid",
            "This close code may not be sent; use 1000.";
        CloseReasonNotUtf8 = NOT_UTF8, "close_reason_not_utf8",
            "The reason of the Close is not UTF-8.";
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
