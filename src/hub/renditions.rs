//! Renditions: what a message was encoded to, in each format and deflate window, and how much of
//! that a thread keeps.
//!
//! A rendition is made for the first reader that wants it and shared by the others. It can be made
//! again, so it is the first to go: a thread keeps its share of what `--retain-bytes` has for
//! renditions, and beyond that the message that was encoded longest ago loses its own. An outbox
//! that has a rendition keeps it until it is sent.
//!
//! Came from: `encoded`, which has them made. Goes to: outboxes, and away. Absent on purpose:
//! messages; they go by `retention`.

use std::cell::{Cell, OnceCell};
use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;

use crate::ids::{Seq, TopicId};
use crate::limits::{Limits, RENDITIONS_BYTES_MIN, RENDITIONS_SHARE};
use crate::technique::{Bundle, EncodedMessage, Format};
use crate::wire::deflate::Window;

/// One message in one format, for each window.
type Formats = [OnceCell<Rc<EncodedMessage>>; Format::COUNT];

/// What one message was encoded to so far.
#[derive(Debug)]
pub(super) struct Renditions {
    plain: Formats,
    /// The same, compressed: made for the first reader that agreed to it.
    deflated: OnceCell<Box<[Formats; Window::ALL.len()]>>,
    /// What all of it takes.
    bytes: Cell<usize>,
}

impl Default for Renditions {
    fn default() -> Self {
        Self {
            plain: Formats::default(),
            deflated: OnceCell::new(),
            bytes: Cell::new(size_of::<Self>()),
        }
    }
}

impl Renditions {
    /// The one in `format`, for that window if there is one, if it was made.
    #[inline]
    pub(super) fn made(
        &self,
        format: Format,
        window: Option<Window>,
    ) -> Option<&Rc<EncodedMessage>> {
        let formats = match window {
            None => &self.plain,
            Some(window) => &self.deflated.get()?[window as usize],
        };
        formats[format as usize].get()
    }

    /// The one in `format`, made by `make` if it is wanted for the first time.
    pub(super) fn plain(
        &self,
        format: Format,
        make: impl FnOnce() -> EncodedMessage,
    ) -> &Rc<EncodedMessage> {
        self.plain[format as usize].get_or_init(|| self.count(Rc::new(make())))
    }

    /// The one in `format` that is compressed for `window`. `make` gives `None` where that does not
    /// pay: then it is the one that is not compressed, and no copy of it.
    pub(super) fn deflated(
        &self,
        format: Format,
        window: Window,
        make: impl FnOnce() -> Option<EncodedMessage>,
        plain: impl FnOnce() -> EncodedMessage,
    ) -> &Rc<EncodedMessage> {
        let windows = self.deflated.get_or_init(|| {
            self.bytes.set(self.bytes.get() + size_of::<[Formats; Window::ALL.len()]>());
            Box::default()
        });
        windows[window as usize][format as usize].get_or_init(|| match make() {
            Some(compressed) => self.count(Rc::new(compressed)),
            None => Rc::clone(self.plain(format, plain)),
        })
    }

    /// Bytes that all of it takes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.get()
    }

    fn count(&self, made: Rc<EncodedMessage>) -> Rc<EncodedMessage> {
        self.bytes.set(self.bytes.get() + made.memory());
        made
    }
}

/// The messages of a thread that have renditions, the one that got its first longest ago in front.
pub(super) struct Cache {
    /// What all of them take, …
    pub(super) bytes: Cell<usize>,
    /// … and may take.
    pub(super) bytes_max: usize,
    /// How many there are.
    pub(super) messages: Cell<usize>,
    /// Where they are; and some that are gone already.
    pub(super) line: Cell<VecDeque<(TopicId, Seq)>>,
    /// The latest bundle in each format. They are bounded by themselves and not in the count.
    pub(super) bundles: [Cell<Option<LatestBundle>>; Format::COUNT],
}

/// A bundle, and which messages are in it: of one topic, without a hole.
#[derive(Debug)]
pub(super) struct LatestBundle {
    pub(super) topic: TopicId,
    pub(super) first: Seq,
    pub(super) last: Seq,
    /// What came behind the last message did not fit: whatever comes later, the bundle is whole.
    pub(super) full: bool,
    pub(super) bundle: Rc<Bundle>,
}

impl Cache {
    pub(super) fn new(limits: &Limits, threads: usize) -> Self {
        let share = limits.retain_bytes / RENDITIONS_SHARE / threads;
        Self {
            bytes: Cell::new(0),
            bytes_max: share.max(RENDITIONS_BYTES_MIN),
            messages: Cell::new(0),
            line: Cell::default(),
            bundles: Default::default(),
        }
    }

    /// Bytes of all renditions that are kept.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.get()
    }

    /// A message lost its renditions, which took `bytes`.
    pub(super) fn lost(&self, bytes: usize) {
        if bytes > 0 {
            self.bytes.set(self.bytes.get() - bytes);
            self.messages.set(self.messages.get() - 1);
        }
    }

    /// A message was encoded once more, to `bytes`.
    pub(super) fn got(&self, bytes: usize) {
        self.bytes.set(self.bytes.get() + bytes);
    }

    /// All messages are gone.
    pub(super) fn forget_all(&self) {
        self.bytes.set(0);
        self.messages.set(0);
        self.line.take();
        self.bundles.iter().for_each(|place| _ = place.take());
    }

    /// A message has its first rendition.
    pub(super) fn enter(&self, topic: TopicId, seq: Seq) {
        let mut line = self.line.take();
        line.push_back((topic, seq));
        self.line.set(line);
        self.messages.set(self.messages.get() + 1);
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bytes, messages) = (self.bytes.get(), self.messages.get());
        f.debug_struct("Cache")
            .field("bytes", &bytes)
            .field("messages", &messages)
            .finish_non_exhaustive()
    }
}
