//! What a server told a reader, whichever technique it used.
//!
//! Came from: `reading`. Goes to: whoever shows messages. Absent on purpose: how it was spelled.

use serde::Deserialize;

/// What a server told a reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Reading goes on from here; nothing lies between.
    Cursor(String),
    /// A message; its id is the new cursor.
    Message(Delivery),
    /// Messages that cannot be had any more. The cursor stays.
    Gap(MissedSpan),
    /// A poll is answered. Another may be sent.
    Answered {
        /// There is more than the answer could carry: ask again at once.
        more: bool,
        /// The server ends the connection.
        closes: bool,
        /// Seconds for which the server was ready to withhold it, where it says so.
        granted_s: Option<u64>,
    },
    /// The server has ended a connection that was idle for too long, just as the next poll went out
    /// on it. It was not heard.
    TimedOut,
    /// An answer to a Ping of ours, or anything else that shows life.
    Alive,
}

/// A message as it was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The cursor behind it.
    pub id: String,
    /// The topic, where the server said it: when several are read.
    pub topic: Option<String>,
    /// The event's name.
    pub event: Option<String>,
    /// The data.
    pub data: Vec<u8>,
    /// The server said that the data is bytes.
    pub is_binary: bool,
}

/// `{"from":…,"to":…,"reason":…}`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct MissedSpan {
    /// The cursor that was asked for.
    pub from: String,
    /// The first id that follows.
    pub to: String,
    /// One word.
    pub reason: String,
}
