//! Plugins for mesh-host in Rust.
//!
//! A plugin is a library of the type `cdylib` that sets itself up in one function
//! and is built for `wasm32-unknown-unknown`:
//!
//! ```
//! use mesh_pdk::{object, Call, Plugin, Reply, Result};
//!
//! mesh_pdk::plugin!(setup);
//!
//! fn setup(p: &mut Plugin) -> Result<()> {
//!     p.name("hello");
//!     p.command("greet", greet);
//!     Ok(())
//! }
//!
//! fn greet(c: &Call) -> Reply<'_> {
//!     let name = c.fields().text("name")?;
//!     Ok(object().text("greeting", &format!("Hello, {name}")).json())
//! }
//! ```
//!
//! [`Plugin`] registers commands, middleware, guards, hooks, schedules and what
//! clients can reach. In a handler the modules [`kv`], [`connections`], [`users`],
//! [`rooms`], [`channels`], [`presence`], [`records`], [`collections`] and
//! [`http`] call the host; a plugin imports only what it calls, and [`log`](fn@log),
//! which a panic needs.
//!
//! A handler's error reaches its caller; see [`Error`]. A panic is logged with its
//! message, and then traps: the caller gets `EPLUGIN`, and the host discards the
//! instance and all its state.
//!
//! In a build that is not for wasm, as that of `cargo test`, the module
//! [`testing`] runs a plugin against a host in memory.
//!
//! # Features
//!
//! * `serde`: typed payloads and replies, `Call::input` and `reply`.

#![deny(missing_docs)]
#![cfg_attr(not(target_arch = "wasm32"), deny(unsafe_code))]

mod builder;
mod call;
pub mod channels;
mod clock;
mod codec;
pub mod collections;
pub mod connections;
mod document;
mod duration;
mod error;
mod exposure;
mod fields;
#[rustfmt::skip]
mod generated;
mod guard;
mod guest;
mod handshake;
mod hook;
mod host;
pub mod http;
mod json;
pub mod kv;
mod log;
mod middleware;
mod plugin;
pub mod presence;
mod quote;
pub mod records;
mod respond;
pub mod rooms;
mod scan;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
mod transaction;
#[cfg(feature = "serde")]
mod typed;
pub mod users;
#[cfg(test)]
mod vectors;

pub use builder::{array, object, ArrayBuilder, ObjectBuilder};
pub use call::{Call, Reply};
pub use clock::now;
pub use collections::CollectionExposure;
pub use connections::{broadcast, broadcast_except, disconnect, send, send_except, DEEP_MERGE, MERGE, REPLACE};
pub use duration::{Duration, DAY, FOREVER, HOUR, MILLISECOND, MINUTE, SECOND};
pub use error::{Conflict, Error};
pub use exposure::{ChannelExposure, PresenceExposure, RecordExposure, RoomExposure, SlowConsumer};
pub use fields::Fields;
pub use generated::{close, code};
pub use guard::{action, topic, GuardCall};
pub use handshake::{Handshake, Identity};
pub use hook::{left, removed, Departure, Hook, RecordChange, RecordHook, RoomChange, Schedule};
pub use json::{Items, Json, Members};
pub use log::{config, log, DEBUG, FAULT, INFO, WARN};
pub use middleware::MiddlewareCall;
pub use plugin::{Command, Middleware, Plugin};
#[cfg(feature = "serde")]
pub use typed::reply;

/// The result of what may fail with an [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Exports a plugin that is set up by a function, `fn(&mut Plugin) -> Result<()>`:
/// `mesh_pdk::plugin!(setup);`, once in a plugin. The host runs the function first
/// in every instance. An error it returns is a load error that the host reports.
#[macro_export]
macro_rules! plugin {
    ($setup:path) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            #[no_mangle]
            extern "C" fn mesh_abi_1() {}

            #[no_mangle]
            extern "C" fn mesh_alloc(size: u32) -> *mut u8 {
                $crate::exports::alloc(size)
            }

            #[no_mangle]
            extern "C" fn mesh_register() -> u64 {
                $crate::exports::register($setup)
            }

            #[no_mangle]
            extern "C" fn mesh_call(handler: u32, request: *const u8, size: u32) -> u64 {
                $crate::exports::call(handler, request, size)
            }
        };
        // A build that is not for wasm exports nothing, but checks the type.
        #[cfg(not(target_arch = "wasm32"))]
        const _: fn(&mut $crate::Plugin) -> $crate::Result<()> = $setup;
    };
}

#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub use guest::exports;
