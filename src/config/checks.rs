//! Values that are spelt well and cannot be meant: out of bounds, or at odds with another.
//!
//! Came from: `config`, with what was read. Goes to: `main`, as one line that names the flag and
//! the remedy. Absent on purpose: spelling, which is judged before.

use std::fmt::Display;
use std::thread;

use super::spelling::{Size, Span};
use crate::limits::{self, HEAD_BYTES_MIN, MESSAGE_BYTES_CEILING, THREADS_MAX};

/// The number of event loops: what was asked for, else one for each core.
pub(super) fn threads(asked: Option<usize>) -> Result<usize, String> {
    match asked {
        Some(threads) if !(1..=THREADS_MAX).contains(&threads) => Err(format!(
            "--threads {threads} is not between 1 and {THREADS_MAX}; more than the machine's \
             cores only get in each other's way"
        )),
        Some(threads) => Ok(threads),
        None => Ok(thread::available_parallelism().map_or(1, |cores| cores.get().min(THREADS_MAX))),
    }
}

pub(super) fn head(head: Size) -> Result<(), String> {
    if head.0 < HEAD_BYTES_MIN {
        return Err(format!(
            "--max-head {head} has no room for a browser's request; give {} or more",
            Size(HEAD_BYTES_MIN)
        ));
    }
    if head.0 > limits::INBOX_BYTES_MAX {
        return Err(format!(
            "--max-head {head} is more than a connection keeps unparsed; give {} or less",
            Size(limits::INBOX_BYTES_MAX)
        ));
    }
    Ok(())
}

/// Each thread has its share of the places.
pub(super) fn places(connections: usize, threads: usize) -> Result<(), String> {
    if connections < threads {
        return Err(format!(
            "--max-connections {connections} leaves some of {threads} threads without any; give \
             each one at least, or fewer --threads"
        ));
    }
    Ok(())
}

/// Time is counted in microseconds, and between two messages there is one at least.
pub(super) fn rate(per_second: usize, burst: usize) -> Result<(), String> {
    if per_second == 0 && burst > 0 {
        return Err(format!(
            "--publish-burst {burst} is of no use without --max-publishes N; give it, or leave it \
             out"
        ));
    }
    if per_second > 1_000_000 {
        return Err(format!(
            "--max-publishes {per_second} is more than can be told apart; give 1000000 or less, or \
             0 for no bound"
        ));
    }
    Ok(())
}

/// A message of any length must be able to arrive in pieces: what is not short may have three
/// quarters of the bound, and a buffer that grows is twice as long as what is in it, at worst.
pub(super) fn unfinished(message: Size, unfinished: Size) -> Result<(), String> {
    if message.0 > MESSAGE_BYTES_CEILING {
        return Err(format!(
            "--max-message {message} is too large; give {} or less",
            Size(MESSAGE_BYTES_CEILING)
        ));
    }
    let needed = Size(message.0.saturating_mul(4).max(limits::UNFINISHED_BYTES_LEAST));
    if unfinished < needed {
        return Err(format!(
            "--max-unfinished {unfinished} leaves no room for a message of --max-message {message} \
             to arrive in pieces; give {needed} or more"
        ));
    }
    Ok(())
}

/// RFC 7240 §4.3: a client asks for whole seconds, and is told in whole seconds what it got. With
/// less than one allowed there would be no long polling.
pub(super) fn wait(wait: Span) -> Result<(), String> {
    if wait.0 < 1000 {
        return Err(format!(
            "--max-wait {wait} is less than a second, and clients wait for whole seconds; give \
             1s or more"
        ));
    }
    if wait.0 > limits::WAIT_MS_HIGH {
        return Err(format!(
            "--max-wait {wait} is longer than a long poll can wait; give {} or less",
            Span(limits::WAIT_MS_HIGH)
        ));
    }
    Ok(())
}

/// Who waits longer than this for a server to end has forgotten it.
pub(super) fn drain(drain: Span) -> Result<(), String> {
    if drain.0 > limits::DRAIN_MS_MAX {
        return Err(format!(
            "--drain {drain} is longer than anybody waits for a server to end; give {} or less",
            Span(limits::DRAIN_MS_MAX)
        ));
    }
    Ok(())
}

/// Reads all values of one flag that takes patterns.
pub(super) fn patterns<P, E: Display>(
    flag: &str,
    values: &[String],
    parse: impl Fn(&str) -> Result<P, E>,
) -> Result<Vec<P>, String> {
    let parse = |value: &String| parse(value).map_err(|error| format!("{flag} {value}: {error}"));
    values.iter().map(parse).collect()
}

/// The largest message must fit into its topic's log, and that log into what is retained in all:
/// otherwise a message would be gone before anyone had read it.
pub(super) fn history(message: Size, history: Size, retain: Size) -> Result<(), String> {
    let needed = Size(message.0.saturating_add(limits::MESSAGE_OVERHEAD_BYTES));
    if history < needed {
        return Err(format!(
            "--history-bytes {history} does not hold one message of --max-message {message}; give \
             {needed} or more"
        ));
    }
    if retain < history {
        return Err(format!(
            "--retain-bytes {retain} is less than --history-bytes {history}; all topics together \
             retain at least what one does"
        ));
    }
    Ok(())
}
