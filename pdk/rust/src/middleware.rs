use std::cell::RefCell;
use std::ops::Deref;

use crate::codec::Writer;
use crate::respond::CONTINUE;
use crate::{Call, Json};

/// A command on its way to its handler; it has all methods of [`Call`]. A
/// middleware that returns `Ok` lets it pass, or answers it if
/// [`reply`](MiddlewareCall::reply) was called; one that returns an error
/// refuses it.
pub struct MiddlewareCall<'a> {
    call: &'a Call,
    decided: RefCell<Decided>,
}

#[derive(Default)]
struct Decided {
    payload: Json<'static>,
    locals: Json<'static>,
    reply: Json<'static>,
}

impl<'a> MiddlewareCall<'a> {
    pub(crate) fn new(call: &'a Call) -> Self {
        MiddlewareCall { call, decided: RefCell::default() }
    }

    /// Replaces the payload for the middleware that follows and for the handler.
    /// None changes nothing.
    pub fn set_payload<'b>(&self, payload: impl Into<Json<'b>>) {
        self.decided.borrow_mut().payload = payload.into().into_owned();
    }

    /// Merges the members of an object over the command's locals, which later
    /// middleware and the handler read. The last call counts.
    pub fn set_locals<'b>(&self, object: impl Into<Json<'b>>) {
        self.decided.borrow_mut().locals = object.into().into_owned();
    }

    /// Answers the command in the handler's stead; none: `null`. Nothing after
    /// this middleware runs.
    pub fn reply<'b>(&self, payload: impl Into<Json<'b>>) {
        let payload = payload.into();
        self.decided.borrow_mut().reply = if payload.is_none() { Json::raw("null") } else { payload.into_owned() };
    }

    pub(crate) fn respond(&self, out: &mut Writer) {
        let decided = self.decided.borrow();
        if let Some(reply) = decided.reply.bytes() {
            return out.reply(reply);
        }
        out.int(CONTINUE);
        out.json(&decided.payload);
        out.json(&decided.locals);
    }
}

impl Deref for MiddlewareCall<'_> {
    type Target = Call;

    fn deref(&self) -> &Call {
        self.call
    }
}
