//! What may go wrong between a server and its machine: a world asks each time that it could.
//!
//! Came from: `world`, at the moments when a real kernel decides. Goes to: the same. Absent on
//! purpose: what no kernel does. An edge may come late, come twice, or tell of several things at
//! once, but never stay away while there is something to read; a clock of the machine runs on; the
//! letters of one sender stay in their order.

/// How the machine behaves. Each of these is a machine on which all goes well.
pub trait Mishaps {
    /// How much of what was offered a write takes, where there is room for all of it.
    fn written(&mut self, offered: usize) -> usize {
        offered
    }

    /// How much a read brings of what has come. The rest comes after it, with an edge of its own.
    fn read(&mut self, come: usize) -> usize {
        come
    }

    /// Whether an edge is told in this turn. It is told at the latest when time has passed.
    fn tells(&mut self) -> bool {
        true
    }

    /// Whether an event comes that says nothing new.
    fn wakes_for_nothing(&mut self) -> bool {
        false
    }

    /// Whether no descriptor is left.
    fn is_out_of_descriptors(&mut self) -> bool {
        false
    }

    /// Whether a letter from another thread, and all that follow it from there, are on their way
    /// still.
    fn holds_letter(&mut self) -> bool {
        false
    }

    /// How the next write to the disk goes, if there is a store.
    fn store_writes(&mut self) -> Write {
        Write::Done
    }

    /// How long the disk takes for it.
    fn store_takes_ms(&mut self) -> u64 {
        0
    }

    /// Whether the disk was put back to what it held earlier, when it is looked at after a fault.
    fn store_is_put_back(&mut self) -> bool {
        false
    }

    /// Whether another thread has a turn in the middle of this one: then which.
    fn meanwhile(&mut self, _threads: usize) -> Option<usize> {
        None
    }
}

/// How a write to a disk goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    Done,
    /// And nothing is on the disk.
    Fails,
    /// And it is on the disk nevertheless.
    FailsAndIsKept,
}

/// A machine on which all goes well.
pub struct Well;

impl Mishaps for Well {}

/// An edge that the kernel has and has not told.
pub type Edge = Option<tollway::ids::Millis>;
