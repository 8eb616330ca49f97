//! Strangers who read slowly, are gone, or take more than a share: over Python's own `socket`; the
//! stories are in `strangers.py`.

use crate::foreign::Foreign;
use crate::server::for_threads_with;

macro_rules! facts {
    ($($fact:ident $flags:expr;)*) => {$(
        #[test]
        fn $fact() {
            let fact = stringify!($fact);
            let script = "loopback/strangers.py";
            if let Some(python) = Foreign::python(fact, &["socket"], script) {
                for_threads_with(&$flags, |server| {
                    python.run(&[&server.port().to_string(), fact]);
                });
            }
        }
    )*};
}

facts! {
    a_reader_of_few_bytes_a_second_is_kept ["--stall-timeout", "4s"];
    a_reader_that_takes_nothing_is_dropped ["--stall-timeout", "1s"];
    a_client_that_leaves_behind_a_full_inbox_frees_its_place ["--heartbeat", "1s"];
    an_address_has_so_many_connections ["--max-connections-per-address", "3"];
    an_address_publishes_so_fast ["--max-publishes", "1", "--publish-burst", "5"];
    the_proxy_protocol_names_the_client
        ["--trust-proxy", "127.0.0.0/8", "--proxy-header", "proxy-protocol"];
}

/// The places are shared out among threads, and the kernel deals: one thread alone is certain.
#[test]
fn the_longest_idle_makes_room() {
    let fact = "the_longest_idle_makes_room";
    if let Some(python) = Foreign::python(fact, &["socket"], "loopback/strangers.py") {
        let server = crate::server::Server::start(&["--threads", "1", "--max-connections", "4"]);
        python.run(&[&server.port().to_string(), fact]);
    }
}
