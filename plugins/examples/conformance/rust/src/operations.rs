//! A command for every operation, named like it: it takes the operation's request
//! as an object and returns the response as one, `null` where there is nothing in
//! it.

use mesh_pdk::channels::{self, HistoryQuery, Position};
use mesh_pdk::{http, kv, object, presence, Call, Duration, Error, Json, ObjectBuilder, Plugin, Reply, Result};

use crate::shapes::{number, one, raw, text, unsubscribe, with_member, with_text, with_text_of};
use crate::{addressing, base64, commands, records};

pub fn register(p: &mut Plugin) {
    p.command("log", commands::log);
    p.command("config.get", |_| Ok(one("config", mesh_pdk::config()?)));
    key_value(p);
    addressing::connections(p);
    addressing::users(p);
    addressing::rooms(p);
    register_channels(p);
    register_presence(p);
    records::register(p);
    p.capability("http", "http.fetch");
    p.command("http.fetch", http_fetch);
}

fn key_value(p: &mut Plugin) {
    p.capability("kv", "count and the hooks keep their numbers there");
    with_text(p, "kv.get", "key", |key| {
        let value = kv::get(key)?;
        Ok(with_value(object(), "value", &value).json())
    });
    p.command("kv.set", kv_set);
    with_text(p, "kv.delete", "key", |key| Ok(one("deleted", kv::delete(key)?)));
    p.command("kv.increment", kv_increment);
    p.command("kv.compareAndSet", kv_compare_and_set);
}

fn with_value(o: ObjectBuilder, name: &str, value: &Json) -> ObjectBuilder {
    if value.is_none() {
        o
    } else {
        o.raw(name, value)
    }
}

fn kv_set(c: &Call) -> Reply<'_> {
    let input = c.fields();
    let (key, value, ttl) = (input.text("key")?, input.value("value")?, number(&input, "ttl")?);
    kv::set(&key, value, Duration::from_millis(ttl))?;
    Ok(Json::NONE)
}

fn kv_increment(c: &Call) -> Reply<'_> {
    let input = c.fields();
    let (key, by, ttl) = (input.text("key")?, input.int("by")?, number(&input, "ttl")?);
    Ok(one("value", kv::increment(&key, by, Duration::from_millis(ttl))?))
}

fn kv_compare_and_set(c: &Call) -> Reply<'_> {
    let input = c.fields();
    let (key, expected, value, ttl) = (input.text("key")?, raw(&input, "expected")?, raw(&input, "value")?, number(&input, "ttl")?);
    let swap = kv::compare_and_set(&key, expected, value, Duration::from_millis(ttl))?;
    Ok(with_value(object().bool("swapped", swap.swapped), "current", &swap.current).json())
}

fn register_channels(p: &mut Plugin) {
    p.capability("channels.publish", "channels.publish");
    p.capability("channels.read", "channels.history");
    p.capability("channels.unsubscribe", "channels.unsubscribe");
    p.command("channels.publish", channels_publish);
    p.command("channels.history", channels_history);
    unsubscribe(p, "channels.unsubscribe", "channel", channels::unsubscribe);
}

fn channels_publish(c: &Call) -> Reply<'_> {
    let input = c.fields();
    let (channel, message, history) = (input.text("channel")?, input.value("message")?, number(&input, "history")?);
    let at = channels::publish_keeping(&channel, message, history)?;
    let mut o = object();
    if at.offset != 0 {
        o = o.int("offset", at.offset);
    }
    Ok(with_epoch(o, &at))
}

fn channels_history(c: &Call) -> Reply<'_> {
    let input = c.fields();
    let channel = input.text("channel")?;
    let query = HistoryQuery { limit: number(&input, "limit")?, since: number(&input, "since")?, since_time: number(&input, "sinceTime")? };
    let page = channels::history(&channel, query)?;
    Ok(with_epoch(object().raw("history", page.list).int("offset", page.position.offset), &page.position))
}

fn with_epoch(o: ObjectBuilder, at: &Position) -> Json<'static> {
    with_text_of(o, "epoch", &at.epoch).json()
}

fn register_presence(p: &mut Plugin) {
    p.capability("presence.read", "presence.list");
    p.capability("presence.write", "presence.set and clear");
    p.capability("presence.unsubscribe", "presence.unsubscribe");
    with_text(p, "presence.list", "roomName", |room| {
        let all = presence::list(room)?;
        Ok(object().texts("present", &all.present).raw("states", all.states).json())
    });
    p.command("presence.set", presence_set);
    with_member(p, "presence.clear", "success", presence::clear);
    unsubscribe(p, "presence.unsubscribe", "roomName", presence::unsubscribe);
}

fn presence_set(c: &Call) -> Reply<'_> {
    let input = c.fields();
    let (room, id, state) = (input.text("roomName")?, input.text("connectionId")?, input.value("state")?);
    let expire_after = Duration::from_millis(number(&input, "expireAfter")?);
    let silent = input.optional_bool("silent")?.unwrap_or(false);
    let success = if silent { presence::set_silently(&room, &id, state, expire_after)? } else { presence::set(&room, &id, state, expire_after)? };
    Ok(one("success", success))
}

/// Takes the body in base64, and replies with it so.
fn http_fetch(c: &Call) -> Reply<'_> {
    let input = c.fields();
    let mut request =
        http::Request::new(input.text("url")?).method(&text(&input, "method")?).timeout(Duration::from_millis(number(&input, "timeout")?));
    if let Some(headers) = input.optional_texts("headers")? {
        request.headers = Some(pairs(&headers)?);
    }
    if let Some(body) = input.optional_text("body")? {
        request.body = Some(base64::decode(&body).ok_or_else(|| Error::bad_payload("body", "must be base64"))?);
    }
    let response = request.fetch()?;
    let headers: Vec<&str> = response.headers.iter().flat_map(|(name, value)| [&**name, &**value]).collect();
    let body = base64::encode(&response.body);
    Ok(object().int("status", response.status).texts("headers", &headers).text("body", &body).json())
}

fn pairs<S: AsRef<str>>(list: &[S]) -> Result<Vec<(String, String)>> {
    if list.len() % 2 != 0 {
        return Err(Error::bad_payload("headers", "must be names and values in turn"));
    }
    Ok(list.chunks(2).map(|pair| (pair[0].as_ref().to_string(), pair[1].as_ref().to_string())).collect())
}
