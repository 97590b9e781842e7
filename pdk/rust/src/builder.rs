use crate::json::{put_float, put_int};
use crate::quote::put_quoted;
use crate::Json;

/// Writes a JSON object member by member:
///
/// ```
/// use mesh_pdk::object;
/// let json = object().int("n", 1).text("user", "ann").json();
/// assert_eq!(json, r#"{"n":1,"user":"ann"}"#);
/// ```
///
/// It does not look for members written twice.
#[derive(Clone, Debug)]
pub struct ObjectBuilder(Vec<u8>);

/// Starts a JSON object.
pub fn object() -> ObjectBuilder {
    let mut text = Vec::with_capacity(64);
    text.push(b'{');
    ObjectBuilder(text)
}

impl ObjectBuilder {
    /// Adds an integer.
    pub fn int(mut self, name: &str, v: i64) -> Self {
        put_int(self.name(name), v);
        self
    }

    /// Adds a number, as [`Json::float`] writes it.
    pub fn float(mut self, name: &str, v: f64) -> Self {
        put_float(self.name(name), v);
        self
    }

    /// Adds a string.
    pub fn text(mut self, name: &str, v: &str) -> Self {
        put_quoted(self.name(name), v);
        self
    }

    /// Adds a boolean.
    pub fn bool(mut self, name: &str, v: bool) -> Self {
        put_raw(self.name(name), &Json::bool(v));
        self
    }

    /// Adds an array of strings.
    pub fn texts<S: AsRef<str>>(mut self, name: &str, v: &[S]) -> Self {
        put_texts(self.name(name), v);
        self
    }

    /// Adds a JSON value as it is, none as `null`.
    pub fn raw<'a>(mut self, name: &str, v: impl Into<Json<'a>>) -> Self {
        put_raw(self.name(name), &v.into());
        self
    }

    /// Ends the object and returns it.
    pub fn json(mut self) -> Json<'static> {
        self.0.push(b'}');
        Json::from_bytes(self.0)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.len() == 1
    }

    fn name(&mut self, name: &str) -> &mut Vec<u8> {
        if !self.is_empty() {
            self.0.push(b',');
        }
        put_quoted(&mut self.0, name);
        self.0.push(b':');
        &mut self.0
    }
}

impl From<ObjectBuilder> for Json<'_> {
    fn from(v: ObjectBuilder) -> Self {
        v.json()
    }
}

/// Writes a JSON array item by item, like [`ObjectBuilder`].
#[derive(Clone, Debug)]
pub struct ArrayBuilder(Vec<u8>);

/// Starts a JSON array.
pub fn array() -> ArrayBuilder {
    let mut text = Vec::with_capacity(64);
    text.push(b'[');
    ArrayBuilder(text)
}

impl ArrayBuilder {
    /// Adds an integer.
    pub fn int(mut self, v: i64) -> Self {
        put_int(self.comma(), v);
        self
    }

    /// Adds a number, as [`Json::float`] writes it.
    pub fn float(mut self, v: f64) -> Self {
        put_float(self.comma(), v);
        self
    }

    /// Adds a string.
    pub fn text(mut self, v: &str) -> Self {
        put_quoted(self.comma(), v);
        self
    }

    /// Adds a boolean.
    pub fn bool(self, v: bool) -> Self {
        self.raw(v)
    }

    /// Adds a JSON value as it is, none as `null`.
    pub fn raw<'a>(mut self, v: impl Into<Json<'a>>) -> Self {
        put_raw(self.comma(), &v.into());
        self
    }

    /// Ends the array and returns it.
    pub fn json(mut self) -> Json<'static> {
        self.0.push(b']');
        Json::from_bytes(self.0)
    }

    fn comma(&mut self) -> &mut Vec<u8> {
        if self.0.len() > 1 {
            self.0.push(b',');
        }
        &mut self.0
    }
}

impl From<ArrayBuilder> for Json<'_> {
    fn from(v: ArrayBuilder) -> Self {
        v.json()
    }
}

fn put_raw(out: &mut Vec<u8>, v: &Json) {
    out.extend_from_slice(v.bytes().unwrap_or(b"null"));
}

pub(crate) fn put_texts<S: AsRef<str>>(out: &mut Vec<u8>, list: &[S]) {
    out.push(b'[');
    for (i, text) in list.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        put_quoted(out, text.as_ref());
    }
    out.push(b']');
}
