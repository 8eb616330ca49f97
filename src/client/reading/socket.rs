//! Frames of a WebSocket: what each of them tells, and what is sent back. RFC 6455 §5.4, §5.5.
//!
//! Came from: `reading`, with a server's bytes behind the handshake. Goes to: the same, as what was
//! told and what is to be sent. Absent on purpose: waiting for the answer to a Close. Who reads has
//! nothing to lose by then.

use super::{HELD_BYTES_MAX, Reading, ReadingStage};
use crate::client::frames::{self, ServerFrameError};
use crate::client::saying::{Saying, read_json};
use crate::client::setback::Setback;
use crate::client::told::Told;
use crate::wire::Parsed;
use crate::wire::frame::{CloseCode, Opcode};

impl Reading {
    /// A Ping: whoever is there answers it.
    pub fn ping(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        self.frame(Opcode::Ping, &[], &mut out);
        self.traffic.bytes_out.heartbeat += out.len() as u64;
        out
    }

    /// It is read no longer: a WebSocket is told, unless it was closed already (§7.1.1).
    pub fn leave(&mut self, out: &mut Vec<u8>) {
        if matches!(self.stage, ReadingStage::Frames) {
            self.close(&CloseCode::NORMAL.number().to_be_bytes(), out);
        }
    }

    /// A Close is the last frame, whatever comes.
    fn close(&mut self, payload: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        self.frame(Opcode::Close, payload, out);
        self.traffic.bytes_out.framing += (out.len() - start) as u64;
        self.stage = ReadingStage::Idle;
    }

    pub(super) fn next_frame(
        &mut self,
        buf: &[u8],
        told: &mut Vec<Told>,
        reply: &mut Vec<u8>,
    ) -> Result<Option<usize>, Setback> {
        let parsed = frames::decode(buf, HELD_BYTES_MAX as u64).map_err(|error| {
            let too_long = error == ServerFrameError::TooLong;
            let code = if too_long { CloseCode::TOO_BIG } else { CloseCode::PROTOCOL };
            self.close(&code.number().to_be_bytes(), reply);
            Setback::new(format!("broke RFC 6455 ({error:?})"))
        })?;
        let Parsed::Complete { value: frame, used } = parsed else {
            return Ok(None);
        };
        match frame.opcode {
            Opcode::Text | Opcode::Binary | Opcode::Continuation => {
                let before = self.traffic.bytes_in.payload;
                self.held.extend_from_slice(frame.payload);
                if frame.fin {
                    let whole = std::mem::take(&mut self.held);
                    self.object(&whole, told)?;
                }
                self.frame_bytes(used, before, 0);
            }
            Opcode::Ping => {
                let start = reply.len();
                self.frame(Opcode::Pong, frame.payload, reply);
                self.traffic.bytes_in.heartbeat += used as u64;
                self.traffic.bytes_out.heartbeat += (reply.len() - start) as u64;
                told.push(Told::Alive);
            }
            Opcode::Pong => {
                self.traffic.bytes_in.heartbeat += used as u64;
                told.push(Told::Alive);
            }
            Opcode::Close => {
                let (code, why) = frame.payload.split_first_chunk().unwrap_or((&[0; 2], &[]));
                let code = u16::from_be_bytes(*code);
                self.traffic.bytes_in.framing += used as u64;
                // Its code comes back, if it is one that may be sent: §5.5.1, §7.4.
                let echo = CloseCode::from_peer(code).unwrap_or(CloseCode::PROTOCOL);
                let echo = echo.number().to_be_bytes();
                self.close(if frame.payload.is_empty() { &[] } else { &echo }, reply);
                return Err(Setback::closed(code, &String::from_utf8_lossy(why)));
            }
        }
        Ok(Some(used))
    }

    /// A frame of `tollway.v1`.
    fn object(&mut self, text: &[u8], told: &mut Vec<Told>) -> Result<(), Setback> {
        let saying: Saying = read_json(text)?;
        if let Some(next) = saying.next {
            self.cursor_moved(next, told);
        } else if let Some(gap) = saying.gap {
            told.push(Told::Gap(gap));
        } else {
            self.message(saying, told)?;
        }
        Ok(())
    }

    /// Appends a frame.
    fn frame(&mut self, opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
        frames::encode(opcode, payload, self.masks.next_mask(), out);
    }
}
