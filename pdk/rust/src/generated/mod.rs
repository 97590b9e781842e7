//! What follows from `abi/errors.json` and `abi/operations.json`; `go generate
//! ./abi` writes it.

#[rustfmt::skip]
mod codes;
#[cfg(test)]
#[rustfmt::skip]
pub(crate) mod dispatch;
#[rustfmt::skip]
pub(crate) mod env;
#[rustfmt::skip]
pub(crate) mod operations;

pub(crate) use codes::class_name;
pub use codes::{close, code};
