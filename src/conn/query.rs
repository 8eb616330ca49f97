//! The query of a request: the members that a resource knows, each checked when it is asked for.
//!
//! Nobody else looks at a member, and nothing is wrong with one that nobody asked for, however it
//! is spelled: clients and portals add their own, against caches or with their own state.
//!
//! Came from: `route`, with the text behind the question mark. Goes to: the same. Absent on
//! purpose: which resource knows which member; `route` asks.

use std::borrow::Cow;

use super::problem::{Problem, Rule};
use crate::ids::{Cursor, Id};
use crate::ledger::report::TagList;
use crate::ledger::{CostTag, Order};
use crate::wire::number;
use crate::wire::target::{self, Pair, TargetError};

/// The members that some resource knows.
#[derive(Clone, Copy)]
enum Member {
    Check,
    Cursor,
    Event,
    Limit,
    Offset,
    Sort,
    State,
    Tag,
    Ticket,
    Wait,
}

impl Member {
    const COUNT: usize = Self::Wait as usize + 1;

    /// The member that a piece gives. Most names are spelled as they are. One that cannot be
    /// decoded names nothing.
    fn of(piece: &Pair<'_>) -> Option<Self> {
        let name = piece.raw_name();
        if name.as_bytes().contains(&b'%') {
            return Self::named(&piece.name().ok()?);
        }
        Self::named(name)
    }

    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "check" => Self::Check,
            "since" => Self::Cursor,
            "event" => Self::Event,
            "limit" => Self::Limit,
            "offset" => Self::Offset,
            "sort" => Self::Sort,
            "state" => Self::State,
            "tag" => Self::Tag,
            "ticket" => Self::Ticket,
            "wait" => Self::Wait,
            _ if is_last_event_id(name) => Self::Cursor,
            _ => return None,
        })
    }
}

/// A query, gone through once. Of a member that is given twice, the last counts.
#[derive(Clone, Copy)]
pub(super) struct Query<'q>([Option<Pair<'q>>; Member::COUNT]);

impl<'q> Query<'q> {
    /// Takes the text behind the question mark.
    pub(super) fn new(query: Option<&'q str>) -> Self {
        let mut members = [None; Member::COUNT];
        for piece in target::query_pieces(query.unwrap_or_default()) {
            if let Some(member) = Member::of(&piece) {
                members[member as usize] = Some(piece);
            }
        }
        Self(members)
    }

    /// `since`: the cursor. Also `last-event-id`, with the case and the joints of any language,
    /// because several clients and proxies of EventSource write it so. What cannot be decoded is a
    /// cursor as well: one that nobody knows.
    pub(super) fn cursor(&self) -> Option<Cursor> {
        let piece = self.0[Member::Cursor as usize]?;
        match piece.value() {
            Ok(value) => cursor_in(&value),
            Err(_) => cursor_in(piece.raw_value()),
        }
    }

    /// `wait`: how long an answer may be withheld, in whole seconds.
    pub(super) fn wait_s(&self) -> Result<Option<u64>, Problem> {
        self.number(Member::Wait, Rule::WaitMalformed)
    }

    /// `limit`: the largest number of rows or messages in the answer.
    pub(super) fn limit(&self) -> Result<Option<usize>, Problem> {
        match self.number(Member::Limit, Rule::LimitMalformed)? {
            Some(0) => Err(Rule::LimitMalformed.into()),
            limit => Ok(limit.map(saturated)),
        }
    }

    /// `offset`: how many rows to leave out at the beginning.
    pub(super) fn offset(&self) -> Result<usize, Problem> {
        Ok(self.number(Member::Offset, Rule::OffsetMalformed)?.map_or(0, saturated))
    }

    /// `event`: the name of a message.
    pub(super) fn event(&self) -> Result<Option<Box<str>>, Problem> {
        Ok(self.value(Member::Event)?.map(|event| event.into_owned().into()))
    }

    /// `ticket`: what stands for a token.
    pub(super) fn ticket(&self) -> Result<Option<Cow<'q, str>>, TargetError> {
        self.value(Member::Ticket)
    }

    /// `check`: whether it is there, and not 0.
    pub(super) fn check(&self) -> Result<bool, Problem> {
        Ok(self.value(Member::Check)?.is_some_and(|value| value != "0"))
    }

    /// `tag`: the account that notes what a reader costs.
    pub(super) fn tag(&self) -> Result<Option<CostTag>, Problem> {
        let Some(text) = self.value(Member::Tag)? else {
            return Ok(None);
        };
        Ok(Some(CostTag::parse(&text).ok_or(Rule::TagMalformed)?))
    }

    /// `tag`: the accounts that a report is to show, separated by commas.
    pub(super) fn tags(&self) -> Result<Option<TagList>, Problem> {
        let Some(text) = self.value(Member::Tag)? else {
            return Ok(None);
        };
        let mut tags = TagList::default();
        for (at, text) in text.split(',').enumerate() {
            let tag = CostTag::parse(text).ok_or(Rule::TagMalformed)?;
            *tags.get_mut(at).ok_or(Rule::TagsTooMany)? = Some(tag);
        }
        Ok(Some(tags))
    }

    /// `sort`: the order of a table.
    pub(super) fn sort(&self) -> Result<Order, Problem> {
        let Some(name) = self.value(Member::Sort)? else {
            return Ok(Order::default());
        };
        Ok(Order::parse(&name).ok_or(Rule::SortUnknown)?)
    }

    /// `state`: whether a table is to have the open connections, and whether the closed ones.
    pub(super) fn state(&self) -> Result<(bool, bool), Problem> {
        match self.value(Member::State)?.as_deref() {
            None | Some("open") => Ok((true, false)),
            Some("closed") => Ok((false, true)),
            Some("all") => Ok((true, true)),
            Some(_) => Err(Rule::StateUnknown.into()),
        }
    }

    /// The number that a member gives, as large as 64 bits hold.
    fn number(&self, member: Member, malformed: Rule) -> Result<Option<u64>, Problem> {
        let Some(value) = self.value(member)? else {
            return Ok(None);
        };
        Ok(Some(number::saturating(value.as_bytes()).ok_or(malformed)?))
    }

    /// The value of a member.
    fn value(&self, member: Member) -> Result<Option<Cow<'q, str>>, TargetError> {
        self.0[member as usize].map(Pair::value).transpose()
    }
}

/// Reads the cursor of a field. What is not text is one that nobody knows.
pub(super) fn cursor(value: &[u8]) -> Option<Cursor> {
    cursor_in(&String::from_utf8_lossy(value))
}

/// Reads a cursor: an id of a message, `earliest` or `latest`, perhaps in quotes, and marked as
/// weak, as an entity tag is. `None` for an empty one, which is as good as none.
fn cursor_in(text: &str) -> Option<Cursor> {
    if let Some(id) = Id::parse(text) {
        return Some(Cursor::After(id)); // As all clients send it that have one.
    }
    let text = text.trim();
    let bare = text.strip_prefix("W/").unwrap_or(text);
    let bare = bare.strip_prefix('"').and_then(|bare| bare.strip_suffix('"')).unwrap_or(text);
    (!bare.is_empty()).then(|| Cursor::parse(bare))
}

/// Whether a name gives the cursor, as clients of EventSource write it.
fn is_last_event_id(name: &str) -> bool {
    const LETTERS: &[u8] = b"lasteventid";
    if name.len() < LETTERS.len() {
        return false;
    }
    let plain = name.bytes().filter(|byte| !matches!(byte, b'-' | b'_'));
    plain.map(|byte| byte.to_ascii_lowercase()).eq(LETTERS.iter().copied())
}

/// A count that is too large for this machine is the largest.
fn saturated(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> Query<'_> {
        Query::new(Some(text))
    }

    fn code<T>(result: Result<T, Problem>) -> &'static str {
        result.err().map_or("", |problem| problem.code)
    }

    #[test]
    fn a_member_that_nobody_asks_for_cannot_be_wrong() {
        let text = "%zz=%&state=xyz&a=%FF&%FF=1&%=&sort&=&limit=5&offset=x&wait=no&event=%";
        assert_eq!(query(text).limit().ok(), Some(Some(5)));
        assert_eq!(query(text).check().ok(), Some(false));
        assert_eq!(code(query(text).offset()), "offset_malformed");
        assert_eq!(code(query(text).state()), "state_unknown");
        assert_eq!(code(query(text).event()), "bad_percent");
        assert_eq!(query(text).cursor(), None);
    }

    #[test]
    fn a_number_is_digits_and_too_large_is_the_largest() {
        for (text, value) in [
            ("limit=5", Some(5)),
            ("limit=%35", Some(5)),
            ("limit=005", Some(5)),
            ("limit=99999999999999999999", Some(usize::MAX)),
            ("limit=1&limit=2", Some(2)),
            ("limits=1", None),
        ] {
            assert_eq!(query(text).limit().ok(), Some(value), "{text}");
        }
        for text in ["", "%2B5", "+5", "-5", "5.0", "5e3", "0x5", "5_0", "%205", "5%20", "٥"] {
            for name in ["limit", "wait", "offset"] {
                let text = format!("{name}={text}");
                let codes = [code(query(&text).limit()), code(query(&text).wait_s())];
                let codes = [codes[0], codes[1], code(query(&text).offset())].concat();
                assert_eq!(codes, format!("{name}_malformed"), "{text}");
            }
        }
        assert_eq!(code(query("limit=0").limit()), "limit_malformed");
        assert_eq!(query("wait=18446744073709551616").wait_s().ok(), Some(Some(u64::MAX)));
        assert_eq!(query("offset=18446744073709551616").offset().ok(), Some(usize::MAX));
    }

    #[test]
    fn a_check_is_wanted_by_anything_but_a_zero() {
        for (text, wanted) in [("check", true), ("check=1", true), ("check=0", false), ("", false)]
        {
            assert_eq!(query(text).check().ok(), Some(wanted), "{text}");
        }
    }

    #[test]
    fn the_cursor_has_many_names() {
        for name in [
            "since",
            "last-event-id",
            "last_event_id",
            "lastEventId",
            "lasteventid",
            "Last-Event-ID",
            "LAST_EVENT_ID",
            "LastEventID",
            "last%2Devent%2Did",
        ] {
            let text = format!("{name}=latest");
            assert_eq!(query(&text).cursor(), Some(Cursor::Latest), "{text}");
        }
        for name in ["Since", "last", "eventid", "last.event.id", "last+event+id"] {
            assert_eq!(query(&format!("{name}=latest")).cursor(), None, "{name}");
        }
        assert_eq!(query("since=earliest&lastEventId=latest").cursor(), Some(Cursor::Latest));
        assert_eq!(query("since=").cursor(), None);
    }

    #[test]
    fn a_name_is_what_it_decodes_to() {
        for (text, is_since) in [
            ("since=latest", true),
            ("sinc%65=latest", true),
            ("%73%69%6e%63%65=latest", true),
            ("Since=latest", false),
            ("sinc=latest", false),
            ("since+=latest", false),
            ("sinces=latest", false),
            ("sinc%6=latest", false),
            ("sinc%FF=latest", false),
            ("=since", false),
        ] {
            assert_eq!(query(text).cursor().is_some(), is_since, "{text}");
        }
    }

    #[test]
    fn a_cursor_that_cannot_be_read_is_one_that_nobody_knows() {
        let unknown = |text: &str| Some(Cursor::Unknown(text.into()));
        assert_eq!(query("since=%FF").cursor(), unknown("%FF"));
        assert_eq!(cursor(b"a\xff"), unknown("a\u{fffd}"));
        assert_eq!(query("since=%zz").cursor(), unknown("%zz"));
        assert_eq!(cursor(b"e 1"), unknown("e 1"));
        assert_eq!(cursor("x".repeat(9_000).as_bytes()), unknown(&"x".repeat(64)));
        // Cut where a character ends: 63 bytes and one of two.
        let long = format!("{}é", "x".repeat(63));
        assert_eq!(cursor(long.as_bytes()), unknown(&"x".repeat(63)));
    }

    #[test]
    fn quotes_and_a_mark_are_taken_off() {
        for text in ["latest", "\"latest\"", "W/\"latest\"", " latest ", " \"latest\""] {
            assert_eq!(cursor(text.as_bytes()), Some(Cursor::Latest), "{text}");
        }
        for text in ["\"latest", "latest\"", "W/latest", "w/\"latest\"", "''"] {
            assert!(matches!(cursor(text.as_bytes()), Some(Cursor::Unknown(_))), "{text}");
        }
        for text in ["", "\"\"", "W/\"\"", " "] {
            assert_eq!(cursor(text.as_bytes()), None, "{text}");
        }
    }
}
