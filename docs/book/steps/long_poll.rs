//! Step 2 of 5: long polling. A toy: it shows the idea and nothing else, and docs/book/ladder.md
//! tells what it gets wrong. Keep it away from strangers.
//!
//! `POST /` publishes the body as a message. `GET /` is answered with the next message, when it
//! comes.

use std::env;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

/// All messages, and a bell that is rung when one more has come.
#[derive(Default)]
struct Log {
    messages: Mutex<Vec<String>>,
    bell: Condvar,
}

impl Log {
    fn publish(&self, message: &str) {
        self.messages.lock().unwrap().push(message.to_owned());
        self.bell.notify_all();
    }

    /// Waits for one more message than there are now.
    fn wait_for_next(&self) -> String {
        let messages = self.messages.lock().unwrap();
        let seen = messages.len();
        // The thread sleeps here. While it sleeps, the lock is free.
        let messages = self.bell.wait_while(messages, |all| all.len() == seen).unwrap();
        messages[seen].clone()
    }
}

fn main() -> io::Result<()> {
    let address = env::args().nth(1).unwrap_or("127.0.0.1:0".to_owned());
    let listener = TcpListener::bind(address)?;
    println!("listening at {}", listener.local_addr()?);
    let log = Arc::new(Log::default());
    for stream in listener.incoming() {
        let (stream, log) = (stream?, Arc::clone(&log));
        thread::spawn(move || serve(stream, &log));
    }
    Ok(())
}

/// One connection: one request, one answer. Only the moment of the answer is new.
fn serve(mut stream: TcpStream, log: &Log) -> io::Result<()> {
    let mut buffer = [0; 4096];
    let length = stream.read(&mut buffer)?;
    let request = String::from_utf8_lossy(&buffer[..length]);
    let (head, body) = request.split_once("\r\n\r\n").unwrap_or((&request, ""));
    if head.starts_with("POST / ") {
        log.publish(body);
        return answer(&mut stream, "201 Created", "");
    }
    if head.starts_with("GET / ") {
        let message = log.wait_for_next();
        return answer(&mut stream, "200 OK", &message);
    }
    answer(&mut stream, "400 Bad Request", "")
}

/// Writes an answer. The connection ends when the caller drops its stream.
fn answer(stream: &mut TcpStream, status: &str, body: &str) -> io::Result<()> {
    let length = body.len();
    let fields = format!("Content-Length: {length}\r\nConnection: close");
    stream.write_all(format!("HTTP/1.1 {status}\r\n{fields}\r\n\r\n{body}").as_bytes())
}
