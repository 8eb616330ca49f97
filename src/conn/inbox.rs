//! Bytes that were received and are not understood yet.
//!
//! What is understood is taken away at the front by moving an offset: a pipeline of a thousand
//! requests is not moved through memory a thousand times. The bytes are moved when half of them are
//! understood, so that each is moved twice at most.
//!
//! Came from: `broker::input`, with what could not be understood on the spot. Goes to: the same,
//! with more behind it. Absent on purpose: a bound. `Conn::wants_bytes` knows it.

/// The bytes. One word; owns nothing when empty.
#[derive(Debug, Default)]
pub struct Inbox(Option<Box<Kept>>);

/// Bytes of which some are not understood.
#[derive(Debug, Default)]
struct Kept {
    bytes: Vec<u8>,
    /// So many in front are understood; less than half.
    understood: usize,
}

impl Inbox {
    /// Puts bytes behind those that are there.
    pub fn push(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.0.get_or_insert_default().bytes.extend_from_slice(bytes);
        }
    }

    /// The bytes that are not understood.
    pub fn as_slice(&self) -> &[u8] {
        self.0.as_deref().map_or(&[], |kept| &kept.bytes[kept.understood..])
    }

    /// The same, to be unmasked where they lie.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        self.0.as_deref_mut().map_or(&mut [], |kept| &mut kept.bytes[kept.understood..])
    }

    /// The first `n` of them are understood.
    pub fn understand(&mut self, n: usize) {
        let Some(kept) = &mut self.0 else {
            return;
        };
        kept.understood += n;
        if kept.understood == kept.bytes.len() {
            self.0 = None;
        } else if kept.understood >= kept.bytes.len() / 2 {
            kept.bytes.drain(..kept.understood);
            kept.understood = 0;
        }
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Whether nothing but empty lines lies there.
    pub fn is_blank(&self) -> bool {
        self.as_slice().iter().all(|b| b"\r\n".contains(b))
    }

    /// Bytes of the heap that it holds.
    pub fn heap_bytes(&self) -> usize {
        self.0.as_deref().map_or(0, |kept| size_of::<Kept>() + kept.bytes.capacity())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_understood_goes_in_front_and_the_rest_stays_in_order() {
        for step in 1..100 {
            let (mut inbox, mut seen) = (Inbox::default(), Vec::new());
            let all: Vec<u8> = (0..=255).collect();
            for more in all.chunks(37) {
                inbox.push(more);
                let n = step.min(inbox.len());
                seen.extend_from_slice(&inbox.as_mut_slice()[..n]);
                inbox.understand(n);
            }
            assert_eq!(seen.len() + inbox.len(), all.len());
            seen.extend_from_slice(inbox.as_slice());
            assert_eq!(seen, all);
            inbox.understand(inbox.len());
            assert!(inbox.is_empty() && inbox.heap_bytes() == 0);
        }
    }

    #[test]
    fn empty_lines_are_as_good_as_nothing() {
        let mut inbox = Inbox::default();
        assert!(inbox.is_blank());
        inbox.push(b"\r\n\n");
        assert!(inbox.is_blank() && !inbox.is_empty());
        inbox.push(b"G");
        assert!(!inbox.is_blank());
    }

    #[test]
    fn a_deep_pipeline_is_not_moved_for_each_request() {
        let mut inbox = Inbox::default();
        inbox.push(&vec![0; 65_536]);
        let mut moves = 0;
        while inbox.len() > 16 {
            let before = inbox.0.as_ref().expect("not empty").understood;
            inbox.understand(16);
            moves += usize::from(inbox.0.as_ref().expect("not empty").understood < before);
        }
        assert!(moves <= 12, "{moves} moves, each of half the rest");
    }
}
