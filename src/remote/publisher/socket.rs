//! A publisher over WebSocket, in the dialect `tollway.v1`.
//!
//! Came from: `publisher`, when `--via ws` is asked for. Goes to: `exchange`, as frames. Absent on
//! purpose: what a failure leads to.

use super::super::flags::PubOptions;
use super::super::publish_frame;
use super::super::unpublished::PendingState;
use super::Publisher;
use crate::client::endpoint::percent_encode;
use crate::client::frames;
use crate::client::setback::Setback;
use crate::limits::OUTBOX_BYTES_HIGH;
use crate::wire::frame::Opcode;

impl Publisher<'_> {
    /// Opens the WebSocket.
    pub(super) fn handshake(&mut self) -> Result<(), Setback> {
        let PubOptions { server, topic, .. } = self.options;
        let key = frames::key(self.masks.draw());
        let target = format!("/{}/ws?since=latest", percent_encode(topic));
        let mut head = server.endpoint.head("GET", &target);
        head.push_str(&frames::upgrade(&key));
        head.push_str("\r\n");
        self.traffic.requests += 1;
        self.traffic.bytes_out.head += head.len() as u64;
        let Self { link: Some(link), traffic, .. } = self else {
            return Ok(());
        };
        link.send(head.as_bytes())?;
        let (head, body) = link.answer(traffic)?;
        if head.status != 101 {
            let mut setback = Setback::refused(&head, &body).of(SOCKET);
            if matches!(head.status, 401 | 403) {
                setback.what.push_str(
                    " (--via ws reads the topic as well, which takes the right to read; --via post \
                     does not)",
                );
            }
            return Err(setback);
        }
        if frames::is_accepted(&head, &key, Some("tollway.v1")) {
            return Ok(());
        }
        Err(Setback::new("the server answered the handshake with another one"))
    }

    /// Sends what was not sent, then takes one frame.
    pub(super) fn by_frame(&mut self) -> Result<(), Setback> {
        if let Some(refused) = self.refused.clone()
            && !self.unpublished.awaits()
        {
            self.leave();
            return Err(refused);
        }
        if self.refused.is_none() {
            self.send_frames()?;
        }
        let Self { link: Some(link), traffic, masks, unpublished, .. } = self else {
            return Ok(());
        };
        // With each answer less is under way, and may be waited for.
        link.allow(unpublished.bytes_sent());
        let (opcode, payload, used) = link.frame()?;
        match opcode {
            Opcode::Ping => {
                let mut pong = Vec::new();
                frames::encode(Opcode::Pong, &payload, masks.next_mask(), &mut pong);
                traffic.bytes_in.heartbeat += used as u64;
                traffic.bytes_out.heartbeat += pong.len() as u64;
                link.send(&pong)
            }
            Opcode::Close => {
                traffic.bytes_in.framing += used as u64;
                let (code, why) = payload.split_first_chunk().unwrap_or((&[0; 2], &[]));
                let setback =
                    Setback::closed(u16::from_be_bytes(*code), &String::from_utf8_lossy(why))
                        .of(SOCKET);
                // RFC 6455 §5.5.1. Whether it still hears that is its own affair.
                let close = self.close_frame(payload.get(..2).unwrap_or_default());
                let _ = self.link.as_mut().map(|link| link.send(&close));
                Err(setback)
            }
            Opcode::Text | Opcode::Binary | Opcode::Continuation | Opcode::Pong => {
                traffic.bytes_in.framing += used as u64;
                self.heard(&payload)
            }
        }
    }

    /// Sends as much as may be under way at once, in its order.
    fn send_frames(&mut self) -> Result<(), Setback> {
        let Self { link: Some(link), unpublished, traffic, masks, options, alone, .. } = self
        else {
            return Ok(());
        };
        let mut under_way = unpublished.bytes_sent();
        for message in unpublished.to_send(*alone) {
            if under_way >= UNDER_WAY_BYTES_MAX {
                break;
            }
            let frame = publish_frame::asking(message, options.event.as_deref());
            let mut bytes = Vec::new();
            frames::encode(Opcode::Text, &frame, masks.next_mask(), &mut bytes);
            if under_way > 0 && under_way + bytes.len() > UNDER_WAY_BYTES_MAX {
                break;
            }
            let payload = message.data.len() as u64;
            traffic.bytes_out.payload += payload;
            traffic.bytes_out.framing += (bytes.len() as u64).saturating_sub(payload);
            under_way += bytes.len();
            message.state = PendingState::Sent(bytes.len());
            link.allow(under_way);
            link.send(&bytes)?;
        }
        Ok(())
    }

    /// A message of the server: the answer to one of ours, or something that we read because we
    /// opened the topic.
    fn heard(&mut self, payload: &[u8]) -> Result<(), Setback> {
        let Some((number, said)) = publish_frame::answer(payload) else {
            return Ok(());
        };
        let subject = self.subject(number);
        let Some(message) = self.unpublished.under_way(number) else {
            return Ok(());
        };
        self.proved = true;
        match said {
            Ok(receipt) => message.state = PendingState::Taken(receipt),
            Err(setback) => {
                message.state = PendingState::Unsent;
                // The answers come in order: the first refusal is that of the oldest message.
                self.refused.get_or_insert(setback.of(&subject));
            }
        }
        self.give_receipts()
    }

    /// Ends a WebSocket as RFC 6455 §7.1.2 has it.
    pub(super) fn leave(&mut self) {
        let Some(mut link) = self.link.take().filter(|_| self.options.by_websocket) else {
            return;
        };
        let close = self.close_frame(&CLOSE_NORMAL);
        link.leave(&close);
    }

    fn close_frame(&mut self, payload: &[u8]) -> Vec<u8> {
        let mut close = Vec::new();
        frames::encode(Opcode::Close, payload, self.masks.next_mask(), &mut close);
        self.traffic.bytes_out.framing += close.len() as u64;
        close
    }
}

/// Bytes of frames that are under way at once; one that is longer goes alone. More would be of no
/// use: we are sent our own messages, and a server that has as much for us as it keeps for one
/// connection reads no more of ours.
const UNDER_WAY_BYTES_MAX: usize = OUTBOX_BYTES_HIGH;
/// What a setback happens to.
const SOCKET: &str = "the WebSocket";
/// All is done: 1000. RFC 6455 §7.4.1.
const CLOSE_NORMAL: [u8; 2] = 1000_u16.to_be_bytes();
