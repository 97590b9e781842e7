//! An instance of a plugin as the host sees it: the exports of the module.

use crate::codec::Writer;
use crate::generated::code;
use crate::host::KEPT_BUFFER;
use crate::plugin::Handler;
use crate::respond::{put_reply_header, ERROR, REPLY_HEADER};
use crate::{object, Call, Error, Json, Plugin, Result};

/// The function that sets a plugin up.
pub(crate) type Setup<'a> = &'a dyn Fn(&mut Plugin) -> Result<()>;

#[derive(Default)]
pub(crate) struct Guest {
    plugin: Plugin,
    call: Call,
    out: Writer,
    document: Vec<u8>,
}

impl Guest {
    /// Runs the set-up function and returns the registration document.
    pub fn register(&mut self, setup: Setup) -> &[u8] {
        self.plugin = Plugin::default();
        let document = match setup(&mut self.plugin) {
            Ok(()) => self.plugin.document(),
            Err(e) => object().text("error", &e.to_string()).json(),
        };
        self.document = document.as_bytes().to_vec();
        &self.document
    }

    /// Returns the buffer for requests, larger where it is too small; `None`
    /// where there is no room for that.
    pub fn alloc(&mut self, size: usize) -> Option<&mut [u8]> {
        if size > self.call.buffer.len() {
            let size = size.max(1024);
            self.call.size = 0;
            self.call.buffer = Vec::new(); // the old one's room may be needed
            let mut buffer = Vec::new();
            buffer.try_reserve_exact(size).ok()?;
            buffer.resize(size, 0);
            self.call.buffer = buffer;
        }
        Some(&mut self.call.buffer)
    }

    /// Answers the request that fills `size` bytes of the buffer.
    pub fn respond(&mut self, handler: u32, size: usize) -> &[u8] {
        self.call.size = size;
        self.out.clear();
        if self.out.0.capacity() > KEPT_BUFFER {
            self.out = Writer::default();
        }
        let in_place = match self.plugin.handlers.get(handler as usize) {
            Some(Handler::Command(run)) => match run(&self.call) {
                Ok(body) => put_reply(&self.call, &body, &mut self.out),
                Err(e) => {
                    self.out.failure(ERROR, &e);
                    None
                }
            },
            Some(Handler::Other(run)) => {
                run(&self.call, &mut self.out);
                None
            }
            None => {
                self.out.failure(ERROR, &Error::new(code::PLUGIN, "the plugin has no such handler"));
                None
            }
        };
        match in_place {
            Some((start, body)) => {
                let reply = &mut self.call.buffer[start..start + REPLY_HEADER + body];
                put_reply_header(reply, body);
                reply
            }
            None => self.out.as_bytes(),
        }
    }

    /// Fills the request with rubbish, so that a plugin that keeps what is valid
    /// only until its handler returns would be found out.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn spoil(&mut self) {
        self.call.buffer.fill(0xAA);
    }
}

/// Writes a reply, unless its body is a part of the request: that gets its
/// header where it stands and is not copied. Returns where, and the body's
/// length.
fn put_reply(call: &Call, body: &Json, out: &mut Writer) -> Option<(usize, usize)> {
    let bytes = match body.bytes() {
        Some(bytes) => bytes,
        None => {
            out.goes_on();
            return None;
        }
    };
    let at = (bytes.as_ptr() as usize).wrapping_sub(call.buffer.as_ptr() as usize);
    if at >= REPLY_HEADER && at <= call.size && bytes.len() <= call.size - at {
        return Some((at - REPLY_HEADER, bytes.len()));
    }
    out.reply(bytes);
    None
}

/// What the macro [`plugin!`](crate::plugin!) exports.
#[cfg(target_arch = "wasm32")]
pub mod exports {
    use std::cell::RefCell;

    use super::Guest;
    use crate::{Plugin, Result};

    thread_local! {
        static GUEST: RefCell<Guest> = RefCell::default();
    }

    fn pack(bytes: &[u8]) -> u64 {
        (bytes.as_ptr() as u64) << 32 | bytes.len() as u64
    }

    /// Is `mesh_alloc`.
    pub fn alloc(size: u32) -> *mut u8 {
        GUEST.with(|g| g.borrow_mut().alloc(size as usize).map_or(std::ptr::null_mut(), |b| b.as_mut_ptr()))
    }

    /// Is `mesh_register`.
    pub fn register(setup: fn(&mut Plugin) -> Result<()>) -> u64 {
        std::panic::set_hook(Box::new(|info| crate::log(crate::FAULT, &info.to_string())));
        GUEST.with(|g| pack(g.borrow_mut().register(&setup)))
    }

    /// Is `mesh_call`.
    pub fn call(handler: u32, request: *const u8, size: u32) -> u64 {
        GUEST.with(|g| {
            let mut guest = g.borrow_mut();
            let buffer = &guest.call.buffer;
            assert!(request == buffer.as_ptr() && size as usize <= buffer.len(), "a request outside its buffer");
            pack(guest.respond(handler, size as usize))
        })
    }
}
