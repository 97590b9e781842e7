//! HTTP requests to the servers that the operator has allowed for the plugin, in
//! `plugins.<name>.http`. It is the only way out that a plugin has.

use crate::generated::operations;
use crate::{Duration, Result};

/// A request; only the URL must be given:
///
/// ```no_run
/// # use mesh_pdk::{http, object, Result, SECOND};
/// # fn ask() -> Result<()> {
/// let response = http::Request::new("https://api.example.com/orders")
///     .method("POST")
///     .header("content-type", "application/json")
///     .body(object().int("n", 1).json().as_bytes())
///     .timeout(2 * SECOND)
///     .fetch()?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// Begins with `http://` or `https://` and has at most 8192 bytes, without
    /// user and password.
    pub url: String,
    /// `GET` where it is empty; `HEAD`, `POST`, `PUT`, `PATCH`, `DELETE` and
    /// `OPTIONS` are the others.
    pub method: String,
    /// Names and values, or none. Host and the headers of the connection itself
    /// cannot be set.
    pub headers: Option<Vec<(String, String)>>,
    /// The body, or none.
    pub body: Option<Vec<u8>>,
    /// Bounds the time until the whole answer is there; [`FOREVER`](crate::FOREVER)
    /// is the operator's bound, `plugins.<name>.http_timeout`, which a longer one
    /// does not go beyond.
    pub timeout: Duration,
}

impl Request {
    /// Starts a request.
    pub fn new(url: impl Into<String>) -> Request {
        Request { url: url.into(), ..Request::default() }
    }

    /// Sets the method.
    pub fn method(mut self, method: &str) -> Request {
        self.method = method.to_string();
        self
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Request {
        self.headers.get_or_insert_with(Vec::new).push((name.to_string(), value.to_string()));
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Request {
        self.body = Some(body.into());
        self
    }

    /// Sets how long it may take.
    pub fn timeout(mut self, timeout: Duration) -> Request {
        self.timeout = timeout;
        self
    }

    /// Makes the request; see [`fetch`].
    pub fn fetch(&self) -> Result<Response> {
        fetch(self)
    }
}

/// A server's answer, whatever its status: a 404 is an answer and no error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// The status, such as 200.
    pub status: i64,
    /// Names, in lower case, and values, sorted by name.
    pub headers: Vec<(String, String)>,
    /// What came, decoded where it was compressed.
    pub body: Vec<u8>,
}

impl Response {
    /// Returns the first value of a header. The case of the name does not
    /// matter.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }
}

/// Makes one request and follows redirects to hosts that are allowed. The call
/// that it is made in waits meanwhile, and its own deadline goes on.
///
/// The error is `EDENIED` where the address is not allowed, `EUNAVAILABLE` where no
/// answer comes, `ETIMEOUT` where it comes too late, `ETOOLARGE` where it is larger
/// than `plugins.<name>.http_size`, `EPAYLOAD` where the request cannot be made.
pub fn fetch(request: &Request) -> Result<Response> {
    let mut list = request.headers.iter().flatten().flat_map(|(name, value)| [&**name, &**value]);
    let headers: crate::codec::Texts = if request.headers.is_some() { Some(&mut list) } else { None };
    let (status, headers, body) =
        operations::http_fetch(&request.url, &request.method, headers, request.body.as_deref(), request.timeout.as_millis())?;
    let mut list = headers.into_iter();
    let mut headers = Vec::new();
    while let (Some(name), Some(value)) = (list.next(), list.next()) {
        headers.push((name, value));
    }
    Ok(Response { status, headers, body: body.unwrap_or_default() })
}
