//! An event stream of a client, event by event, from a toy or from the server.

use crate::http::Wire;
use crate::readers::events;

pub(crate) struct Stream {
    pub(crate) wire: Wire,
    chunked: bool,
    come: Vec<u8>,
    told: usize,
}

impl Stream {
    /// Asks for a stream and reads the head of its answer.
    pub(crate) fn open(port: u16, target: &str, fields: &str) -> Self {
        let mut wire = Wire::open(port);
        wire.send(format!("GET {target} HTTP/1.1\r\nHost: toy\r\n{fields}\r\n"));
        let head = wire.head();
        assert_eq!(head.status, 200);
        assert_eq!(head.field("content-type"), Some("text/event-stream"));
        let chunked = head.field("transfer-encoding").is_some();
        Self { wire, chunked, come: Vec::new(), told: 0 }
    }

    /// The data of the next event.
    pub(crate) fn hear(&mut self) -> String {
        loop {
            if let Some(event) = events::read(&self.come).events.into_iter().nth(self.told) {
                self.told += 1;
                return event.data;
            }
            let more = if self.chunked { self.wire.chunk() } else { self.wire.some() };
            self.come.extend(more.expect("the stream goes on"));
        }
    }
}
