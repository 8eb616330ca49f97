//! What a file holds from earlier runs: messages, young keys, and what was lost before them.
//!
//! Moments in it are those of the wall, and become moments of this run: as long ago as the wall
//! says, at most as late as now, and in the order of the messages, wherever the wall was set to
//! meanwhile.
//!
//! Came from: the file. Goes to: every thread's hub, and the journal. Absent on purpose: writing.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, Row};

use super::open::{self, Meta, OpenError};
use super::power;
use crate::hub::past::Past;
use crate::ids::{Micros, Millis, Network, Seq, TopicName};
use crate::limits::IDEMPOTENCY_MS_MAX;
use crate::store::numbering::KeyRecord;
use crate::store::{Opened, Record, WallMoment};
use crate::technique::message::{Message, Payload};

/// A file that cannot be read.
#[derive(Debug)]
pub(super) enum ReadError {
    Sqlite(rusqlite::Error),
    /// The row of this number is not as it was written.
    Damaged(Seq),
}

impl From<rusqlite::Error> for ReadError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// In one line.
pub(super) fn tell(path: &Path, error: ReadError) -> OpenError {
    match error {
        ReadError::Sqlite(error) => open::explain(path, &error),
        ReadError::Damaged(seq) => OpenError::new(format!(
            "{}: is damaged: message {} is not as it was written; put a backup in its place, or \
             name another file",
            path.display(),
            seq.0
        )),
    }
}

/// What was read.
#[derive(Debug)]
pub(super) struct FoundFile {
    /// What is of use.
    pub(super) opened: Opened,
    /// The newest key that is too old, and with it all before it.
    pub(super) old_key: Option<Seq>,
}

/// Reads everything.
pub(super) fn read(db: &Connection, meta: Meta, at: WallMoment) -> Result<FoundFile, ReadError> {
    let messages = messages(db, at)?;
    let newest = messages.last().map_or(Seq(0), |(message, _)| message.seq);
    let tip = newest.max(power::left_out(db)?);
    let mut lost = Vec::new();
    let mut all = db.prepare("SELECT name_group, seq FROM lost")?;
    let mut rows = all.query([])?;
    while let Some(row) = rows.next()? {
        let group = usize::try_from(row.get::<_, i64>(0)?).unwrap_or_default();
        lost.push((group, number(row, 1)?));
    }
    let past = Past { tip, ahead_max: 0, group_key: meta.group_key, lost, messages };
    let (keys, old_key) = keys(db, at)?;
    Ok(FoundFile { opened: Opened { epoch: meta.epoch, past, keys }, old_key })
}

/// What lies behind `tip`, as the records that it was appended as.
pub(super) fn records_behind(opened: &Opened, tip: Seq) -> Vec<Record> {
    let keys: HashMap<Seq, &KeyRecord> = opened.keys.iter().map(|key| (key.seq, key)).collect();
    let messages = &opened.past.messages;
    let behind = messages.partition_point(|(message, _)| message.seq <= tip);
    let record = |message: &Arc<Message>| {
        let key = keys.get(&message.seq);
        Record {
            message: Arc::clone(message),
            key: key.map(|key| key.key.clone()),
            from: key.map_or(Network::V4(Ipv4Addr::UNSPECIFIED), |key| key.from),
        }
    };
    messages[behind..].iter().map(|(message, _)| record(message)).collect()
}

fn messages(db: &Connection, at: WallMoment) -> Result<Vec<(Arc<Message>, Seq)>, ReadError> {
    let mut all = db.prepare(
        "SELECT seq, before, topic, event, payload, binary, wall_ms, checked FROM messages
         ORDER BY seq",
    )?;
    let mut rows = all.query([])?;
    let mut found = Vec::new();
    let mut names = HashMap::new();
    let mut latest = Micros(0);
    while let Some(row) = rows.next()? {
        let (seq, before) = (number(row, 0)?, number(row, 1)?);
        let damaged = || ReadError::Damaged(seq);
        let text = row.get_ref(2)?.as_str().map_err(|_| damaged())?;
        let topic = if let Some(topic) = names.get(text) {
            TopicName::clone(topic)
        } else {
            let topic = TopicName::parse(text).ok_or_else(damaged)?;
            names.insert(text.to_owned(), topic.clone());
            topic
        };
        let event = row.get_ref(3)?.as_str_or_null().map_err(|_| damaged())?;
        let bytes = row.get_ref(4)?.as_blob().map_err(|_| damaged())?;
        let binary: bool = row.get(5)?;
        if !binary && str::from_utf8(bytes).is_err() {
            return Err(damaged());
        }
        let wall_ms = number(row, 6)?.0;
        latest = moment(wall_ms, at).max(latest);
        let payload = Payload::framed(bytes, binary);
        let message = Message { seq, topic, event: event.map(Into::into), payload, at: latest };
        if open::check(&message, before, wall_ms) != number(row, 7)?.0 {
            return Err(damaged());
        }
        found.push((Arc::new(message), before));
    }
    Ok(found)
}

/// Young keys, and the newest that is too old. Their ages are in the order of their numbers.
fn keys(db: &Connection, at: WallMoment) -> Result<(Vec<KeyRecord>, Option<Seq>), ReadError> {
    let mut all = db.prepare("SELECT seq, topic, key, network, wall_ms FROM keys ORDER BY seq")?;
    let mut rows = all.query([])?;
    let (mut found, mut old) = (Vec::new(), None);
    let mut latest = Millis(0);
    while let Some(row) = rows.next()? {
        let seq = number(row, 0)?;
        let topic = row.get_ref(1)?.as_str().ok().and_then(TopicName::parse);
        let network = match row.get_ref(3)?.as_blob() {
            Ok(&[a, b, c, d]) => Some(Network::from(IpAddr::from([a, b, c, d]))),
            Ok(bytes) => bytes.try_into().ok().map(Network::V6),
            Err(_) => None,
        };
        let (Some(topic), Some(from)) = (topic, network) else {
            return Err(ReadError::Damaged(seq));
        };
        latest = moment(number(row, 4)?.0, at).millis().max(latest);
        if at.now.millis().since(latest) < IDEMPOTENCY_MS_MAX {
            let key: String = row.get(2)?;
            found.push(KeyRecord { seq, at: latest, topic, key: key.into(), from });
        } else {
            old = Some(seq);
        }
    }
    Ok((found, old))
}

/// When it was by our clock that the wall said `wall_ms`.
fn moment(wall_ms: u64, at: WallMoment) -> Micros {
    let ago_us = at.wall_ms.saturating_sub(wall_ms).saturating_mul(1_000);
    Micros(at.now.0.saturating_sub(ago_us))
}

/// A number that was written as SQLite has them, with a sign.
fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<Seq> {
    row.get::<_, i64>(column).map(|number| Seq(number.cast_unsigned()))
}
