use crate::generated::operations;
use crate::{Json, Result};

/// A level of [`log`](fn@crate::log).
pub const DEBUG: &str = "debug";
/// A level of [`log`](fn@crate::log).
pub const INFO: &str = "info";
/// A level of [`log`](fn@crate::log).
pub const WARN: &str = "warn";
/// A level of [`log`](fn@crate::log), that of a panic too.
pub const FAULT: &str = "error";

/// Writes one line, of which 4096 bytes are kept, to the host's log under the
/// plugin's name. The host drops the lines beyond its rate limit and counts
/// them. A panic is logged by itself.
pub fn log(level: &str, message: &str) {
    let _ = operations::log(level, message); // there is nowhere to report it
}

/// Returns the plugin's own settings, `[plugins.<name>.config]` in the host's
/// file, as a JSON object, `{}` where there are none. It may be called from the
/// set-up function on.
pub fn config() -> Result<Json<'static>> {
    operations::config_get()
}
