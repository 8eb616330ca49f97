//! Mailboxes: how one thread tells another something.
//!
//! Every thread owns one [`Mailbox`]; the bus, which all threads share, has an [`Address`] of each.
//! Posting takes the box's own short lock; looking whether there is anything takes one atomic load,
//! which the loop can afford before every request.
//!
//! **Waking costs a system call**, so it is done only for a thread that sleeps. The owner says so
//! before it waits, and only then looks into the box a last time; a poster puts its letters in, and
//! only then looks whether the owner sleeps. With both orders kept by all threads alike (`SeqCst`)
//! at least one of the two sees the other: no letter is left lying beside a sleeper. The poster
//! that sees the sleeper takes the flag away, so the next one does not wake it again.
//!
//! Came from: `bus`, under the sequencer's lock. Goes to: the owner's `event_loop`. Absent
//! on purpose: what a letter says.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard};

use mio::Waker;

use crate::broker::Letter;
use crate::limits::{MAILBOX_PILE_BYTES, MAILBOX_PILE_LETTERS, ROOM_KEPT};

#[derive(Debug)]
struct Shelf {
    letters: Mutex<Vec<Letter>>,
    /// How many letters there are. Written under the lock, read without it.
    length: AtomicUsize,
    /// Bytes of the messages in them; likewise.
    bytes: AtomicUsize,
    /// Letters that the owner took out and could not read yet, and the bytes of theirs.
    unread: AtomicUsize,
    unread_bytes: AtomicUsize,
    /// The owner waits, or is about to, and nobody has woken it yet.
    asleep: AtomicBool,
    waker: Waker,
}

/// Where letters for one thread are posted. The bus has one for each thread.
#[derive(Debug)]
pub struct Address(Arc<Shelf>);

/// The owner's side of a box.
#[derive(Debug)]
pub struct Mailbox(Arc<Shelf>);

/// A new box, whose owner is woken by `waker`.
pub fn new(waker: Waker) -> (Address, Mailbox) {
    let shelf = Arc::new(Shelf {
        letters: Mutex::default(),
        length: AtomicUsize::new(0),
        bytes: AtomicUsize::new(0),
        unread: AtomicUsize::new(0),
        unread_bytes: AtomicUsize::new(0),
        asleep: AtomicBool::new(false),
        waker,
    });
    (Address(Arc::clone(&shelf)), Mailbox(shelf))
}

/// Posts to all boxes at once: `post` adds to the letters of each, told its place. Nobody takes one
/// out before all are in: who has heard of one may ask any thread about it next.
pub fn post_to_all(addresses: &[Address], mut post: impl FnMut(usize, &mut Vec<Letter>)) {
    let mut boxes: Vec<_> = addresses.iter().map(|address| address.0.lock()).collect();
    for (place, (address, there)) in addresses.iter().zip(&mut boxes).enumerate() {
        address.add(there, |there| post(place, there));
    }
}

impl Address {
    /// Puts `letters` in, in their order.
    pub fn post(&self, letters: impl Iterator<Item = Letter>) {
        self.add(&mut self.0.lock(), |there| there.extend(letters));
    }

    /// Lets `post` add to the letters that are there, and counts what it has added.
    fn add(&self, there: &mut Vec<Letter>, post: impl FnOnce(&mut Vec<Letter>)) {
        let before = there.len();
        post(there);
        let bytes: usize = there[before..].iter().map(Letter::weight).sum();
        self.0.length.store(there.len(), SeqCst);
        self.0.bytes.fetch_add(bytes, SeqCst);
    }

    /// How many letters the owner has not read: those that lie there, and those that it took out.
    pub fn len(&self) -> usize {
        self.0.length.load(SeqCst) + self.0.unread.load(SeqCst)
    }

    /// Bytes of the messages that the owner has not read.
    pub fn bytes(&self) -> usize {
        self.0.bytes.load(SeqCst) + self.0.unread_bytes.load(SeqCst)
    }

    /// Whether so much lies there that the owner should read it, though it concerns nobody there.
    pub fn piles_up(&self) -> bool {
        self.len() >= MAILBOX_PILE_LETTERS || self.bytes() >= MAILBOX_PILE_BYTES
    }

    /// Whether the owner has read all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Wakes the owner if it sleeps and nobody has yet. `true`: that took a system call.
    ///
    /// Not part of [`post`](Self::post), because the sequencer's lock is held there.
    pub fn wake_if_asleep(&self) -> bool {
        let asleep = self.0.asleep.swap(false, SeqCst);
        if asleep {
            self.wake();
        }
        asleep
    }

    /// Wakes the owner, asleep or not: for what is no letter.
    pub fn wake(&self) {
        // It is one write to an eventfd that we own; a failure leaves nothing to be done, and the
        // letters are found at the owner's next turn.
        if let Err(error) = self.0.waker.wake() {
            log::error!("a thread could not be woken: {error}");
        }
    }
}

impl Mailbox {
    /// One atomic load.
    pub fn is_empty(&self) -> bool {
        self.0.length.load(SeqCst) == 0
    }

    /// Moves all letters to `into`, which is empty and whose room the box takes in exchange. They
    /// count as unread until [`note_unread`](Self::note_unread).
    pub fn drain(&self, into: &mut Vec<Letter>) {
        debug_assert!(into.is_empty());
        into.shrink_to(ROOM_KEPT);
        let mut there = self.0.lock();
        std::mem::swap(&mut *there, into);
        // In this order, so that whoever asks meanwhile finds too many rather than too few.
        self.0.unread.fetch_add(into.len(), SeqCst);
        self.0.unread_bytes.fetch_add(self.0.bytes.load(SeqCst), SeqCst);
        self.0.length.store(0, SeqCst);
        self.0.bytes.store(0, SeqCst);
    }

    /// Tells those who post how many of the letters taken out are not read yet, and how many bytes
    /// the messages in them have.
    pub fn note_unread(&self, (letters, bytes): (usize, usize)) {
        self.0.unread.store(letters, SeqCst);
        self.0.unread_bytes.store(bytes, SeqCst);
    }

    /// To be called before waiting. `false`: there are letters, so do not wait.
    pub fn fall_asleep(&self) -> bool {
        self.asleep_if(|| self.is_empty())
    }

    /// Says that the owner sleeps, and only then looks whether the box is empty. The look is a
    /// parameter so that a test can post a letter right behind it.
    fn asleep_if(&self, is_empty: impl FnOnce() -> bool) -> bool {
        self.0.asleep.store(true, SeqCst);
        if is_empty() {
            return true;
        }
        self.0.asleep.store(false, SeqCst);
        false
    }

    /// To be called after waiting: from here on, nobody needs to wake us.
    pub fn wake_up(&self) {
        self.0.asleep.store(false, SeqCst);
    }
}

impl Shelf {
    fn lock(&self) -> MutexGuard<'_, Vec<Letter>> {
        self.letters.lock().expect("a thread that panics ends the process")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ConnId;
    use std::time::Duration;

    fn letter(slot: u32) -> Letter {
        Letter::Refused(ConnId { slot, generation: 0 })
    }

    fn slots(letters: &mut Vec<Letter>) -> Vec<u32> {
        let slot = |letter| match letter {
            Letter::Refused(conn) => conn.slot,
            other => panic!("nobody posted {other:?}"),
        };
        letters.drain(..).map(slot).collect()
    }

    fn poll_and_box() -> (mio::Poll, Address, Mailbox) {
        let poll = mio::Poll::new().expect("a descriptor");
        let waker = Waker::new(poll.registry(), mio::Token(0)).expect("a descriptor");
        let (address, mailbox) = new(waker);
        (poll, address, mailbox)
    }

    #[test]
    fn nobody_takes_out_what_not_all_have() {
        let (_poll, first, mailbox) = poll_and_box();
        let (_other_poll, second, other) = poll_and_box();
        let addresses = [first, second];
        let held = other.0.lock();
        std::thread::scope(|scope| {
            scope
                .spawn(|| post_to_all(&addresses, |place, there| there.push(letter(place as u32))));
            // Until it has come as far as it can.
            while mailbox.0.letters.try_lock().is_ok() {
                assert!(mailbox.is_empty());
                std::thread::yield_now();
            }
            assert!(mailbox.is_empty(), "the other box does not have its letter");
            drop(held);
        });
        assert!(!mailbox.is_empty() && !other.is_empty());
        let taken = [mailbox, other].map(|mailbox| {
            let mut letters = Vec::new();
            mailbox.drain(&mut letters);
            slots(&mut letters)
        });
        assert_eq!(taken, [[0], [1]]);
    }

    #[test]
    fn letters_come_out_in_the_order_they_went_in() {
        let (_poll, address, mailbox) = poll_and_box();
        let mut letters = Vec::new();
        address.post((0..3).map(letter));
        address.post((3..5).map(letter));
        assert_eq!(address.len(), 5);
        mailbox.drain(&mut letters);
        assert_eq!((address.len(), mailbox.is_empty()), (5, true), "they are not read yet");
        mailbox.note_unread((0, 0));
        assert_eq!(slots(&mut letters), [0, 1, 2, 3, 4]);
        assert!(mailbox.is_empty() && address.is_empty());
        mailbox.note_unread((2, 0));
        assert!(mailbox.is_empty(), "nothing to take out");
        assert_eq!(address.len(), 2, "they count until they are read");
    }

    #[test]
    fn only_a_sleeper_is_woken_and_only_once() {
        let (_poll, address, mailbox) = poll_and_box();
        address.post([letter(0)].into_iter());
        assert!(!address.wake_if_asleep(), "it is awake and will look by itself");
        assert!(!mailbox.fall_asleep(), "there is a letter, so it may not sleep");
        mailbox.drain(&mut Vec::new());
        assert!(mailbox.fall_asleep());
        address.post([letter(1)].into_iter());
        assert!(address.wake_if_asleep());
        address.post([letter(2)].into_iter());
        assert!(!address.wake_if_asleep(), "it was woken before");
        mailbox.wake_up();
        assert!(!address.wake_if_asleep());
    }

    #[test]
    fn a_letter_right_behind_the_last_look_wakes() {
        let (_poll, address, mailbox) = poll_and_box();
        let mut woken = false;
        let asleep = mailbox.asleep_if(|| {
            let empty = mailbox.is_empty();
            address.post([letter(0)].into_iter());
            woken = address.wake_if_asleep();
            empty
        });
        assert!(asleep && woken, "asleep: {asleep}, woken: {woken}");
    }

    #[test]
    fn no_letter_is_left_beside_a_sleeper() {
        const LETTERS: u32 = 20_000;
        let (mut poll, address, mailbox) = poll_and_box();
        let poster = std::thread::spawn(move || {
            for slot in 0..LETTERS {
                address.post([letter(slot)].into_iter());
                address.wake_if_asleep();
            }
        });
        let (mut events, mut letters) = (mio::Events::with_capacity(4), Vec::new());
        let mut seen = 0;
        while seen < LETTERS {
            if mailbox.fall_asleep() {
                poll.poll(&mut events, Some(Duration::from_secs(10))).expect("a poll");
                assert!(!events.is_empty(), "slept beside a letter, after {seen}");
            }
            mailbox.wake_up();
            mailbox.drain(&mut letters);
            for slot in slots(&mut letters) {
                assert_eq!(slot, seen);
                seen += 1;
            }
        }
        poster.join().expect("it only posts");
    }
}
