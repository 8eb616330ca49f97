//! The server with a library before the system's: syncs that fail, or leave what a loss of power
//! would, another boot of the machine, and another wall clock.
//!
//! Came from: `shim.c`, compiled once by `cc`. Goes to: tests whose disk or wall clock is not what
//! it seems. Absent on purpose: what a disk does besides that tells of an error.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use super::foreign::missed;
use super::server::fresh_path;

/// The server's command with the library before it. `None`: there is no C compiler, which is said
/// under the name of the `test`.
pub(crate) fn shimmed(test: &str, variables: &[(&str, String)]) -> Option<Command> {
    static SHIM: OnceLock<Option<PathBuf>> = OnceLock::new();
    let Some(library) = SHIM.get_or_init(compile) else {
        return missed(test, "cc");
    };
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollway"));
    command.env("LD_PRELOAD", library);
    command.envs(variables.iter().map(|(name, value)| (name, value)));
    Some(command)
}

fn compile() -> Option<PathBuf> {
    let library = fresh_path("so");
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]).arg(&library);
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/store/shim.c");
    let status = cc.arg(source).status().ok()?;
    assert!(status.success(), "the shim is C that compiles");
    Some(library)
}
