use mesh_pdk::{channels, code, kv, now, object, Call, Error, MiddlewareCall, Reply, Result, SECOND};

use crate::kick::kick;
use crate::rooms::{must_be_member, someone};
use crate::settings::Settings;

/// The longest message, in characters.
const MAX_TEXT: usize = 1000;

/// Takes `{room, text}` from a member of the room, publishes `{from, name, text,
/// at}` and returns `{offset}`. A text that begins with a slash is a command:
/// `/kick <who>`.
pub fn send<'a>(s: &Settings, c: &'a Call) -> Reply<'a> {
    let input = c.fields();
    let (room, text) = (input.text("room")?, input.text("text")?);
    let text = text.trim();
    if text.is_empty() {
        return Err(Error::bad_payload("text", "is empty"));
    }
    if text.chars().count() > MAX_TEXT {
        return Err(Error::bad_payload("text", "is longer than 1000 characters"));
    }
    let id = c.connection_id();
    must_be_member(&room, id)?;
    if text.starts_with('/') {
        return obey(s, c, &room, text);
    }
    let message = object().text("from", id).text("name", &someone(&c.metadata())).text("text", text).int("at", now());
    let at = channels::publish(&room, message)?;
    Ok(object().int("offset", at.offset).json())
}

/// Runs a command that was written as a message.
fn obey<'a>(s: &Settings, c: &Call, room: &str, text: &str) -> Reply<'a> {
    match text.split_once(' ').unwrap_or((text, "")) {
        ("/kick", who) => kick(s, c, room, who.trim()),
        _ => Err(Error::not_found("There is no such command; there is /kick <who>.")),
    }
}

/// Middleware that refuses what a connection sends too fast.
pub fn pace(s: &Settings, c: &MiddlewareCall) -> Result<()> {
    let n = kv::increment(&format!("pace:{}", c.connection_id()), 1, 10 * SECOND)?;
    if n > s.rate {
        return Err(Error::new(code::RATE_LIMIT, format!("Not so fast: at most {} in ten seconds.", s.rate)));
    }
    Ok(())
}
