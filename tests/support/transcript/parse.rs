//! Text → [`Transcript`]. The table of what there is stands in `mod.rs`.

use std::collections::BTreeMap;
use std::path::Path;

use tollway::close::CloseReason;
use tollway::conn::origin::Origins;
use tollway::conn::proxies::Proxies;
use tollway::ledger::{Class, Payer};
use tollway::limits::Limits;
use tollway::rights::Secrets;
use tollway::wire::address_range::AddressRange;
use tollway::wire::authority::{HostPattern, OriginPattern};
use tollway::wire::forwarded::ProxyHeader;

use super::answers::{self, Terms};
use super::offences::Offence;
use super::{Act, Greeting, Piece, Shows, Step, Tls, Transcript, bytes, offences, tokens};

/// Reads a file. Panics with file and line at whatever it does not understand.
pub fn read(root: &Path, path: &str) -> Transcript {
    let text = std::fs::read_to_string(root.join(path)).expect("a transcript is UTF-8");
    let text = tokens::expand(&text);
    let mut reader = Reader {
        lines: text.lines().collect(),
        at: 0,
        clients: Vec::new(),
        story: Transcript {
            path: path.into(),
            title: String::new(),
            limits: Limits::default(),
            origins: Origins::default(),
            secrets: Secrets::default(),
            files: None,
            proxies: Proxies::default(),
            addresses: BTreeMap::new(),
            only_whole: false,
            only_one_thread: false,
            clients: Vec::new(),
            steps: Vec::new(),
            shows: Shows::default(),
        },
    };
    let title = text.lines().next().and_then(|line| line.strip_prefix("# "));
    reader.story.title = title.unwrap_or_default().into();
    while reader.at < reader.lines.len() {
        let line = reader.at + 1;
        if let Err(why) = reader.next_line() {
            panic!("{path}:{line}: {why}");
        }
    }
    reader.story
}

struct Reader<'t> {
    lines: Vec<&'t str>,
    at: usize,
    clients: Vec<Wire>,
    story: Transcript,
}

/// What a client's lines mean at present.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wire {
    Lines,
    /// Within the head of a 101.
    Upgrading,
    Frames,
}

impl<'t> Reader<'t> {
    fn next_line(&mut self) -> Result<(), String> {
        let line = self.lines[self.at];
        self.at += 1;
        let number = self.at;
        if line.trim().is_empty() || line.starts_with('#') {
            return Ok(());
        }
        if line.trim_end() != line {
            return Err("white space at the end of a line cannot be seen".into());
        }
        let name = line.split(|c: char| !c.is_ascii_alphanumeric()).next();
        let name = name.unwrap_or_default();
        let act = match &line.as_bytes()[name.len()..] {
            [b'>', ..] => Some(self.client_line(name, &line[name.len() + 1..])?),
            [b'<', ..] => Some(self.server_line(name, &line[name.len() + 1..])?),
            _ => self.word(line)?,
        };
        let Some(act) = act else { return Ok(()) };
        let last = self.story.steps.last_mut().map(|step| &mut step.act);
        match (last, act) {
            // What a client says in one go is one piece, until the cuts come.
            (Some(Act::Send(before, said)), Act::Send(client, more)) if *before == client => {
                said.extend(more);
            }
            (_, act) => self.story.steps.push(Step { line: number, act }),
        }
        Ok(())
    }

    fn client(&mut self, name: &str) -> usize {
        let known = self.story.clients.iter().position(|known| known == name);
        known.unwrap_or_else(|| {
            self.story.clients.push(name.into());
            self.clients.push(Wire::Lines);
            self.clients.len() - 1
        })
    }

    fn client_line(&mut self, name: &str, rest: &str) -> Result<Act, String> {
        let client = self.client(name);
        let frames = self.clients[client] == Wire::Frames;
        Ok(Act::Send(
            client,
            match (rest.strip_prefix('|'), rest.strip_prefix(':')) {
                (Some(text), _) => exact_bytes(&bytes::pieces(text_of(text)))?,
                (_, Some(written)) => bytes::read(written)?,
                _ if frames => match text_of(rest).strip_prefix("text ") {
                    Some(text) => bytes::masked_text(text),
                    None => bytes::read(rest)?,
                },
                _ => format!("{}\r\n", text_of(rest)).into_bytes(),
            },
        ))
    }

    fn server_line(&mut self, name: &str, rest: &str) -> Result<Act, String> {
        let client = self.client(name);
        let text = text_of(rest);
        if text == "EOF" {
            return Ok(Act::ExpectEnd(client));
        }
        if let Some(text) = rest.strip_prefix('|') {
            self.problem_in_full(text_of(text))?;
            return Ok(Act::Expect(client, bytes::pieces(text_of(text))));
        }
        if let Some(text) = rest.strip_prefix('*') {
            let line = text_of(text).as_bytes().to_vec();
            return Ok(Act::Expect(client, vec![Piece::Line(line)]));
        }
        let written = rest.strip_prefix(':');
        let written = written.or((self.clients[client] == Wire::Frames).then_some(text));
        let pieces = match (written, text.split_once(' ')) {
            (Some(_), Some(("problem", words))) => self.problem(words)?,
            (Some(_), Some(("error", words))) => self.error(words)?,
            (Some(_), Some(("text", text))) => vec![Piece::Exact(bytes::text(text))],
            (Some(written), _) => vec![Piece::Exact(bytes::read(written)?)],
            (None, _) => self.http_line(client, text)?,
        };
        Ok(Act::Expect(client, pieces))
    }

    /// A line of a head, or the name of a whole answer.
    fn http_line(&mut self, client: usize, text: &str) -> Result<Vec<Piece>, String> {
        let mut words = text.split(' ');
        let first = words.next().unwrap_or_default();
        let mut word = || words.next().ok_or("a word is missing".to_owned());
        match first {
            "problem" => return self.problem(&text["problem ".len()..]),
            "created" => {
                self.story.shows.statuses.insert(201);
                return answers::created(word()?, word()?, &Terms::read(words)?);
            }
            "poll" => {
                let (number, next) = (self.status(word()?)?, word()?);
                let terms = Terms::read(words)?;
                return answers::poll(number, next, &terms, &self.block());
            }
            "chunk" | "plain" => return Ok(answers::event(&self.block(), first == "chunk")),
            _ => {}
        }
        if first.len() == 3 && first.bytes().all(|byte| byte.is_ascii_digit()) {
            let number = self.status(first)?;
            return answers::status(number, &text[4..]);
        }
        if first == "HTTP/1.1" {
            let number = self.status(word()?)?;
            if number == 101 {
                self.clients[client] = Wire::Upgrading;
            }
        }
        if text.is_empty() && self.clients[client] == Wire::Upgrading {
            self.clients[client] = Wire::Frames;
        }
        Ok(bytes::pieces(&format!("{text}\r\n")))
    }

    fn problem(&mut self, words: &str) -> Result<Vec<Piece>, String> {
        let mut words = words.split(' ');
        let number = words.next().and_then(|n| n.parse().ok());
        let number: u16 = number.ok_or("problem NUMBER CODE")?;
        let code = words.next().ok_or("problem NUMBER CODE")?;
        let (index, offence) = offences::find(code, number)?;
        self.story.shows.offences.insert(index);
        if number >= 1000 {
            return Ok(answers::close_frame(&offence));
        }
        self.story.shows.statuses.insert(number);
        let fields = self.block();
        let offence = allowing(self.bounded(offence), &fields);
        answers::problem(&offence, &Terms::read(words)?, &fields)
    }

    /// A frame of `tollway.v1` that says what was wrong with another.
    fn error(&mut self, words: &str) -> Result<Vec<Piece>, String> {
        // A ref may have spaces in it.
        let &[code, number, reference] = &words.rsplitn(3, ' ').collect::<Vec<_>>()[..] else {
            return Err("error REF NUMBER CODE".into());
        };
        let number = number.parse().map_err(|_| "error REF NUMBER CODE")?;
        let (index, offence) = offences::find(code, number)?;
        self.story.shows.offences.insert(index);
        let body = answers::problem_body(&self.bounded(offence))?;
        let frame = bytes::text(&format!("{{\"ref\":{reference},\"error\":{body}}}"));
        Ok(vec![Piece::Exact(frame)])
    }

    /// An offence against a bound that a flag turns, with the bound in its sentence.
    fn bounded(&self, mut offence: Offence) -> Offence {
        let Limits { message_bytes_max, head_bytes_max, .. } = self.story.limits;
        let (bytes, flag) = match offence.code {
            "too_large" | "data_too_big" => (message_bytes_max, "--max-message"),
            "head_too_large" => (head_bytes_max, "--max-head"),
            _ => return offence,
        };
        let detail = format!("{} The bound is {bytes} bytes, {flag}.", offence.detail);
        offence.detail = detail.leak(); // Few, and a test ends soon.
        offence
    }

    /// A problem's body that is written out shows its offence as well.
    fn problem_in_full(&mut self, body: &str) -> Result<(), String> {
        let between = |from: &str, to: char| body.split_once(from)?.1.split(to).next();
        let number = between("\"status\":", ',').and_then(|n| n.parse().ok());
        if let (Some(number), Some(code)) = (number, between("\"code\":\"", '"')) {
            self.story.shows.offences.insert(offences::find(code, number)?.0);
        }
        Ok(())
    }

    fn status(&mut self, digits: &str) -> Result<u16, String> {
        let number = digits.parse().map_err(|_| format!("{digits:?} is no status"))?;
        self.story.shows.statuses.insert(number);
        Ok(number)
    }

    /// The ` | ` lines that follow.
    fn block(&mut self) -> Vec<&'t str> {
        let mut block = Vec::new();
        while let Some(line) = self.lines.get(self.at)
            && line.starts_with(' ')
            && let Some(text) = line.trim_start().strip_prefix('|')
        {
            block.push(text_of(text));
            self.at += 1;
        }
        block
    }

    /// Anything but what is said on a wire.
    fn word(&mut self, line: &str) -> Result<Option<Act>, String> {
        let (first, written) = line.split_once(' ').unwrap_or((line, ""));
        let said = written.split(" #").next().unwrap_or_default().trim_end();
        let words: Vec<&str> = said.split(' ').filter(|word| !word.is_empty()).collect();
        Ok(Some(match (first, words.as_slice()) {
            ("limits", flags) => return self.limits(flags).map(|()| None),
            ("origins", origins) => {
                let read = |text: &&str| OriginPattern::parse(text).map_err(|e| e.to_string());
                self.story.origins.allowed = origins.iter().map(read).collect::<Result<_, _>>()?;
                return Ok(None);
            }
            ("hosts", hosts) => {
                let read = |text: &&str| HostPattern::parse(text).map_err(|e| e.to_string());
                self.story.origins.hosts = hosts.iter().map(read).collect::<Result<_, _>>()?;
                return Ok(None);
            }
            ("proxies", [header, ranges @ ..]) => {
                self.story.proxies.header = match *header {
                    "x-forwarded-for" => ProxyHeader::XForwardedFor,
                    "forwarded" => ProxyHeader::Forwarded,
                    "proxy-protocol" => ProxyHeader::ProxyProtocol,
                    _ => return Err(format!("{header:?} is no header of a proxy")),
                };
                let read = |text: &&str| AddressRange::parse(text).map_err(|e| e.to_string());
                self.story.proxies.trusted = ranges.iter().map(read).collect::<Result<_, _>>()?;
                return Ok(None);
            }
            ("ports", ports) => {
                let read = |text: &&str| text.parse().map_err(|_| format!("{text:?} is no port"));
                self.story.origins.ports = ports.iter().map(read).collect::<Result<_, _>>()?;
                return Ok(None);
            }
            ("tokens" | "keys" | "jwt" | "public" | "admin", words) => {
                let words = [&[first], words].concat();
                return tokens::read(&mut self.story.secrets, &words).map(|()| None);
            }
            ("file", [name, ..]) => {
                let files = self.story.files.get_or_insert_with(BTreeMap::new);
                let content = bytes::read(written.trim_start_matches(name))?;
                files.insert((*name).into(), content);
                return Ok(None);
            }
            ("address", [name, address]) => {
                let address = address.parse().map_err(|_| format!("{address:?} is none"))?;
                let client = self.client(name);
                self.story.addresses.insert(client, address);
                return Ok(None);
            }
            ("only", ["whole"]) => {
                self.story.only_whole = true;
                return Ok(None);
            }
            ("only", ["one", "thread"]) => {
                self.story.only_one_thread = true;
                return Ok(None);
            }
            ("connect", [name, "to", "admin"]) => Act::ConnectToAdmin(self.client(name)),
            ("connect", [name, "by", "tls"]) => Act::Tls(self.client(name), Tls::Begins),
            ("tls", [name, word]) => Act::Tls(self.client(name), tls(word)?),
            ("connect", [name]) => Act::Connect(self.client(name)),
            ("turned", ["away", name]) => Act::Refused(self.client(name)),
            ("open", [kind, target, "as", name]) => self.open(kind, target, name)?,
            ("publish", [target, ..]) => publish(target, written.trim_start_matches(target))?,
            ("wait", [time]) => Act::Wait(duration(time)?),
            ("drain", [time]) => Act::Drain(duration(time)?),
            ("finish", [name]) => Act::Finish(self.client(name)),
            ("reset", [name]) => Act::Reset(self.client(name)),
            ("room", [name, "any"]) => Act::Room(self.client(name), usize::MAX),
            ("room", [name, bytes]) => Act::Room(self.client(name), size(bytes)?),
            ("unacknowledged", [name, bytes]) => {
                Act::Unacknowledged(self.client(name), size(bytes)?)
            }
            ("overloaded", ["on"]) => Act::Overloaded(true),
            ("overloaded", ["off"]) => Act::Overloaded(false),
            ("store", ["full"]) => Act::StoreFull(true),
            ("store", ["works"]) => Act::StoreFull(false),
            ("store", ["anew"]) => Act::StoreAnew,
            ("store", ["hangs", time]) => Act::StoreHangs(duration(time)?),
            ("unreadable", ["on"]) => Act::Unreadable(true),
            ("close", [name, reason]) => {
                let reason = named(&CloseReason::ALL, CloseReason::name, reason)?;
                self.story.shows.reasons.insert(reason.name());
                Act::Close(self.client(name), reason)
            }
            ("cost", [name, reads, writes]) => Act::Cost {
                client: self.client(name),
                reads: count(reads, "reads=")?,
                writes: count(writes, "writes=")?,
            },
            ("ledger", [payer, class, bytes_in, bytes_out]) => Act::Ledger {
                payer: named(&Payer::ALL, Payer::name, payer)?,
                class: named(&Class::ALL, Class::name, class)?,
                bytes_in: count(bytes_in, "in=")?,
                bytes_out: count(bytes_out, "out=")?,
            },
            _ => return Err(format!("{line:?} is no line of a transcript")),
        }))
    }

    fn open(&mut self, kind: &str, target: &str, name: &str) -> Result<Act, String> {
        let client = self.client(name);
        let (greeting, asks) = match kind {
            "websocket" => (
                Greeting::WebSocket,
                "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                 Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
            ),
            "sse" => (Greeting::Sse, "Accept: text/event-stream\r\n"),
            _ => return Err(format!("{kind:?} cannot be opened")),
        };
        if greeting == Greeting::WebSocket {
            self.clients[client] = Wire::Frames;
        }
        let mut head = format!("GET {target} HTTP/1.1\r\nHost: tollway.example\r\n{asks}");
        for field in self.block() {
            head.extend([field, "\r\n"]);
        }
        head.push_str("\r\n");
        Ok(Act::Open(client, greeting, head.into_bytes()))
    }

    fn limits(&mut self, flags: &[&str]) -> Result<(), String> {
        let limits = &mut self.story.limits;
        for pair in flags.chunks(2) {
            let &[flag, value] = pair else {
                return Err(format!("{pair:?} has no value"));
            };
            match flag {
                "--max-head" => limits.head_bytes_max = size(value)?,
                "--max-message" => limits.message_bytes_max = size(value)?,
                "--max-unfinished" => limits.unfinished_bytes_max = size(value)?,
                "--max-connections" => limits.connections_max = size(value)?,
                "--max-connections-per-address" => {
                    limits.connections_per_address_max = size(value)?;
                }
                "--max-publishes" => limits.publishes_per_second_max = size(value)?,
                "--publish-burst" => limits.publish_burst = size(value)?,
                "--max-topics" => limits.topics_max = size(value)?,
                "--max-wait" => limits.wait_ms_max = duration(value)?,
                "--history-messages" => limits.history_messages = size(value)?,
                "--history-bytes" => limits.history_bytes = size(value)?,
                "--history-age" => limits.history_age_ms = duration(value)?,
                "--retain-bytes" => limits.retain_bytes = size(value)?,
                "--heartbeat" => limits.heartbeat_ms = duration(value)?,
                "--head-timeout" => limits.head_ms_max = duration(value)?,
                "--body-timeout" => limits.body_ms_max = duration(value)?,
                "--idle-timeout" => limits.idle_ms_max = duration(value)?,
                "--deflate" => limits.deflate = value == "on",
                "--stall-timeout" => limits.stall_ms_max = duration(value)?,
                _ => return Err(format!("there is no flag {flag}")),
            }
        }
        Ok(())
    }
}

fn publish(target: &str, written: &str) -> Result<Act, String> {
    let body = bytes::read(written)?;
    let length = body.len();
    let head = format!(
        "POST {target} HTTP/1.1\r\nHost: tollway.example\r\nContent-Length: {length}\r\n\r\n"
    );
    Ok(Act::Publish([head.into_bytes(), body].concat()))
}

/// What stands behind the sign and one space.
fn text_of(rest: &str) -> &str {
    rest.strip_prefix(' ').unwrap_or(rest)
}

fn exact_bytes(pieces: &[Piece]) -> Result<Vec<u8>, String> {
    match pieces {
        [Piece::Exact(bytes)] => Ok(bytes.clone()),
        _ => Err("a client says exact bytes".into()),
    }
}

/// Of a method that is not allowed, with the methods that are in its sentence, as in its field.
fn allowing(mut offence: Offence, fields: &[&str]) -> Offence {
    let allow = fields.iter().find_map(|field| field.strip_prefix("Allow: "));
    if let Some(allow) = allow.filter(|_| offence.code == "method_not_allowed") {
        offence.detail = format!("{} They are {allow}.", offence.detail).leak();
    }
    offence
}

fn size(text: &str) -> Result<usize, String> {
    let (digits, unit) = match text.split_once("KiB") {
        Some((digits, _)) => (digits, 1024),
        None => (text, 1),
    };
    let number: usize = digits.parse().map_err(|_| format!("{text:?} is no size"))?;
    Ok(number * unit)
}

/// What became of a connection's TLS.
fn tls(word: &str) -> Result<Tls, String> {
    Ok(match word {
        "done" => Tls::Done { resumed: false },
        "resumed" => Tls::Done { resumed: true },
        "refused" => Tls::Fails(CloseReason::TlsRefused),
        "malformed" => Tls::Fails(CloseReason::TlsMalformed),
        "truncated" => Tls::Truncated,
        "plain" => Tls::Plain,
        _ => return Err(format!("{word:?} becomes of no TLS")),
    })
}

fn duration(text: &str) -> Result<u64, String> {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let scale = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        _ => return Err(format!("{text:?} is no duration")),
    };
    let number: u64 = text[..text.len() - unit.len()].parse().map_err(|_| "a number")?;
    Ok(number * scale)
}

fn named<T: Copy>(all: &[T], name_of: fn(T) -> &'static str, name: &str) -> Result<T, String> {
    let found = all.iter().find(|one| name_of(**one) == name);
    found.copied().ok_or(format!("nothing is called {name:?}"))
}

fn count(word: &str, name: &str) -> Result<usize, String> {
    let number = word.strip_prefix(name).and_then(|n| n.parse().ok());
    number.ok_or(format!("{name}N is missing"))
}
