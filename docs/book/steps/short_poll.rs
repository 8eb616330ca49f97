//! Step 1 of 5: short polling. A toy: it shows the idea and nothing else, and docs/book/ladder.md
//! tells what it gets wrong. Keep it away from strangers.
//!
//! `POST /` publishes the body as a message. `GET /` is answered with the newest message.

use std::env;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// All messages, the oldest first.
type Log = Mutex<Vec<String>>;

fn main() -> io::Result<()> {
    let address = env::args().nth(1).unwrap_or("127.0.0.1:0".to_owned());
    let listener = TcpListener::bind(address)?;
    println!("listening at {}", listener.local_addr()?);
    let log = Arc::new(Log::default());
    for stream in listener.incoming() {
        let (stream, log) = (stream?, Arc::clone(&log));
        // A thread for each connection: while it waits for its client, the others go on.
        thread::spawn(move || serve(stream, &log));
    }
    Ok(())
}

/// One connection: one request, one answer.
fn serve(mut stream: TcpStream, log: &Log) -> io::Result<()> {
    let mut buffer = [0; 4096];
    let length = stream.read(&mut buffer)?;
    let request = String::from_utf8_lossy(&buffer[..length]);
    // An empty line stands between the head of a request and its body.
    let (head, body) = request.split_once("\r\n\r\n").unwrap_or((&request, ""));
    if head.starts_with("POST / ") {
        log.lock().unwrap().push(body.to_owned());
        return answer(&mut stream, "201 Created", "");
    }
    if head.starts_with("GET / ") {
        let newest = log.lock().unwrap().last().cloned();
        return answer(&mut stream, "200 OK", &newest.unwrap_or_default());
    }
    answer(&mut stream, "400 Bad Request", "")
}

/// Writes an answer. The connection ends when the caller drops its stream.
fn answer(stream: &mut TcpStream, status: &str, body: &str) -> io::Result<()> {
    let length = body.len();
    let fields = format!("Content-Length: {length}\r\nConnection: close");
    stream.write_all(format!("HTTP/1.1 {status}\r\n{fields}\r\n\r\n{body}").as_bytes())
}
