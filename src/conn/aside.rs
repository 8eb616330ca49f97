//! What few connections have: bytes that are not understood, TLS, a proxy in front, a grant, a tag,
//! a change of kind, a peer that takes nothing, something unfinished.
//!
//! It lies beside the connection, in one box that comes with the first of it and goes with the
//! last, so that a connection that has nothing of it pays one word for all.
//!
//! Came from: `conn` and `broker`, which set it. Goes to: the same. Absent on purpose: what many
//! connections have, or any for each message.

use std::num::NonZeroU32;

use super::hold::Hold;
use super::inbox::Inbox;
use super::progress::PeerProgress;
use super::proxied::Proxied;
use super::secure::Secure;
use crate::ids::Door;
use crate::ledger::{CostTag, Sample, Tagged};

/// What few connections have. One word.
#[derive(Debug, Default)]
pub struct Aside(Option<Box<Few>>);

#[derive(Debug, Default)]
struct Few {
    inbox: Inbox,
    secure: Option<Box<Secure>>,
    proxied: Option<Box<Proxied>>,
    hold: Option<Hold>,
    tag: Option<CostTag>,
    tagged: Option<Box<Tagged>>,
    accounted: Option<Box<Sample>>,
    progress: Option<Box<PeerProgress>>,
    unfinished: Option<NonZeroU32>,
    door: Option<Door>,
}

impl Few {
    fn is_nothing(&self) -> bool {
        let Self { secure, proxied, hold, tag, tagged, accounted, .. } = self;
        let Self { inbox, progress, unfinished, door, .. } = self;
        let comes_alone = secure.is_none() && proxied.is_none() && hold.is_none() && door.is_none();
        let costs_nothing = tag.is_none() && tagged.is_none() && accounted.is_none();
        let takes_nothing = inbox.is_empty() && unfinished.is_none();
        comes_alone && costs_nothing && takes_nothing && progress.is_none()
    }
}

impl Aside {
    /// Received, not yet understood, if there are bytes.
    #[inline]
    pub fn inbox(&self) -> Option<&Inbox> {
        self.0.as_deref().map(|few| &few.inbox).filter(|inbox| !inbox.is_empty())
    }

    /// More was received that cannot be understood yet.
    pub fn push_inbox(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.0.get_or_insert_default().inbox.push(bytes);
        }
    }

    /// Takes out what is not understood.
    pub fn take_inbox(&mut self) -> Inbox {
        let inbox = self.0.as_deref_mut().map(|few| std::mem::take(&mut few.inbox));
        self.give_back();
        inbox.unwrap_or_default()
    }

    /// Puts back what is still not understood.
    pub fn put_inbox(&mut self, inbox: Inbox) {
        if !inbox.is_empty() {
            self.0.get_or_insert_default().inbox = inbox;
        }
    }

    /// It speaks TLS.
    #[inline]
    pub fn secure(&self) -> Option<&Secure> {
        self.0.as_deref()?.secure.as_deref()
    }

    /// The same, to be changed.
    #[inline]
    pub fn secure_mut(&mut self) -> Option<&mut Secure> {
        self.0.as_deref_mut()?.secure.as_deref_mut()
    }

    /// It speaks TLS from now on, or does not.
    pub fn set_secure(&mut self, secure: Option<Secure>) {
        self.put(secure.map(Box::new), |few| &mut few.secure);
    }

    /// It came as most do: by itself, and by the door for everybody.
    pub fn has_no_other_way(&self) -> bool {
        let direct = |few: &Few| few.proxied.is_none() && few.door.is_none();
        self.0.as_deref().is_none_or(direct)
    }

    /// Nothing waits to be understood, the peer takes what it is sent, and is no proxy.
    #[inline]
    pub fn lets_rest(&self) -> bool {
        let rests =
            |few: &Few| few.inbox.is_empty() && few.progress.is_none() && few.proxied.is_none();
        self.0.as_deref().is_none_or(rests)
    }

    /// A trusted proxy is at the other end.
    pub fn proxied(&self) -> Option<&Proxied> {
        self.0.as_deref()?.proxied.as_deref()
    }

    /// The same, to be changed.
    pub fn proxied_mut(&mut self) -> Option<&mut Proxied> {
        self.0.as_deref_mut()?.proxied.as_deref_mut()
    }

    /// A trusted proxy is at the other end, from now on.
    pub fn set_proxied(&mut self, proxied: Proxied) {
        self.put(Some(Box::new(proxied)), |few| &mut few.proxied);
    }

    /// What it may do, beside what everybody may.
    pub fn hold(&self) -> Option<&Hold> {
        self.0.as_deref()?.hold.as_ref()
    }

    /// From now on it may do this, or nothing beside.
    pub fn set_hold(&mut self, hold: Option<Hold>) {
        self.put(hold, |few| &mut few.hold);
    }

    /// The tag of what is being understood or answered, if it has one.
    pub fn tag(&self) -> Option<CostTag> {
        self.0.as_deref()?.tag
    }

    /// What is understood now has this tag, or none.
    pub fn set_tag(&mut self, tag: Option<CostTag>) {
        self.put(tag, |few| &mut few.tag);
    }

    /// The tag that it is charged to.
    pub fn tagged(&self) -> Option<&Tagged> {
        self.0.as_deref()?.tagged.as_deref()
    }

    /// From now on it is charged to this tag, or to none. Tells what it was charged to before.
    pub fn set_tagged(&mut self, tagged: Option<Tagged>) -> Option<Box<Tagged>> {
        self.put(tagged.map(Box::new), |few| &mut few.tagged)
    }

    /// Whether what is understood now has another tag than the one that it is charged to.
    pub fn changes_tag(&self) -> bool {
        self.tagged().map(Tagged::tag) != self.tag()
    }

    /// What the kernel had counted when the last change of kind was accounted for; nothing if there
    /// was none.
    pub fn accounted(&self) -> Sample {
        self.0.as_deref().and_then(|few| few.accounted.as_deref().copied()).unwrap_or_default()
    }

    /// A change of kind is accounted for, and the kernel had counted this.
    pub fn set_accounted(&mut self, sample: Sample) {
        self.put(Some(Box::new(sample)), |few| &mut few.accounted);
    }

    /// What was seen of a peer that takes nothing, since the kernel last took bytes.
    #[inline]
    pub fn progress(&self) -> Option<&PeerProgress> {
        self.0.as_deref()?.progress.as_deref()
    }

    /// The same, to be looked at once more.
    pub fn progress_mut(&mut self) -> &mut PeerProgress {
        self.0.get_or_insert_default().progress.get_or_insert_default()
    }

    /// The kernel took bytes: what was seen before counts no more.
    pub fn forget_progress(&mut self) {
        self.put(None, |few| &mut few.progress);
    }

    /// Bytes of what it holds that is not complete yet, as far as the budget of all connections
    /// knows.
    #[inline]
    pub fn unfinished(&self) -> usize {
        self.0.as_deref().and_then(|few| few.unfinished).map_or(0, |bytes| bytes.get() as usize)
    }

    /// The budget knows of so many.
    pub fn set_unfinished(&mut self, bytes: usize) {
        // Exact: twice the longest message that may be allowed is far below 4 GiB.
        self.put(NonZeroU32::new(bytes as u32), |few| &mut few.unfinished);
    }

    /// Which address it came in by.
    pub fn door(&self) -> Door {
        self.0.as_deref().and_then(|few| few.door).unwrap_or_default()
    }

    /// It came in by that address.
    pub fn set_door(&mut self, door: Door) {
        self.put(Some(door).filter(|door| *door != Door::default()), |few| &mut few.door);
    }

    /// Puts `value` in its place, and tells what was there. The box is there when it is needed, and
    /// no longer.
    #[inline]
    fn put<T>(&mut self, value: Option<T>, place: fn(&mut Few) -> &mut Option<T>) -> Option<T> {
        let nothing = self.0.is_none() && value.is_none();
        if nothing { None } else { self.replace(value, place) }
    }

    fn replace<T>(&mut self, value: Option<T>, place: fn(&mut Few) -> &mut Option<T>) -> Option<T> {
        let few = self.0.get_or_insert_default();
        let before = std::mem::replace(place(few), value);
        self.give_back();
        before
    }

    /// The last of it went.
    fn give_back(&mut self) {
        if self.0.as_deref().is_some_and(Few::is_nothing) {
            self.0 = None;
        }
    }

    /// Bytes of the heap that it holds.
    pub fn heap_bytes(&self) -> usize {
        let Some(few) = self.0.as_deref() else {
            return 0;
        };
        let secure = few.secure.as_deref().map_or(0, |tls| size_of_val(tls) + tls.undeciphered);
        size_of_val(few)
            + few.inbox.heap_bytes()
            + secure
            + few.proxied.as_deref().map_or(0, size_of_val)
            + few.tagged.as_deref().map_or(0, size_of_val)
            + few.accounted.as_deref().map_or(0, size_of_val)
            + few.progress.as_deref().map_or(0, size_of_val)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_box_comes_with_the_first_of_it_and_goes_with_the_last() {
        let mut aside = Aside::default();
        assert_eq!(size_of_val(&aside), size_of::<usize>());
        let tag = CostTag::parse("1");
        aside.set_tag(None);
        aside.set_hold(None);
        assert_eq!(aside.heap_bytes(), 0, "nothing is put there");
        aside.set_tag(tag);
        assert!(aside.changes_tag());
        aside.set_secure(Some(Secure::new()));
        aside.set_tag(None);
        assert!(aside.secure().is_some() && !aside.changes_tag());
        aside.set_secure(None);
        assert_eq!(aside.heap_bytes(), 0, "nothing is left there");
        aside.push_inbox(b"");
        assert_eq!(aside.heap_bytes(), 0, "no bytes are nothing");
        aside.push_inbox(b"GET");
        let mut inbox = aside.take_inbox();
        assert_eq!((inbox.len(), aside.heap_bytes()), (3, 0));
        inbox.understand(1);
        aside.put_inbox(inbox);
        assert_eq!(aside.inbox().map(Inbox::as_slice), Some(&b"ET"[..]));
        aside.take_inbox();
        aside.put_inbox(Inbox::default());
        assert_eq!(aside.heap_bytes(), 0, "no bytes are nothing");
    }
}
