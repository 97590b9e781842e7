//! Opens records and collections.

use mesh_pdk::records::{self, RecordQuery};
use mesh_pdk::{action, Call, Error, GuardCall, Plugin, Result, SlowConsumer, DEEP_MERGE, MERGE, SECOND};

use crate::hooks::{keep, seen};
use crate::misbehave::{spin, trap};

pub fn register(p: &mut Plugin) {
    p.guard("owners", owners);
    p.guard("values", values);
    p.guard("merges", merges);

    p.record("/^record:.+$/");
    p.record("/^shared:.+$/").writable();
    p.record("/^hooked:.+$/").writable();
    p.record("/^brief:.+$/").writable().ttl(SECOND);
    p.record("/^drop:.+$/").writable().slow_consumer(SlowConsumer::Drop);
    p.record("/^conflate:.+$/").writable().slow_consumer(SlowConsumer::Conflate);
    p.record("/^own:.+$/").writable_by("owners");
    p.record("/^checked:.+$/").writable_by("values");
    p.record("/^merged:.+$/").writable_by("merges");
    p.record("/^private:.+$/").guarded_by("users").writable_by("users");
    p.record("bad:trap").guarded_by("trapping").writable_by("trapping");
    p.record("bad:spin").guarded_by("spinning").writable_by("spinning");
    p.record("bad:rubbish").guarded_by("rubbish").writable_by("rubbish");

    let lists = ["/^list:.+$/"];
    p.collection("/^list:.+$/", listed).depends_on(&lists);
    p.collection("/^few:.+$/", listed).depends_on(&lists).limit(2);
    p.collection("/^users:.+$/", listed).depends_on(&lists).guarded_by("users");
    p.collection("/^one:.+$/", listed).depends_on(&lists).shared();
    p.collection("records", all).depends_on(&["/^record:.+$/"]).shared().limit(1000);
    p.collection("mine", mine);
}

/// Allows writing to the user that the record is named after.
fn owners(c: &GuardCall) -> Result<()> {
    match c.name().strip_prefix("own:") {
        Some(owner) if !owner.is_empty() && owner == c.user() => Ok(()),
        _ => Err(Error::denied("This is not yours.")),
    }
}

/// Allows writing what says `{"ok": true}` of itself, and no deletion. It tells
/// the others what it was asked.
fn values(c: &GuardCall) -> Result<()> {
    if c.value().get("ok").as_bool() == Some(true) && c.action() == action::WRITE {
        return Ok(());
    }
    Err(Error::denied(format!("Not this: {} {} {}.", c.topic(), c.action(), c.value())))
}

/// Allows laying members over those of a record, which keeps the others. It tells
/// what it was asked.
fn merges(c: &GuardCall) -> Result<()> {
    // What is no object replaces.
    if [MERGE, DEEP_MERGE].contains(&c.strategy()) && c.value().is_object() {
        return Ok(());
    }
    Err(Error::denied(format!("Not so: {} {} {}.", c.action(), c.strategy(), c.value())))
}

/// Resolves `<kind>:<name>` to the ids in the record `list:<name>`, an array. What
/// is none there has it do what it says: "trap", "spin", or answer "rubbish",
/// names that cannot be; otherwise it fails.
fn listed(c: &Call) -> Result<Vec<String>> {
    resolving(c)?;
    let name = c.name().split_once(':').map_or(c.name(), |(_, name)| name);
    let id = format!("list:{name}");
    let r = records::get(&id)?;
    if let Some(ids) = r.value.as_texts() {
        return Ok(ids.into_iter().map(Into::into).collect());
    }
    if r.value.is_null() {
        return Ok(vec![]);
    }
    match r.value.as_text().as_deref() {
        Some("trap") => trap(c).map(|_| vec![]),
        Some("spin") => spin(c).map(|_| vec![]),
        Some("rubbish") => Ok(["record:a", "", "\n"].map(String::from).to_vec()),
        _ => Err(Error::new("ELIST", format!("The list is none: {}", r.value))),
    }
}

/// Resolves to all records under `record:`, by their ids.
fn all(c: &Call) -> Result<Vec<String>> {
    resolving(c)?;
    let page = records::list(RecordQuery { pattern: "/^record:.+$/", limit: 1000, ..RecordQuery::default() })?;
    Ok(page.records().map(|r| r.id.into_owned()).collect())
}

/// Resolves to what belongs to a user, some of which others may not read. It
/// depends on every record.
fn mine(c: &Call) -> Result<Vec<String>> {
    resolving(c)?;
    let user = c.user();
    Ok(vec![format!("own:{user}"), format!("private:{user}"), "private:all".into(), "secret".into(), "record:mine".into()])
}

/// Counts the calls of a resolver as those of a hook are counted.
fn resolving(c: &Call) -> Result<()> {
    keep("resolve", c.name(), seen(c))
}
