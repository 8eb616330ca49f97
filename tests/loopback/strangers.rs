//! Strangers who read slowly, or are gone: over Python's own `socket`; the stories are in
//! `strangers.py`.

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
}
