//! Receipts of messages that were published: read from answers, and shown to who asks for them.
//!
//! Came from: `publisher`, with what a server answered. Goes to: standard output with `--json`.
//! Absent on purpose: their order, which is for `unpublished` to keep.

use std::io::ErrorKind;

use super::show;
use crate::client::setback::Setback;

/// What becomes of receipts.
#[derive(Debug)]
pub struct Receipts {
    /// Somebody may read them.
    is_heard: bool,
    /// It was told that the server gives none.
    are_missed: bool,
}

impl Receipts {
    /// Those that are shown, or not.
    pub const fn new(is_heard: bool) -> Self {
        Self { is_heard, are_missed: false }
    }

    /// The receipt in the body of an answer with this status, a line of JSON with the message's id;
    /// empty when there is none, which is told once.
    pub fn read(&mut self, status: u16, body: &[u8]) -> String {
        let text = String::from_utf8_lossy(body).trim().to_owned();
        let read: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        if read["id"].is_string() && !text.contains('\n') {
            return text;
        }
        if !self.are_missed {
            show::note(&format!("the server takes messages with {status} and gives no receipt"));
            self.are_missed = true;
        }
        String::new()
    }

    /// Shows one, if there is one.
    pub fn show(&mut self, receipt: &str) -> Result<(), Setback> {
        if !self.is_heard || receipt.is_empty() {
            return Ok(());
        }
        match show::line(receipt) {
            Ok(()) => Ok(()),
            // Who closes the pipe has seen enough, and the rest is published all the same.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.is_heard = false;
                Ok(())
            }
            Err(error) => {
                let setback = Setback::new(format!("standard output: {error}"));
                Err(Setback { is_final: true, ..setback })
            }
        }
    }
}
