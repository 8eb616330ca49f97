//! Whole answers that transcripts name in one line: spelled out here once, by hand and not by the
//! server's own writers, so that the two have to agree.

use tollway::wire::response::Status;

use super::offences::Offence;
use super::{Piece, bytes};

/// The words behind the name of a whole answer.
#[derive(Default)]
pub struct Terms {
    /// `close` or `keep-alive`: the value of `Connection`.
    connection: Option<String>,
    /// `head`: the request was HEAD, so there is no body.
    head: bool,
    /// `wait=5`: the value of `Preference-Applied`.
    wait: Option<String>,
    /// `readers=2`.
    readers: Option<String>,
}

impl Terms {
    pub fn read<'t>(words: impl Iterator<Item = &'t str>) -> Result<Self, String> {
        let mut terms = Self::default();
        for word in words {
            match word.split_once('=') {
                None if matches!(word, "close" | "keep-alive") => {
                    terms.connection = Some(word.into());
                }
                None if word == "head" => terms.head = true,
                Some(("wait", _)) => terms.wait = Some(word.into()),
                Some(("readers", n)) => terms.readers = Some(n.into()),
                _ => return Err(format!("{word:?} is no term of an answer")),
            }
        }
        Ok(terms)
    }
}

/// `200 OK`: status line, `Server`, `Date`.
pub fn status(number: u16, phrase: &str) -> Result<Vec<Piece>, String> {
    let known = Status::ALL.iter().find(|s| s.code() == number);
    if known.is_none_or(|status| status.phrase() != phrase) {
        return Err(format!("there is no status {number} {phrase}"));
    }
    Ok(vec![
        exact(format!("HTTP/1.1 {number} {phrase}\r\nServer: tollway\r\nDate: ")),
        Piece::Date,
        exact("\r\n".into()),
    ])
}

/// The beginning of every whole answer.
fn begin(number: u16, terms: &Terms) -> Result<Vec<Piece>, String> {
    let known = Status::ALL.iter().find(|s| s.code() == number);
    let phrase = known.ok_or(format!("there is no status {number}"))?.phrase();
    let mut pieces = status(number, phrase)?;
    if let Some(connection) = &terms.connection {
        pieces.push(exact(format!("Connection: {connection}\r\n")));
    }
    Ok(pieces)
}

/// RFC 9457: what was wrong, for programs and for people.
pub fn problem_body(offence: &Offence) -> Result<String, String> {
    let Offence { code, detail, number, .. } = offence;
    let status = Status::ALL.iter().find(|s| s.code() == *number);
    let title = status.ok_or("a status of HTTP")?.phrase();
    let detail = detail.replace('"', "\\\"");
    Ok(format!(
        "{{\"type\":\"about:blank\",\"title\":\"{title}\",\"status\":{number},\
         \"detail\":\"{detail}\",\"code\":\"{code}\"}}"
    ))
}

/// A refusal over HTTP; `fields` stand behind `Cache-Control`.
pub fn problem(offence: &Offence, terms: &Terms, fields: &[&str]) -> Result<Vec<Piece>, String> {
    let body = problem_body(offence)?;
    let mut head = String::from("Cache-Control: no-store\r\n");
    for field in fields {
        head.push_str(field);
        head.push_str("\r\n");
    }
    let mut pieces = begin(offence.number, terms)?;
    pieces.push(exact(head));
    pieces.extend(with_body("application/problem+json", &[exact(body + "\n")], terms));
    Ok(pieces)
}

/// A Close frame for an offence on a WebSocket. RFC 6455 §5.5.1.
pub fn close_frame(offence: &Offence) -> Vec<Piece> {
    // Exact: a control frame's payload is below 126 bytes, and the play shows it.
    let mut frame = vec![0x88, 2 + offence.detail.len() as u8];
    frame.extend_from_slice(&offence.number.to_be_bytes());
    frame.extend_from_slice(offence.detail.as_bytes());
    vec![Piece::Exact(frame)]
}

/// The answer to a publish.
pub fn created(path: &str, id: &str, terms: &Terms) -> Result<Vec<Piece>, String> {
    let (epoch, place) = id.split_once('-').ok_or(format!("{id:?} is no id"))?;
    let before = place.parse::<u64>().map_err(|why| format!("{id:?}: {why}"))? - 1;
    let readers = terms.readers.as_deref().ok_or("readers=… is missing")?;
    let mut pieces = begin(201, terms)?;
    pieces.push(exact(format!(
        "Location: {path}?since={epoch}-{before}\r\nCache-Control: no-store\r\n"
    )));
    let body = exact(format!("{{\"id\":\"{id}\",\"subscribers\":{readers}}}\n"));
    pieces.extend(with_body("application/json", &[body], terms));
    Ok(pieces)
}

/// The answer to a poll: 200 with a body, 204 and 304 without.
pub fn poll(number: u16, next: &str, terms: &Terms, body: &[&str]) -> Result<Vec<Piece>, String> {
    let mut pieces = begin(number, terms)?;
    if let Some(wait) = &terms.wait {
        pieces.push(exact(format!("Preference-Applied: {wait}\r\n")));
    }
    let cursor = bytes::pieces(&format!(
        "ETag: \"{next}.{{print}}\"\r\nLast-Event-ID: {next}\r\nCache-Control: no-cache\r\n\
         Vary: Accept, Last-Event-ID, Origin, Prefer\r\n\r\n"
    ));
    match (number, body) {
        (200, [body]) => {
            let body = bytes::pieces(body);
            pieces.push(exact(format!(
                "Content-Type: application/json\r\nContent-Length: {}\r\n",
                bytes::length(&body)
            )));
            pieces.extend(cursor);
            pieces.extend(body.into_iter().filter(|_| !terms.head));
        }
        (204 | 304, []) => pieces.extend(cursor),
        _ => return Err("200 has one line of body; 204 and 304 have none".into()),
    }
    Ok(pieces)
}

/// Lines of an event stream, in a chunk or as they are.
pub fn event(lines: &[&str], chunked: bool) -> Vec<Piece> {
    let inside = bytes::pieces(&[lines.join("\n").as_str(), "\n"].concat());
    if !chunked {
        return inside;
    }
    let mut pieces = vec![exact(format!("{:x}\r\n", bytes::length(&inside)))];
    pieces.extend(inside);
    pieces.push(exact("\r\n".into()));
    pieces
}

fn with_body(media_type: &str, body: &[Piece], terms: &Terms) -> Vec<Piece> {
    let length = bytes::length(body);
    let mut pieces =
        vec![exact(format!("Content-Type: {media_type}\r\nContent-Length: {length}\r\n\r\n"))];
    if !terms.head {
        pieces.extend_from_slice(body);
    }
    pieces
}

fn exact(text: String) -> Piece {
    Piece::Exact(text.into_bytes())
}
