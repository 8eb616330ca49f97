//! Recognition: a poll that was heard before is asked again without being read.
//!
//! Only where a head means what its bytes say, whoever sends it. What depends on more than that is
//! read each time: what comes by TLS, through a proxy, by the operator's door, or to a server that
//! asks for rights; and what is quoted: the origin of a page of another site, or the request in
//! the access log.
//!
//! Came from: `Conn::next_ask`. Goes to: the same, with an [`Ask`]. Absent on purpose: the memory
//! of heads, which the connections of a thread share.

use std::rc::Rc;

use super::familiar::FamiliarPoll;
use super::policy::Policy;
use super::request::Want;
use super::state::State;
use super::{Ask, Conn};
use crate::ids::Millis;

impl Conn {
    /// Whether its requests mean what their bytes say, whoever sends them: no token and no proxy
    /// says more, and they come by the door and the scheme by which most come.
    pub(super) fn speaks_plainly(&self, policy: &Policy) -> bool {
        self.aside.has_no_other_way() && policy.rights.is_none()
    }

    /// The poll that was just understood, to be told again without being read. `None`: it is none,
    /// or its answer quotes it.
    pub(super) fn poll_understood(&self, ask: &Ask) -> Option<FamiliarPoll> {
        let State::Answering(context) = &self.state else {
            return None;
        };
        match ask {
            Ask::Request { payer, want: want @ Want::Read(read), .. }
                if want.polls() && context.quoted.is_none() =>
            {
                let (context, read) = (context.clone(), Rc::clone(read));
                Some(FamiliarPoll { context, payer: *payer, last_word: self.flow.last_word, read })
            }
            _ => None,
        }
    }

    /// Asks what a head asked that was heard before.
    pub(super) fn ask_again(&mut self, poll: &FamiliarPoll, now: Millis) -> Ask {
        let FamiliarPoll { context, payer, last_word, read } = poll;
        self.flow.last_word = *last_word;
        self.costs.payer = *payer;
        self.aside.set_tag(read.tag);
        self.shift(State::Answering(context.clone()), now);
        Ask::Request { payer: *payer, want: Want::Read(Rc::clone(read)), body: Vec::new() }
    }
}
