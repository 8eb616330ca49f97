//! Files of `--static`: conditions, ranges, and sending piece by piece.
//!
//! The shell opens and reads; what is sent is decided here. A piece is read when the one before has
//! nearly left, so a large file and a slow reader together cost one piece of memory.
//!
//! Came from: `answer`, with a path; the face, with what the shell found there. Goes to: the
//! outbox. Absent on purpose: the file system, directory listings, and anything that follows a link
//! out of the folder.

use std::fmt::{self, Display};
use std::ops::Range;

use super::effect::Effect;
use super::visit::Visit;
use super::{respond, teardown};
use crate::close::CloseReason;
use crate::conn::outbox::Segment;
use crate::conn::problem::Rule;
use crate::conn::request::FileWant;
use crate::conn::response_context::Body;
use crate::conn::state::{Awaited, Sending, State};
use crate::hub::fingerprint::Fingerprint;
use crate::ledger::Class;
use crate::limits::FILE_CHUNK_BYTES;
use crate::wire::condition::{self, Ranged};
use crate::wire::date;
use crate::wire::response::{self, Status};
use crate::wire::target;

/// What the shell knows of a file that it has opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileInfo {
    /// Its length in bytes.
    pub length: u64,
    /// Its modification time, in whole seconds since 1970, negative before …
    pub modified_s: i64,
    /// … and nanoseconds. A program that writes a file may set this time to any.
    pub modified_ns: u32,
    /// Its change time (of it, its name or its times), in whole seconds since 1970 …
    pub changed_s: i64,
    /// … and nanoseconds. The system keeps this time, and nobody can set it.
    pub changed_ns: u32,
    /// Its number in its file system.
    pub inode: u64,
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
    /// It is another version than was opened.
    Changed,
}

/// What is to be sent of a file.
enum Choice {
    Whole,
    Part(Range<u64>),
    NotModified,
    Unsatisfiable,
}

/// A file is wanted.
pub(super) fn ask(visit: &mut Visit<'_>, wanted: Box<FileWant>) {
    let effect = Effect::OpenFile { conn: visit.id, path: wanted.path.clone() };
    respond::await_effect(visit, Awaited::Open(wanted), effect);
}

/// The shell has opened the file that was wanted, or has not.
pub(super) fn opened(visit: &mut Visit<'_>, file: Result<FileInfo, FileError>) {
    let Some(Awaited::Open(want)) = visit.conn.awaited(visit.now) else {
        return visit.effect(Effect::CloseFile { conn: visit.id });
    };
    match file {
        Ok(info) => answer(visit, &want, info),
        Err(FileError::NotFound) => respond::refuse(visit, Rule::NoSuchFile.into()),
        Err(FileError::Unreadable | FileError::Changed) => {
            respond::refuse(visit, Rule::FileUnreadable.into());
        }
        // A folder that is called index.html stands where a page should: there is no slash to be
        // added that would lead to one.
        Err(FileError::IsDirectory) if want.path.is_empty() || want.path.ends_with('/') => {
            respond::refuse(visit, Rule::NoSuchFile.into());
        }
        Err(FileError::IsDirectory) => {
            let mut location = String::from("/static/");
            if *want.path != *FileWant::FOLDER {
                target::percent_encode(&want.path, &mut location);
                location.push('/');
            }
            if let Some(query) = &want.query {
                location.push('?');
                location.push_str(query);
            }
            let fields: [(&str, &dyn Display); 2] =
                [("Location", &location), ("Cache-Control", &"no-store")];
            respond::say(visit, Status::MovedPermanently, &fields, Body::EMPTY);
        }
    }
}

/// The shell has read the piece that was asked for, or has not.
pub(super) fn piece_read(visit: &mut Visit<'_>, piece: Result<Vec<u8>, FileError>) {
    let State::Sending(sending) = &mut visit.conn.state else {
        return;
    };
    sending.asked = false;
    match piece {
        Ok(bytes) if !bytes.is_empty() => {
            sending.offset += bytes.len() as u64;
            sending.left = sending.left.saturating_sub(bytes.len() as u64);
            visit.conn.push(Segment::own(bytes, Class::Body));
            feed(visit);
        }
        // The file became shorter, or another version, or cannot be read: what we announced cannot
        // be kept, and only closing says so.
        Ok(_) | Err(_) => teardown::leave(visit, CloseReason::Interrupted),
    }
}

/// Asks for the next piece of the file, if there is room for it; goes on when there is none.
pub(super) fn feed(visit: &mut Visit<'_>) {
    let high = visit.conn.flow.outbox.is_high();
    let State::Sending(sending) = &mut visit.conn.state else {
        return;
    };
    if sending.left == 0 {
        let keep_alive = sending.keep_alive;
        if keep_alive {
            visit.effect(Effect::CloseFile { conn: visit.id }); // Otherwise leaving does so.
        }
        respond::next_request(visit, keep_alive);
    } else if !high && !sending.asked {
        sending.asked = true;
        let effect = Effect::ReadFile {
            conn: visit.id,
            offset: sending.offset,
            // Exact: bounded by FILE_CHUNK_BYTES.
            length: sending.left.min(FILE_CHUNK_BYTES as u64) as usize,
        };
        visit.effect(effect);
    }
}

fn answer(visit: &mut Visit<'_>, want: &FileWant, info: FileInfo) {
    let validator = Validator::new(&info, visit.shard.unix_s);
    // RFC 9110 §8.8.2.1: never later than our own date. The years before 1970 have no spelling.
    let modified = validator.modified_s.min(visit.shard.unix_s);
    let modified = (modified >= 0).then(|| date::write(modified));
    let (status, range) = match choose(want, info.length, &validator) {
        Choice::Whole => (Status::Ok, 0..info.length),
        Choice::Part(range) => (Status::PartialContent, range),
        Choice::NotModified => (Status::NotModified, 0..0),
        Choice::Unsatisfiable => return refuse_range(visit, &info),
    };
    let State::Answering(context) = &visit.conn.state else {
        return;
    };
    let mut out = Vec::with_capacity(256);
    let mut head =
        context.head(status, &visit.shard.common_fields, &mut out).field("ETag", &validator);
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
    let left = if context.head_only { 0 } else { range.end - range.start };
    let sending =
        Sending { keep_alive: context.keep_alive, offset: range.start, left, asked: false };
    respond::log_access(visit, status);
    visit.conn.push(Segment::own(out, Class::Head));
    visit.conn.shift(State::Sending(Box::new(sending)), visit.now);
    feed(visit);
}

fn refuse_range(visit: &mut Visit<'_>, info: &FileInfo) {
    visit.effect(Effect::CloseFile { conn: visit.id });
    let problem = Rule::RangeNotSatisfiable;
    let body = response::problem(problem.status(), problem.code(), problem.detail());
    let range = format!("bytes */{}", info.length);
    let fields: [(&str, &dyn Display); 2] =
        [("Content-Range", &range), ("Cache-Control", &"no-store")];
    let body = Body::line("application/problem+json", body);
    respond::say(visit, problem.status(), &fields, body);
}

/// What tells one version of a file from another. RFC 9110 §8.8.
///
/// Its length and the time that it bears are not enough: every file of a reproducible build, of a
/// package and of a restored copy bears a time that was set. So the time that the system keeps is
/// in the tag as well, and the inode, which differs where one file has taken the place of another.
struct Validator {
    tag: String,
    /// A change that still may come could leave no trace in the times.
    weak: bool,
    /// When it was last changed, in seconds since 1970, by whichever of the two times is later.
    modified_s: i64,
    /// That was more than a minute ago, RFC 9110 §8.8.2.2: the second will not be used again.
    is_settled: bool,
}

impl Validator {
    fn new(info: &FileInfo, now_s: i64) -> Self {
        let words = [
            info.modified_s.cast_unsigned(),
            info.modified_ns.into(),
            info.changed_s.cast_unsigned(),
            info.changed_ns.into(),
            info.inode,
        ];
        let print = words.into_iter().fold(Fingerprint(info.length), Fingerprint::with);
        let modified_s = info.modified_s.max(info.changed_s);
        Self {
            tag: format!("{:x}-{:016x}", info.length, print.0),
            weak: info.changed_s >= now_s,
            modified_s,
            is_settled: modified_s.saturating_add(SETTLED_S) <= now_s,
        }
    }

    /// Whether a range of what the client has, by its `If-Range`, can be put together with one of
    /// what is here. §13.1.5: by the strong comparison.
    fn joins(&self, field: &[u8]) -> bool {
        let names_tag = !self.weak && field == format!("\"{}\"", self.tag).as_bytes();
        names_tag || (self.is_settled && date::read(field) == Some(self.modified_s))
    }
}

impl Display for Validator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.weak { "W/" } else { "" };
        write!(f, "{mark}\"{}\"", self.tag)
    }
}

/// From when on a time is trusted, in seconds.
const SETTLED_S: i64 = 60;

/// RFC 9110 §13.2.2: the order in which conditions count.
fn choose(want: &FileWant, length: u64, validator: &Validator) -> Choice {
    let unchanged = match (&want.if_none_match, &want.if_modified_since) {
        (Some(field), _) => condition::names_tag(field, &validator.tag),
        (None, Some(since)) => date::read(since).is_some_and(|since| validator.modified_s <= since),
        (None, None) => false,
    };
    if unchanged {
        return Choice::NotModified;
    }
    match &want.range {
        Some(field) if want.if_range.as_deref().is_none_or(|field| validator.joins(field)) => {
            match condition::range(field, length) {
                Ranged::Whole => Choice::Whole,
                Ranged::Part(range) => Choice::Part(range),
                Ranged::Unsatisfiable => Choice::Unsatisfiable,
            }
        }
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

#[cfg(test)]
mod tests {
    use super::media_type;

    #[test]
    fn what_browsers_refuse_under_another_name_has_its_own() {
        for (path, media) in [
            ("", "text/html; charset=utf-8"),
            ("docs/", "text/html; charset=utf-8"),
            ("a.HTM", "text/html; charset=utf-8"),
            ("a.min.js", "text/javascript; charset=utf-8"),
            ("a.mjs", "text/javascript; charset=utf-8"),
            ("a.css", "text/css; charset=utf-8"),
            ("a.json", "application/json"),
            ("a.js.map", "application/json"),
            ("a.txt", "text/plain; charset=utf-8"),
            ("a.md", "text/plain; charset=utf-8"),
            ("a.csv", "text/csv; charset=utf-8"),
            ("a.xml", "application/xml"),
            ("a.svg", "image/svg+xml"),
            ("a.png", "image/png"),
            ("a.jpg", "image/jpeg"),
            ("a.jpeg", "image/jpeg"),
            ("a.gif", "image/gif"),
            ("a.webp", "image/webp"),
            ("a.avif", "image/avif"),
            ("a.ico", "image/x-icon"),
            ("a.woff2", "font/woff2"),
            ("a.woff", "font/woff"),
            ("a.wasm", "application/wasm"),
            ("a.pdf", "application/pdf"),
            ("a.mp3", "audio/mpeg"),
            ("a.mp4", "video/mp4"),
            ("a.webm", "video/webm"),
            ("a.webmanifest", "application/manifest+json"),
            ("css", "application/octet-stream"),
            ("a.unknown", "application/octet-stream"),
        ] {
            assert_eq!(media_type(path), media, "{path}");
        }
    }
}
