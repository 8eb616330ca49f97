//! WebSocket by `tungstenite`, the library that most Rust programs speak it with.

use std::net::TcpStream;
use std::time::Duration;

use tungstenite::client::IntoClientRequest;
use tungstenite::handshake::client::Response;
use tungstenite::http::HeaderValue;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::Frame;
use tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tungstenite::{Error, Message, WebSocket};

use crate::http::{data_of, get, publish};
use crate::server::{Server, for_threads, for_threads_with};

/// A read that takes longer than this fails its test.
const STALL: Duration = Duration::from_secs(20);

/// A socket on a path of the server, with a deadline on its reads.
pub(crate) fn open(server: &Server, path: &str, protocol: Option<&str>) -> WebSocket<TcpStream> {
    try_open(server, path, protocol).expect("a handshake").0
}

fn try_open(
    server: &Server,
    path: &str,
    protocol: Option<&str>,
) -> Result<(WebSocket<TcpStream>, Response), String> {
    let stream = TcpStream::connect(("127.0.0.1", server.port())).expect("the server listens");
    stream.set_read_timeout(Some(STALL)).expect("not zero");
    stream.set_nodelay(true).expect("a TCP socket");
    let mut request = server.ws_url(path).into_client_request().expect("an address of ours");
    if let Some(protocol) = protocol {
        let value = HeaderValue::from_str(protocol).expect("a token");
        request.headers_mut().insert("Sec-WebSocket-Protocol", value);
    }
    tungstenite::client(request, stream).map_err(|error| error.to_string())
}

/// The code of the Close frame that the server answers with, or sends.
fn close_code(socket: &mut WebSocket<TcpStream>) -> u16 {
    loop {
        match socket.read() {
            Ok(Message::Close(Some(close))) => return close.code.into(),
            Ok(Message::Close(None)) => return 1005,
            Ok(_) => {}
            Err(error) => panic!("no Close frame: {error}"),
        }
    }
}

#[test]
fn text_comes_back_as_text_and_binary_as_binary() {
    for_threads(|server| {
        let mut socket = open(server, "/news", None);
        let lengths = [0, 1, 125, 126, 127, 65_535, 65_536, 1024 * 1024];
        for length in lengths {
            let text = Message::text("ä".repeat(length / 2));
            socket.send(text.clone()).expect("an open socket");
            assert!(socket.read().expect("an echo") == text, "text of {length}");
            let binary = Message::binary(vec![0xfe; length]);
            socket.send(binary.clone()).expect("an open socket");
            assert!(socket.read().expect("an echo") == binary, "binary of {length}");
        }
    });
}

#[test]
fn a_fragmented_message_is_one_message_with_a_ping_between() {
    for_threads(|server| {
        let mut socket = open(server, "/news", None);
        // A code point of four bytes, cut in the middle.
        let (head, tail) = "hé😀".as_bytes().split_at(4);
        let frames = [
            Message::Frame(Frame::message(head.to_vec(), OpCode::Data(Data::Text), false)),
            Message::Ping("in between".into()),
            Message::Frame(Frame::message(Vec::new(), OpCode::Data(Data::Continue), false)),
            Message::Frame(Frame::message(tail.to_vec(), OpCode::Data(Data::Continue), true)),
        ];
        for frame in frames {
            socket.send(frame).expect("an open socket");
        }
        assert_eq!(socket.read().expect("a Pong"), Message::Pong("in between".into()));
        assert_eq!(socket.read().expect("an echo"), Message::text("hé😀"));
    });
}

#[test]
fn many_fragments_are_one_message() {
    for_threads(|server| {
        let mut socket = open(server, "/news", None);
        let pieces = 1024;
        for number in 0..pieces {
            let opcode = if number == 0 { Data::Binary } else { Data::Continue };
            let last = number == pieces - 1;
            let frame = Frame::message(vec![0xfe; 1024], OpCode::Data(opcode), last);
            socket.send(Message::Frame(frame)).expect("an open socket");
        }
        let whole = Message::binary(vec![0xfe; pieces * 1024]);
        assert!(socket.read().expect("an echo") == whole);
    });
}

#[test]
fn a_ping_is_answered_by_a_pong_with_its_bytes() {
    for_threads(|server| {
        let mut socket = open(server, "/news", None);
        for length in [0, 1, 125] {
            let payload = vec![0xfe; length];
            socket.send(Message::Ping(payload.clone().into())).expect("an open socket");
            assert_eq!(socket.read().expect("a Pong"), Message::Pong(payload.into()));
        }
    });
}

#[test]
fn a_close_is_answered_with_its_own_code() {
    for_threads(|server| {
        for code in [1000, 1001, 3000, 4999] {
            let mut socket = open(server, "/news", None);
            let (code, reason) = (CloseCode::from(code), "bye".into());
            socket.close(Some(CloseFrame { code, reason })).expect("an open socket");
            assert_eq!(close_code(&mut socket), u16::from(code));
            // RFC 6455 §7.1.1: the server closes the connection first.
            assert!(matches!(socket.read(), Err(Error::ConnectionClosed)));
        }
    });
}

#[test]
fn offences_are_closed_with_their_code() {
    for_threads_with(&["--max-message", "1KiB"], |server| {
        let text = |bytes: &[u8]| Frame::message(bytes.to_vec(), OpCode::Data(Data::Text), true);
        let mut reserved = text(b"x");
        reserved.header_mut().rsv2 = true;
        let stray = Frame::message(b"x".to_vec(), OpCode::Data(Data::Continue), true);
        for (frame, code) in [
            (text(b"\xc3\x28"), 1007),
            (reserved, 1002),
            (stray, 1002),
            (text(&[b'x'; 1025]), 1009),
        ] {
            let mut socket = open(server, "/news", None);
            socket.send(Message::Frame(frame.clone())).expect("an open socket");
            assert_eq!(close_code(&mut socket), code, "{frame:?}");
        }
        assert_eq!(get(server.port(), "/news").status, 204, "nothing was published");
    });
}

#[test]
fn the_root_is_the_topic_chat() {
    for_threads(|server| {
        let mut socket = open(server, "/", None);
        socket.send(Message::text("hello")).expect("an open socket");
        assert_eq!(socket.read().expect("an echo"), Message::text("hello"));
        assert_eq!(data_of(&get(server.port(), "/chat").json()), ["hello"]);
        publish(server.port(), "chat", "by post");
        assert_eq!(socket.read().expect("a message"), Message::text("by post"));
    });
}

#[test]
fn an_unknown_subprotocol_is_not_chosen() {
    for_threads(|server| {
        // The library itself refuses a server that chooses nothing of its offer (RFC 6455 §4.1
        // lets a server do so). That refusal is the proof.
        let refused = try_open(server, "/news", Some("mqtt")).expect_err("no choice");
        assert!(refused.contains("rotocol"), "{refused}");
        let (_, response) = try_open(server, "/news", Some("mqtt, tollway.v1")).expect("a choice");
        assert_eq!(response.headers()["sec-websocket-protocol"], "tollway.v1");
        let (_, response) = try_open(server, "/news", None).expect("a handshake");
        assert!(!response.headers().contains_key("sec-websocket-protocol"));
    });
}

#[test]
fn a_raw_socket_on_several_topics_may_not_publish() {
    for_threads(|server| {
        let mut socket = open(server, "/a,b", None);
        publish(server.port(), "b", "to read");
        assert_eq!(socket.read().expect("a message"), Message::text("to read"));
        socket.send(Message::text("to publish")).expect("an open socket");
        assert_eq!(close_code(&mut socket), 1008);
    });
}
