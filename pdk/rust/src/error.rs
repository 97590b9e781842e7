use std::fmt;

use crate::codec::{Fields, Writer};
use crate::generated::{class_name, code};
use crate::Json;

/// What a handler returns to say what its caller did wrong, and what a failed
/// operation returns. The client gets code, name, message and data as they are.
///
/// `?` turns any error of another kind, such as one of parsing, into an `Error`
/// without a code, whose text reaches the client under `ESERVER`. For that to
/// work this type does not implement [`std::error::Error`] itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Error {
    /// For programs: one of [`code`](mod@crate::code), or the plugin's own;
    /// empty: `ESERVER`.
    pub code: String,
    /// The error's class; empty: that of the code, or `Error`.
    pub name: String,
    /// For people.
    pub message: String,
    /// Any JSON value, or none.
    pub data: Json<'static>,
    /// The status with which a refused handshake is answered, 400 to 599; 0:
    /// 401. It means nothing elsewhere.
    pub http: u16,
}

impl Error {
    /// Makes an error with the class that goes with its code.
    pub fn new(code: &str, message: impl Into<String>) -> Error {
        Error { code: code.to_string(), name: class_name(code).to_string(), message: message.into(), ..Error::default() }
    }

    /// Makes an `EDENIED` error: the caller may not do this.
    pub fn denied(message: impl Into<String>) -> Error {
        Error::new(code::DENIED, message)
    }

    /// Makes an `ENOTFOUND` error: what the command names does not exist.
    pub fn not_found(message: impl Into<String>) -> Error {
        Error::new(code::NOT_FOUND, message)
    }

    /// Makes an `EPAYLOAD` error about a field of the payload, such as
    /// `Error::bad_payload("to", "must be a list of text")`. An empty field is
    /// the payload itself.
    pub fn bad_payload(field: &str, problem: &str) -> Error {
        let subject = if field.is_empty() { "payload".to_string() } else { ["field \"", field, "\""].concat() };
        Error::new(code::PAYLOAD, [&subject, " ", problem].concat())
    }

    /// Makes the error with which an authenticate hook refuses a handshake: an
    /// HTTP status from 400 to 599 and the text of the answer.
    pub fn refuse(status: u16, message: impl Into<String>) -> Error {
        Error { http: status, ..Error::denied(message) }
    }

    /// Adds a JSON value for programs.
    pub fn with_data<'a>(mut self, data: impl Into<Json<'a>>) -> Error {
        self.data = data.into().into_owned();
        self
    }

    /// Returns what a write with an expected version has met, if that is what
    /// this error says.
    pub fn conflict(&self) -> Option<Conflict> {
        if self.code != code::CONFLICT {
            return None;
        }
        let record_id = self.data.get("recordId").as_text().unwrap_or_default().into_owned();
        Some(Conflict { version: self.data.get("version").as_int()?, record_id })
    }

    pub(crate) fn encode(&self, m: &mut Writer) {
        m.text(&self.code);
        m.text(&self.name);
        m.text(&self.message);
        m.json(&self.data);
        m.optional_int(i64::from(self.http));
    }

    pub(crate) fn decode(message: &[u8]) -> Error {
        let mut f = Fields::new(message);
        let mut e = Error {
            code: f.text().to_string(),
            name: f.text().to_string(),
            message: f.text().to_string(),
            data: f.json(),
            http: f.int().unwrap_or(0).try_into().unwrap_or(0),
        };
        if f.malformed.is_some() || e.code.is_empty() {
            e.code = code::SERVER.to_string();
        }
        e
    }
}

/// The message, or the code where there is none.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.message.is_empty() { &self.code } else { &self.message })
    }
}

impl<E: std::error::Error> From<E> for Error {
    fn from(e: E) -> Self {
        Error { message: e.to_string(), ..Error::default() }
    }
}

/// What a write with an expected version has met; see [`Error::conflict`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The record's version now.
    pub version: i64,
    /// The record, empty where the write was of one alone.
    pub record_id: String,
}
