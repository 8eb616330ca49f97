//! A transcript as a story: who says what to whom, and what else happens, in order.
//!
//! Came from: files of `tests/transcripts`, which `tests/transcripts.rs` plays. Goes to:
//! `sequence.rs`, which draws it. Absent on purpose: what is compared and not said (`cost`,
//! `ledger`), and what the bytes mean; `tests/support/transcript` is the reader that knows.

use std::collections::BTreeMap;
use std::mem;

/// One row of a diagram.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Scene {
    /// Bytes of a client for the server, or of the server for it.
    Said { client: usize, up: bool, lines: Vec<String>, name: &'static str },
    /// One end of a connection, without a byte: `SYN`, `FIN`, `RST`.
    Signal { client: usize, up: bool, name: &'static str },
    /// The connection is gone, for this reason.
    Closed { client: usize, reason: String },
    /// So much time passes.
    Wait(String),
    /// What is so from here on, in the words of the transcript.
    Note(String),
}

/// A story, and the clients in it.
#[derive(Default)]
pub(crate) struct Story {
    pub(crate) clients: Vec<String>,
    pub(crate) scenes: Vec<Scene>,
}

/// What a client's lines mean at present.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Wire {
    #[default]
    Http,
    Upgrading,
    Frames,
}

/// The client that `publish` is.
pub(crate) const PUBLISHER: &str = "publish";

/// Fields that every head has. A diagram has "…" in their place.
pub(crate) const LEFT_OUT: [&str; 6] =
    ["Host:", "Cache-Control:", "Vary:", "X-Accel-Buffering:", "Origin:", "Preference-Applied:"];

/// Lines that say how a story is to be played or what it costs, and nothing that happens in it.
const PASSED_OVER: [&str; 14] = [
    "admin", "cost", "ledger", "only", "origins", "hosts", "ports", "tokens", "keys", "jwt",
    "public", "address", "proxies", "file",
];

/// Reads a transcript, or the part of one that follows `before`.
pub(crate) fn read(before: &str, text: &str) -> Story {
    let mut reader = Reader::default();
    reader.lines(before);
    // Whoever spoke in frames goes on in frames.
    let Story { clients, .. } = mem::take(&mut reader.story);
    reader.known = clients.into_iter().zip(mem::take(&mut reader.wires)).collect();
    reader.lines(text);
    reader.story
}

#[derive(Default)]
struct Reader {
    story: Story,
    wires: Vec<Wire>,
    /// What the lines of a client meant before the part that is read.
    known: BTreeMap<String, Wire>,
    /// Whose words are being gathered, and in which direction.
    speaker: Option<(usize, bool)>,
    lines: Vec<String>,
    /// A head has ended, so that a request or an answer may begin.
    headless: bool,
    /// What was named by one word is said with the block that follows.
    whole: bool,
}

impl Reader {
    fn lines(&mut self, text: &str) {
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            self.line(line);
        }
        self.end_said();
    }

    fn line(&mut self, line: &str) {
        if let Some(text) = line.trim_start().strip_prefix('|').filter(|_| line.starts_with(' ')) {
            return self.block(text.strip_prefix(' ').unwrap_or(text));
        }
        let name = line.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
        let up = line[name.len()..].starts_with('>');
        if !up && !line[name.len()..].starts_with('<') {
            self.end_said();
            return self.word(line.split(" #").next().unwrap_or_default().trim_end());
        }
        let client = self.client(name);
        let rest = &line[name.len() + 1..];
        let (sign, text) = match rest.chars().next() {
            Some(sign @ ('|' | ':' | '*')) => (sign, &rest[1..]),
            _ => (' ', rest),
        };
        let text = text.strip_prefix(' ').unwrap_or(text);
        if self.speaker != Some((client, up)) || self.begins(client, sign, text) {
            self.end_said();
            self.speaker = Some((client, up));
        }
        if text == "EOF" && !up {
            self.end_said();
            return self.story.scenes.push(Scene::Signal { client, up, name: "FIN" });
        }
        self.say(client, sign, text);
    }

    /// A line of a ` | ` block: it belongs to the line before, which may be an `open`.
    fn block(&mut self, text: &str) {
        if self.speaker.is_some() {
            return self.lines.push(text.to_owned());
        }
        match &mut self.story.scenes[..] {
            [.., Scene::Said { lines, up: true, .. }, _answer] => lines.push(text.to_owned()),
            _ => panic!("{text:?} belongs to nothing"),
        }
    }

    /// Whether a line begins something new, though the same end goes on speaking.
    fn begins(&self, client: usize, sign: char, text: &str) -> bool {
        match self.wires[client] {
            Wire::Frames => true,
            Wire::Upgrading => false,
            Wire::Http => {
                let first = text.split(' ').next().unwrap_or_default();
                let status = first.len() == 3 && first.bytes().all(|b| b.is_ascii_digit());
                let named = ["poll", "created", "problem", "chunk", "plain", "HTTP/1.1"];
                let answer = status || named.contains(&first);
                let request = self.headless && text.ends_with(" HTTP/1.1");
                self.whole || (sign == ' ' && (answer || request))
            }
        }
    }

    fn say(&mut self, client: usize, sign: char, text: &str) {
        if self.wires[client] == Wire::Http && text.starts_with("HTTP/1.1 101") {
            self.wires[client] = Wire::Upgrading;
        }
        self.headless = sign != ' ' || text.is_empty();
        if text.is_empty() {
            if self.wires[client] == Wire::Upgrading {
                self.wires[client] = Wire::Frames;
            }
            return;
        }
        // A piece of a head that begins with such a field is more than that.
        let leaves_out = sign == ' ' && LEFT_OUT.iter().any(|field| text.starts_with(field));
        if let Some(first) = self.lines.first_mut().filter(|_| leaves_out) {
            if !first.ends_with('…') {
                first.push_str(" …");
            }
            return;
        }
        let words: Vec<&str> = text.split(' ').collect();
        self.whole = ["poll", "created", "problem", "chunk", "plain"].contains(&words[0]);
        self.lines.extend(match words[..] {
            ["chunk" | "plain"] => Vec::new(),
            ["poll", status, next, ref terms @ ..] => {
                let closing = terms.contains(&"close").then(|| "Connection: close".to_owned());
                let phrase = match status {
                    "200" => "200 OK …",
                    "204" => "204 No Content …",
                    "304" => "304 Not Modified …",
                    _ => panic!("{text:?} is no answer to a poll"),
                };
                let lines = [phrase.to_owned(), format!("Last-Event-ID: {next}")];
                lines.into_iter().chain(closing).collect()
            }
            ["created", _, id, ..] => vec![format!("201 Created … {id}")],
            ["problem", number, code, ..] => vec![format!("{number} {code}")],
            _ => vec![text.to_owned()],
        });
    }

    /// What was gathered becomes a scene.
    fn end_said(&mut self) {
        let mut lines = mem::take(&mut self.lines);
        lines.truncate(lines.iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1));
        let Some((client, up)) = self.speaker.take() else { return };
        if !lines.is_empty() {
            let frames = self.wires[client] == Wire::Frames;
            let name = if frames { frame_name(&lines[0]) } else { "" };
            self.story.scenes.push(Scene::Said { client, up, lines, name });
        }
        (self.headless, self.whole) = (false, false);
    }

    fn client(&mut self, name: &str) -> usize {
        let known = self.story.clients.iter().position(|known| known == name);
        known.unwrap_or_else(|| {
            self.story.clients.push(name.to_owned());
            self.wires.push(self.known.get(name).copied().unwrap_or_default());
            self.wires.len() - 1
        })
    }

    /// Anything but what is said on a wire.
    fn word(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        let scene = match words[..] {
            ["publish", target, ..] => {
                let client = self.client(PUBLISHER);
                let body = line["publish ".len() + target.len()..].trim_start();
                let said = format!("POST {target} {body}");
                Scene::Said { client, up: true, lines: vec![said], name: "" }
            }
            ["open", kind, target, "as", name] => {
                let client = self.client(name);
                let asks = match kind {
                    "sse" => "Accept: text/event-stream",
                    _ => "Upgrade: websocket",
                };
                // Fields may follow; the answer is drawn behind them, by `opened`.
                let lines = vec![format!("GET {target} HTTP/1.1 …"), asks.to_owned()];
                self.story.scenes.push(Scene::Said { client, up: true, lines, name: "" });
                if kind == "websocket" {
                    self.wires[client] = Wire::Frames;
                }
                let lines = vec![opened(kind).to_owned()];
                Scene::Said { client, up: false, lines, name: "" }
            }
            ["connect", name, "by", "tls"] => {
                Scene::Signal { client: self.client(name), up: true, name: "SYN, TLS" }
            }
            ["connect", name, ..] => {
                Scene::Signal { client: self.client(name), up: true, name: "SYN" }
            }
            ["finish", name] => Scene::Signal { client: self.client(name), up: true, name: "FIN" },
            ["reset", name] => Scene::Signal { client: self.client(name), up: true, name: "RST" },
            ["close", name, reason] => {
                Scene::Closed { client: self.client(name), reason: reason.to_owned() }
            }
            ["wait", time] => Scene::Wait(spaced(time)),
            [first, ..] if PASSED_OVER.contains(&first) => return,
            // `room a 0`, `drain 10s`, and whatever the language gets next.
            _ => Scene::Note(line.to_owned()),
        };
        self.story.scenes.push(scene);
    }
}

/// How the answer to an `open` begins.
fn opened(kind: &str) -> &'static str {
    match kind {
        "sse" => "200 OK …",
        "websocket" => "101 Switching Protocols …",
        _ => panic!("{kind:?} cannot be opened"),
    }
}

/// `12s` as people write it.
fn spaced(time: &str) -> String {
    let digits = time.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    format!("{digits} {}", &time[digits.len()..])
}

/// What kind of frame a line begins with (RFC 6455 §5.2).
fn frame_name(line: &str) -> &'static str {
    let number = line.split(' ').next().unwrap_or_default();
    match number {
        "1002" | "1003" | "1007" | "1008" | "1009" | "1013" => return "Close",
        "text" => return "",
        _ => {}
    }
    match u8::from_str_radix(number.get(..2).unwrap_or_default(), 16) {
        Ok(first) => match first & 0x0F {
            0x0 => "continuation",
            0x1 => "text",
            0x2 => "binary",
            0x8 => "Close",
            0x9 => "Ping",
            0xA => "Pong",
            _ => "",
        },
        Err(_) => "",
    }
}
