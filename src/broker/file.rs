//! Files of `--static`: conditions, ranges, and sending piece by piece.
//!
//! The shell opens and reads; what is sent is decided here. A piece is read when the one before has
//! nearly left, so a large file and a slow reader together cost one piece of memory.
//!
//! Came from: `answer`, with a path; the shell, with what it found there. Goes to: the outbox.
//! Absent on purpose: the file system, directory listings, and anything that follows a link out of
//! the folder.

use std::fmt::Display;
use std::ops::Range;

use super::{Broker, Effect};
use crate::close::CloseReason;
use crate::conn::outbox::Segment;
use crate::conn::problem::Rule;
use crate::conn::request::FileWant;
use crate::conn::response_context::{Body, ResponseContext};
use crate::conn::state::{Awaited, Awaiting, Sending, State};
use crate::ids::{ConnId, Millis};
use crate::ledger::Class;
use crate::limits::FILE_CHUNK_BYTES;
use crate::wire::condition::{self, Ranged};
use crate::wire::date;
use crate::wire::response::Status;
use crate::wire::target;

/// What the shell knows of a file that it has opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileInfo {
    /// Its length in bytes.
    pub length: u64,
    /// When it was last changed, in seconds since 1970, negative before …
    pub modified_s: i64,
    /// … and nanoseconds.
    pub modified_ns: u32,
}

/// Why there is no file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileError {
    /// Nothing is there, or nothing that may be shown.
    NotFound,
    /// A folder, asked for without the slash that its pages' links need.
    IsDirectory,
    /// It is there and cannot be read.
    Unreadable,
}

/// What is to be sent of a file.
enum Choice {
    Whole,
    ShardReport(Range<u64>),
    NotModified,
    Unsatisfiable,
}

impl Broker {
    /// The shell has opened the file that `id` waits for, or has not.
    pub fn file_opened(&mut self, id: ConnId, file: Result<FileInfo, FileError>, now: Millis) {
        let asked = self.asked(id, now);
        let Some(Awaiting { reply, question: Awaited::Open(want) }) = asked else {
            self.effects.push_back(Effect::CloseFile { conn: id });
            return;
        };
        match file {
            Ok(info) => self.answer_file(id, reply, &want, info, now),
            Err(FileError::NotFound) => self.refuse(id, &reply, Rule::NoSuchFile.into(), now),
            Err(FileError::Unreadable) => self.refuse(id, &reply, Rule::FileUnreadable.into(), now),
            // A folder that is called index.html stands where a page should: there is no slash to
            // be added that would lead to one.
            Err(FileError::IsDirectory) if want.path.is_empty() || want.path.ends_with('/') => {
                self.refuse(id, &reply, Rule::NoSuchFile.into(), now);
            }
            Err(FileError::IsDirectory) => {
                let mut location = String::from("/static/");
                target::percent_encode(&want.path, &mut location);
                location.push('/');
                if let Some(query) = &want.query {
                    location.push('?');
                    location.push_str(query);
                }
                let fields: [(&str, &dyn Display); 2] =
                    [("Location", &location), ("Cache-Control", &"no-store")];
                self.say(id, &reply, Status::MovedPermanently, &fields, Body::EMPTY, now);
            }
        }
        self.settle(id, now);
    }

    /// The shell has read the piece that `id` waits for, or has not.
    pub fn file_read(&mut self, id: ConnId, piece: Result<Vec<u8>, FileError>, now: Millis) {
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        let State::Sending(sending) = &mut conn.state else {
            return;
        };
        sending.asked = false;
        match piece {
            Ok(bytes) if !bytes.is_empty() => {
                sending.offset += bytes.len() as u64;
                sending.left = sending.left.saturating_sub(bytes.len() as u64);
                conn.push(Segment::own(bytes, Class::Body));
                self.feed(id, now);
            }
            // The file became shorter, or cannot be read: the length that we announced cannot be
            // kept, and only closing says so.
            Ok(_) | Err(_) => self.leave(id, CloseReason::Interrupted, now),
        }
        self.settle(id, now);
    }

    /// Asks for the next piece of the file, if there is room for it; goes on when there is none.
    pub(super) fn feed(&mut self, id: ConnId, now: Millis) {
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        let high = conn.outbox.is_high();
        let State::Sending(sending) = &mut conn.state else {
            return;
        };
        if sending.left == 0 {
            let keep_alive = sending.reply.keep_alive;
            conn.shift(State::idle(), now);
            self.effects.push_back(Effect::CloseFile { conn: id });
            self.go_on(id, keep_alive, now);
        } else if !high && !sending.asked {
            sending.asked = true;
            self.effects.push_back(Effect::ReadFile {
                conn: id,
                offset: sending.offset,
                // Exact: bounded by FILE_CHUNK_BYTES.
                length: sending.left.min(FILE_CHUNK_BYTES as u64) as usize,
            });
        }
    }

    fn answer_file(
        &mut self,
        id: ConnId,
        reply: ResponseContext,
        want: &FileWant,
        info: FileInfo,
        now: Millis,
    ) {
        let tag = format!("\"{:x}-{:x}-{:x}\"", info.length, info.modified_s, info.modified_ns);
        // RFC 9110 §8.8.2.1: never later than our own date. The years before 1970 have no spelling.
        let modified = info.modified_s.min(self.unix_s);
        let modified = (modified >= 0).then(|| date::write(modified));
        let (status, range) = match choose(want, &info, &tag) {
            Choice::Whole => (Status::Ok, 0..info.length),
            Choice::ShardReport(range) => (Status::PartialContent, range),
            Choice::NotModified => (Status::NotModified, 0..0),
            Choice::Unsatisfiable => return self.refuse_range(id, &reply, &info, now),
        };
        let mut out = Vec::with_capacity(256);
        let mut head = reply.head(status, &self.date, &mut out).field("ETag", &tag);
        if let Some(modified) = &modified {
            head = head.field("Last-Modified", modified);
        }
        head = head.field("Cache-Control", "no-cache").field("Vary", "Origin");
        if status != Status::NotModified {
            head = head
                .field("Content-Type", media_type(&want.path))
                .field("X-Content-Type-Options", "nosniff")
                .field("Accept-Ranges", "bytes")
                .field("Content-Length", range.end - range.start);
        }
        if status == Status::PartialContent {
            let (first, last, length) = (range.start, range.end - 1, info.length);
            head = head.field("Content-Range", format_args!("bytes {first}-{last}/{length}"));
        }
        head.finish();
        self.log_access(id, &reply, status);
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        conn.push(Segment::own(out, Class::Head));
        let left = if reply.head_only { 0 } else { range.end - range.start };
        let sending = Sending { reply, offset: range.start, left, asked: false };
        conn.shift(State::Sending(Box::new(sending)), now);
        self.feed(id, now);
    }

    fn refuse_range(&mut self, id: ConnId, reply: &ResponseContext, info: &FileInfo, now: Millis) {
        self.effects.push_back(Effect::CloseFile { conn: id });
        let problem = Rule::RangeNotSatisfiable;
        let body =
            crate::wire::response::problem(problem.status(), problem.code(), problem.detail());
        let range = format!("bytes */{}", info.length);
        let fields: [(&str, &dyn Display); 2] =
            [("Content-Range", &range), ("Cache-Control", &"no-store")];
        let body = Body::own("application/problem+json", body);
        self.say(id, reply, problem.status(), &fields, body, now);
    }
}

/// RFC 9110 §13.2.2: the order in which conditions count.
fn choose(want: &FileWant, info: &FileInfo, tag: &str) -> Choice {
    let unchanged = match (&want.if_none_match, &want.if_modified_since) {
        (Some(field), _) => condition::names_tag(field, tag),
        (None, Some(since)) => date::read(since).is_some_and(|since| info.modified_s <= since),
        (None, None) => false,
    };
    if unchanged {
        return Choice::NotModified;
    }
    // §13.1.5: a range of another version would be put together with this one.
    let same_version = want
        .if_range
        .as_deref()
        .is_none_or(|field| field == tag.as_bytes() || date::read(field) == Some(info.modified_s));
    match &want.range {
        Some(field) if same_version => match condition::range(field, info.length) {
            Ranged::Whole => Choice::Whole,
            Ranged::ShardReport(range) => Choice::ShardReport(range),
            Ranged::Unsatisfiable => Choice::Unsatisfiable,
        },
        Some(_) | None => Choice::Whole,
    }
}

/// By the ending of the name; what we do not know is bytes.
fn media_type(path: &str) -> &'static str {
    let name = if path.is_empty() || path.ends_with('/') { "index.html" } else { path };
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    match ending.to_ascii_lowercase().as_str() {
        "html" | "htm" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "txt" | "md" => "text/plain; charset=utf-8",
        "csv" => "text/csv; charset=utf-8",
        "xml" => "application/xml",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "woff" => "font/woff",
        "wasm" => "application/wasm",
        "pdf" => "application/pdf",
        "mp3" => "audio/mpeg",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "webmanifest" => "application/manifest+json",
        _ => "application/octet-stream",
    }
}
