//! One connection to a server: bytes that came, as what they say.
//!
//! Came from: `swarm`, with an event of its socket. Goes to: `swarm` again, as [`Heard`]. Absent on
//! purpose: what was expected; `work` knows.

use std::io::{self, ErrorKind, Read, Write};

use mio::net::TcpStream;
use tollway::client::events::{Event, EventReader};
use tollway::client::frames;
use tollway::client::response::{ResponseDecoder, ResponseHead, ResponseStep};
use tollway::wire::Parsed;
use tollway::wire::frame::Opcode;

use super::dialect::WEBSOCKET_KEY;

/// What a server has said.
#[derive(Debug)]
pub(crate) enum Heard {
    /// A WebSocket or a stream is open.
    Opened,
    /// By a WebSocket or a stream.
    Message(Vec<u8>),
    /// A whole answer.
    Answer(ResponseHead, Vec<u8>),
    /// It has ended the connection.
    Ended,
}

pub(crate) struct Line {
    pub(crate) socket: TcpStream,
    unsent: Vec<u8>,
    unread: Vec<u8>,
    decoder: ResponseDecoder,
    stage: Stage,
}

enum Stage {
    /// Before an answer.
    Http,
    /// Behind the head of an answer, with what has come of its body.
    Body(ResponseHead, Vec<u8>),
    /// With the events of one piece, taken out again at once.
    Stream(EventReader, Vec<Event>),
    WebSocket,
}

impl Line {
    pub(crate) fn new(socket: TcpStream) -> Self {
        let decoder = ResponseDecoder::default();
        Self { socket, unsent: Vec::new(), unread: Vec::new(), decoder, stage: Stage::Http }
    }

    /// Sends, or keeps for [`Self::flush`] what the kernel does not take.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.unsent.extend_from_slice(bytes);
        self.flush()
    }

    pub(crate) fn flush(&mut self) -> Result<(), String> {
        while !self.unsent.is_empty() {
            match self.socket.write(&self.unsent) {
                Ok(length) => drop(self.unsent.drain(..length)),
                Err(error) if is_for_later(&error) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(format!("a connection broke: {error}")),
            }
        }
        Ok(())
    }

    /// Reads all there is, and tells what it says.
    pub(crate) fn read(
        &mut self,
        scratch: &mut [u8],
        to_end: bool,
        say: &mut dyn FnMut(Heard),
    ) -> Result<(), String> {
        loop {
            let length = match self.socket.read(scratch) {
                Ok(length) => length,
                Err(error) if is_for_later(&error) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(format!("a connection broke: {error}")),
            };
            if length == 0 {
                say(Heard::Ended);
                return Ok(());
            }
            if self.unread.is_empty() {
                let used = self.understand(&scratch[..length], say)?;
                self.unread.extend_from_slice(&scratch[used..length]);
            } else {
                let mut unread = std::mem::take(&mut self.unread);
                unread.extend_from_slice(&scratch[..length]);
                let used = self.understand(&unread, say)?;
                unread.drain(..used);
                self.unread = unread;
            }
            // An edge is told once; a read that leaves room has brought all there was.
            if length < scratch.len() && !to_end {
                return Ok(());
            }
        }
    }

    /// Understands as many bytes as it can.
    fn understand(&mut self, bytes: &[u8], say: &mut dyn FnMut(Heard)) -> Result<usize, String> {
        let mut used = 0;
        loop {
            let step = match &mut self.stage {
                Stage::WebSocket => frame(&bytes[used..], say)?,
                _ => self.http(&bytes[used..], say)?,
            };
            match step {
                Some(step) => used += step,
                None => return Ok(used),
            }
        }
    }

    fn http(&mut self, bytes: &[u8], say: &mut dyn FnMut(Heard)) -> Result<Option<usize>, String> {
        if bytes.is_empty() && matches!(self.stage, Stage::Http | Stage::Stream(..)) {
            return Ok(None);
        }
        let step = self.decoder.decode(bytes).map_err(|error| format!("no HTTP: {error:?}"))?;
        match step {
            ResponseStep::Partial => Ok(None),
            ResponseStep::Head { head, used } => {
                self.stage = stage_behind(head, say)?;
                Ok(Some(used))
            }
            ResponseStep::Body { bytes, used } => {
                match &mut self.stage {
                    Stage::Body(_, body) => body.extend_from_slice(bytes),
                    Stage::Stream(reader, events) => {
                        reader.push(bytes, events);
                        // Events of another name are the server's own, such as a greeting.
                        let messages = events.drain(..).filter(|event| event.name.is_empty());
                        messages.for_each(|event| say(Heard::Message(event.data)));
                    }
                    Stage::Http | Stage::WebSocket => unreachable!("a body is behind a head"),
                }
                Ok((used > 0).then_some(used))
            }
            ResponseStep::End { used } => {
                match std::mem::replace(&mut self.stage, Stage::Http) {
                    Stage::Body(head, body) => say(Heard::Answer(head, body)),
                    _ => return Err("a stream was ended".to_owned()),
                }
                Ok(Some(used))
            }
        }
    }
}

fn stage_behind(head: ResponseHead, say: &mut dyn FnMut(Heard)) -> Result<Stage, String> {
    let content_type = head.field("content-type").unwrap_or_default();
    if head.status == 101 {
        if !frames::is_accepted(&head, WEBSOCKET_KEY, None) {
            return Err(format!("no handshake: {head:?}"));
        }
        say(Heard::Opened);
        return Ok(Stage::WebSocket);
    }
    if content_type.starts_with("text/event-stream") {
        say(Heard::Opened);
        return Ok(Stage::Stream(EventReader::default(), Vec::new()));
    }
    Ok(Stage::Body(head, Vec::new()))
}

fn frame(bytes: &[u8], say: &mut dyn FnMut(Heard)) -> Result<Option<usize>, String> {
    let parsed = frames::decode(bytes, FRAME_BYTES_MAX);
    match parsed.map_err(|error| format!("no WebSocket: {error:?}"))? {
        Parsed::Partial => Ok(None),
        Parsed::Complete { value, used } => {
            if matches!(value.opcode, Opcode::Text | Opcode::Binary) {
                say(Heard::Message(value.payload.to_vec()));
            }
            Ok(Some(used))
        }
    }
}

fn is_for_later(error: &io::Error) -> bool {
    // Linux says the latter of a socket that is still connecting.
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected)
}

const FRAME_BYTES_MAX: u64 = 4096;
