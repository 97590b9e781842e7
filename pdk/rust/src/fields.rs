use std::borrow::Cow;

use crate::json::{self, first};
use crate::{Error, Json, Result};

/// Reads an object's members by name and type; what is wrong with one is an
/// `EPAYLOAD` error that names it:
///
/// ```
/// # use mesh_pdk::{object, Call, Reply};
/// fn add(c: &Call) -> Reply<'_> {
///     let input = c.fields();
///     let (a, b) = (input.int("a")?, input.int("b")?);
///     Ok(object().int("sum", a.wrapping_add(b)).json())
/// }
/// ```
///
/// The methods that begin with `optional` return `None` for a member that is
/// missing or `null`.
#[derive(Clone, Copy)]
pub struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) fn new(object: &'a [u8]) -> Self {
        Fields(object)
    }

    /// Tells whether the member is there and not `null`.
    pub fn has(&self, name: &str) -> bool {
        !Json::optional(json::member(self.0, name)).is_null()
    }

    /// Returns a member of any type, `null` included.
    pub fn value(&self, name: &str) -> Result<Json<'a>> {
        Ok(Json::optional(Some(self.find(name)?)))
    }

    /// Returns a string, unescaped.
    pub fn text(&self, name: &str) -> Result<Cow<'a, str>> {
        json::as_text(self.find(name)?).ok_or_else(|| Error::bad_payload(name, "must be text"))
    }

    /// Returns an integer of 64 bits.
    pub fn int(&self, name: &str) -> Result<i64> {
        json::as_int(self.find(name)?).ok_or_else(|| Error::bad_payload(name, "must be an integer"))
    }

    /// Returns a number.
    pub fn float(&self, name: &str) -> Result<f64> {
        json::as_float(self.find(name)?).ok_or_else(|| Error::bad_payload(name, "must be a number"))
    }

    /// Returns a boolean.
    pub fn bool(&self, name: &str) -> Result<bool> {
        json::as_bool(self.find(name)?).ok_or_else(|| Error::bad_payload(name, "must be true or false"))
    }

    /// Returns an array of strings.
    pub fn texts(&self, name: &str) -> Result<Vec<Cow<'a, str>>> {
        json::as_texts(self.find(name)?).ok_or_else(|| Error::bad_payload(name, "must be a list of text"))
    }

    /// Returns a member that is an object.
    pub fn object(&self, name: &str) -> Result<Json<'a>> {
        let value = self.value(name)?;
        if value.is_object() {
            Ok(value)
        } else {
            Err(Error::bad_payload(name, "must be an object"))
        }
    }

    /// Returns a member of any type that may be missing.
    pub fn optional_value(&self, name: &str) -> Result<Option<Json<'a>>> {
        self.optional(name, Self::value)
    }

    /// Returns a string that may be missing.
    pub fn optional_text(&self, name: &str) -> Result<Option<Cow<'a, str>>> {
        self.optional(name, Self::text)
    }

    /// Returns an integer that may be missing.
    pub fn optional_int(&self, name: &str) -> Result<Option<i64>> {
        self.optional(name, Self::int)
    }

    /// Returns a number that may be missing.
    pub fn optional_float(&self, name: &str) -> Result<Option<f64>> {
        self.optional(name, Self::float)
    }

    /// Returns a boolean that may be missing.
    pub fn optional_bool(&self, name: &str) -> Result<Option<bool>> {
        self.optional(name, Self::bool)
    }

    /// Returns an array of strings that may be missing.
    pub fn optional_texts(&self, name: &str) -> Result<Option<Vec<Cow<'a, str>>>> {
        self.optional(name, Self::texts)
    }

    fn optional<T>(&self, name: &str, read: fn(&Self, &str) -> Result<T>) -> Result<Option<T>> {
        if self.has(name) {
            read(self, name).map(Some)
        } else {
            Ok(None)
        }
    }

    fn find(&self, name: &str) -> Result<&'a [u8]> {
        json::member(self.0, name).ok_or_else(|| self.miss(name))
    }

    #[cold]
    fn miss(&self, name: &str) -> Error {
        if first(self.0) == Some(b'{') {
            Error::bad_payload(name, "is missing")
        } else {
            Error::bad_payload("", "must be an object")
        }
    }
}
