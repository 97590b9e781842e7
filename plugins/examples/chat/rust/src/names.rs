//! A connection's name is in its metadata, `{name}`, where the others in its rooms
//! can read it. The store has who holds a name: `name:<name>` is `{id, key, at}`,
//! for so long as no connection lasts, so that what a crash leaves behind goes.

use mesh_pdk::{
    close, code, connections, disconnect, kv, now, object, rooms, Call, Departure, Duration, Error, Json, Reply, Result, DAY, FOREVER, MERGE,
};

use crate::rooms::{announce, is_room};
use crate::settings::Settings;
use crate::words::{is_mark, mask};

/// The longest name, in characters.
const MAX_NAME: usize = 24;
/// The longest key, in bytes.
const MAX_KEY: usize = 64;
/// How long the store has who holds a name.
const HELD: Duration = Duration::from_millis(90 * DAY.as_millis());
/// For how long, in milliseconds, who has written down that it holds a name may not
/// have it in its metadata yet.
pub const CLAIMING: i64 = 10_000;

/// Takes `{name, key?}`, gives the connection that name, and returns `{name,
/// moderator}`. A name that another connection has is refused, unless that one
/// gave the same key: then it is the client's own, from before it came back, and
/// is closed.
pub fn choose<'a>(s: &Settings, c: &'a Call) -> Reply<'a> {
    let input = c.fields();
    let name = input.text("name")?;
    let key = input.optional_text("key")?.unwrap_or_default();
    if key.len() > MAX_KEY {
        return Err(Error::bad_payload("key", "must be at most 64 bytes"));
    }
    check(s, &name, c.user())?;
    rename(c, &name, &key)?;
    Ok(object().text("name", &name).bool("moderator", is_moderator(s, c.user(), &name)).json())
}

fn check(s: &Settings, name: &str, user: &str) -> Result<()> {
    if !is_name(name) {
        return Err(Error::bad_payload("name", "must be 1 to 24 letters, digits, spaces, '-', '_' and '.', and begin with a letter"));
    }
    if mask(s, name) != name {
        return Err(Error::denied("That is no name to be called by."));
    }
    if s.moderators.contains(&fold(name)) && !s.trust_names && !is_moderator(s, user, "") {
        return Err(Error::denied("That name is a moderator's."));
    }
    Ok(())
}

pub fn is_name(name: &str) -> bool {
    name.starts_with(char::is_alphabetic)
        && name.chars().all(|c| c.is_alphanumeric() || is_mark(c) || " -_.".contains(c))
        && name.chars().count() <= MAX_NAME
        && !name.contains("  ")
        && !name.ends_with(' ')
}

/// Knows moderators by their user, which a client cannot choose.
pub fn is_moderator(s: &Settings, user: &str, name: &str) -> bool {
    !user.is_empty() && s.moderators.contains(&user.to_lowercase()) || s.trust_names && s.moderators.contains(&fold(name))
}

fn rename(c: &Call, name: &str, key: &str) -> Result<()> {
    let (id, old) = (c.connection_id(), name_of(&c.metadata()));
    claim(id, name, key)?;
    if let Err(e) = connections::set_metadata(id, object().text("name", name), MERGE) {
        return release(id, name).and(Err(e));
    }
    if old.is_empty() || old == name {
        return Ok(());
    }
    if fold(&old) != fold(name) {
        release(id, &old)?;
    }
    let mut result = Ok(());
    for room in rooms::of(id)?.iter().filter(|room| is_room(room)) {
        result = result.and(announce(room, id, name, &format!("{old} is now called {name}")));
    }
    result
}

/// Writes down that a connection holds a name, unless someone else does.
fn claim(id: &str, name: &str, key: &str) -> Result<()> {
    let record = object().text("id", id).text("key", key).int("at", now()).json();
    let mut swap = kv::compare_and_set(&name_key(name), Json::NONE, &record, HELD)?;
    if !swap.swapped && is_free(&swap.current, id, name, key)? {
        swap = kv::compare_and_set(&name_key(name), &swap.current, &record, HELD)?;
    }
    if !swap.swapped {
        return Err(Error::new(code::CONFLICT, "That name is taken."));
    }
    Ok(())
}

/// Tells whether the one that holds a name is the caller, is gone, or gives way.
fn is_free(record: &Json, id: &str, name: &str, key: &str) -> Result<bool> {
    let holder = holder_of(record);
    if holder == id {
        return Ok(true);
    }
    match connections::metadata(&holder) {
        Err(e) if is_not_found(&e) => return Ok(true),
        found => {
            let at = record.get("at").as_int().unwrap_or_default();
            if fold(&name_of(&found?.0)) != fold(name) && now() - at > CLAIMING {
                return Ok(true);
            }
        }
    }
    if key.is_empty() || record.get("key").as_text().as_deref() != Some(key) {
        return Ok(false);
    }
    disconnect(&holder, close::REPLACED, "You have come back on another connection.")?;
    Ok(true)
}

/// Gives a name back, if the connection still holds it.
fn release(id: &str, name: &str) -> Result<()> {
    let record = kv::get(&name_key(name))?;
    if holder_of(&record) != id {
        return Ok(());
    }
    kv::compare_and_set(&name_key(name), &record, Json::NONE, FOREVER).map(drop)
}

/// Gives back the name of a connection that has ended.
pub fn disconnected(d: &Departure) -> Result<()> {
    match name_of(&d.metadata()) {
        name if name.is_empty() => Ok(()),
        name => release(d.connection_id(), &name),
    }
}

/// Returns the name in a connection's metadata, "" where there is none.
pub fn name_of(metadata: &Json) -> String {
    metadata.get("name").as_text().unwrap_or_default().into_owned()
}

fn holder_of(record: &Json) -> String {
    record.get("id").as_text().unwrap_or_default().into_owned()
}

/// Makes names equal that differ in case only.
pub fn fold(name: &str) -> String {
    name.to_lowercase()
}

pub fn name_key(name: &str) -> String {
    format!("name:{}", fold(name))
}

pub fn is_not_found(e: &Error) -> bool {
    e.code == code::NOT_FOUND
}
