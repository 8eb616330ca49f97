//! Step 5 of 5: all four techniques on one log. A toy; docs/book/ladder.md tells what is wrong.
//! `POST /` publishes. `GET /poll?since=2` asks for what comes after message 2; /wait, /sse and /ws
//! wait for it, the last two again and again.

use base64::{Engine, engine::general_purpose::STANDARD};
use sha1::{Digest, Sha1};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::{env, thread};

/// All messages. A cursor says how many of them a reader has seen.
#[derive(Default)]
struct Log {
    messages: Mutex<Vec<String>>,
    bell: Condvar,
}

impl Log {
    fn publish(&self, message: &[u8]) {
        self.messages.lock().unwrap().push(String::from_utf8_lossy(message).into_owned());
        self.bell.notify_all();
    }

    /// The message after the cursor. Waits for it if need be.
    fn next(&self, cursor: usize) -> String {
        let messages = self.messages.lock().unwrap();
        self.bell.wait_while(messages, |all| all.len() <= cursor).unwrap()[cursor].clone()
    }

    /// All messages after the cursor, a line each, with their numbers.
    fn list(&self, cursor: usize) -> String {
        let all = self.messages.lock().unwrap();
        let lines = (cursor..all.len()).map(|n| format!("{} {}\n", n + 1, all[n]));
        lines.collect::<Vec<_>>().concat()
    }
}

fn main() -> io::Result<()> {
    let listener = TcpListener::bind(env::args().nth(1).unwrap_or("127.0.0.1:0".to_owned()))?;
    println!("listening at {}", listener.local_addr()?);
    let log = Arc::new(Log::default());
    for stream in listener.incoming() {
        let (stream, log) = (stream?, Arc::clone(&log));
        thread::spawn(move || serve(stream, &log));
    }
    Ok(())
}

fn serve(mut stream: TcpStream, log: &Arc<Log>) -> io::Result<()> {
    let (mut input, mut head) = (BufReader::new(stream.try_clone()?), String::new());
    while input.read_line(&mut head)? > 2 {} // An empty line, two bytes, ends the head.
    let get = |name| head.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    let target = head.split(" HTTP/1.1").next().unwrap_or_default();
    let (target, since) = target.split_once("?since=").unwrap_or((target, "0"));
    let cursor = since.parse().unwrap_or(0);
    match target {
        "POST /" => {
            let mut message = vec![0; get("Content-Length: ").parse().unwrap_or(0)];
            input.read_exact(&mut message)?;
            log.publish(&message);
            answer(&mut stream, "201 Created", "")
        }
        "GET /poll" => answer(&mut stream, "200 OK", &log.list(cursor)),
        "GET /wait" => {
            log.next(cursor);
            answer(&mut stream, "200 OK", &log.list(cursor))
        }
        "GET /sse" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")?;
            follow(stream, log, cursor, |n, text| format!("id: {n}\ndata: {text}\n\n").into());
            Ok(())
        }
        "GET /ws" => {
            let key = format!("{}258EAFA5-E914-47DA-95CA-C5AB0DC85B11", get("Sec-WebSocket-Key: "));
            let accept = STANDARD.encode(Sha1::digest(key));
            stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n")?;
            let fields = format!("Upgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n");
            stream.write_all(fields.as_bytes())?;
            // A second thread writes, and this one reads.
            let (out, the_log) = (stream.try_clone()?, Arc::clone(log));
            thread::spawn(move || follow(out, &the_log, cursor, frame));
            while let Some(text) = read_frame(&mut input) {
                log.publish(&text);
            }
            stream.shutdown(Shutdown::Both)
        }
        _ => answer(&mut stream, "400 Bad Request", ""),
    }
}

/// Streams and sockets are one loop. They differ in how they word a message.
fn follow(mut out: TcpStream, log: &Log, mut cursor: usize, word: fn(usize, &str) -> Vec<u8>) {
    while out.write_all(&word(cursor + 1, &log.next(cursor))).is_ok() {
        cursor += 1;
    }
}

fn frame(number: usize, message: &str) -> Vec<u8> {
    let text = format!("{number} {message}");
    let [high, low] = u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes();
    let header = if text.len() < 126 { vec![0x81, low] } else { vec![0x81, 126, high, low] };
    [header, text.into_bytes()].concat() // Longer than 65,535 bytes, it is a broken frame.
}

/// A client's text of up to 125 bytes, in however many pieces it comes. All else ends the socket.
fn read_frame(input: &mut impl Read) -> Option<Vec<u8>> {
    let mut header = [0; 6];
    input.read_exact(&mut header).ok()?;
    let [0x81, length @ 0x80..=0xFD, mask @ ..] = header else { return None };
    let mut text = vec![0; usize::from(length - 0x80)];
    input.read_exact(&mut text).ok()?;
    text.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
    Some(text)
}

fn answer(stream: &mut TcpStream, status: &str, body: &str) -> io::Result<()> {
    let fields = format!("Content-Length: {}\r\nConnection: close", body.len());
    stream.write_all(format!("HTTP/1.1 {status}\r\n{fields}\r\n\r\n{body}").as_bytes())
}
