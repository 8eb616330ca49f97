//! How many read a topic on all nodes: what this node tells the others, and asks them.
//!
//! Each node has a hash of its own, topic → counts by technique, and there is one hash with the
//! sums. A node says what has changed, once a second; who wants to know asks for the sum, and takes
//! away what this node has said itself, since it knows that better. So a count is late by about a
//! second.
//!
//! A node that says nothing for [`REDIS_NODE_MS_MAX`] is dead, and whoever speaks next takes its
//! counts away, in portions. If it was only away, it comes back under a new name.
//!
//! Came from: the shell's thread that appends, once a second and when somebody asks. Goes to:
//! Redis. Absent on purpose: who reads.
//!
//! [`REDIS_NODE_MS_MAX`]: crate::limits::REDIS_NODE_MS_MAX

use redis::Script;

use super::fault::RedisFault;
use super::link::RedisLink;
use crate::hub::Subscribers;
use crate::ids::TopicName;
use crate::limits::REDIS_NODE_MS_MAX;

const COUNT: &str = include_str!("count.lua");
const OTHERS: &str = include_str!("others.lua");

/// A name that no other node has: 64 random bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeName(String);

impl NodeName {
    /// A name of its own.
    pub fn draw(bits: u64) -> Self {
        Self(format!("{bits:016x}"))
    }
}

impl RedisLink {
    /// Says what has changed on this node, and that it lives. `fresh`: the name is a new one.
    /// `false`: the name is not known any more, and nothing was taken in.
    pub fn count(
        &mut self,
        node: &NodeName,
        fresh: bool,
        changes: &[(TopicName, Subscribers)],
    ) -> Result<bool, RedisFault> {
        let script = Script::new(COUNT);
        let [nodes, readers, of_nodes] = self.names().census();
        let own = format!("{of_nodes}{}", node.0);
        let mut call = script.prepare_invoke();
        call.key(nodes).key(readers).key(own).arg(node.0.as_str()).arg(of_nodes);
        call.arg(REDIS_NODE_MS_MAX).arg(u8::from(fresh));
        for (topic, counts) in changes {
            call.arg(topic.as_str()).arg(written(*counts));
        }
        self.invoke::<u8>(&call).map(|known| known == 1)
    }

    /// This node ends: its counts go as soon as somebody speaks.
    pub fn leave(&mut self, node: &NodeName) -> Result<(), RedisFault> {
        let [nodes, ..] = self.names().census();
        let mut call = redis::cmd("ZADD");
        call.arg(nodes).arg("XX").arg(0).arg(node.0.as_str());
        self.query::<u64>(&call).map(|_| ())
    }

    /// How many read these topics on other nodes.
    pub fn others(
        &mut self,
        node: &NodeName,
        topics: &[TopicName],
    ) -> Result<Vec<Subscribers>, RedisFault> {
        let script = Script::new(OTHERS);
        let [_, readers, of_nodes] = self.names().census();
        let mut call = script.prepare_invoke();
        call.key(readers).key(format!("{of_nodes}{}", node.0));
        for topic in topics {
            call.arg(topic.as_str());
        }
        let answer: Vec<String> = self.invoke(&call)?;
        Ok(answer
            .chunks(2)
            .map(|pair| without(&pair[0], pair.get(1).map_or("", |own| own)))
            .collect())
    }
}

fn written(counts: Subscribers) -> String {
    let counts: Vec<String> = counts.staying().map(|count| count.to_string()).collect();
    counts.join(" ")
}

/// The counts in `all`, less those in `own`.
fn without(all: &str, own: &str) -> Subscribers {
    let numbers = |text: &str| -> Vec<u32> {
        text.split_ascii_whitespace().map(|count| count.parse().unwrap_or(0)).collect()
    };
    let (all, own) = (numbers(all), numbers(own));
    let own = own.into_iter().chain(std::iter::repeat(0));
    Subscribers::of_staying(all.into_iter().zip(own).map(|(all, own)| all.saturating_sub(own)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_are_all_but_our_own_and_what_was_never_said_is_none() {
        let total = |all: &str, own: &str| without(all, own).total();
        assert_eq!(total("3 2 1", "1 2 0"), 3);
        assert!(without("3 2 1", "1 2 0").staying().eq([2, 0, 1]));
        assert_eq!(total("", ""), 0);
        assert_eq!(total("1 1 1", "9 9 9"), 0, "one of the two is late");
        assert_eq!(total("x 5", ""), 5);
        let counts = Subscribers::of_staying([0, 7]);
        assert_eq!(without(&written(counts), ""), counts);
    }
}
