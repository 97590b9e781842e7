//! The clients that are connected, to whatever node.
//!
//! Lists come in pages. The first one begins at the cursor "", each further one
//! at the next that the page before it returned, which is "" after the last. A
//! page has at most `limit` entries, up to 1000; 0: 100.

use crate::codec::Texts;
use crate::generated::operations;
use crate::{Json, Result};

/// A strategy of writing: the new value takes the old one's place.
pub const REPLACE: &str = "replace";
/// A strategy of writing: the members of an object are laid over those of the
/// old one.
pub const MERGE: &str = "merge";
/// A strategy of writing: as [`MERGE`], in nested objects too; arrays replace.
pub const DEEP_MERGE: &str = "deepMerge";

/// A part of a list, as JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The entries.
    pub list: Json<'static>,
    /// The cursor of the next page, "" after the last.
    pub next: String,
}

/// A part of a list of names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// The entries.
    pub list: Vec<String>,
    /// The cursor of the next page, "" after the last.
    pub next: String,
}

/// Calls an operation with a list, and another that is left out where it is
/// empty.
pub(crate) fn with_lists<S, T, R>(to: &[S], exclude: &[T], call: impl FnOnce(Texts, Texts) -> R) -> R
where
    S: AsRef<str>,
    T: AsRef<str>,
{
    let mut to = to.iter().map(AsRef::as_ref);
    with_list(exclude, |exclude| call(Some(&mut to), exclude))
}

pub(crate) fn with_list<T: AsRef<str>, R>(exclude: &[T], call: impl FnOnce(Texts) -> R) -> R {
    if exclude.is_empty() {
        return call(None);
    }
    call(Some(&mut exclude.iter().map(AsRef::as_ref)))
}

/// An empty list of connections to exclude.
const NOBODY: [&str; 0] = [];

/// Pushes `{command, payload}` to the connections of a list and returns how many
/// it was handed to. Unknown ids are passed over. A payload of none is `null`.
pub fn send<'a, S: AsRef<str>>(to: &[S], command: &str, payload: impl Into<Json<'a>>) -> Result<i64> {
    send_except(to, command, payload, &NOBODY)
}

/// Is [`send`] without the excluded connections.
pub fn send_except<'a, S, T>(to: &[S], command: &str, payload: impl Into<Json<'a>>, exclude: &[T]) -> Result<i64>
where
    S: AsRef<str>,
    T: AsRef<str>,
{
    let payload = payload.into();
    with_lists(to, exclude, |to, exclude| operations::connections_send(to, command, &payload, exclude))
}

/// Pushes `{command, payload}` to every connection and returns how many it was
/// handed to. A payload of none is `null`.
pub fn broadcast<'a>(command: &str, payload: impl Into<Json<'a>>) -> Result<i64> {
    broadcast_except(command, payload, &NOBODY)
}

/// Is [`broadcast`] without the excluded connections.
pub fn broadcast_except<'a, T: AsRef<str>>(command: &str, payload: impl Into<Json<'a>>, exclude: &[T]) -> Result<i64> {
    let payload = payload.into();
    with_list(exclude, |exclude| operations::broadcast(command, &payload, exclude))
}

/// Closes a connection and tells whether there was one. The code is
/// [`NORMAL`](crate::close::NORMAL), [`GOING_AWAY`](crate::close::GOING_AWAY),
/// [`POLICY_VIOLATION`](crate::close::POLICY_VIOLATION),
/// [`INTERNAL_ERROR`](crate::close::INTERNAL_ERROR),
/// [`TRY_AGAIN_LATER`](crate::close::TRY_AGAIN_LATER) or 4000 to 4999, 0:
/// [`KICKED`](crate::close::KICKED); the reason is at most 123 bytes. The hooks
/// that this sets off run after the handler has returned.
pub fn disconnect(connection_id: &str, code: impl Into<i64>, reason: &str) -> Result<bool> {
    operations::connections_disconnect(connection_id, code.into(), reason)
}

/// Returns a connection's metadata, `null` where none is set, and its
/// authenticated user, "" for an anonymous one. The error is `ENOTFOUND` where
/// there is no such connection.
pub fn metadata(connection_id: &str) -> Result<(Json<'static>, String)> {
    operations::connections_metadata_get(connection_id)
}

/// Writes a connection's metadata by a strategy, [`REPLACE`], [`MERGE`] or
/// [`DEEP_MERGE`], and returns it as it is then. The error is `ENOTFOUND` where
/// there is no such connection, `EPAYLOAD` for the merge of something that is no
/// object, `ETOOLARGE` beyond the host's limit.
pub fn set_metadata<'a>(connection_id: &str, metadata: impl Into<Json<'a>>, strategy: &str) -> Result<Json<'static>> {
    operations::connections_metadata_set(connection_id, &metadata.into(), strategy)
}

/// Returns a page of the connections of a user, "": of all, as `[{"connectionId",
/// "user", "node", "latency", "connectedAt"}]`: user is missing for an anonymous
/// one, the latency is the last one measured, in milliseconds.
pub fn list(user: &str, cursor: &str, limit: i64) -> Result<Page> {
    let (list, next) = operations::connections_list(user, cursor, limit)?;
    Ok(Page { list, next })
}

/// Returns a page of the metadata of a room's members, "": of all connections, as
/// `[{"<connectionId>": metadata}]`, `null` where none is set.
pub fn list_metadata(room: &str, cursor: &str, limit: i64) -> Result<Page> {
    let (list, next) = operations::connections_metadata_list(room, cursor, limit)?;
    Ok(Page { list, next })
}
