//! A connection that is charged to a tag.
//!
//! A connection may serve a tag after it served somebody else: what had passed before is not the
//! tag's.
//!
//! Came from: `broker::accounting`, with the connection's numbers. Goes to: the account of the tag.
//! Absent on purpose: the accounts; a thread has them, in `tags`.

use super::tags::{CostTag, TagAccount};
use super::tally::Passed;

/// That a connection is charged to a tag, and what had passed over it before.
#[derive(Debug)]
pub struct Tagged {
    tag: CostTag,
    before: TagAccount,
}

impl Tagged {
    /// From now on.
    pub fn new(tag: CostTag, so_far: Passed) -> Self {
        Self { tag, before: so_far.into() }
    }

    /// Whose it is.
    pub fn tag(&self) -> CostTag {
        self.tag
    }

    /// What has passed since.
    pub fn passed(&self, so_far: Passed) -> TagAccount {
        TagAccount::from(so_far).since(&self.before)
    }
}

impl From<Passed> for TagAccount {
    fn from(Passed { bytes_in, bytes_out, messages }: Passed) -> Self {
        Self { messages, bytes_in, bytes_out, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Class;

    #[test]
    fn what_passed_before_is_not_the_tags() {
        let mut so_far = Passed { messages: 4, ..Passed::default() };
        so_far.bytes_out.add_all([(Class::Head, 100), (Class::Payload, 5)]);
        let tagged = Tagged::new(CostTag::parse("1").expect("a digit"), so_far);
        so_far.bytes_out.add_all([(Class::Head, 20), (Class::Payload, 7)]);
        so_far.messages += 1;
        let passed = tagged.passed(so_far);
        assert_eq!((passed.bytes_out.of(Class::Head), passed.bytes_out.total()), (20, 27));
        assert_eq!((passed.messages, passed.bytes_in.total()), (1, 0));
    }
}
