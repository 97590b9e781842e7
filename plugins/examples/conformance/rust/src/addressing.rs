//! The operations on connections, users and rooms.

use mesh_pdk::connections::{self, Names};
use mesh_pdk::{object, rooms as room_operations, users as user_operations, Call, Plugin, Reply, Result};

use crate::commands::{broadcast, send, Push};
use crate::shapes::{list_names, list_values, names_of, number, one, set_metadata, text, with_member, with_text, with_text_of};

pub fn connections(p: &mut Plugin) {
    p.capability("connections.send", "what pushes to clients");
    p.capability("connections.read", "connections.list and users");
    p.capability("connections.disconnect", "connections.disconnect and users.disconnect");
    p.capability("connections.metadata.read", "connections.metadata.get and list");
    p.capability("connections.metadata.write", "connections.metadata.set");
    with_text(p, "connections.metadata.get", "connectionId", |id| {
        let (metadata, user) = connections::metadata(id)?;
        Ok(with_text_of(object().raw("metadata", metadata), "user", &user).json())
    });
    set_metadata(p, "connections.metadata.set", "connectionId", |id, metadata, strategy| connections::set_metadata(id, metadata, strategy));
    p.command("connections.send", send);
    p.command("connections.disconnect", connections_disconnect);
    list_values(p, "connections.list", "user", "connections", connections::list);
    list_values(p, "connections.metadata.list", "roomName", "metadata", connections::list_metadata);
    p.command("broadcast", broadcast);
}

fn connections_disconnect(c: &Call) -> Reply<'_> {
    let input = c.fields();
    let (id, code, reason) = (input.text("connectionId")?, number(&input, "code")?, text(&input, "reason")?);
    Ok(one("disconnected", connections::disconnect(&id, code, &reason)?))
}

pub fn users(p: &mut Plugin) {
    p.command("users.send", users_send);
    p.command("users.disconnect", users_disconnect);
    list_names(p, "users.list", "", "users", |_, cursor, limit| user_operations::list(cursor, limit));
    names_of(p, "users.connections", "user", "connections", user_operations::connections);
}

fn users_send(c: &Call) -> Reply<'_> {
    let input = c.fields();
    let (to, push) = (input.texts("to")?, Push::read(&input)?);
    Ok(one("sent", user_operations::send_except(&to, &push.command, &push.payload, &push.exclude)?))
}

fn users_disconnect(c: &Call) -> Reply<'_> {
    let input = c.fields();
    let (user, code, reason) = (input.text("user")?, number(&input, "code")?, text(&input, "reason")?);
    Ok(one("disconnected", user_operations::disconnect(&user, code, &reason)?))
}

pub fn rooms(p: &mut Plugin) {
    p.capability("rooms.read", "the guard members, rooms.has, members and list");
    p.capability("rooms.write", "rooms.add, remove, removeFromAll and clear");
    p.capability("rooms.metadata.read", "rooms.metadata.get and list");
    p.capability("rooms.metadata.write", "rooms.metadata.set");
    with_member(p, "rooms.add", "joined", room_operations::add);
    with_member(p, "rooms.remove", "left", room_operations::remove);
    names_of(p, "rooms.removeFromAll", "connectionId", "rooms", room_operations::remove_from_all);
    with_member(p, "rooms.has", "member", room_operations::has);
    names_of(p, "rooms.members", "roomName", "members", room_operations::members);
    list_names(p, "rooms.list", "connectionId", "rooms", rooms_list);
    with_text(p, "rooms.clear", "roomName", |room| Ok(one("removed", room_operations::clear(room)?)));
    p.command("rooms.send", rooms_send);
    with_text(p, "rooms.metadata.get", "roomName", |room| Ok(one("metadata", room_operations::metadata(room)?)));
    set_metadata(p, "rooms.metadata.set", "roomName", |room, metadata, strategy| room_operations::set_metadata(room, metadata, strategy));
    list_values(p, "rooms.metadata.list", "", "metadata", |_, cursor, limit| room_operations::list_metadata(cursor, limit));
}

fn rooms_list(connection_id: &str, cursor: &str, limit: i64) -> Result<Names> {
    if connection_id.is_empty() {
        return room_operations::list(cursor, limit);
    }
    Ok(Names { list: room_operations::of(connection_id)?, next: String::new() })
}

fn rooms_send(c: &Call) -> Reply<'_> {
    let input = c.fields();
    let (room, push) = (input.text("roomName")?, Push::read(&input)?);
    Ok(one("sent", room_operations::send_except(&room, &push.command, &push.payload, &push.exclude)?))
}
