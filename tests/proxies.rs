//! Reverse proxies of others in front of the server: each of the four techniques through each.
//!
//! The setups are those of `docs/deploy`. Absent on purpose: a clock. What is late is told by what
//! comes before it.

#[path = "support/foreign.rs"]
mod foreign;
#[path = "support/http.rs"]
mod http;
#[path = "docs/pages.rs"]
#[allow(dead_code)] // One part of one page is all that is made here.
mod pages;
#[path = "support/proxies.rs"]
mod proxies;
#[path = "support/server.rs"]
mod server;

#[path = "proxies/addresses.rs"]
mod addresses;
#[path = "proxies/lanes.rs"]
mod lanes;
#[path = "proxies/readers.rs"]
mod readers;
#[path = "proxies/table.rs"]
mod table;
#[path = "proxies/tls.rs"]
mod tls;
