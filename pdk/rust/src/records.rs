//! Versioned JSON values that clients can subscribe to, on all nodes. Ids are 1 to
//! 256 bytes without control characters. Every change is one version, which
//! subscribers are told of; a value equal to the one that is there changes
//! nothing. No guard is asked. The hooks that a write sets off run after the
//! handler has returned.

use std::borrow::Cow;

use crate::generated::operations;
use crate::{object, Duration, Json, ObjectBuilder, Result};

pub use crate::transaction::{transaction, Committed, Transaction};

/// A value as it is at a version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record<'a> {
    /// The record's id.
    pub id: Cow<'a, str>,
    /// Any JSON value; `null` where there is none: never written, deleted or
    /// expired. In a list without values there is none.
    pub value: Json<'a>,
    /// Counts changes, deletions too; 0 for a record that was never written.
    pub version: i64,
    /// Names the life that the version counts in: versions of another one mean
    /// nothing. It is "" with version 0.
    pub epoch: Cow<'a, str>,
}

/// What has become of a write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// The record's version now, in the life that `epoch` names.
    pub version: i64,
    /// The life of the record that the version counts in.
    pub epoch: String,
    /// Whether this made the version: an equal value makes none.
    pub changed: bool,
}

/// The terms of a write; the default: replace whatever is there, and live as the
/// record's pattern says.
///
/// ```
/// # use mesh_pdk::{records::Terms, HOUR};
/// let terms = Terms::new().expect_version(3).ttl(HOUR);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    strategy: String,
    /// `None` is another thing than 0.
    expect: Option<i64>,
    ttl: Duration,
}

impl Terms {
    /// Starts with the default.
    pub fn new() -> Terms {
        Terms::default()
    }

    /// Lets the write take place only at that version of the record, and
    /// otherwise fail with `ECONFLICT`, which [`Error::conflict`](crate::Error::conflict) reads; 0: only
    /// where there is no value.
    pub fn expect_version(mut self, version: i64) -> Terms {
        self.expect = Some(version);
        self
    }

    /// Says how long the record lasts, until the next write, in the place of its
    /// pattern's TTL, at least a millisecond; [`FOREVER`](crate::FOREVER): the
    /// pattern's. A deletion has none.
    pub fn ttl(mut self, ttl: Duration) -> Terms {
        self.ttl = ttl;
        self
    }

    /// Says how the value is written over the one that is there:
    /// [`REPLACE`](crate::REPLACE), [`MERGE`](crate::MERGE) or
    /// [`DEEP_MERGE`](crate::DEEP_MERGE). A deletion has none.
    pub fn strategy(mut self, strategy: &str) -> Terms {
        self.strategy = strategy.to_string();
        self
    }

    pub(crate) fn merging(mut self) -> Terms {
        if self.strategy.is_empty() {
            self.strategy = crate::MERGE.to_string();
        }
        self
    }

    fn expected(&self) -> Json<'static> {
        self.expect.map_or(Json::NONE, Json::int)
    }

    /// Ends an operation of a transaction with what the terms say.
    pub(crate) fn of(&self, operation: ObjectBuilder) -> Json<'static> {
        let mut o = object();
        if !self.strategy.is_empty() {
            o = o.text("strategy", &self.strategy);
        }
        if let Some(version) = self.expect {
            o = o.int("expectVersion", version);
        }
        if self.ttl != crate::FOREVER {
            o = o.int("ttl", self.ttl.as_millis());
        }
        if o.is_empty() {
            operation.json()
        } else {
            operation.raw("options", o).json()
        }
    }
}

/// Reads a record.
pub fn get(id: &str) -> Result<Record<'_>> {
    let (value, version, epoch) = operations::records_get(id)?;
    Ok(Record { id: id.into(), value, version, epoch: epoch.into() })
}

/// Writes a record. The error is `ETOOLARGE` or `ELIMIT` beyond the host's
/// limits.
pub fn set<'a>(id: &str, value: impl Into<Json<'a>>) -> Result<Written> {
    set_on(id, value, &Terms::default())
}

/// Is [`set`] on terms: the error is `ECONFLICT` where the expected version is
/// not met.
pub fn set_on<'a>(id: &str, value: impl Into<Json<'a>>, terms: &Terms) -> Result<Written> {
    let ttl = terms.ttl.as_millis();
    let (version, epoch, changed) = operations::records_set(id, &value.into(), &terms.strategy, &terms.expected(), ttl)?;
    Ok(Written { version, epoch, changed })
}

/// Lays the members of an object over those of the record. What is no object, or
/// meets none, replaces. Otherwise it is [`set`].
pub fn merge<'a>(id: &str, part: impl Into<Json<'a>>) -> Result<Written> {
    merge_on(id, part, &Terms::default())
}

/// Is [`merge`] on terms; with the strategy [`DEEP_MERGE`](crate::DEEP_MERGE) in
/// nested objects too.
pub fn merge_on<'a>(id: &str, part: impl Into<Json<'a>>, terms: &Terms) -> Result<Written> {
    set_on(id, part, &terms.clone().merging())
}

/// Writes what `change` makes of a record. Where another write comes between
/// reading and writing it begins anew, so that none is lost; `change` may be
/// called several times. An error of `change` ends it, and nothing is written.
pub fn update(id: &str, change: impl Fn(&Record) -> Result<Json<'static>>) -> Result<Written> {
    update_on(id, change, &Terms::default())
}

/// Is [`update`] on terms, of which an expected version does not count.
pub fn update_on(id: &str, change: impl Fn(&Record) -> Result<Json<'static>>, terms: &Terms) -> Result<Written> {
    loop {
        let r = get(id)?;
        let value = change(&r)?;
        match set_on(id, value, &terms.clone().expect_version(r.version)) {
            Err(e) if e.conflict().is_some() => continue,
            other => return other,
        }
    }
}

/// What has become of a deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deleted {
    /// Whether there was a value.
    pub deleted: bool,
    /// The record's version now.
    pub version: i64,
}

/// Takes a record's value away, which makes a version too.
pub fn delete(id: &str) -> Result<Deleted> {
    delete_on(id, &Terms::default())
}

/// Is [`delete`] on terms: the error is `ECONFLICT` where the expected version is
/// not met.
pub fn delete_on(id: &str, terms: &Terms) -> Result<Deleted> {
    let (deleted, version) = operations::records_delete(id, &terms.expected())?;
    Ok(Deleted { deleted, version })
}

/// Says which records are listed; the default: the first 100, without their
/// values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordQuery<'a> {
    /// Selects by id, like that of an exposure; "": all.
    pub pattern: &'a str,
    /// Asks for values too. Pages may then be shorter than the limit.
    pub values: bool,
    /// Where the page begins: that of the one before, "" for the first.
    pub cursor: &'a str,
    /// The most records of the page, up to 1000; 0: 100.
    pub limit: i64,
}

/// A part of a list of records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordPage {
    /// `[{"recordId", "version", "epoch", "value"}]`, value where it was asked
    /// for; [`records`](RecordPage::records) reads it.
    pub list: Json<'static>,
    /// The cursor of the next page, "" after the last.
    pub next: String,
}

/// Lists the records that have a value.
pub fn list(q: RecordQuery) -> Result<RecordPage> {
    let (list, next) = operations::records_list(q.pattern, q.values, q.cursor, q.limit)?;
    Ok(RecordPage { list, next })
}

impl RecordPage {
    /// Iterates over the records.
    pub fn records(&self) -> impl Iterator<Item = Record<'static>> + '_ {
        self.list.items().map(|item| read_record(&item))
    }
}

/// Reads an entry of a list in one pass: values may be large.
fn read_record(item: &Json) -> Record<'static> {
    let mut r = Record::default();
    for (name, value) in item.members() {
        match &*name {
            "recordId" => r.id = value.as_text().unwrap_or_default().into_owned().into(),
            "version" => r.version = value.as_int().unwrap_or(0),
            "epoch" => r.epoch = value.as_text().unwrap_or_default().into_owned().into(),
            "value" => r.value = value.into_owned(),
            _ => {}
        }
    }
    r
}

/// Ends a connection's subscription to a record and tells whether there was one.
/// The client gets the reason, at most 123 bytes. What it sees of the record
/// through a collection stays.
pub fn unsubscribe(id: &str, connection_id: &str, reason: &str) -> Result<bool> {
    operations::records_unsubscribe(id, connection_id, reason)
}
