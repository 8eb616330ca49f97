//! A connection that is charged to a tag.
//!
//! A connection may serve a tag after it served somebody else: what had passed before is not the
//! tag's.
//!
//! Came from: `broker::accounting`, with the connection's numbers. Goes to: the account of the tag.
//! Absent on purpose: the accounts; a thread has them, in `tags`.

use super::tags::{CostTag, TagAccount};
use super::tally::Tally;

/// That a connection is charged to a tag, and what had passed over it before.
#[derive(Debug)]
pub struct Tagged {
    tag: CostTag,
    before: TagAccount,
}

impl Tagged {
    /// From now on.
    pub fn new(tag: CostTag, tally: &Tally) -> Self {
        Self { tag, before: passed_over(tally) }
    }

    /// Whose it is.
    pub fn tag(&self) -> CostTag {
        self.tag
    }

    /// What has passed since.
    pub fn passed(&self, tally: &Tally) -> TagAccount {
        passed_over(tally).since(&self.before)
    }
}

/// What passed over a connection so far.
fn passed_over(tally: &Tally) -> TagAccount {
    let (bytes_in, bytes_out) = (tally.bytes_in(), tally.bytes_out());
    TagAccount { messages: tally.messages(), bytes_in, bytes_out, ..TagAccount::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Class;

    #[test]
    fn what_passed_before_is_not_the_tags() {
        let mut tally = Tally::default();
        tally.went_out([(Class::Head, 100), (Class::Payload, 5)]);
        let tagged = Tagged::new(CostTag::parse("1").expect("a digit"), &tally);
        tally.went_out([(Class::Head, 20), (Class::Payload, 7)]);
        tally.passed(1);
        let passed = tagged.passed(&tally);
        assert_eq!((passed.bytes_out.of(Class::Head), passed.bytes_out.total()), (20, 27));
        assert_eq!((passed.messages, passed.bytes_in.total()), (1, 0));
    }
}
