use std::borrow::Cow;
use std::fmt;

use crate::quote::{put_quoted, unquote};
use crate::scan::{skip_space, trim, Scanner};
use crate::Fields;

/// The text of one JSON value, or no value at all.
///
/// It either borrows from what the host sent, such as a payload, or owns its
/// text. What the host hands to a plugin is valid JSON; of other text the
/// methods read what they can and never panic. They work on the text itself,
/// without building a tree: reading several members of an object scans it once
/// for each; for large objects iterate over [`members`](Json::members).
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Json<'a>(Option<Cow<'a, [u8]>>);

impl<'a> Json<'a> {
    /// No value: an absent payload, `null` as a reply.
    pub const NONE: Json<'static> = Json(None);

    /// Takes text that is JSON already. It is not checked: a reply that is no
    /// JSON is refused by the host.
    pub fn raw(text: &'a str) -> Json<'a> {
        Json(Some(Cow::Borrowed(text.as_bytes())))
    }

    /// Takes bytes that are JSON already, unchecked.
    pub fn from_bytes(bytes: impl Into<Cow<'a, [u8]>>) -> Json<'a> {
        Json(Some(bytes.into()))
    }

    /// Returns text as a JSON value.
    pub fn text(text: &str) -> Json<'static> {
        let mut out = Vec::with_capacity(text.len() + 2);
        put_quoted(&mut out, text);
        Json::from_bytes(out)
    }

    /// Returns an integer as a JSON value.
    pub fn int(v: i64) -> Json<'static> {
        let mut out = Vec::with_capacity(20);
        put_int(&mut out, v);
        Json::from_bytes(out)
    }

    /// Returns a number as a JSON value in its shortest form; NaN and the
    /// infinities are `null`, as in JavaScript.
    pub fn float(v: f64) -> Json<'static> {
        let mut out = Vec::new();
        put_float(&mut out, v);
        Json::from_bytes(out)
    }

    /// Returns a boolean as a JSON value.
    pub fn bool(v: bool) -> Json<'static> {
        Json::raw(if v { "true" } else { "false" })
    }

    /// Returns the text of the value, empty where there is none.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }

    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        self.0.as_deref()
    }

    pub(crate) fn optional(bytes: Option<&'a [u8]>) -> Json<'a> {
        Json(bytes.map(Cow::Borrowed))
    }

    /// Returns the value in memory of its own, to outlive the call.
    pub fn into_owned(self) -> Json<'static> {
        Json(self.0.map(|text| Cow::Owned(text.into_owned())))
    }

    /// Tells whether there is no value at all, not even `null`.
    pub fn is_none(&self) -> bool {
        self.0.is_none()
    }

    /// Tells whether the value is `null` or there is none.
    pub fn is_null(&self) -> bool {
        matches!(trim(self.as_bytes()), b"" | b"null")
    }

    /// Tells whether the value is an object.
    pub fn is_object(&self) -> bool {
        first(self.as_bytes()) == Some(b'{')
    }

    /// Tells whether the value is an array.
    pub fn is_array(&self) -> bool {
        first(self.as_bytes()) == Some(b'[')
    }

    /// Returns a member of an object, [`NONE`](Json::NONE) where it is missing
    /// or the value is no object. Of members with one name the last counts, as
    /// in JavaScript.
    pub fn get(&self, name: &str) -> Json<'_> {
        Json::optional(member(self.as_bytes(), name))
    }

    /// Iterates over an object's members in their order; over nothing where the
    /// value is no object.
    pub fn members(&self) -> Members<'_> {
        Members(Scanner::open(self.as_bytes(), b'{'))
    }

    /// Iterates over an array's items; over nothing where the value is no array.
    pub fn items(&self) -> Items<'_> {
        Items(Scanner::open(self.as_bytes(), b'['))
    }

    /// Returns a string, unescaped, if the value is one.
    pub fn as_text(&self) -> Option<Cow<'_, str>> {
        as_text(self.as_bytes())
    }

    /// Returns an integer, if the value is one that 64 bits hold, written
    /// without fraction and exponent.
    pub fn as_int(&self) -> Option<i64> {
        as_int(self.as_bytes())
    }

    /// Returns a number, if the value is one that is finite in 64 bits.
    pub fn as_float(&self) -> Option<f64> {
        as_float(self.as_bytes())
    }

    /// Returns a boolean, if the value is one.
    pub fn as_bool(&self) -> Option<bool> {
        as_bool(self.as_bytes())
    }

    /// Returns an array of strings, if the value is one.
    pub fn as_texts(&self) -> Option<Vec<Cow<'_, str>>> {
        as_texts(self.as_bytes())
    }

    /// Reads the value as an object whose members must have certain types.
    pub fn fields(&self) -> Fields<'_> {
        Fields::new(self.as_bytes())
    }
}

impl fmt::Display for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.as_bytes()))
    }
}

impl fmt::Debug for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(_) => fmt::Display::fmt(self, f),
            None => f.write_str("no value"),
        }
    }
}

/// Two values are equal to text if they are written like it.
impl PartialEq<str> for Json<'_> {
    fn eq(&self, other: &str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialEq<&str> for Json<'_> {
    fn eq(&self, other: &&str) -> bool {
        self == *other
    }
}

impl<'a> From<&'a Json<'_>> for Json<'a> {
    fn from(v: &'a Json<'_>) -> Self {
        Json::optional(v.bytes())
    }
}

impl From<i64> for Json<'_> {
    fn from(v: i64) -> Self {
        Json::int(v)
    }
}

impl From<f64> for Json<'_> {
    fn from(v: f64) -> Self {
        Json::float(v)
    }
}

impl From<bool> for Json<'_> {
    fn from(v: bool) -> Self {
        Json::bool(v)
    }
}

/// Becomes a JSON string; for text that is JSON already see [`Json::raw`].
impl From<&str> for Json<'_> {
    fn from(v: &str) -> Self {
        Json::text(v)
    }
}

/// The members of an object, names unescaped; see [`Json::members`].
pub struct Members<'a>(Scanner<'a>);

impl<'a> Iterator for Members<'a> {
    type Item = (Cow<'a, str>, Json<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (key, value) = self.0.member()?;
        Some((unquote(key), Json::optional(Some(value))))
    }
}

/// The items of an array; see [`Json::items`].
pub struct Items<'a>(Scanner<'a>);

impl<'a> Iterator for Items<'a> {
    type Item = Json<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(Json::optional(Some(self.0.item()?)))
    }
}

pub(crate) fn member<'a>(object: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut found = None;
    let mut scanner = Scanner::open(object, b'{');
    while let Some((key, value)) = scanner.member() {
        if key_is(key, name) {
            found = Some(value);
        }
    }
    found
}

/// Compares a name, unescaped only where it holds an escape.
fn key_is(key: &[u8], name: &str) -> bool {
    let raw = &key[1..key.len() - 1];
    raw == name.as_bytes() || raw.contains(&b'\\') && unquote(key) == name
}

/// Returns the first byte of a value, which tells its kind.
pub(crate) fn first(text: &[u8]) -> Option<u8> {
    text.get(skip_space(text, 0)).copied()
}

pub(crate) fn as_text(text: &[u8]) -> Option<Cow<'_, str>> {
    if first(text) != Some(b'"') {
        return None;
    }
    Some(unquote(trim(text)))
}

pub(crate) fn as_int(text: &[u8]) -> Option<i64> {
    let text = trim(text);
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || digits.len() > 19 {
        return None;
    }
    let mut n: u64 = 0; // 19 digits fit
    for &c in digits {
        if !c.is_ascii_digit() {
            return None;
        }
        n = n * 10 + u64::from(c - b'0');
    }
    match (negative, n) {
        (false, n) => i64::try_from(n).ok(),
        (true, n) if n <= 1 << 63 => Some((n as i64).wrapping_neg()),
        _ => None,
    }
}

pub(crate) fn as_float(text: &[u8]) -> Option<f64> {
    let text = trim(text);
    // What else `parse` reads: names, and a sign of plus.
    if !matches!(text.first()?, b'0'..=b'9' | b'-') || text.iter().any(|c| !matches!(c, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')) {
        return None;
    }
    let v: f64 = core::str::from_utf8(text).ok()?.parse().ok()?;
    if v.is_finite() {
        Some(v)
    } else {
        None
    }
}

pub(crate) fn as_bool(text: &[u8]) -> Option<bool> {
    match trim(text) {
        b"true" => Some(true),
        b"false" => Some(false),
        _ => None,
    }
}

pub(crate) fn as_texts(text: &[u8]) -> Option<Vec<Cow<'_, str>>> {
    if first(text) != Some(b'[') {
        return None;
    }
    let mut list = Vec::new();
    let mut scanner = Scanner::open(text, b'[');
    while let Some(item) = scanner.item() {
        list.push(as_text(item)?);
    }
    Some(list)
}

/// Adds an integer without the machinery of `format!`.
pub(crate) fn put_int(out: &mut Vec<u8>, v: i64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut n = v.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (n % 10) as u8;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    if v < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[at..]);
}

pub(crate) fn put_float(out: &mut Vec<u8>, v: f64) {
    let size = v.abs();
    let text = if !v.is_finite() {
        "null".to_string()
    } else if size != 0.0 && !(1e-6..1e21).contains(&size) {
        format!("{:e}", v)
    } else {
        format!("{}", v)
    };
    out.extend_from_slice(text.as_bytes());
}
