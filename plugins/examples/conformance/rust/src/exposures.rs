//! Opens channels and presence, closes rooms, and registers the guards of these.

use mesh_pdk::{rooms, Error, GuardCall, Json, Plugin, Result, SlowConsumer, SECOND};

use crate::misbehave::{spin, trap};

pub fn register(p: &mut Plugin) {
    p.guard("members", members);
    p.guard("users", known);
    p.guard("admins", admins);
    p.guard("trapping", |c| trap(c).map(drop));
    p.guard("spinning", |c| spin(c).map(drop));
    p.guard("rubbish", rubbish);
    p.metadata_guard("admins");

    p.channel("/^open:.+$/").publishable().history(100);
    p.channel("/^plain:.+$/").publishable();
    p.channel("/^drop:.+$/").publishable().slow_consumer(SlowConsumer::Drop);
    p.channel("/^guarded:.+$/").guarded_by("members").publishable_by("users").history(100);
    p.channel("bad:trap").guarded_by("trapping");
    p.channel("bad:spin").guarded_by("spinning");
    p.channel("bad:rubbish").guarded_by("rubbish");

    p.presence("/^room:.+$/");
    p.presence("/^ttl:.+$/").ttl(SECOND);
    p.presence("/^private:.+$/").guarded_by("users");

    p.room("/^closed:.+$/").guarded_by("users").metadata_guarded_by("admins");
}

/// Allows those who are in the room that is named like the topic.
fn members(c: &GuardCall) -> Result<()> {
    if rooms::has(c.name(), c.connection_id())? {
        return Ok(());
    }
    Err(Error::denied(format!("This is for members of the room {}.", c.name())))
}

/// Allows authenticated users.
fn known(c: &GuardCall) -> Result<()> {
    if c.user().is_empty() {
        return Err(Error::denied("This is for known users."));
    }
    Ok(())
}

/// Allows those whose metadata is `{"admin": true}`, and tells the others what
/// they have asked for.
fn admins(c: &GuardCall) -> Result<()> {
    if c.metadata().get("admin").as_bool() == Some(true) {
        return Ok(());
    }
    Err(Error::denied(format!("Only for administrators: {} {}.", c.topic(), c.action())))
}

/// Answers with what should be JSON and is none.
fn rubbish(_: &GuardCall) -> Result<()> {
    Err(Error::new("ERUBBISH", "rubbish").with_data(Json::raw(r#"{"rubbish"#)))
}
