//! The chat plugin makes a chat of rooms and channels: the channel chat:x is the
//! talk in the room chat:x, and only its members may read it.

mod kick;
mod messages;
mod names;
mod rooms;
mod settings;
#[cfg(test)]
mod tests;
mod words;

use std::rc::Rc;

use mesh_pdk::{Plugin, Result, SlowConsumer, MINUTE};

use settings::Settings;

mesh_pdk::plugin!(setup);

fn setup(p: &mut Plugin) -> Result<()> {
    p.name("chat");
    p.version("1.0.0");
    capabilities(p);
    let settings = Rc::new(Settings::read(&mesh_pdk::config()?)?);
    let shared = || settings.clone(); // one for each handler that needs it

    const ROOMS: &str = "/^chat:.+$/";
    p.guard("visitors", rooms::visitors);
    p.guard("members", rooms::members);
    p.room(ROOMS).guarded_by("visitors");
    p.presence(ROOMS).guarded_by("visitors").ttl(MINUTE).slow_consumer(SlowConsumer::Conflate);
    p.channel(ROOMS).guarded_by("members").history(100);

    let s = shared();
    p.middleware("pace", move |c| messages::pace(&s, c));
    let s = shared();
    p.middleware("decency", move |c| words::decency(&s, c));
    let s = shared();
    p.command("chat.name", move |c| names::choose(&s, c)).using(&["pace"]);
    let s = shared();
    p.command("chat.send", move |c| messages::send(&s, c)).using(&["pace", "decency"]);
    let s = shared();
    p.command("chat.kick", move |c| kick::command(&s, c));

    p.on_join(rooms::joined);
    p.on_leave(rooms::left);
    p.on_disconnect(names::disconnected);
    Ok(())
}

fn capabilities(p: &mut Plugin) {
    p.capability("kv", "who has which name, who was kicked, how fast someone writes");
    p.capability("rooms.read", "only members read and write");
    p.capability("rooms.write", "kicking ends a membership");
    p.capability("channels.publish", "messages, and who comes and goes");
    p.capability("channels.unsubscribe", "who is no member reads no more");
    p.capability("presence.unsubscribe", "who is no member sees no more");
    p.capability("connections.metadata.read", "whom a name belongs to");
    p.capability("connections.metadata.write", "a connection's name is in its metadata");
    p.capability("connections.read", "kicking a user means all its connections");
    p.capability("connections.send", "telling the kicked one");
    p.capability("connections.disconnect", "a client that has come back replaces what is left of it");
}
