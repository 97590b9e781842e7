use crate::{codec, Error, Fields, Json};

/// What a command's handler returns: the reply's payload ([`Json::NONE`]:
/// `null`), or the client's error. Written as in
/// `fn greet(c: &Call) -> Reply<'_>`, the payload may borrow from the call.
pub type Reply<'a> = Result<Json<'a>, Error>;

/// One call of the host into the plugin. What its methods return borrows from
/// the request, which the next call overwrites; nothing is decoded before it is
/// asked for, and nothing is copied.
#[derive(Default)]
pub struct Call {
    /// The sticky buffer for requests, of which the last one fills `size` bytes.
    pub(crate) buffer: Vec<u8>,
    pub(crate) size: usize,
}

impl Call {
    /// Returns the command's name, the topic's for a guard, the collection's id
    /// for a resolver, the schedule's for a schedule, and the event's for a hook.
    /// Built-in commands are named `mesh/<name>`, whatever the client wrote.
    pub fn name(&self) -> &str {
        codec::skip_text(self.request(), 1)
    }

    /// Returns the connection's id, "" where the call comes from none.
    pub fn connection_id(&self) -> &str {
        codec::skip_text(self.request(), 2)
    }

    /// Returns the authenticated user, "" for an anonymous connection.
    pub fn user(&self) -> &str {
        codec::skip_text(self.request(), 3)
    }

    /// Returns the connection's metadata, none where none is set.
    pub fn metadata(&self) -> Json<'_> {
        self.json(4)
    }

    /// Returns the object that middleware has built up for this command, none
    /// where none has.
    pub fn locals(&self) -> Json<'_> {
        self.json(5)
    }

    /// Returns the command's payload as the client wrote it, none where the
    /// frame had none.
    pub fn payload(&self) -> Json<'_> {
        self.json(6)
    }

    /// Reads the payload as an object.
    pub fn fields(&self) -> Fields<'_> {
        Fields::new(codec::skip(self.request(), 6).unwrap_or_default())
    }

    pub(crate) fn detail(&self) -> &[u8] {
        codec::skip(self.request(), 7).unwrap_or_default()
    }

    pub(crate) fn request(&self) -> &[u8] {
        &self.buffer[..self.size]
    }

    fn json(&self, field: usize) -> Json<'_> {
        Json::optional(codec::skip(self.request(), field))
    }
}
