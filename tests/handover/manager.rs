//! A service manager that listens: what it is told when a server begins and ends.

use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

use crate::server::{Server, fresh_path};

/// A datagram that takes longer than this fails its test.
const STALL: Duration = Duration::from_secs(20);

#[test]
fn a_service_manager_is_told_of_the_beginning_and_the_end() {
    // Paths of sockets are short; the build's own folder may not be.
    let name = fresh_path("notify").file_name().expect("a name").to_os_string();
    let path = std::env::temp_dir().join(format!("tollway-{}", name.to_string_lossy()));
    let manager = UnixDatagram::bind(&path).expect("a socket in the folder for such things");
    manager.set_read_timeout(Some(STALL)).expect("not zero");
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollway"));
    command.env("NOTIFY_SOCKET", &path);
    let server = Server::start_by(command, &["--threads", "1"]);
    let mut text = [0; 64];
    let mut hear = || {
        let length = manager.recv(&mut text).expect("a datagram in time");
        String::from_utf8(text[..length].to_vec()).expect("text")
    };
    assert_eq!(hear(), "READY=1");
    assert!(server.stop().success(), "exit 0");
    assert_eq!(hear(), "STOPPING=1");
    std::fs::remove_file(&path).expect("it is ours");
}
