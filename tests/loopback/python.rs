//! Python's `websockets`, `aiohttp`, `requests` and `sseclient-py`; the stories are in the scripts
//! beside.

use crate::foreign::Foreign;
use crate::server::for_threads;

/// Runs the function of that name in the script.
fn tell(fact: &str, modules: &[&str], script: &str) {
    let Some(python) = Foreign::python(fact, modules, script) else {
        return;
    };
    for_threads(|server| {
        python.run(&[&server.port().to_string(), fact]);
    });
}

macro_rules! facts {
    ($script:literal, $modules:expr, $($fact:ident)*) => {$(
        #[test]
        fn $fact() {
            tell(stringify!($fact), &$modules, concat!("loopback/", $script));
        }
    )*};
}

facts! { "websockets_client.py", ["websockets"],
    text_is_echoed
    binary_is_echoed
    several_readers_see_the_same
    a_mebibyte_goes_through
    fragments_are_joined
    pings_between_fragments_are_answered_at_once
    pings_are_answered
    the_close_code_comes_back
    too_big_a_message_closes_with_1009
    deflate_is_not_agreed_when_it_is_off
    the_json_dialect_tells_cursors_and_acknowledges
    a_socket_resumes_from_a_cursor
}

facts! { "aiohttp_client.py", ["aiohttp"],
    aiohttp_is_echoed_text_and_binary
    aiohttp_is_echoed_a_mebibyte
    aiohttp_gets_pongs
    aiohttp_gets_its_close_code_back
    aiohttp_is_told_what_was_wrong
}

facts! { "requests_client.py", ["requests", "sseclient"],
    polls_move_a_cursor
    long_polls_in_a_loop_miss_nothing
    sse_resumes_where_it_was
    sse_keeps_lines_and_names
    one_session_mixes_polls_and_publishes
}

facts! { "hopping_client.py", ["requests", "sseclient", "websockets"],
    hopping_techniques_loses_and_repeats_nothing
}
