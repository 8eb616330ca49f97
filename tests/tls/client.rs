//! A client of TLS over a blocking socket, by `rustls`, with a deadline on every read.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, RootCertStore, StreamOwned,
    SupportedProtocolVersion,
};
use serde_json::Value;
use socket2::{Domain, Socket, Type};

use crate::server::{Server, within};

const STALL: Duration = Duration::from_secs(20);

/// Both versions that are spoken.
pub(crate) const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

/// What a client trusts and offers. Sessions are remembered in it.
pub(crate) fn settings(
    root: &CertificateDer<'static>,
    versions: &[&'static SupportedProtocolVersion],
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(root.clone()).expect("a certificate");
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder.with_protocol_versions(versions).expect("versions of TLS");
    builder.with_root_certificates(roots).with_no_client_auth()
}

/// A connection of ours.
pub(crate) struct Wire {
    pub(crate) stream: StreamOwned<ClientConnection, TcpStream>,
    got: Vec<u8>,
}

impl Wire {
    /// A new connection, whose handshake follows with the first bytes.
    pub(crate) fn open(port: u16, settings: &Arc<ClientConfig>) -> Self {
        Self::open_as("localhost", port, settings)
    }

    /// The same, to a server of that name.
    pub(crate) fn open_as(name: &str, port: u16, settings: &Arc<ClientConfig>) -> Self {
        Self::over(connect(port), name, settings)
    }

    /// The same, over a connection that stands.
    pub(crate) fn over(stream: TcpStream, name: &str, settings: &Arc<ClientConfig>) -> Self {
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        let tls = ClientConnection::new(Arc::clone(settings), name).expect("settings");
        Self { stream: StreamOwned::new(tls, stream), got: Vec::new() }
    }

    /// The same, with the usual settings.
    pub(crate) fn to(server: &Server, root: &CertificateDer<'static>) -> Self {
        Self::open(server.port(), &Arc::new(settings(root, &VERSIONS)))
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("the server reads");
        self.stream.flush().expect("the server reads");
    }

    /// Says that nothing more comes, and keeps reading.
    pub(crate) fn close_notify(&mut self) {
        self.stream.conn.send_close_notify();
        self.stream.flush().expect("the server reads");
    }

    /// How the handshake went that is over by now.
    pub(crate) fn kind(&self) -> HandshakeKind {
        self.stream.conn.handshake_kind().expect("it is over")
    }

    /// Reads until what is there ends with `mark`, and takes it.
    pub(crate) fn until(&mut self, mark: &str) -> String {
        let mut buffer = [0; 4096];
        loop {
            let found = self.got.windows(mark.len()).position(|window| window == mark.as_bytes());
            if let Some(at) = found {
                let taken = self.got.drain(..at + mark.len()).collect();
                return String::from_utf8(taken).expect("text");
            }
            let bytes = self.stream.read(&mut buffer).expect("bytes in time");
            let so_far = String::from_utf8_lossy(&self.got);
            assert!(bytes > 0, "ended before {mark:?}: {so_far:?}");
            self.got.extend_from_slice(&buffer[..bytes]);
        }
    }

    /// So many bytes.
    pub(crate) fn exactly(&mut self, count: usize) -> Vec<u8> {
        let mut buffer = vec![0; 64 * 1024];
        while self.got.len() < count {
            let bytes = self.stream.read(&mut buffer).expect("bytes in time");
            assert!(bytes > 0, "ended before {count} bytes");
            self.got.extend_from_slice(&buffer[..bytes]);
        }
        self.got.drain(..count).collect()
    }

    /// One answer that says how long it is: its head, and its body.
    pub(crate) fn answer(&mut self) -> (String, Vec<u8>) {
        let head = self.until("\r\n\r\n");
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        let length = length.map_or(0, |digits| digits.parse().expect("a number"));
        let body = self.exactly(length);
        (head, body)
    }

    /// Sends a request, and reads its answer.
    pub(crate) fn ask(&mut self, request: &str) -> (String, Vec<u8>) {
        self.send(request);
        self.answer()
    }

    /// What still comes, to the end that the server makes. An error where it does not say by TLS
    /// that it ends.
    pub(crate) fn rest(&mut self) -> std::io::Result<Vec<u8>> {
        let mut rest = std::mem::take(&mut self.got);
        self.stream.read_to_end(&mut rest)?;
        Ok(rest)
    }
}

pub(crate) fn connect(port: u16) -> TcpStream {
    patient(TcpStream::connect(("127.0.0.1", port)).expect("the server listens"))
}

/// A connection whose kernel holds few bytes that were not read.
pub(crate) fn connect_narrow(port: u16) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a descriptor");
    socket.set_recv_buffer_size(8 * 1024).expect("a TCP socket");
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    socket.connect(&address.into()).expect("the server listens");
    patient(socket.into())
}

fn patient(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(STALL)).expect("not zero");
    stream.set_write_timeout(Some(STALL)).expect("not zero");
    stream.set_nodelay(true).expect("a TCP socket");
    stream
}

/// Everything up to an end of whatever kind.
pub(crate) fn all_of(stream: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    match stream.read_to_end(&mut all) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("no end in time: {error}"),
    }
    all
}

/// Ends our side without a word of TLS.
pub(crate) fn cut(wire: &Wire) {
    wire.stream.sock.shutdown(Shutdown::Write).expect("the connection stands");
}

pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

pub(crate) fn post(path: &str, body: &str) -> String {
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{body}")
}

/// What `/-/costs` says.
pub(crate) fn costs(server: &Server, root: &CertificateDer<'static>) -> Value {
    let mut wire = Wire::to(server, root);
    let (head, body) = wire.ask(&get("/-/costs"));
    wire.close_notify(); // Else it would count as cut.
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    serde_json::from_slice(&body).expect("JSON")
}

/// How many connections ended for this reason.
pub(crate) fn closed(server: &Server, root: &CertificateDer<'static>, reason: &str) -> u64 {
    let costs = costs(server, root);
    let techniques = costs["techniques"].as_object().expect("an object");
    let of = |payer: &Value| payer["connections"]["closed"][reason].as_u64();
    techniques.values().filter_map(of).sum()
}

/// Looks until so many connections have ended for this reason.
pub(crate) fn await_closed(
    server: &Server,
    root: &CertificateDer<'static>,
    reason: &str,
    count: u64,
) {
    // A report may be a second old, and the next one, of another thread, older.
    let seen = within(20_000, || Some(closed(server, root, reason)).filter(|seen| *seen >= count));
    assert_eq!(seen, Some(count), "ended for {reason}");
}
