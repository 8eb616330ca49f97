//! What a client received against what it had to receive.

use tollway::ids::Millis;
use tollway::limits::{RETRY_MS_MAX, RETRY_MS_MIN};

use super::play::Wrong;
use super::{Piece, bytes};
use crate::world::UNIX_START_S;

/// Whether `got` is what is due: all of it, and no more.
pub fn compare(due: &[(usize, Piece)], got: &[u8], now: Millis, end: usize) -> Result<(), Wrong> {
    let mut rest = got;
    let mut free = false;
    for (line, piece) in due {
        let wrong = |expected: &[u8], rest: &[u8]| Wrong {
            line: *line,
            why: format!(
                "\n  expected:\n      {}\n  got:\n      {}",
                bytes::show(expected),
                bytes::show(&rest[..rest.len().min(expected.len() + 200)])
            ),
        };
        let taken = match piece {
            Piece::Exact(bytes) => {
                rest.strip_prefix(bytes.as_slice()).ok_or_else(|| wrong(bytes, rest))
            }
            Piece::Date => {
                let at = UNIX_START_S + now.0 / 1000;
                let at = std::time::UNIX_EPOCH + std::time::Duration::from_secs(at);
                let date = httpdate::fmt_http_date(at).into_bytes();
                rest.strip_prefix(date.as_slice()).ok_or_else(|| wrong(&date, rest))
            }
            Piece::Retry => take_retry(rest).ok_or_else(|| wrong(b"{retry}", rest)),
            Piece::Print => take_print(rest).ok_or_else(|| wrong(b"{print}", rest)),
            Piece::Line(text) => {
                free = true;
                skip_to(rest, text).ok_or_else(|| wrong(text, rest))
            }
        };
        rest = taken?;
    }
    if rest.is_empty() || free {
        return Ok(());
    }
    let why = format!("\n  got what is not told:\n      {}", bytes::show(rest));
    Err(Wrong { line: end, why })
}

fn take_retry(rest: &[u8]) -> Option<&[u8]> {
    let (digits, after) = rest.split_at_checked(4)?;
    let ms: u64 = str::from_utf8(digits).ok()?.parse().ok()?;
    (RETRY_MS_MIN..=RETRY_MS_MAX).contains(&ms).then_some(after)
}

fn take_print(rest: &[u8]) -> Option<&[u8]> {
    let (digits, after) = rest.split_at_checked(16)?;
    digits.iter().all(|d| matches!(d, b'0'..=b'9' | b'a'..=b'f')).then_some(after)
}

/// What stands behind the line that says `text`.
fn skip_to<'b>(mut rest: &'b [u8], text: &[u8]) -> Option<&'b [u8]> {
    while !rest.is_empty() {
        let end = rest.iter().position(|&byte| byte == b'\n').map_or(rest.len(), |at| at + 1);
        let (line, after) = rest.split_at(end);
        if line.trim_ascii_end() == text {
            return Some(after);
        }
        rest = after;
    }
    None
}
