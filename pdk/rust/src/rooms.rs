//! Groups of connections, on all nodes. Names are 1 to 256 bytes without control
//! characters; a room is there as long as it has members or metadata. No guard is
//! asked. The hooks that a change sets off run after the handler has returned.

use crate::connections::{with_list, Names, Page};
use crate::generated::operations;
use crate::{Error, Json, Result};

/// Makes a connection a member, as if it had joined, and tells whether it was
/// none before. The error is `ENOTFOUND` where there is no such connection,
/// `ELIMIT` where it is in as many rooms as the host allows.
pub fn add(room: &str, connection_id: &str) -> Result<bool> {
    operations::rooms_add(room, connection_id)
}

/// Ends a membership and tells whether there was one.
pub fn remove(room: &str, connection_id: &str) -> Result<bool> {
    operations::rooms_remove(room, connection_id)
}

/// Ends all memberships of a connection and returns the rooms that it was in.
pub fn remove_from_all(connection_id: &str) -> Result<Vec<String>> {
    operations::rooms_remove_from_all(connection_id)
}

/// Tells whether a connection is a member.
pub fn has(room: &str, connection_id: &str) -> Result<bool> {
    operations::rooms_has(room, connection_id)
}

/// Returns the ids of a room's members.
pub fn members(room: &str) -> Result<Vec<String>> {
    operations::rooms_members(room)
}

/// Returns the rooms of a connection.
pub fn of(connection_id: &str) -> Result<Vec<String>> {
    if connection_id.is_empty() {
        return Err(Error::bad_payload("connectionId", "is missing")); // all rooms would be another question
    }
    Ok(operations::rooms_list(connection_id, "", 0)?.0)
}

/// Returns a page of the rooms that have members; cursor and limit are as for
/// [`connections::list`](crate::connections::list).
pub fn list(cursor: &str, limit: i64) -> Result<Names> {
    let (list, next) = operations::rooms_list("", cursor, limit)?;
    Ok(Names { list, next })
}

/// Ends all memberships of a room, removes its metadata and returns how many
/// members it had.
pub fn clear(room: &str) -> Result<i64> {
    operations::rooms_clear(room)
}

/// Pushes `{command, payload}` to the members of a room and returns how many it
/// was handed to. A payload of none is `null`.
pub fn send<'a>(room: &str, command: &str, payload: impl Into<Json<'a>>) -> Result<i64> {
    send_except(room, command, payload, &[""; 0])
}

/// Is [`send`] without the excluded connections.
pub fn send_except<'a, T: AsRef<str>>(room: &str, command: &str, payload: impl Into<Json<'a>>, exclude: &[T]) -> Result<i64> {
    let payload = payload.into();
    with_list(exclude, |exclude| operations::rooms_send(room, command, &payload, exclude))
}

/// Returns a room's metadata, `null` where none is set.
pub fn metadata(room: &str) -> Result<Json<'static>> {
    operations::rooms_metadata_get(room)
}

/// Writes a room's metadata by a strategy, [`REPLACE`](crate::REPLACE),
/// [`MERGE`](crate::MERGE) or [`DEEP_MERGE`](crate::DEEP_MERGE), and returns it as
/// it is then. It outlives the members; `null` takes it away. The error is
/// `EPAYLOAD` for the merge of something that is no object, `ETOOLARGE` or
/// `ELIMIT` beyond the host's limits.
pub fn set_metadata<'a>(room: &str, metadata: impl Into<Json<'a>>, strategy: &str) -> Result<Json<'static>> {
    operations::rooms_metadata_set(room, &metadata.into(), strategy)
}

/// Returns a page of the rooms that have metadata, as `{"<room>": metadata}`;
/// cursor and limit are as for [`connections::list`](crate::connections::list).
pub fn list_metadata(cursor: &str, limit: i64) -> Result<Page> {
    let (list, next) = operations::rooms_metadata_list(cursor, limit)?;
    Ok(Page { list, next })
}
