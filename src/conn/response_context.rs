//! What an answer has to know of its request: how it is to be worded, not what it says.
//!
//! Came from: `route`, when the head is understood; kept while the request waits. Goes to: the
//! first segment of the answer. Absent on purpose: the request itself.

use std::fmt::Display;
use std::num::NonZeroU16;

use super::outbox::Segment;
use crate::ledger::Class;
use crate::wire::response::{self, CommonFields, HeadWriter, Status};

/// How an answer is to be worded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct ResponseContext {
    /// The request was HTTP/1.0: no chunks, and keep-alive must be said.
    pub http10: bool,
    /// The connection goes on after the answer.
    pub keep_alive: bool,
    /// The request was HEAD: everything but the body.
    pub head_only: bool,
    /// The page of another site that may read it may let the browser send cookies:
    /// `Access-Control-Allow-Credentials`.
    pub allow_credentials: bool,
    /// `Some` for a long poll: the wait that was granted, in seconds. `Preference-Applied` says it.
    pub wait_s: Option<NonZeroU16>,
    /// Texts of the request that its answer needs; of most requests none.
    pub quoted: Option<Box<Quoted>>,
}

/// Texts of a request that its answer needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Quoted {
    /// The origin of a page of another site that may read the answer.
    pub allow_origin: Option<Box<str>>,
    /// Method and target without what could be a secret, kept for the access log when that is on.
    pub access: Option<Box<str>>,
    /// The `If-None-Match` of a poll: what the client has already.
    pub if_none_match: Option<Box<[u8]>>,
}

impl Quoted {
    /// What there is of them.
    pub fn any(allow_origin: Option<Box<str>>, access: Option<Box<str>>) -> Option<Box<Self>> {
        let any = allow_origin.is_some() || access.is_some();
        any.then(|| Box::new(Self { allow_origin, access, if_none_match: None }))
    }
}

/// Room for the head of an answer that goes to no page of another site. A guess: a longer one makes
/// it grow once.
pub const HEAD_BYTES_GUESS: usize = 384;

/// A longer body is not copied to its head.
const COPIED_BYTES_MAX: usize = 1024;

/// Response fields that a page of another site may read.
const EXPOSED: &str = "ETag, Last-Event-ID, Location, Retry-After, Preference-Applied";

impl ResponseContext {
    /// The answer to a request that was not understood: say so, and close. The access log has no
    /// method and no target of it.
    pub fn closing() -> Self {
        let logs = log::log_enabled!(target: "tollway::access", log::Level::Info);
        let access = logs.then(|| "- -".into());
        Self { quoted: Quoted::any(None, access), ..Self::default() }
    }

    /// `Access-Control-Allow-Origin`, when a page of another site may read the answer.
    pub fn allow_origin(&self) -> Option<&str> {
        self.quoted.as_deref()?.allow_origin.as_deref()
    }

    /// `If-None-Match` of a poll; empty if it has none.
    pub fn if_none_match(&self) -> &[u8] {
        self.quoted
            .as_deref()
            .and_then(|quoted| quoted.if_none_match.as_deref())
            .unwrap_or_default()
    }

    /// Bytes that it holds beside itself.
    pub fn heap_bytes(&self) -> usize {
        self.quoted.as_deref().map_or(0, |Quoted { allow_origin, access, if_none_match }| {
            let texts = [allow_origin, access].map(|text| text.as_deref().map_or(0, str::len));
            let tags = if_none_match.as_deref().map_or(0, <[u8]>::len);
            size_of::<Quoted>() + texts[0] + texts[1] + tags
        })
    }

    /// What the access log says of the request.
    pub fn access(&self) -> Option<&str> {
        self.quoted.as_deref()?.access.as_deref()
    }

    /// The same for the last answer of a connection.
    #[must_use]
    pub fn last(self) -> Self {
        Self { keep_alive: false, ..self }
    }

    /// The same for an answer that never ends. Without chunks, the end of the connection is the end
    /// of the answer.
    #[must_use]
    pub fn streamed(&self) -> Self {
        Self { keep_alive: self.keep_alive && !self.http10, ..self.clone() }
    }

    /// Begins a head: what every answer has.
    pub fn head<'o>(
        &self,
        status: Status,
        common: &CommonFields,
        out: &'o mut Vec<u8>,
    ) -> HeadWriter<'o> {
        let mut head = response::head(out, status, common);
        if !self.keep_alive {
            head = head.fixed("Connection: close\r\n");
        } else if self.http10 {
            head = head.fixed("Connection: keep-alive\r\n");
        }
        if let Some(origin) = self.allow_origin() {
            head = head
                .text("Access-Control-Allow-Origin", origin)
                .text("Access-Control-Expose-Headers", EXPOSED);
        }
        if self.allow_credentials {
            head = head.fixed("Access-Control-Allow-Credentials: true\r\n");
        }
        head
    }

    /// A whole answer: head and body. A body that is long, or that lies elsewhere, is the second
    /// segment.
    pub fn whole(
        &self,
        status: Status,
        common: &CommonFields,
        fields: &[(&str, &dyn Display)],
        body: Body,
    ) -> (Segment, Option<Segment>) {
        let mut out = Vec::with_capacity(HEAD_BYTES_GUESS + body.bytes.copied());
        let mut head = self.head(status, common, &mut out);
        for (name, value) in fields {
            head = head.field(name, value);
        }
        if status.has_body() {
            if !body.media_type.is_empty() {
                head = head.text("Content-Type", body.media_type);
            }
            head = head.number("Content-Length", body.bytes.len());
        }
        head.finish();
        let rest = match body.bytes {
            _ if self.head_only => None,
            BodyBytes::Own(bytes) if bytes.len() <= COPIED_BYTES_MAX => {
                out.extend_from_slice(&bytes);
                return (Segment::answer(out, bytes.len()), None);
            }
            BodyBytes::Own(bytes) => Some(Segment::own(bytes, Class::Body)),
            BodyBytes::Static(bytes) => Some(Segment::fixed(bytes, Class::Body)),
        };
        (Segment::own(out, Class::Head), rest)
    }
}

/// The body of an answer.
#[derive(Debug)]
pub struct Body {
    media_type: &'static str,
    bytes: BodyBytes,
}

#[derive(Debug)]
enum BodyBytes {
    Own(Vec<u8>),
    Static(&'static [u8]),
}

impl BodyBytes {
    fn len(&self) -> usize {
        match self {
            Self::Own(bytes) => bytes.len(),
            Self::Static(bytes) => bytes.len(),
        }
    }

    /// Bytes that are copied to the head.
    fn copied(&self) -> usize {
        match self {
            Self::Own(bytes) if bytes.len() <= COPIED_BYTES_MAX => bytes.len(),
            Self::Own(_) | Self::Static(_) => 0,
        }
    }
}

impl Body {
    /// No bytes.
    pub const EMPTY: Self = Self { media_type: "", bytes: BodyBytes::Static(b"") };

    /// Bytes made for this answer.
    pub fn own(media_type: &'static str, bytes: impl Into<Vec<u8>>) -> Self {
        Self { media_type, bytes: BodyBytes::Own(bytes.into()) }
    }

    /// JSON that people ask for too: it ends its line, so that a shell's prompt begins one.
    pub fn line(media_type: &'static str, json: impl Into<Vec<u8>>) -> Self {
        let mut bytes = json.into();
        bytes.push(b'\n');
        Self::own(media_type, bytes)
    }

    /// Bytes that never change.
    pub const fn fixed(media_type: &'static str, bytes: &'static [u8]) -> Self {
        Self { media_type, bytes: BodyBytes::Static(bytes) }
    }
}
