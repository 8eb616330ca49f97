//! One write a turn: whatever a client is told in one turn leaves in one call.

use tungstenite::Message;

use crate::http::get;
use crate::rust::open;
use crate::server::Server;

/// Messages that one socket says, each when it has heard the one before.
const MESSAGES: u64 = 40;

fn writes(server: &Server) -> u64 {
    let costs = get(server.port(), "/-/costs").json();
    costs["techniques"]["websocket"]["syscalls"]["write"].as_u64().expect("a whole number")
}

#[test]
fn an_acknowledgement_and_the_message_leave_together() {
    let server = Server::start(&["--threads", "1"]);
    let mut socket = open(&server, "/news", Some("tollway.v1"));
    socket.read().expect("the cursor");
    let before = writes(&server);
    for number in 0..MESSAGES {
        let said = format!(r#"{{"ref":{number},"data":"x"}}"#);
        socket.send(Message::text(said)).expect("an open socket");
        for heard in ["the acknowledgement", "the message"] {
            socket.read().expect(heard);
        }
    }
    let written = writes(&server) - before;
    // A turn that has no time left ends between the two. On a busy machine some do.
    assert!(written < MESSAGES * 3 / 2, "{written} writes for {MESSAGES} messages");
}
