//! The responses to a call.

use crate::codec::Writer;
use crate::{Error, Result};

pub(crate) const CONTINUE: i64 = 0;
pub(crate) const REPLY: i64 = 1;
pub(crate) const ERROR: i64 = 2;
pub(crate) const REFUSE: i64 = 3;

/// The length of a reply up to its body: the status field and the body's
/// length.
pub(crate) const REPLY_HEADER: usize = 16;

/// Writes what stands before a reply's body.
pub(crate) fn put_reply_header(at: &mut [u8], body: usize) {
    at[..4].copy_from_slice(&8u32.to_le_bytes());
    at[4..12].copy_from_slice(&REPLY.to_le_bytes());
    at[12..16].copy_from_slice(&(body as u32).to_le_bytes());
}

impl Writer {
    pub fn goes_on(&mut self) {
        self.int(CONTINUE);
    }

    pub fn reply(&mut self, body: &[u8]) {
        self.int(REPLY);
        self.bytes(Some(body));
    }

    /// Writes an error under the status `ERROR` or `REFUSE`.
    pub fn failure(&mut self, status: i64, e: &Error) {
        self.int(status);
        let body = self.begin();
        e.encode(self);
        self.end(body);
    }

    /// Writes the response of a handler that has nothing to say but whether it
    /// failed.
    pub fn outcome(&mut self, failure: i64, result: Result<()>) {
        match result {
            Ok(()) => self.goes_on(),
            Err(e) => self.failure(failure, &e),
        }
    }
}
