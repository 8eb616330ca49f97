//! A WebSocket of a client, frame by frame, with the mask that every figure of the book has.

use crate::http::Wire;
use crate::readers::frames;

/// The mask of RFC 6455 §5.7.
pub(crate) const MASK: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

pub(crate) struct Socket {
    pub(crate) wire: Wire,
    come: Vec<u8>,
}

impl Socket {
    /// Shakes hands, with the key of RFC 6455 §1.3.
    pub(crate) fn open(port: u16, target: &str) -> Self {
        let mut wire = Wire::open(port);
        wire.send(request(target));
        let head = wire.head();
        assert_eq!(head.status, 101);
        assert_eq!(head.field("sec-websocket-accept"), Some(frames::ACCEPT));
        Self { wire, come: Vec::new() }
    }

    /// Sends a text in one write.
    pub(crate) fn say(&mut self, text: &str) {
        self.wire.send(frame(text));
    }

    /// The payload of the next frame and its opcode.
    pub(crate) fn hear(&mut self) -> (u8, Vec<u8>) {
        loop {
            if let Some(frame) = frames::server_frame(&self.come, 0) {
                self.come.drain(..frame.used);
                return (frame.opcode, frame.payload);
            }
            self.come.extend(self.wire.some().expect("the connection stands"));
        }
    }

    /// The text of the next frame.
    pub(crate) fn hear_text(&mut self) -> String {
        let (opcode, payload) = self.hear();
        assert_eq!(opcode, frames::TEXT);
        String::from_utf8(payload).expect("text")
    }
}

/// The request of a client that wants a WebSocket.
pub(crate) fn request(target: &str) -> String {
    format!(
        "GET {target} HTTP/1.1\r\nHost: toy\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {}\r\n\r\n",
        frames::KEY
    )
}

/// A text as a client's frame.
pub(crate) fn frame(text: &str) -> Vec<u8> {
    frames::client(true, frames::TEXT, text.as_bytes(), MASK)
}

/// A Close frame with code 1000.
pub(crate) fn close() -> Vec<u8> {
    frames::client(true, frames::CLOSE, &1000_u16.to_be_bytes(), MASK)
}
