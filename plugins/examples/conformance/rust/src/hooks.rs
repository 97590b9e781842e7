//! A hook for each event; they count, and keep what they saw last.

use mesh_pdk::{array, kv, object, Call, Json, ObjectBuilder, Plugin, RecordChange, Reply, Result, HOUR};

use crate::shapes::text;

pub fn register(p: &mut Plugin) {
    p.on_connect(|c| keep("connect", "", seen(c)));
    p.on_disconnect(|d| keep("disconnect", "", seen(d).int("code", d.code.into()).text("reason", d.reason)));
    p.on_join(|c| keep("join", c.room, seen(c).text("roomName", c.room)));
    p.on_leave(|c| keep("leave", c.room, seen(c).text("roomName", c.room).text("reason", c.reason)));
    p.on_record_update(versioned).records(&["/^hooked:.+$/"]);
    p.on_record_removed(versioned).records(&["/^hooked:.+$/"]);
}

/// Keeps the versions that it is told of, too, in their order.
fn versioned(c: &RecordChange) -> Result<()> {
    if c.record_id.len() > LONGEST_NAME {
        return Ok(());
    }
    let key = format!("versions:{}", c.record_id);
    let versions = kv::get(&key)?;
    let list = versions.items().fold(array(), |list, item| list.raw(item));
    kv::set(&key, list.int(c.version), HOUR)?;
    let what = seen(c).text("recordId", c.record_id).raw("value", c.value());
    keep(c.name(), c.record_id, what.int("version", c.version).text("epoch", c.epoch).text("reason", c.reason))
}

pub fn seen(c: &Call) -> ObjectBuilder {
    object().text("connectionId", c.connection_id()).text("user", c.user()).raw("metadata", c.metadata())
}

/// The length, in bytes, of the names of rooms, records and collections that are
/// counted: they become a part of a key.
const LONGEST_NAME: usize = 200;

/// Returns where an event, of a room, record or collection where there is one, is
/// counted and where the last one is kept.
fn keys(event: &str, name: &str) -> (String, String) {
    if name.is_empty() {
        return (format!("hook:{event}"), format!("last:{event}"));
    }
    (format!("hook:{event}:{name}"), format!("last:{event}:{name}"))
}

pub fn keep(event: &str, name: &str, what: ObjectBuilder) -> Result<()> {
    if name.len() > LONGEST_NAME {
        return Ok(());
    }
    let (count, last) = keys(event, name);
    kv::set(&last, what, HOUR)?;
    kv::increment(&count, 1, HOUR)?; // last: who sees the number finds the rest
    Ok(())
}

/// Takes `{"event", "roomName"?, "recordId"?, "collectionId"?}` and returns
/// `{"count", "last"}`: how often the hook of that event has run, of that room,
/// record or collection, within the hour, and what it saw when it did.
pub fn read(c: &Call) -> Reply<'_> {
    let input = c.fields();
    let event = input.text("event")?;
    let name = [text(&input, "roomName")?, text(&input, "recordId")?, text(&input, "collectionId")?].concat();
    let (count, last) = keys(&event, &name);
    let (mut n, last) = (kv::get(&count)?, kv::get(&last)?);
    if n.is_none() {
        n = Json::int(0);
    }
    Ok(object().raw("count", n).raw("last", last).json())
}
