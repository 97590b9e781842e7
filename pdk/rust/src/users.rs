//! The authenticated users that are connected, each with one connection or
//! several.

use crate::connections::{with_lists, Names};
use crate::generated::operations;
use crate::{Json, Result};

/// Pushes `{command, payload}` to every connection of the users of a list and
/// returns how many it was handed to. Unknown users are passed over. A payload of
/// none is `null`.
pub fn send<'a, S: AsRef<str>>(to: &[S], command: &str, payload: impl Into<Json<'a>>) -> Result<i64> {
    send_except(to, command, payload, &[""; 0])
}

/// Is [`send`] without the excluded connections.
pub fn send_except<'a, S, T>(to: &[S], command: &str, payload: impl Into<Json<'a>>, exclude: &[T]) -> Result<i64>
where
    S: AsRef<str>,
    T: AsRef<str>,
{
    let payload = payload.into();
    with_lists(to, exclude, |to, exclude| operations::users_send(to, command, &payload, exclude))
}

/// Closes every connection of a user and returns how many there were. Code and
/// reason are as for [`connections::disconnect`](crate::connections::disconnect).
pub fn disconnect(user: &str, code: impl Into<i64>, reason: &str) -> Result<i64> {
    operations::users_disconnect(user, code.into(), reason)
}

/// Returns a page of the users, each of them once; cursor and limit are as for
/// [`connections::list`](crate::connections::list).
pub fn list(cursor: &str, limit: i64) -> Result<Names> {
    let (list, next) = operations::users_list(cursor, limit)?;
    Ok(Names { list, next })
}

/// Returns the ids of a user's connections.
pub fn connections(user: &str) -> Result<Vec<String>> {
    operations::users_connections(user)
}
