//! Node's `ws` and `eventsource`, and its built-in `fetch` and `WebSocket`; the stories are in the
//! scripts beside.

use crate::foreign::Foreign;
use crate::server::{for_threads, for_threads_with};

/// Runs the function of that name in the script.
fn tell(fact: &str, packages: &[&str], script: &str) {
    let Some(node) = Foreign::node(fact, packages, script) else {
        return;
    };
    for_threads(|server| {
        node.run(&[&server.port().to_string(), fact]);
    });
}

/// The same with the built-in WebSocket, and a server that wants an answer ten times a second.
fn tell_builtin(fact: &str) {
    let script = "loopback/builtin_client.mjs";
    let Some(node) = Foreign::node_with_websocket(fact, script) else {
        return;
    };
    for_threads_with(&["--heartbeat", "100ms"], |server| {
        node.run(&[&server.port().to_string(), fact]);
    });
}

macro_rules! facts {
    ($tell:expr, $($fact:ident)*) => {$(
        #[test]
        fn $fact() {
            $tell(stringify!($fact));
        }
    )*};
}

facts! { |fact| tell(fact, &["ws"], "loopback/ws_client.mjs"),
    ws_is_echoed_text_and_binary
    ws_is_echoed_a_mebibyte
    ws_sends_fragments
    ws_gets_pongs_and_close_codes
    ws_readers_see_one_order
}

facts! { tell_builtin,
    builtin_is_echoed_text_and_binary
    builtin_is_echoed_a_mebibyte
    builtin_answers_pings
    builtin_gets_its_close_code_back
    builtin_is_told_what_was_too_big
}

facts! { |fact| tell(fact, &["eventsource"], "loopback/eventsource_client.mjs"),
    eventsource_gets_named_events
    eventsource_reconnects_and_misses_nothing
}

facts! { |fact| tell(fact, &[], "loopback/fetch_client.mjs"),
    fetch_polls
    fetch_long_polls_in_a_loop
    fetch_reads_a_stream
}
