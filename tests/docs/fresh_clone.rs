//! The first command of README.md, in a fresh clone.

use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs};

use crate::foreign::missed;
use crate::http::get;
use crate::pages::root;
use crate::server::within;

/// A build from nothing, on a busy machine.
const BUILD_MS_MAX: u64 = 1_200_000;
const STOP_MS_MAX: u64 = 30_000;

/// `git`, run to its end. `None`: it is not there, or this tree is not its.
fn git(arguments: &[&str]) -> Option<()> {
    let mut command = Command::new("git");
    command.args(arguments).current_dir(root());
    let status = command.stdin(Stdio::null()).status().ok()?;
    status.success().then_some(())
}

#[test]
fn the_first_command_serves_in_a_fresh_clone() {
    let test = "the_first_command_serves_in_a_fresh_clone";
    let wanted = |name| env::var(name).is_ok_and(|value| value == "1");
    if !wanted("TEST_REQUIRE_ALL") && !wanted("TEST_FRESH_CLONE") {
        missed::<()>(test, "a build, with TEST_FRESH_CLONE=1");
        return;
    }
    // Its build is kept from run to run beside the tree's own, which it must not overwrite: what
    // is cloned is what was committed last.
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fresh-clone");
    let (clone, target) = (scratch.join("tollway"), scratch.join("target"));
    let _ = fs::remove_dir_all(&clone);
    fs::create_dir_all(&scratch).expect("the scratch directory is writable");
    let path = clone.to_str().expect("a tree in a path of UTF-8");
    if git(&["clone", "--quiet", "--no-hardlinks", ".", path]).is_none() {
        missed::<()>(test, "git, and a tree that it can clone");
        return;
    }
    let port_file = scratch.join("port");
    let _ = fs::remove_file(&port_file);
    let mut child = Command::new(env::var("CARGO").unwrap_or_else(|_| "cargo".into()))
        .arg("run")
        .current_dir(&clone)
        .env("CARGO_TARGET_DIR", &target)
        .env("TOLLWAY_LISTEN", "127.0.0.1:0")
        .env("TOLLWAY_PORT_FILE", &port_file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("cargo runs this test");
    let port = within(BUILD_MS_MAX, || {
        let ended = child.try_wait().expect("our child");
        assert!(ended.is_none(), "it ended: {ended:?}");
        let port = fs::read_to_string(&port_file).ok()?;
        port.trim().parse().ok()
    });
    let answer = port.map(|port| get(port, "/").status);
    // On Unix cargo becomes the program that it runs, so this is the server's own process.
    let process = child.id().to_string();
    let _ = Command::new("sh").args(["-c", "kill \"$0\"", &process]).status();
    let ended = within(STOP_MS_MAX, || child.try_wait().expect("our child"));
    let _ = child.kill();
    let _ = child.wait();
    let _ = fs::remove_dir_all(&clone);
    assert_eq!(answer, Some(200), "the page, in time");
    assert!(ended.is_some_and(|status| status.success()), "{ended:?}");
}
