//! Recognition: a poll or a publish that was heard before is asked again without being read.
//!
//! Only where a head means what its bytes say, whoever sends it: by TLS one thing, and perhaps
//! another without. What depends on more than that is read each time: what comes through a proxy,
//! by the operator's door, or to a server that asks for rights; and what is quoted: the origin of a
//! page of another site, or the request in the access log.
//!
//! Came from: `Conn::next_ask`. Goes to: the same, with an [`Ask`]. Absent on purpose: the memory
//! of heads, which the connections of a thread share.

use super::familiar::FamiliarRequest;
use super::policy::Policy;
use super::state::State;
use super::{Ask, Conn};
use crate::ids::Millis;

impl Conn {
    /// Whether its requests mean what their bytes say, whoever sends them: no token and no proxy
    /// says more, and they come by the door by which most come.
    pub(super) fn speaks_plainly(&self, policy: &Policy) -> bool {
        self.aside.has_no_other_way() && policy.rights.is_none()
    }

    /// What was just understood, a head and so many bytes behind it, to be told again without being
    /// read. `None`: it is neither a poll nor a publish, or its answer quotes it.
    pub(super) fn understood(&self, ask: &Ask, body_bytes: usize) -> Option<FamiliarRequest> {
        let State::Answering(context) = &self.state else {
            return None;
        };
        let Ask::Request { payer, want, .. } = ask else {
            return None;
        };
        Some(FamiliarRequest {
            context: Some(context).filter(|context| context.quoted.is_none())?.clone(),
            payer: *payer,
            last_word: self.flow.last_word,
            want: want.again()?,
            body_bytes,
        })
    }

    /// Asks what a head asked that was heard before.
    pub(super) fn ask_again(&mut self, known: &FamiliarRequest, body: &[u8], now: Millis) -> Ask {
        let FamiliarRequest { context, payer, last_word, want, .. } = known;
        self.flow.last_word = *last_word;
        self.costs.payer = *payer;
        self.aside.set_tag(want.tag());
        self.shift(State::Answering(context.clone()), now);
        let want = want.again().expect("nothing else is kept");
        Ask::Request { payer: *payer, want, body: body.to_vec() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conn::Familiar;
    use crate::conn::flow::LastWord;
    use crate::ledger::{Bytes, Payer};

    #[test]
    fn whoever_is_heard_again_is_known_as_before() {
        let (policy, mut familiar) = (Policy::default(), Familiar::default());
        let mut hear = |text: &str| {
            let mut conn = Conn::new(([127, 0, 0, 1], 1024).into(), Millis(0));
            let (mut bytes, mut by_class) = (text.as_bytes().to_vec(), Bytes::default());
            let (used, ask) =
                conn.next_ask(&mut bytes, Millis(0), &policy, &mut familiar, &mut by_class);
            assert!(used == bytes.len() && matches!(ask, Some(Ask::Request { .. })), "{text}");
            (conn.flow.last_word, conn.costs.payer)
        };
        for (request, payer) in [
            ("GET /t HTTP/1.1\r\nHost: h\r\n", Payer::ShortPoll),
            ("GET /t?wait=5 HTTP/1.1\r\nHost: h\r\n", Payer::LongPoll),
            ("POST /t HTTP/1.1\r\nHost: h\r\n", Payer::Publish),
        ] {
            for (field, word) in
                [("", LastWord::Unsaid), ("Connection: close\r\n", LastWord::Request)]
            {
                let said = format!("{request}{field}\r\n");
                for _ in 0..3 {
                    assert_eq!(hear(&said), (word, payer), "{said}");
                }
            }
        }
    }

    /// Else its end would be looked for with each piece, from its front.
    #[test]
    fn what_comes_in_pieces_is_read_each_time() {
        let (policy, mut familiar) = (Policy::default(), Familiar::default());
        let head = b"POST /t HTTP/1.1\r\nHost: h\r\n\r\n";
        for (pieces, is_kept) in [(true, false), (false, true)] {
            for _ in 0..3 {
                let mut conn = Conn::new(([127, 0, 0, 1], 1024).into(), Millis(0));
                let from = if pieces { 1 } else { head.len() };
                for end in from..=head.len() {
                    let (mut bytes, mut by_class) = (head[..end].to_vec(), Bytes::default());
                    let (used, ask) =
                        conn.next_ask(&mut bytes, Millis(0), &policy, &mut familiar, &mut by_class);
                    let is_whole = end == head.len();
                    assert_eq!((used > 0, ask.is_some()), (is_whole, is_whole));
                }
            }
            let front = familiar.front(head, false).expect("it is whole");
            assert_eq!(familiar.find(front).is_some(), is_kept, "in pieces: {pieces}");
        }
    }
}
