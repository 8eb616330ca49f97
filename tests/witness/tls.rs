//! The toll of TLS, and all that goes through it.
//!
//! A capture of TLS shows how many bytes there were and not what they say. What they say is known
//! by the clients, who decipher it: they note down what they said and heard, and that is read as a
//! capture of plain HTTP is. What the capture has beyond that is TLS; and of TLS 1.2 its records
//! say themselves what they are, so that nobody has to be believed.
//!
//! Absent on purpose: what TCP counts, which is as without TLS.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};

use crate::account::Accounts;
use crate::classes::{Published, Talk};
use crate::connection::{Connection, connections};
use crate::http;
use crate::pcap::Segment;
use crate::server::{Server, fresh_path, within};
use crate::tcpdump::Capture;

const STALL: Duration = Duration::from_secs(20);
/// Until the server has counted what everybody has heard.
const COUNTED_MS_MAX: u64 = 20_000;

/// What clients have said and heard, by their ports.
#[derive(Default)]
struct Notes(BTreeMap<u16, (Vec<u8>, Vec<u8>)>);

/// A client of TLS that notes down what it says and hears.
struct Teller {
    stream: StreamOwned<ClientConnection, TcpStream>,
    port: u16,
    said: Vec<u8>,
    heard: Vec<u8>,
    /// How much of that was read.
    read: usize,
}

impl Teller {
    fn open(port: u16, trust: &Arc<ClientConfig>) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
        stream.set_read_timeout(Some(STALL)).expect("not zero");
        stream.set_nodelay(true).expect("a TCP socket");
        let own = stream.local_addr().expect("it is connected").port();
        let name = ServerName::try_from("localhost").expect("a name");
        let tls = ClientConnection::new(Arc::clone(trust), name).expect("settings");
        let stream = StreamOwned::new(tls, stream);
        Self { stream, port: own, said: Vec::new(), heard: Vec::new(), read: 0 }
    }

    fn say(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("the server reads");
        self.stream.flush().expect("the server reads");
        self.said.extend_from_slice(bytes.as_ref());
    }

    /// Reads on until what it has not read has `mark` in it, and so many bytes behind it.
    fn hear(&mut self, mark: &[u8], more: usize) -> Vec<u8> {
        loop {
            let fresh = &self.heard[self.read..];
            let found = match mark {
                [] => Some(0),
                _ => fresh.windows(mark.len()).position(|window| window == mark),
            };
            let end = found.map(|at| at + mark.len() + more).filter(|end| *end <= fresh.len());
            if let Some(end) = end {
                let taken = fresh[..end].to_vec();
                self.read += end;
                return taken;
            }
            let mut buffer = [0; 16 * 1024];
            let bytes = self.stream.read(&mut buffer).expect("bytes in time");
            assert!(bytes > 0, "ended: {}", String::from_utf8_lossy(&self.heard));
            self.heard.extend_from_slice(&buffer[..bytes]);
        }
    }

    /// One answer with a length, or without a body.
    fn answer(&mut self) {
        let head = String::from_utf8(self.hear(b"\r\n\r\n", 0)).expect("text");
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        self.hear(b"", length.map_or(0, |digits| digits.parse().expect("a number")));
    }

    fn ask(&mut self, request: &str) {
        self.say(request);
        self.answer();
    }

    /// Ends in good order, if it is to end, and leaves its notes.
    fn leave(mut self, notes: &mut Notes) {
        self.stream.conn.send_close_notify();
        self.stream.flush().expect("the server reads");
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).expect("the server ends in good order");
        self.heard.extend(rest);
        notes.0.insert(self.port, (self.said, self.heard));
    }
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: witness\r\n\r\n")
}

fn post(target: &str, body: &str) -> String {
    let length = body.len();
    format!("POST {target} HTTP/1.1\r\nHost: witness\r\nContent-Length: {length}\r\n\r\n{body}")
}

/// Everything once: publishing and the four techniques, kept alive and not, resumed and not.
fn everything(port: u16, trust: &Arc<ClientConfig>, notes: &mut Notes) {
    let open = || Teller::open(port, trust);
    let (mut sse, mut socket, mut poll) = (open(), open(), open());
    sse.say(get("/news/sse"));
    sse.hear(b"\n\n\r\n", 0);
    socket.say(
        "GET /news/ws HTTP/1.1\r\nHost: witness\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    socket.hear(b"\r\n\r\n", 0);
    let mut publisher = open();
    let texts = ["short", &"long ".repeat(4_000), "äöü"];
    for text in texts {
        publisher.ask(&post("/news", text));
        sse.hear(b"\n\n\r\n", 0);
        socket.hear(text.as_bytes(), 0);
    }
    for _ in 0..20 {
        poll.ask(&get("/news/poll"));
        let mut once = open();
        once.ask(&get("/news/poll?since=latest"));
        once.leave(notes);
    }
    let mut long = open();
    long.ask(&get("/news/poll?wait=5&since=earliest"));
    // Who fails at the handshake, or leaves within it, is charged to nobody's technique: see below.
    for teller in [sse, socket, poll, publisher, long] {
        teller.leave(notes);
    }
}

/// The classes that the capture has by technique, and TLS as all that is beyond what was noted.
fn witnessed(seen: &[Connection], notes: &Notes) -> Accounts {
    let talks: Vec<Talk> = seen
        .iter()
        .map(|connection| {
            let (said, heard) = &notes.0[&connection.client_port];
            Talk::of_bytes(said, heard)
        })
        .collect();
    let mut published = Published::default();
    for talk in &talks {
        talk.note(&mut published);
    }
    let mut accounts = Accounts::default();
    for (connection, talk) in seen.iter().zip(&talks) {
        let (said, heard) = &notes.0[&connection.client_port];
        talk.charge(&published, &mut accounts);
        let technique = talk.turns().first().expect("it has asked").technique;
        let account = accounts.of(technique);
        account.bytes_in.tls += connection.bytes(false).len() - said.len();
        account.bytes_out.tls += connection.bytes(true).len() - heard.len();
    }
    accounts
}

/// What of one way's bytes is TLS, by the records of version 1.2 alone: what is no record of data,
/// and of those the header, the nonce and the tag. RFC 5246 §6.2.3.3, RFC 5288 §3.
fn tls12_overhead(bytes: &[u8]) -> usize {
    const DATA: u8 = 23;
    let (mut rest, mut overhead) = (bytes, 0);
    while let [kind, 3, 3 | 1, high, low, ..] = rest {
        let length = usize::from(*high) << 8 | usize::from(*low);
        overhead += if *kind == DATA { 5 + 8 + 16 } else { 5 + length };
        rest = &rest[5 + length..];
    }
    assert!(rest.is_empty(), "half a record");
    overhead
}

fn tell(test: &str, version: &'static SupportedProtocolVersion) {
    let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("names");
    let key = KeyPair::generate().expect("a key");
    let made = params.self_signed(&key).expect("a certificate");
    let (certificate, key_file) = (fresh_path("crt"), fresh_path("key"));
    std::fs::write(&certificate, made.pem()).expect("the scratch directory is writable");
    std::fs::write(&key_file, key.serialize_pem()).expect("the scratch directory is writable");
    let shown = |path: &std::path::Path| path.to_str().expect("UTF-8").to_owned();
    let (certificate, key_file) = (shown(&certificate), shown(&key_file));
    let flags = ["--tls-cert", &certificate, "--tls-key", &key_file, "--threads", "1"];
    let flags = [&flags[..], &["--admin-listen", "127.0.0.1:0"]].concat();
    let command = Command::new(env!("CARGO_BIN_EXE_tollway"));
    let server = Server::start_at("https://127.0.0.1:0", command, &flags, Stdio::null());
    let Some(capture) = Capture::start(test, server.port()) else {
        return;
    };
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(made.der().to_vec())).expect("a certificate");
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder.with_protocol_versions(&[version]).expect("a version");
    let trust = Arc::new(builder.with_root_certificates(roots).with_no_client_auth());
    let mut notes = Notes::default();
    everything(server.port(), &trust, &mut notes);
    // Where reports are: the second port that the greeting names.
    let said = within(STALL.as_millis() as u64, || {
        Some(server.log()).filter(|log| log.contains("/-/costs"))
    });
    let said = said.expect("a greeting");
    let (_, behind) = said.split_once("curl http://localhost:").expect("reports are in plain");
    let reports: u16 = behind.split('/').next().expect("a port").parse().expect("a port");
    // The server's FIN comes behind the last byte of either side, and may be sent again.
    capture.await_in(|segments| {
        let ends = segments.iter().filter(|s| s.from_server && s.is(Segment::FIN));
        let ended: BTreeSet<u16> = ends.map(|s| s.client_port).collect();
        (ended.len() >= notes.0.len()).then_some(())
    });
    let seen = connections(&capture.stop());
    assert_eq!(seen.len(), notes.0.len(), "each is in the capture");
    let witnessed = witnessed(&seen, &notes);
    let mut differences = Vec::new();
    let costs = within(COUNTED_MS_MAX, || {
        let mut wire = http::Wire::open(reports);
        wire.send("GET /-/costs HTTP/1.1\r\nHost: witness\r\nConnection: close\r\n\r\n");
        let costs = wire.answer().json();
        differences = witnessed.differences(&costs);
        // What TCP counts is told elsewhere, and who asks for reports is `other`.
        differences.retain(|line| {
            line.contains("/bytes_") && !line.contains("/tcp/") && !line.contains("/other/")
        });
        differences.is_empty().then_some(costs)
    });
    let costs = costs.unwrap_or_else(|| panic!("{}", differences.join("\n")));
    // Nobody but these has come by TLS: the first took no session up, the others did.
    let shared = |name: &str| costs["shared"][name].as_u64().expect("a number");
    let handshakes = shared("tls_full") + shared("tls_resumed");
    assert_eq!(handshakes, seen.len() as u64);
    assert!(shared("tls_resumed") >= 20, "{}", shared("tls_resumed"));
    if version.version == TLS12.version {
        let sum = |from_server| -> usize {
            seen.iter().map(|connection| tls12_overhead(&connection.bytes(from_server))).sum()
        };
        assert_eq!(sum(false) as u64, witnessed.sum(|row| row.bytes_in.tls));
        assert_eq!(sum(true) as u64, witnessed.sum(|row| row.bytes_out.tls));
    }
}

#[test]
fn tls_1_3_costs_what_the_capture_has_beyond_what_was_said() {
    tell("tls_1_3_costs_what_the_capture_has_beyond_what_was_said", &TLS13);
}

#[test]
fn tls_1_2_costs_what_its_records_say() {
    tell("tls_1_2_costs_what_its_records_say", &TLS12);
}
