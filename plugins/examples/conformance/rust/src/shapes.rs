//! The commands of the operations have a few shapes; these functions are them.

use std::borrow::Cow;

use mesh_pdk::connections::{Names, Page};
use mesh_pdk::{object, Fields, Json, ObjectBuilder, Plugin, Result};

/// Reads text that may be missing.
pub fn text<'a>(input: &Fields<'a>, name: &str) -> Result<Cow<'a, str>> {
    Ok(input.optional_text(name)?.unwrap_or_default())
}

/// Reads an integer that may be missing.
pub fn number(input: &Fields, name: &str) -> Result<i64> {
    Ok(input.optional_int(name)?.unwrap_or(0))
}

/// Reads a value that may be missing.
pub fn raw<'a>(input: &Fields<'a>, name: &str) -> Result<Json<'a>> {
    Ok(input.optional_value(name)?.unwrap_or_default())
}

/// Replies with an object of one member.
pub fn one<'a>(name: &str, v: impl Into<Json<'a>>) -> Json<'static> {
    object().raw(name, v).json()
}

/// A command that takes one name.
pub fn with_text(p: &mut Plugin, command: &str, member: &'static str, run: fn(&str) -> Result<Json<'static>>) {
    p.command(command, move |c| run(&c.fields().text(member)?));
}

/// A command that takes a room and a connection.
pub fn with_member(p: &mut Plugin, command: &str, result: &'static str, run: fn(&str, &str) -> Result<bool>) {
    p.command(command, move |c| {
        let input = c.fields();
        let (room, id) = (input.text("roomName")?, input.text("connectionId")?);
        Ok(one(result, run(&room, &id)?))
    });
}

/// A command that takes a topic, a connection and a reason.
pub fn unsubscribe(p: &mut Plugin, command: &str, topic: &'static str, run: fn(&str, &str, &str) -> Result<bool>) {
    p.command(command, move |c| {
        let input = c.fields();
        let (name, id, reason) = (input.text(topic)?, input.text("connectionId")?, text(&input, "reason")?);
        Ok(one("unsubscribed", run(&name, &id, &reason)?))
    });
}

/// A command that takes whose metadata it is, the metadata and a strategy.
pub fn set_metadata(p: &mut Plugin, command: &str, whose: &'static str, run: fn(&str, Json, &str) -> Result<Json<'static>>) {
    p.command(command, move |c| {
        let input = c.fields();
        let (name, metadata, strategy) = (input.text(whose)?, input.value("metadata")?, text(&input, "strategy")?);
        Ok(one("metadata", run(&name, metadata, &strategy)?))
    });
}

/// A command that takes one name and replies with a list.
pub fn names_of(p: &mut Plugin, command: &str, member: &'static str, result: &'static str, run: fn(&str) -> Result<Vec<String>>) {
    p.command(command, move |c| {
        let list = run(&c.fields().text(member)?)?;
        Ok(object().texts(result, &list).json())
    });
}

/// A command that takes a name that may be missing, a cursor and a limit, and
/// replies with a page of names.
pub fn list_names(p: &mut Plugin, command: &str, member: &'static str, result: &'static str, run: fn(&str, &str, i64) -> Result<Names>) {
    p.command(command, move |c| {
        let input = c.fields();
        let page = run(&text(&input, member)?, &text(&input, "cursor")?, number(&input, "limit")?)?;
        Ok(with_cursor(object().texts(result, &page.list), &page.next))
    });
}

/// Is `list_names` for a page of values.
pub fn list_values(p: &mut Plugin, command: &str, member: &'static str, result: &'static str, run: fn(&str, &str, i64) -> Result<Page>) {
    p.command(command, move |c| {
        let input = c.fields();
        let page = run(&text(&input, member)?, &text(&input, "cursor")?, number(&input, "limit")?)?;
        Ok(with_cursor(object().raw(result, page.list), &page.next))
    });
}

pub fn with_cursor(o: ObjectBuilder, next: &str) -> Json<'static> {
    with_text_of(o, "cursor", next).json()
}

/// Adds text unless it is empty.
pub fn with_text_of(o: ObjectBuilder, name: &str, text: &str) -> ObjectBuilder {
    if text.is_empty() {
        o
    } else {
        o.text(name, text)
    }
}
