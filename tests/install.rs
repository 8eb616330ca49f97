//! Installing, as docs/deploy.md has it: the unit of systemd, the image, `cargo install`.
//!
//! Absent on purpose: what only systemd and Docker themselves can do. The unit is judged by
//! systemd's own tools, and what the image is made of is built by the Dockerfile's own command and
//! run with nothing else around it.

#[path = "support/foreign.rs"]
mod foreign;
#[path = "support/http.rs"]
mod http;
#[path = "proxies/readers.rs"]
mod readers;
#[path = "support/server.rs"]
mod server;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::{env, str};

use foreign::missed;
use readers::{Reader, Technique};
use server::{Server, fresh_path, within};

const UNIT: &str = "docs/deploy/tollway.service";
const SOCKET: &str = "docs/deploy/tollway.socket";
/// Where the unit has the binary.
const INSTALLED: &str = "/usr/local/bin/tollway";
/// The exposure of the unit as `systemd-analyze security` counts it, in tenths: 0 is best, 100
/// worst. What is left is that it speaks to the network.
const EXPOSURE_MAX: &str = "15";
/// From the start of the process in its empty folder to its greeting.
const START_MS_MAX: u64 = 60_000;
const STOP_MS_MAX: u64 = 60_000;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// What a program printed, or `None` when there is no such program.
fn output(command: &mut Command) -> Option<Output> {
    command.stdin(Stdio::null()).output().ok()
}

fn told(output: &Output) -> String {
    [&output.stdout[..], &output.stderr[..]].map(String::from_utf8_lossy).concat()
}

/// The unit in a folder of its own, with the binary of this build; or a skip.
fn unit(test: &str) -> Option<PathBuf> {
    let mut probe = Command::new("systemd-analyze");
    let Some(help) = output(probe.arg("--help")).filter(|help| told(help).contains("--offline"))
    else {
        return missed(test, "systemd-analyze, from systemd 250 on");
    };
    assert!(help.status.success());
    let unit = read(UNIT);
    assert!(unit.contains(INSTALLED));
    let folder = fresh_path("unit");
    fs::create_dir_all(&folder).expect("the scratch directory is writable");
    let file = folder.join("tollway.service");
    fs::write(&file, unit.replace(INSTALLED, env!("CARGO_BIN_EXE_tollway"))).expect("just made");
    fs::write(folder.join("tollway.socket"), read(SOCKET)).expect("just made");
    Some(file)
}

#[test]
fn systemd_finds_no_fault_in_the_unit() {
    let Some(file) = unit("systemd_finds_no_fault_in_the_unit") else {
        return;
    };
    let socket = file.with_file_name("tollway.socket");
    let verify = output(Command::new("systemd-analyze").arg("verify").arg(&file).arg(socket));
    let verify = verify.expect("it was there a moment ago");
    assert!(verify.status.success() && told(&verify).is_empty(), "{}", told(&verify));
    let mut security = Command::new("systemd-analyze");
    security.args(["security", "--offline=true", "--threshold", EXPOSURE_MAX]).arg(&file);
    let security = output(&mut security).expect("it was there a moment ago");
    assert!(security.status.success(), "{}", told(&security));
    let _ = fs::remove_dir_all(file.parent().expect("a folder of its own"));
}

#[test]
fn the_socket_is_what_the_unit_listens_on() {
    let (unit, socket) = (read(UNIT), read(SOCKET));
    let address = socket.lines().find_map(|line| line.strip_prefix("ListenStream="));
    let address = address.expect("a socket listens somewhere");
    assert!(unit.contains(&format!(" --listen {address}\n")), "{address} is opened twice");
}

/// The system calls of a set of systemd's, sets within it included.
fn set(name: &str) -> BTreeSet<String> {
    let listed = output(Command::new("systemd-analyze").args(["syscall-filter", name]));
    let listed = told(&listed.expect("it was there a moment ago"));
    let mut calls = BTreeSet::new();
    for line in listed.lines().skip(1).map(str::trim) {
        match line.strip_prefix('@') {
            Some(_) => calls.extend(set(line)),
            None if line.starts_with('#') => {}
            None => {
                calls.insert(line.to_owned());
            }
        }
    }
    assert!(!calls.is_empty(), "{name}: {listed}");
    calls
}

/// The system calls that the unit lets its process make.
fn allowed() -> BTreeSet<String> {
    let unit = read(UNIT);
    let mut calls = BTreeSet::new();
    for line in unit.lines().filter_map(|line| line.strip_prefix("SystemCallFilter=")) {
        let (taken, names) = match line.strip_prefix('~') {
            Some(names) => (true, names),
            None => (false, line),
        };
        for name in names.split(' ') {
            let set_or_one =
                if name.starts_with('@') { set(name) } else { BTreeSet::from([name.to_owned()]) };
            if taken {
                calls.retain(|call| !set_or_one.contains(call));
            } else {
                calls.extend(set_or_one);
            }
        }
    }
    calls
}

#[test]
fn the_unit_allows_every_system_call_of_the_server() {
    let test = "the_unit_allows_every_system_call_of_the_server";
    let Some(file) = unit(test) else {
        return;
    };
    let folder = file.parent().expect("a folder of its own");
    let probe = output(Command::new("strace").args(["-D", "-o", "/dev/null", "true"]));
    if !probe.is_some_and(|probe| probe.status.success()) {
        let _: Option<()> = missed(test, "strace, or the right to trace");
        return;
    }
    let log = folder.join("calls");
    let mut strace = Command::new("strace");
    strace.args(["-D", "-f", "-o"]).arg(&log).arg(env!("CARGO_BIN_EXE_tollway"));
    // A service manager, for what it is told is a call, too.
    let told = env::temp_dir().join(format!("tollway-install-{}", std::process::id()));
    let manager = UnixDatagram::bind(&told).expect("a path of our own");
    strace.env("NOTIFY_SOCKET", &told);
    let files = folder.to_str().expect("a tree in a path of UTF-8");
    let server = Server::start_by(strace, &["--threads", "2", "--static", files, "-v"]);
    let port = server.port();
    for technique in Technique::ALL {
        let mut reader = Reader::open(technique, port, technique.key(), "earliest");
        http::publish(port, technique.key(), "one");
        assert_eq!(reader.next(), "one");
    }
    for path in ["/", "/static/tollway.service", "/-/costs", "/-/connections", "/metrics"] {
        assert_eq!(http::get(port, path).status, 200, "{path}");
    }
    assert!(server.stop().success());
    // The tracer looks on from outside, and writes its last line after the server's end.
    let whole = || {
        let lines = fs::read_to_string(&log).ok()?;
        lines.contains("+++ exited with 0 +++").then_some(lines)
    };
    let calls = within(STOP_MS_MAX, whole).expect("a whole log");
    // `<thread> <call>(…`, after the one that started the program.
    let calls = calls.lines().skip_while(|line| !line.contains("execve(")).skip(1);
    let calls = calls.filter_map(|line| line.split_once(' ')?.1.trim_start().split_once('('));
    let is_name = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let made: BTreeSet<&str> = calls.map(|(name, _)| name).filter(|name| is_name(name)).collect();
    assert!(made.contains("writev") && made.contains("openat2"), "{made:?}");
    assert!(made.contains("sendto"), "Type=notify: {made:?}");
    drop(manager);
    let _ = fs::remove_file(&told);
    let allowed = allowed();
    let refused: Vec<_> = made.into_iter().filter(|&call| !allowed.contains(call)).collect();
    assert!(refused.is_empty(), "the unit forbids {refused:?}");
    let _ = fs::remove_dir_all(folder);
}

/// Whether tests that build the server once more are wanted.
fn builds(test: &str) -> bool {
    let wanted = env::var("TEST_REQUIRE_ALL").is_ok_and(|value| value == "1")
        || env::var("TEST_INSTALL").is_ok_and(|value| value == "1");
    wanted || missed::<()>(test, "a build of its own, with TEST_INSTALL=1").is_some()
}

/// Cargo in `folder`, with the settings of the release profile that take the most time left out.
/// What is built is kept from run to run.
fn cargo(folder: &Path) -> Command {
    let mut command = Command::new("sh");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("install");
    command.current_dir(folder).env("CARGO_TARGET_DIR", target);
    let settings = [("LTO", "false"), ("CODEGEN_UNITS", "16"), ("OPT_LEVEL", "1"), ("DEBUG", "0")];
    for (name, value) in settings {
        command.env(format!("CARGO_PROFILE_RELEASE_{name}"), value);
    }
    command.stdin(Stdio::null());
    command
}

/// What stands in a Dockerfile behind a word at the start of a line, with its continued lines.
fn instruction(dockerfile: &str, word: &str) -> String {
    let joined = dockerfile.replace("\\\n", " ");
    let line = joined.lines().find_map(|line| line.strip_prefix(word));
    line.unwrap_or_else(|| panic!("no {word} in the Dockerfile")).trim().to_owned()
}

#[test]
fn the_image_holds_one_file_that_serves_by_itself() {
    let test = "the_image_holds_one_file_that_serves_by_itself";
    if !builds(test) {
        return;
    }
    let folder = fresh_path("image");
    fs::create_dir_all(&folder).expect("the scratch directory is writable");
    if !output(Command::new("chroot").arg("/").arg("true")).is_some_and(|o| o.status.success()) {
        let _: Option<()> = missed(test, "the right to change the root folder");
        return;
    }
    let dockerfile = read("docs/deploy/Dockerfile");
    let build = instruction(&dockerfile, "RUN ");
    assert!(cargo(root()).args(["-c", &build]).status().expect("a shell").success(), "{build}");
    let copied = instruction(&dockerfile, "COPY --from=build /tollway/target/");
    let (binary, place) = copied.split_once(' ').expect("from and to");
    let binary = Path::new(env!("CARGO_TARGET_TMPDIR")).join("install").join(binary);
    fs::copy(&binary, folder.join(place.trim_start_matches('/'))).expect("it was built");

    let user = instruction(&dockerfile, "USER ");
    let entry: Vec<String> =
        serde_json::from_str(&instruction(&dockerfile, "ENTRYPOINT ")).expect("a list");
    let flags: Vec<String> =
        serde_json::from_str(&instruction(&dockerfile, "CMD ")).expect("a list");
    let flags = flags.iter().map(|flag| if flag == ":8080" { "127.0.0.1:0" } else { flag });
    let said = folder.join("said");
    let out = File::create(&said).expect("the scratch directory is writable");
    let mut child = Command::new("chroot")
        .arg(format!("--userspec={user}"))
        .arg(&folder)
        .args(&entry)
        .args(flags)
        .env_clear()
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .stdin(Stdio::null())
        .stderr(out.try_clone().expect("a descriptor is left"))
        .stdout(out)
        .spawn()
        .expect("it was there a moment ago");
    let port = within(START_MS_MAX, || {
        let said = fs::read_to_string(&said).ok()?;
        let (_, rest) = said.split_once("listening on http://")?;
        let (_, port) = rest.split_once('/')?.0.rsplit_once(':')?;
        Some(port.parse().expect("a port"))
    });
    let answer = port.map(|port| (http::get(port, "/").status, http::publish(port, "news", "one")));
    let process = child.id().to_string();
    let _ = Command::new("sh").args(["-c", "kill -s TERM \"$0\"", &process]).status();
    let ended = within(STOP_MS_MAX, || child.try_wait().expect("our child"));
    let _ = child.kill();
    let _ = child.wait();
    let said = fs::read_to_string(&said).unwrap_or_default();
    assert!(answer.is_some_and(|(status, _)| status == 200), "{said}");
    assert!(ended.is_some_and(|status| status.success()), "{ended:?}\n{said}");
    let _ = fs::remove_dir_all(&folder);
}

#[test]
fn cargo_installs_the_published_package() {
    let test = "cargo_installs_the_published_package";
    if !builds(test) {
        return;
    }
    let folder = fresh_path("package");
    fs::create_dir_all(&folder).expect("the scratch directory is writable");
    let place = folder.to_str().expect("a tree in a path of UTF-8");
    let version = env!("CARGO_PKG_VERSION");
    // A package that was unpacked cannot be packed again: its manifest is made already.
    let is_package = root().join("Cargo.toml.orig").exists();
    let source = if is_package {
        root().to_owned()
    } else {
        let pack = format!(
            "cargo package --quiet --locked --no-verify --allow-dirty && \
             tar -xzf \"$CARGO_TARGET_DIR/package/tollway-{version}.crate\" -C '{place}'"
        );
        assert!(cargo(root()).args(["-c", &pack]).status().expect("a shell").success());
        folder.join(format!("tollway-{version}"))
    };
    let install = format!("cargo install --path . --locked --root '{place}'");
    assert!(cargo(&source).args(["-c", &install]).status().expect("a shell").success());
    let installed = output(Command::new(folder.join("bin/tollway")).arg("--version"));
    let installed = installed.expect("it is installed");
    assert_eq!(str::from_utf8(&installed.stdout), Ok(&*format!("tollway {version}\n")));
    let _ = fs::remove_dir_all(&folder);
}
