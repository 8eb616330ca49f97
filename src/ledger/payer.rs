//! Who caused a cost.
//!
//! Came from: `conn`, which knows what a request wants. Goes to: the account that is charged.
//! Absent on purpose: clients; a payer is a kind of use, and there are six.

use crate::named::named;

named! {
    /// Who caused a cost.
    #[repr(u8)]
    pub enum Payer {
        /// Readers that ask and go.
        ShortPoll = "short_poll";
        /// Readers that ask and wait.
        LongPoll = "long_poll";
        /// Readers of an event stream.
        Sse = "sse";
        /// WebSockets, both ways.
        WebSocket = "websocket";
        /// HTTP requests that publish.
        Publish = "publish";
        /// The page, files, reports, errors, and strangers that never asked for anything.
        Other = "other";
    }
}

impl Payer {
    /// Whether messages are delivered to it: it is a technique.
    pub const fn is_technique(self) -> bool {
        !matches!(self, Self::Publish | Self::Other)
    }
}
