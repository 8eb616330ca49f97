//! SIGTERM: the server goes in good order.

use crate::server::Server;

#[test]
fn sigterm_ends_the_server_with_exit_code_0() {
    for threads in ["1", "4"] {
        let server = Server::start(&["--threads", threads]);
        assert!(server.stop().success(), "exit 0");
    }
}
