use mesh_pdk::{connections, kv, object, rooms, send, users, Call, Error, Json, Reply, Result};

use crate::names::{fold, is_moderator, is_name, is_not_found, name_key, name_of};
use crate::rooms::{end_subscriptions, is_room, someone};
use crate::settings::Settings;

/// Takes `{room, who}`, as `/kick` does in a message.
pub fn command<'a>(s: &Settings, c: &'a Call) -> Reply<'a> {
    let input = c.fields();
    kick(s, c, &input.text("room")?, &input.text("who")?)
}

/// Lets a moderator put someone, a connection, a name or a user, out of a room for
/// a while. It returns `{kicked: [connections]}`.
pub fn kick<'a>(s: &Settings, c: &Call, room: &str, who: &str) -> Reply<'a> {
    let mut name = name_of(&c.metadata());
    if !is_moderator(s, c.user(), &name) {
        return Err(Error::denied("Only moderators may do that."));
    }
    if !is_room(room) || who.is_empty() || who.len() > 256 {
        return Err(Error::bad_payload("who", "must be someone in a room of the chat"));
    }
    let found = find(room, who)?;
    if found.is_empty() {
        return Err(Error::not_found(format!("{who} is not here.")));
    }
    if name.is_empty() {
        name = c.user().to_string();
    }
    for id in &found {
        put_out(s, room, id, &name)?;
    }
    Ok(object().texts("kicked", &found).json())
}

/// Returns the members of a room that are meant: a connection by its id, else the
/// one of that name, else all of that user.
fn find(room: &str, who: &str) -> Result<Vec<String>> {
    let mut candidates = vec![who.to_string()];
    if is_name(who) {
        candidates.extend(kv::get(&name_key(who))?.get("id").as_text().map(String::from));
    }
    for id in candidates {
        if rooms::has(room, &id)? {
            return Ok(vec![id]);
        }
    }
    let mut found = Vec::new();
    for id in users::connections(who)? {
        if rooms::has(room, &id)? {
            found.push(id);
        }
    }
    Ok(found)
}

/// Ends a membership, and what came with it, and keeps its owner from coming back.
/// The hook for leaves tells the room.
fn put_out(s: &Settings, room: &str, id: &str, by: &str) -> Result<()> {
    let (metadata, user) = match connections::metadata(id) {
        Err(e) if is_not_found(&e) => return Ok(()), // it has gone by itself
        found => found?,
    };
    if is_moderator(s, &user, &name_of(&metadata)) {
        return Err(Error::denied("Moderators cannot be kicked."));
    }
    kv::set(&kick_key(room, &user, &someone(&metadata)), Json::text(by), s.kick)?;
    rooms::remove(room, id)?;
    let told = send(&[id], "chat.kicked", object().text("room", room).text("by", by));
    let ended = end_subscriptions(room, id, "You were kicked.");
    told.and(ended)
}

/// Where the store has who kicked someone: a user, or whoever has the name of an
/// anonymous one. A room's name has one colon, so that no two keys are the same; a
/// key has at most 256 bytes.
pub fn kick_key(room: &str, user: &str, name: &str) -> String {
    let mut key = match user {
        "" => format!("kick:{room}:name:{}", fold(name)),
        user => format!("kick:{room}:user:{user}"),
    };
    while key.len() > 256 {
        key.pop();
    }
    key
}
