//! Grants: what somebody may do, and until when.
//!
//! Came from: tokens, and tickets that were given for them. Goes to: the connection that shows one,
//! which keeps it while it reads. Absent on purpose: the token itself. Nobody needs it any more.

use super::pattern::TopicPattern;
use crate::ids::TopicName;

/// What somebody may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Topics to publish on.
    pub publish: Topics,
    /// Topics to read.
    pub subscribe: Topics,
    /// Reports may be read.
    pub admin: bool,
    /// The first second since 1970 in which it is no longer good. `None`: it stays so.
    pub until_s: Option<u64>,
    /// Tells holders of different tokens apart; says nothing of the token.
    pub credential: u64,
}

/// Which topics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Topics {
    /// Every one.
    All,
    /// Those that match one of these.
    Matching(Vec<TopicPattern>),
}

impl Topics {
    /// None at all.
    pub const NONE: Self = Self::Matching(Vec::new());

    /// Whether this topic is among them.
    pub fn contain(&self, topic: &TopicName) -> bool {
        match self {
            Self::All => true,
            Self::Matching(patterns) => patterns.iter().any(|p| p.matches(topic.as_str())),
        }
    }
}

/// What a right is wanted for.
#[derive(Clone, Copy, Debug)]
pub enum Need<'w> {
    /// To publish on this topic.
    Publish(&'w TopicName),
    /// To read all of these.
    Subscribe(&'w [TopicName]),
    /// To read reports.
    Admin,
    /// To be known by a token at all.
    Token,
}

impl Grant {
    /// Whether it gives this right.
    pub fn gives(&self, need: Need<'_>) -> bool {
        match need {
            Need::Publish(topic) => self.publish.contain(topic),
            Need::Subscribe(topics) => topics.iter().all(|topic| self.subscribe.contain(topic)),
            Need::Admin => self.admin,
            Need::Token => true,
        }
    }
}
