//! Typed payloads and replies, with the feature `serde`.

use serde::{Deserialize, Serialize};

use crate::generated::code;
use crate::{Call, Error, Json, Reply, Result};

impl Json<'_> {
    /// Writes a value as JSON.
    pub fn from_value<T: Serialize + ?Sized>(value: &T) -> Result<Json<'static>> {
        Ok(Json::from_bytes(serde_json::to_vec(value)?))
    }

    /// Reads the JSON as a type, which may borrow from it; none is read as
    /// `null`.
    pub fn to_value<'a, T: Deserialize<'a>>(&'a self) -> Result<T> {
        read(self.bytes())
    }
}

impl Call {
    /// Reads the payload as a type, which may borrow from the call; what does not
    /// fit is an `EPAYLOAD` error that says where.
    pub fn input<'a, T: Deserialize<'a>>(&'a self) -> Result<T> {
        read(crate::codec::skip(self.request(), 6)).map_err(|e| Error::new(code::PAYLOAD, ["payload: ", &e.message].concat()))
    }
}

fn read<'a, T: Deserialize<'a>>(text: Option<&'a [u8]>) -> Result<T> {
    Ok(serde_json::from_slice(text.unwrap_or(b"null"))?)
}

/// Replies with a value as JSON, as `reply(&value)` at the end of a handler.
pub fn reply<T: Serialize + ?Sized>(value: &T) -> Reply<'static> {
    Json::from_value(value)
}
