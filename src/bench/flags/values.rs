//! Values of single flags: read, and refused with what may be given instead.
//!
//! Came from: `flags`, as they were typed. Goes to: the same. Absent on purpose: which flags go
//! together.

use super::super::payload::PAYLOAD_BYTES_MIN;
use crate::config::Size;
use crate::limits::MESSAGE_BYTES_MAX;

/// Messages a second; `None`: as many as are taken.
pub(super) fn rate(text: &str) -> Result<Option<f64>, String> {
    const REMEDY: &str = "write 50, 0.5 for one message in two seconds, or max";
    if text == "max" {
        return Ok(None);
    }
    let number: f64 =
        text.parse().map_err(|_| format!("--rate {text}: is not a number; {REMEDY}"))?;
    if (RATE_MIN..=RATE_MAX).contains(&number) {
        return Ok(Some(number));
    }
    Err(format!("--rate {text} is not between {RATE_MIN} and {RATE_MAX}; {REMEDY}"))
}

/// Bytes of each message.
pub(super) fn size(size: Size) -> Result<usize, String> {
    let (least, most) = (Size(PAYLOAD_BYTES_MIN), Size(MESSAGE_BYTES_MAX));
    if size < least {
        return Err(format!(
            "--size {size} has no room for a message's number and topic; give {least} or more"
        ));
    }
    if size > most {
        return Err(format!("--size {size} is more than a message may have; give {most} or less"));
    }
    Ok(size.0)
}

/// A number from 1 to `most`.
pub(super) fn in_range(flag: &str, value: u64, most: u64) -> Result<(), String> {
    if (1..=most).contains(&value) {
        return Ok(());
    }
    Err(format!("{flag} {value} is not between 1 and {most}; give a number in that range"))
}

/// With this and the highest `--count` the last message is due within what a `u64` of microseconds
/// holds.
const RATE_MIN: f64 = 0.001;
const RATE_MAX: f64 = 1_000_000.0;
