//! Step 4 of 5: WebSocket. A toy: it shows the idea and nothing else, and docs/book/ladder.md
//! tells what it gets wrong. Keep it away from strangers.
//!
//! `GET /` with a `Sec-WebSocket-Key` opens a socket: what a client sends goes to all who have one
//! open. `POST /` publishes too.

use std::env;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};
use std::thread;

use base64::{Engine, engine::general_purpose::STANDARD};
use sha1::{Digest, Sha1};

/// All messages, and for each reader the queue of frames that its thread is to write.
#[derive(Default)]
struct Room {
    log: Vec<String>,
    queues: Vec<Sender<Vec<u8>>>,
}

impl Room {
    /// A publisher does not wait for any reader: it puts a frame into each queue.
    fn publish(&mut self, message: &str) {
        self.queues.retain(|queue| queue.send(frame(message)).is_ok());
        self.log.push(message.to_owned());
    }

    /// A new reader gets what there is, and from then on every message.
    fn add(&mut self, mut stream: TcpStream) {
        let (queue, frames) = mpsc::channel::<Vec<u8>>();
        thread::spawn(move || frames.iter().try_for_each(|frame| stream.write_all(&frame)));
        for message in &self.log {
            let _ = queue.send(frame(message));
        }
        self.queues.push(queue);
    }
}

/// A text frame: one byte says what it is, then comes the length, then the text.
fn frame(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    let [high, low] = length.to_be_bytes();
    let header = if length < 126 { vec![0x81, low] } else { vec![0x81, 126, high, low] };
    [&header[..], &text.as_bytes()[..usize::from(length)]].concat()
}

/// The text of a client's frame: two bytes of header, four bytes of mask, the text under the mask.
fn unmask(frame: &[u8]) -> String {
    let length = usize::from(frame[1] & 0x7F);
    let (mask, masked) = (&frame[2..6], &frame[6..6 + length]);
    let text: Vec<u8> = masked.iter().zip(mask.iter().cycle()).map(|(b, m)| b ^ m).collect();
    String::from_utf8_lossy(&text).into_owned()
}

fn main() -> io::Result<()> {
    let address = env::args().nth(1).unwrap_or("127.0.0.1:0".to_owned());
    let listener = TcpListener::bind(address)?;
    println!("listening at {}", listener.local_addr()?);
    let room = Arc::new(Mutex::new(Room::default()));
    for stream in listener.incoming() {
        let (stream, room) = (stream?, Arc::clone(&room));
        thread::spawn(move || serve(stream, &room));
    }
    Ok(())
}

fn serve(mut stream: TcpStream, room: &Mutex<Room>) -> io::Result<()> {
    let mut buffer = [0; 4096];
    let length = stream.read(&mut buffer)?;
    let request = String::from_utf8_lossy(&buffer[..length]).into_owned();
    let (head, body) = request.split_once("\r\n\r\n").unwrap_or((&request, ""));
    if head.starts_with("POST / ") {
        room.lock().unwrap().publish(body);
        return answer(&mut stream, "201 Created");
    }
    let Some(key) = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")) else {
        return answer(&mut stream, "400 Bad Request");
    };
    stream.write_all(handshake(key).as_bytes())?;
    room.lock().unwrap().add(stream.try_clone()?);
    loop {
        let length = stream.read(&mut buffer)?;
        if length == 0 {
            return Ok(()); // The client has ended the connection.
        }
        let message = unmask(&buffer[..length]);
        room.lock().unwrap().publish(&message);
    }
}

/// The answer that turns a request into a WebSocket. The accept key shows that the server has
/// understood what it was asked.
fn handshake(key: &str) -> String {
    let digest = Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
    let accept = STANDARD.encode(digest);
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    )
}

/// Writes an answer without a body. The connection ends when the caller drops its stream.
fn answer(stream: &mut TcpStream, status: &str) -> io::Result<()> {
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes())
}
