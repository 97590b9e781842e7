//! Who is present in the rooms that a pattern of
//! [`Plugin::presence`](crate::Plugin::presence) or of the operator's has
//! tracked, and in what state each is.

use crate::generated::operations;
use crate::{Duration, Json, Result};

/// Who is present in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Present {
    /// The ids of the connections.
    pub present: Vec<String>,
    /// The states of those that have one, as `{"<connectionId>": state}`.
    pub states: Json<'static>,
}

/// Returns who is present in a room, and their states.
pub fn list(room: &str) -> Result<Present> {
    let (present, states) = operations::presence_list(room)?;
    Ok(Present { present, states })
}

/// Sets the state of a connection, any value but `null`, and tells the room's
/// subscribers. It lasts until `expire_after`, [`FOREVER`](crate::FOREVER): until
/// it is changed or the connection leaves. It is false where the connection is
/// not present; the error is `ETOOLARGE` beyond the host's limit.
pub fn set<'a>(room: &str, connection_id: &str, state: impl Into<Json<'a>>, expire_after: Duration) -> Result<bool> {
    operations::presence_set(room, connection_id, &state.into(), expire_after.as_millis(), false)
}

/// Is [`set`], but tells nobody.
pub fn set_silently<'a>(room: &str, connection_id: &str, state: impl Into<Json<'a>>, expire_after: Duration) -> Result<bool> {
    operations::presence_set(room, connection_id, &state.into(), expire_after.as_millis(), true)
}

/// Takes the state of a connection away. It is false where the connection is not
/// present.
pub fn clear(room: &str, connection_id: &str) -> Result<bool> {
    operations::presence_clear(room, connection_id)
}

/// Ends a connection's subscription to the presence of a room and tells whether
/// there was one. The client gets the reason, at most 123 bytes.
pub fn unsubscribe(room: &str, connection_id: &str, reason: &str) -> Result<bool> {
    operations::presence_unsubscribe(room, connection_id, reason)
}
