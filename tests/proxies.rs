//! Reverse proxies of others in front of the server: each of the four techniques through each.
//!
//! The setups are those of `docs/deploy`. Absent on purpose: a clock. What is late is told by what
//! comes first.

#[path = "support/foreign.rs"]
mod foreign;
#[path = "support/http.rs"]
mod http;
#[path = "support/proxies.rs"]
mod proxies;
#[path = "support/server.rs"]
mod server;

use proxies::{Kind, Proxy};
use server::Server;

#[test]
fn every_setup_starts_and_passes_on() {
    let test = "every_setup_starts_and_passes_on";
    let server = Server::start(&["--threads", "2"]);
    for kind in Kind::ALL {
        for proxy in
            [Proxy::plain(test, kind, server.port()), Proxy::ours(test, kind, server.port())]
                .into_iter()
                .flatten()
        {
            let id = http::publish(proxy.port(), "news", proxy.kind().name());
            let answer = http::get(proxy.port(), "/news");
            assert_eq!(answer.json()["next"], *id);
        }
    }
}
