//! The plugin's own store of keys and JSON values. All its instances on all nodes
//! share it; other plugins have their own. Keys are 1 to 256 bytes without
//! control characters.

use crate::generated::operations;
use crate::{Duration, Json, Result};

/// Returns a key's value; none where it is missing or expired.
pub fn get(key: &str) -> Result<Json<'static>> {
    operations::kv_get(key)
}

/// Writes a key; the ttl may be [`FOREVER`](crate::FOREVER). The error is
/// `ELIMIT` where the store would grow over its bound.
pub fn set<'a>(key: &str, value: impl Into<Json<'a>>, ttl: Duration) -> Result<()> {
    operations::kv_set(key, &value.into(), ttl.as_millis())
}

/// Removes a key and tells whether it was there.
pub fn delete(key: &str) -> Result<bool> {
    operations::kv_delete(key)
}

/// Adds to an integer, atomically, and returns the sum. A missing key counts as 0
/// and gets the ttl; an existing one keeps its own. The error is `ECONFLICT`
/// where the value is no integer or the sum needs more than 64 bits.
pub fn increment(key: &str, by: i64, ttl: Duration) -> Result<i64> {
    operations::kv_increment(key, by, ttl.as_millis())
}

/// What has become of [`compare_and_set`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Swap {
    /// Whether the write took place.
    pub swapped: bool,
    /// The value that was found where it did not; none where there was none.
    pub current: Json<'static>,
}

/// Writes a key only if its value is, byte for byte, the expected one, and
/// otherwise returns the one it found. To expect none means that the key must be
/// missing, a value of none deletes it.
pub fn compare_and_set<'a, 'b>(key: &str, expected: impl Into<Json<'a>>, value: impl Into<Json<'b>>, ttl: Duration) -> Result<Swap> {
    let (swapped, current) = operations::kv_compare_and_set(key, &expected.into(), &value.into(), ttl.as_millis())?;
    Ok(Swap { swapped, current })
}
