//! The examples are run: every `console` block of a page, from the top to the bottom, against a
//! server that was started for the page.
//!
//! A line `$ command` is given to a shell, and what it prints must be what stands below it. Three
//! things differ from run to run, and stand in the pages with one value each: the epoch of ids and
//! what is made of it, dates, and the delay in `retry:`. A line `# in another terminal: command` is
//! run as soon as the command above it waits for messages. `$ tollway …` starts the server anew
//! with those flags.

use std::env;
use std::fs::{self, File};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::foreign::{self, Foreign};
use crate::http;
use crate::pages::{blocks, keep, updating};
use crate::server::{Server, fresh_path, within};

/// What the pages say where runs differ.
const EPOCH: &str = "mws8vx14";
const DATE: &str = "Date: Sun, 22 Nov 2026 19:44:18 GMT";
const RETRY: &str = "retry: 1807";
/// The fingerprint in the `ETag` of a poll, which the epoch is part of.
const PRINT: &str = "5e1fc0de5e1fc0de\"";
/// Where the server of the pages is.
const HERE: &str = "localhost:8080";

const MARK: &str = "# in another terminal: ";
/// How long an answer may take; when it is not known yet, how long it is listened for.
const ANSWER_MS_MAX: u64 = 20_000;
const LISTEN_MS: u64 = 1_500;

/// One command, and what the page says that it prints.
struct Step {
    command: String,
    others: Vec<String>,
    shown: Range<usize>,
}

fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for block in blocks(text).iter().filter(|block| block.info == "console") {
        let mut at = block.range.start;
        let mut continued = false;
        for line in text[block.range.clone()].split_inclusive('\n') {
            at += line.len();
            let line = line.trim_end();
            match (line.strip_prefix("$ "), line.strip_prefix(MARK)) {
                (Some(command), _) => steps.push(Step {
                    command: command.to_owned(),
                    others: Vec::new(),
                    shown: at..at,
                }),
                (None, other) => {
                    let step = steps.last_mut().expect("a block begins with a command");
                    if continued {
                        step.command.push('\n');
                        step.command.push_str(line);
                        step.shown = at..at;
                    } else if let Some(other) = other {
                        step.others.push(other.to_owned());
                        step.shown = at..at;
                    } else {
                        step.shown.end = at;
                    }
                }
            }
            continued = line.ends_with('\\');
        }
    }
    steps
}

/// The server of a page, and what differs in it.
struct Stage {
    server: Server,
    epoch: String,
    home: PathBuf,
}

impl Stage {
    fn start(flags: &[&str]) -> Self {
        let server = Server::start(flags);
        let poll = http::get(server.port(), "/x?since=latest");
        let cursor = poll.field("last-event-id").expect("every poll has one");
        let (epoch, _) = cursor.split_once('-').expect("an id");
        let home = fresh_path("home");
        fs::create_dir_all(&home).expect("the scratch directory is writable");
        let rc = "silent\nnoproxy = \"*\"\n";
        fs::write(home.join(".curlrc"), rc).expect("just made");
        Self { epoch: epoch.to_owned(), server, home }
    }

    /// A command of the page as it is to be run, its output into `out`.
    fn shell(&self, command: &str, out: &Path) -> Child {
        let at = format!("127.0.0.1:{}", self.server.port());
        let command = command.replace(EPOCH, &self.epoch).replace(HERE, &at);
        let exec = if command.contains(['|', ';']) { "" } else { "exec " };
        let out = File::create(out).expect("the scratch directory is writable");
        let stand_in = foreign::tests().join("docs/websocket.cjs");
        Command::new("sh")
            .args(["-c", &format!("{exec}{command}")])
            .env("CURL_HOME", &self.home)
            .current_dir(&self.home)
            .env("NODE_OPTIONS", format!("--require={}", stand_in.display()))
            .env("TEST_TOOLS", tools())
            .stdin(Stdio::null())
            .stderr(out.try_clone().expect("a descriptor is left"))
            .stdout(out)
            .spawn()
            .expect("a POSIX shell")
    }

    /// Output as the pages would show it.
    fn normal(&self, out: &Path) -> String {
        let text = fs::read(out).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).replace('\r', "");
        let at = format!("127.0.0.1:{}", self.server.port());
        let text = text.replace(&self.epoch, EPOCH).replace(&at, HERE);
        let line = |line: &str| {
            if let Some((id, _)) = line.split_once('.').filter(|_| line.starts_with("ETag: \"mws"))
            {
                return format!("{id}.{PRINT}\n");
            }
            let fixed = [(DATE, "Date: "), (RETRY, "retry: ")];
            let found = fixed.iter().find(|(_, start)| line.starts_with(start));
            found.map_or(line, |(fixed, _)| fixed).to_owned() + "\n"
        };
        let text: String = text.lines().map(line).collect();
        text.trim_end().to_owned()
    }

    fn run(&self, step: &Step, shown: &str) -> String {
        let out = fresh_path("console");
        let mut child = self.shell(&step.command, &out);
        let topic = topic(&step.command);
        if !step.others.is_empty() {
            let parked = self.await_readers(&topic, 1);
            assert!(parked, "{} said {:?}", step.command, self.normal(&out));
        }
        for other in &step.others {
            let other_out = fresh_path("other");
            let status = self.shell(other, &other_out).wait();
            let said = fs::read_to_string(&other_out).unwrap_or_default();
            assert!(status.expect("our child").success(), "{other}: {said}");
            let _ = fs::remove_file(&other_out);
        }
        let patience = if updating() { LISTEN_MS } else { ANSWER_MS_MAX };
        // It ends, or it has said all that it is to say and would go on for ever.
        within(patience, || {
            let ended = child.try_wait().expect("our child").is_some();
            let done = ended || (!shown.is_empty() && !updating() && self.normal(&out) == shown);
            done.then_some(())
        });
        let _ = child.kill();
        let _ = child.wait();
        if !step.others.is_empty() {
            assert!(self.await_readers(&topic, 0), "{} stays", step.command);
        }
        let normal = self.normal(&out);
        let _ = fs::remove_file(&out);
        normal
    }

    /// Waits until so many read the topic. `false`: they never did.
    fn await_readers(&self, topic: &str, wanted: u64) -> bool {
        let count = || {
            let info = http::get(self.server.port(), &format!("/{topic}/info")).json();
            let by = &info["subscribers"];
            let count = ["long_poll", "sse", "websocket"].map(|t| by[t].as_u64().unwrap_or(0));
            (count.iter().sum::<u64>() == wanted).then_some(())
        };
        within(ANSWER_MS_MAX, count).is_some()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.home);
    }
}

/// The topic that a command is about.
fn topic(command: &str) -> String {
    let (_, path) = command.split_once(HERE).unwrap_or_default();
    let name = path.trim_start_matches('/').chars();
    name.take_while(char::is_ascii_alphanumeric).collect()
}

fn tools() -> PathBuf {
    let prefix = env::var_os("TEST_TOOLS").unwrap_or_else(|| "target/tools".into());
    crate::pages::root().join(prefix)
}

/// What the server says when it starts.
fn greeting() -> String {
    let (port_file, out) = (fresh_path("port"), fresh_path("greeting"));
    let mut child = Command::new(env!("CARGO_BIN_EXE_tollway"))
        .args(["--threads", "2", "--port-file"])
        .arg(&port_file)
        .env("TOLLWAY_LISTEN", "127.0.0.1:0")
        .stdin(Stdio::null())
        .stdout(File::create(&out).expect("the scratch directory is writable"))
        .spawn()
        .expect("it was built");
    let said = within(ANSWER_MS_MAX, || {
        let said = fs::read_to_string(&out).ok()?;
        (said.contains("\n\n") && said.ends_with("\n\n")).then_some(said)
    });
    let _ = child.kill();
    let _ = child.wait();
    let port = fs::read_to_string(&port_file).expect("it listens by now");
    for file in [port_file, out] {
        let _ = fs::remove_file(file);
    }
    let at = format!("localhost:{}", port.trim());
    said.expect("a greeting").trim_end().replace(&at, HERE)
}

/// Runs the examples of a page. `test` is named when a program that they need is missing.
fn play(page: &str, test: &str) {
    if Foreign::curl(test).is_none() {
        return;
    }
    keep(page, |text| {
        // Node before 22 has no WebSocket of its own: see websocket.cjs.
        let wants_node = text.contains("\n$ node ");
        let by_node = format!("{test} (its command by node)");
        let has_node =
            wants_node && Foreign::node(&by_node, &["ws"], "docs/websocket.cjs").is_some();
        let mut stage = Stage::start(&["--threads", "2"]);
        let mut answers = Vec::new();
        for step in steps(text) {
            let shown = text[step.shown.clone()].trim_end();
            let words: Vec<&str> = step.command.split_whitespace().collect();
            let answer = match &words[..] {
                ["cargo", "run", ..] => greeting(),
                ["tollway", flags @ ..] => {
                    stage = Stage::start(flags);
                    shown.to_owned()
                }
                ["node", ..] if !has_node => shown.to_owned(),
                _ => stage.run(&step, shown),
            };
            answers.push((step.shown, answer));
        }
        let mut revised = text.to_owned();
        for (shown, answer) in answers.into_iter().rev() {
            // Empty lines behind an answer part it from the next command.
            let was = &revised[shown.clone()];
            let gap = "\n".repeat(was.len() - was.trim_end().len()).replacen('\n', "", 1);
            let end = if answer.is_empty() { "" } else { "\n" };
            revised.replace_range(shown, &format!("{answer}{end}{gap}"));
        }
        revised
    });
}

#[test]
fn the_readme_is_what_happens() {
    play("README.md", "the_readme_is_what_happens");
}

#[test]
fn the_reference_is_what_happens() {
    play("docs/reference/http.md", "the_reference_is_what_happens");
}
