//! Lists of operations as bytes: read by `arbitrary`, written by hand for the seeds.
//!
//! Every operand is a number of fixed size, so that a mutation changes one operand or one
//! operation and leaves the others where they were.
//!
//! Came from: the bodies that play stories on a value and its twin. Absent on purpose: what the
//! operations mean.

use arbitrary::{Arbitrary, Unstructured};

/// An operation that can be written as the bytes that `arbitrary` reads it from.
pub trait Operation: for<'a> Arbitrary<'a> + PartialEq + std::fmt::Debug {
    /// Appends those bytes.
    fn write(&self, out: &mut Vec<u8>);
}

/// Reads operations to the end of `input`, `most` of them at most.
fn read<O: Operation>(input: &[u8], most: usize) -> Vec<O> {
    let mut input = Unstructured::new(input);
    let mut story = Vec::new();
    while !input.is_empty() && story.len() < most {
        match O::arbitrary(&mut input) {
            Ok(operation) => story.push(operation),
            Err(_) => break,
        }
    }
    story
}

/// Reads operations and plays them. When one of them panics, tells the story up to it.
pub fn play<O: Operation>(input: &[u8], most: usize, mut act: impl FnMut(O)) {
    let mut told = Told(Vec::new());
    for operation in read::<O>(input, most) {
        told.0.push(format!("{operation:?}"));
        act(operation);
    }
}

struct Told(Vec<String>);

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("after {} operations:\n    {}", self.0.len(), self.0.join("\n    "));
        }
    }
}

/// Writes a story, as a seed.
pub fn write<O: Operation>(story: &[O]) -> Vec<u8> {
    let mut out = Vec::new();
    for operation in story {
        operation.write(&mut out);
    }
    assert_eq!(read::<O>(&out, story.len()), story, "a seed means what it says");
    out
}

/// The first bytes of variant `index` of `count`: `derive(Arbitrary)` reads a `u32` and takes it
/// as a fraction of the variants.
pub fn choose(index: usize, count: usize, out: &mut Vec<u8>) {
    let first = ((index as u64) << 32).div_ceil(count as u64) as u32;
    out.extend_from_slice(&first.to_le_bytes());
}

/// Declares an enum of operations with numbers as operands.
macro_rules! operations {
    (
        $(#[$about:meta])*
        pub enum $name:ident {
            $($(#[$doc:meta])* $variant:ident { $($field:ident: $number:ty),* $(,)? })*
        }
    ) => {
        $(#[$about])*
        #[derive(arbitrary::Arbitrary, Clone, Copy, Debug, PartialEq)]
        pub enum $name {
            $($(#[$doc])* $variant { $($field: $number),* },)*
        }

        impl super::operations::Operation for $name {
            fn write(&self, out: &mut Vec<u8>) {
                const NAMES: &[&str] = &[$(stringify!($variant)),*];
                match self {
                    $(Self::$variant { $($field),* } => {
                        let own = stringify!($variant);
                        let index = NAMES.iter().position(|name| *name == own).unwrap();
                        super::operations::choose(index, NAMES.len(), out);
                        $(out.extend_from_slice(&$field.to_le_bytes());)*
                    })*
                }
            }
        }
    };
}
pub(super) use operations;
