//! How the uWebSockets peer is built: fetched by Cargo, compiled as uWebSockets compiles its own
//! examples, without TLS and compression.
//!
//! Came from: `servers`, before the first round. Goes to: `cargo`, `cc` and `c++`. Absent on
//! purpose: `-march=native`, for no other server here is built for one processor.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The package that pins the sources, beside `server.cpp`.
const PACKAGE: &str = "tests/bench/peers/uwebsockets";
const CRATE_OF_SOURCES: &str = "libuwebsockets-sys";
const ALL: [&str; 3] = ["-O3", "-flto=auto", "-DLIBUS_NO_SSL"];

/// Builds the server in `folder`, as [`program`]. An error: what is missing.
pub(crate) fn build(folder: &Path) -> Result<(), String> {
    let sources = sources()?;
    let sockets = sources.join("uSockets/src");
    fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    let mut objects = Vec::new();
    for name in ["bsd", "context", "loop", "socket", "udp", "eventing/epoll_kqueue"] {
        let object = folder.join(name.replace('/', "-")).with_extension("o");
        let mut compile = Command::new("cc");
        compile.args(ALL).args(["-std=gnu11", "-I"]).arg(&sockets).arg("-c");
        compile.arg(sockets.join(name).with_extension("c")).arg("-o").arg(&object);
        run(&mut compile)?;
        objects.push(object);
    }
    let mut link = Command::new("c++");
    link.args(ALL).args(["-std=c++20", "-DUWS_NO_ZLIB", "-I"]).arg(sources.join("src"));
    link.arg("-I").arg(&sockets).arg(package().join("server.cpp")).args(&objects);
    run(link.arg("-o").arg(program(folder)))
}

/// What [`build`] leaves.
pub(crate) fn program(folder: &Path) -> PathBuf {
    folder.join("server")
}

fn package() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(PACKAGE)
}

/// Where Cargo keeps them, fetched by now.
fn sources() -> Result<PathBuf, String> {
    let mut asks = Command::new(env!("CARGO"));
    asks.args(["metadata", "--format-version", "1", "--locked", "--manifest-path"]);
    let answer = asks.arg(package().join("Cargo.toml")).output();
    let answer = answer.map_err(|error| error.to_string())?;
    let metadata: serde_json::Value = serde_json::from_slice(&answer.stdout)
        .map_err(|_| format!("its sources could not be fetched: {CRATE_OF_SOURCES}, crates.io"))?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let found = packages
        .filter(|package| package["name"] == CRATE_OF_SOURCES)
        .find_map(|package| Path::new(package["manifest_path"].as_str()?).parent());
    Ok(found.ok_or("its package does not name its sources")?.join("uWebSockets"))
}

fn run(command: &mut Command) -> Result<(), String> {
    let ran = command.stdout(Stdio::null()).status();
    if ran.is_ok_and(|status| status.success()) {
        return Ok(());
    }
    let program = command.get_program().display();
    Err(format!(
        "{program} could not build it; `apt-get install g++` (Debian) brings the compilers"
    ))
}
