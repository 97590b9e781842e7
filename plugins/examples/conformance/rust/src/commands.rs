use std::borrow::Cow;

use mesh_pdk::{kv, log as write_log, object, Call, Error, Fields, Json, Reply, Result, FOREVER, INFO};

/// Returns its payload.
pub fn echo(c: &Call) -> Reply<'_> {
    Ok(c.payload())
}

/// Takes two integers `{"a", "b"}` and returns `{"sum"}`.
pub fn add(c: &Call) -> Reply<'_> {
    let input = c.fields();
    let (a, b) = (input.int("a")?, input.int("b")?);
    match a.checked_add(b) {
        Some(sum) => Ok(object().int("sum", sum).json()),
        None => Err(Error::bad_payload("b", "makes a sum that 64 bits cannot hold")),
    }
}

/// Takes `{"message", "code"?, "name"?}` and fails with that error.
pub fn fail(c: &Call) -> Reply<'_> {
    let input = c.fields();
    Err(Error {
        message: input.text("message")?.into_owned(),
        code: input.optional_text("code")?.unwrap_or_default().into_owned(),
        name: input.optional_text("name")?.unwrap_or_default().into_owned(),
        ..Error::default()
    })
}

/// Returns `{"connectionId", "locals", "metadata"}`, `null` for what is not
/// there.
pub fn whoami(c: &Call) -> Reply<'_> {
    let o = object().text("connectionId", c.connection_id());
    Ok(o.raw("locals", c.locals()).raw("metadata", c.metadata()).json())
}

/// Counts its calls, over all instances and nodes, and returns `{"n"}`.
pub fn count(_: &Call) -> Reply<'_> {
    Ok(object().int("n", kv::increment("count", 1, FOREVER)?).json())
}

/// Takes `{"to": [ids], "command", "payload"?, "exclude"?: [ids]}`, pushes it to
/// those connections and returns `{"sent"}`.
pub fn send(c: &Call) -> Reply<'_> {
    let input = c.fields();
    let (to, push) = (input.texts("to")?, Push::read(&input)?);
    let sent = mesh_pdk::send_except(&to, &push.command, &push.payload, &push.exclude)?;
    Ok(object().int("sent", sent).json())
}

/// Takes `{"command", "payload"?, "exclude"?: [ids]}`, pushes it to every
/// connection and returns `{"sent"}`.
pub fn broadcast(c: &Call) -> Reply<'_> {
    let push = Push::read(&c.fields())?;
    let sent = mesh_pdk::broadcast_except(&push.command, &push.payload, &push.exclude)?;
    Ok(object().int("sent", sent).json())
}

pub struct Push<'a> {
    pub command: Cow<'a, str>,
    pub payload: Json<'a>,
    pub exclude: Vec<Cow<'a, str>>,
}

impl<'a> Push<'a> {
    pub fn read(input: &Fields<'a>) -> Result<Push<'a>> {
        Ok(Push {
            command: input.text("command")?,
            payload: input.optional_value("payload")?.unwrap_or_default(),
            exclude: input.optional_texts("exclude")?.unwrap_or_default(),
        })
    }
}

/// Takes `{"message", "level"?}` and writes the line to the host's log.
pub fn log(c: &Call) -> Reply<'_> {
    let input = c.fields();
    let (message, level) = (input.text("message")?, input.optional_text("level")?);
    write_log(level.as_deref().unwrap_or(INFO), &message);
    Ok(Json::NONE)
}
