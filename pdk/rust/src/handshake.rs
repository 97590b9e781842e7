use std::borrow::Cow;

use crate::codec::Fields;
use crate::{object, Json};

/// The request with which a client asks to connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake<'a> {
    /// The method of the HTTP request.
    pub method: &'a str,
    /// The request's path, still escaped, without the query.
    pub path: &'a str,
    /// The raw query without the question mark; see
    /// [`query_value`](Handshake::query_value).
    pub query: &'a str,
    /// Names, in lower case, and values; see [`header`](Handshake::header).
    pub headers: Vec<(&'a str, &'a str)>,
    /// The peer's `host:port`.
    pub remote_address: &'a str,
}

impl<'a> Handshake<'a> {
    /// Returns the first value of a query parameter, unescaped.
    pub fn query_value(&self, name: &str) -> Option<Cow<'a, str>> {
        self.query.split('&').find_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            if pair.is_empty() || unescape(key) != name {
                return None;
            }
            Some(unescape(value))
        })
    }

    /// Returns the first value of a header. The case of the name does not
    /// matter.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.values(name).next()
    }

    /// Returns the first value of a cookie as it was sent.
    pub fn cookie(&self, name: &str) -> Option<&'a str> {
        self.values("cookie").flat_map(|value| value.split(';')).find_map(|pair| {
            let (key, value) = pair.trim().split_once('=')?;
            if key == name {
                Some(value)
            } else {
                None
            }
        })
    }

    fn values<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'a str> + 's {
        self.headers.iter().filter(move |(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }

    pub(crate) fn decode(message: &'a [u8]) -> Self {
        let mut f = Fields::new(message);
        let (method, path, query) = (f.text(), f.text(), f.text());
        let list = f.texts().unwrap_or_default();
        let headers = list.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
        Handshake { method, path, query, headers, remote_address: f.text() }
    }
}

/// Decodes `%XX` and `+`; what is no escape stays as it is, and bytes that are
/// not UTF-8 become U+FFFD.
fn unescape(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    if !bytes.iter().any(|c| matches!(c, b'+' | b'%')) {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let digit = |at: usize| bytes.get(at).and_then(|&c| (c as char).to_digit(16));
        match (bytes[i], digit(i + 1), digit(i + 2)) {
            (b'+', _, _) => out.push(b' '),
            (b'%', Some(high), Some(low)) => {
                out.push((high << 4 | low) as u8);
                i += 2;
            }
            (c, _, _) => out.push(c),
        }
        i += 1;
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

/// Who a connection is, and what it starts with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The authenticated user, at most 256 bytes without control characters;
    /// "" leaves the connection anonymous.
    pub user: String,
    /// Becomes the connection's metadata; none leaves `null`.
    pub metadata: Json<'static>,
}

impl Identity {
    /// Makes the identity of a user without metadata.
    pub fn new(user: impl Into<String>) -> Identity {
        Identity { user: user.into(), metadata: Json::NONE }
    }

    /// Adds metadata for the connection to start with.
    pub fn with_metadata<'a>(mut self, metadata: impl Into<Json<'a>>) -> Identity {
        self.metadata = metadata.into().into_owned();
        self
    }

    pub(crate) fn json(&self) -> Json<'static> {
        let o = object().text("user", &self.user);
        if self.metadata.is_none() {
            o.json()
        } else {
            o.raw("metadata", &self.metadata).json()
        }
    }
}
