use mesh_pdk::{channels, kv, left, now, object, presence, rooms, Error, GuardCall, Json, Result, RoomChange};

use crate::kick::kick_key;
use crate::names::name_of;

/// The longest name of a room, in characters after "chat:".
const MAX_ROOM: usize = 32;

/// Tells whether a room is one of the chat's: chat: and some letters, digits, '-'
/// and '_'.
pub fn is_room(room: &str) -> bool {
    room.strip_prefix("chat:")
        .map_or(false, |name| (1..=MAX_ROOM).contains(&name.chars().count()) && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_')))
}

/// The guard of the rooms and of who is in them: it lets in who has a name and was
/// not kicked a short time ago.
pub fn visitors(c: &GuardCall) -> Result<()> {
    let (room, name) = (c.name(), name_of(&c.metadata()));
    if !is_room(room) {
        return Err(Error::bad_payload("roomName", "must be chat: and 1 to 32 letters, digits, '-' and '_'"));
    }
    if name.is_empty() {
        return Err(Error::denied("Choose a name first."));
    }
    if !kv::get(&kick_key(room, c.user(), &name))?.is_none() {
        return Err(Error::denied("You were kicked out of this room."));
    }
    Ok(())
}

/// The guard of the channels: the channel chat:x belongs to the members of the
/// room chat:x.
pub fn members(c: &GuardCall) -> Result<()> {
    must_be_member(c.name(), c.connection_id())
}

pub fn must_be_member(room: &str, id: &str) -> Result<()> {
    if !is_room(room) {
        return Err(Error::bad_payload("room", "must be chat: and 1 to 32 letters, digits, '-' and '_'"));
    }
    if !rooms::has(room, id)? {
        return Err(Error::denied("Join the room first."));
    }
    Ok(())
}

/// Tells a room who has come.
pub fn joined(c: &RoomChange) -> Result<()> {
    if !is_room(c.room) {
        return Ok(());
    }
    let name = someone(&c.metadata());
    announce(c.room, c.connection_id(), &name, &format!("{name} has joined"))
}

/// Tells a room who has gone, and why. Guards are asked when a subscription
/// begins, so what the one who has gone is still subscribed to must be ended.
pub fn left(c: &RoomChange) -> Result<()> {
    if !is_room(c.room) || c.reason == left::BY_CLEAR {
        return Ok(());
    }
    let (id, name) = (c.connection_id(), someone(&c.metadata()));
    let announced = announce(c.room, id, &name, &format!("{name} {}", what_happened(c, &name)));
    // It may be back by now.
    if c.reason == left::BY_DISCONNECT || rooms::has(c.room, id).unwrap_or(false) {
        return announced;
    }
    announced.and(end_subscriptions(c.room, id, "You are not in this room."))
}

fn what_happened(c: &RoomChange, name: &str) -> String {
    if c.reason != left::BY_REMOVAL {
        return "has left".to_string();
    }
    match kv::get(&kick_key(c.room, c.user(), name)).unwrap_or_default().as_text() {
        Some(moderator) => format!("was kicked by {moderator}"),
        None => "was removed".to_string(),
    }
}

pub fn end_subscriptions(room: &str, id: &str, reason: &str) -> Result<()> {
    let channel = channels::unsubscribe(room, id, reason);
    let presence = presence::unsubscribe(room, id, reason);
    channel.and(presence).map(drop)
}

/// Publishes `{from, name, notice, at}`: something that has happened to a
/// connection.
pub fn announce(room: &str, id: &str, name: &str, notice: &str) -> Result<()> {
    channels::publish(room, object().text("from", id).text("name", name).text("notice", notice).int("at", now())).map(drop)
}

/// The name of a member, who has none if an operator made it one.
pub fn someone(metadata: &Json) -> String {
    let name = name_of(metadata);
    if name.is_empty() {
        return "someone".to_string();
    }
    name
}
