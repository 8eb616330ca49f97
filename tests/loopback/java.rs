//! WebSocket by Java's `java.net.http`; the stories are in the source beside, which `java` compiles
//! and runs by itself.

use crate::foreign::Foreign;
use crate::server::for_threads;

macro_rules! facts {
    ($($fact:ident)*) => {$(
        #[test]
        fn $fact() {
            let fact = stringify!($fact);
            let Some(java) = Foreign::java(fact, "loopback/JavaClient.java") else {
                return;
            };
            for_threads(|server| {
                java.run(&[&server.port().to_string(), fact]);
            });
        }
    )*};
}

facts! {
    java_is_echoed_text_and_binary
    java_is_echoed_a_mebibyte
    java_sends_fragments_with_a_ping_between
    java_gets_pongs
    java_gets_its_close_code_back
}
