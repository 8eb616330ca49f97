//! The flags that keep one stranger from taking what is there for all: places, rates and topics.
//!
//! Came from: `config`, which has them read. Goes to: `config`, as bounds. Absent on purpose:
//! bounds of a single connection or message, which stand beside them in `flags`.

use clap::Args;

use crate::limits;

#[derive(Debug, Args)]
#[command(next_help_heading = "Places and rates")]
pub(super) struct CrowdFlags {
    /// Connections of one address, an IPv6 /64 counting as one; 0: as many as there are places
    #[arg(long, env = "TOLLWAY_MAX_CONNECTIONS_PER_ADDRESS", value_name = "N")]
    #[arg(default_value_t = limits::CONNECTIONS_PER_ADDRESS_MAX)]
    pub(super) max_connections_per_address: usize,
    /// Messages published in a second from one address; 0: any number
    #[arg(long, env = "TOLLWAY_MAX_PUBLISHES", value_name = "N")]
    #[arg(default_value_t = limits::PUBLISHES_PER_SECOND_MAX)]
    pub(super) max_publishes: usize,
    /// Messages that such an address may publish at once; 0: a second's worth
    #[arg(long, env = "TOLLWAY_PUBLISH_BURST", value_name = "N")]
    #[arg(default_value_t = limits::PUBLISH_BURST)]
    pub(super) publish_burst: usize,
    /// Topics that retain a message
    #[arg(long, env = "TOLLWAY_MAX_TOPICS", value_name = "N")]
    #[arg(default_value_t = limits::TOPICS_MAX)]
    pub(super) max_topics: usize,
}
