//! Step 3 of 5: Server-Sent Events. A toy: it shows the idea and nothing else, and
//! docs/book/ladder.md tells what it gets wrong. Keep it away from strangers.
//!
//! `POST /` publishes the body as a message. `GET /` is answered with an event for each message,
//! and that answer does not end.

use std::env;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// All messages, and the connections of all who read them.
#[derive(Default)]
struct Room {
    log: Vec<String>,
    readers: Vec<TcpStream>,
}

impl Room {
    /// Writes the message to every reader. A reader that cannot be written to is forgotten.
    fn publish(&mut self, message: &str) {
        self.readers.retain_mut(|reader| write_event(reader, message).is_ok());
        self.log.push(message.to_owned());
    }

    /// A new reader gets what there is, and from then on every message.
    fn add(&mut self, mut reader: TcpStream) -> io::Result<()> {
        reader.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")?;
        for message in &self.log {
            write_event(&mut reader, message)?;
        }
        self.readers.push(reader);
        Ok(())
    }
}

/// An event is a line of data and an empty line.
fn write_event(reader: &mut TcpStream, message: &str) -> io::Result<()> {
    reader.write_all(format!("data: {message}\n\n").as_bytes())
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

/// One request. The connection of a reader stays in the room; this thread ends.
fn serve(mut stream: TcpStream, room: &Mutex<Room>) -> io::Result<()> {
    let mut buffer = [0; 4096];
    let length = stream.read(&mut buffer)?;
    let request = String::from_utf8_lossy(&buffer[..length]);
    let (head, body) = request.split_once("\r\n\r\n").unwrap_or((&request, ""));
    if head.starts_with("POST / ") {
        room.lock().unwrap().publish(body);
        return answer(&mut stream, "201 Created");
    }
    if head.starts_with("GET / ") {
        return room.lock().unwrap().add(stream);
    }
    answer(&mut stream, "400 Bad Request")
}

/// Writes an answer without a body. The connection ends when the caller drops its stream.
fn answer(stream: &mut TcpStream, status: &str) -> io::Result<()> {
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes())
}
