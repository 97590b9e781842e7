//! The chat against the host in memory.

use mesh_pdk::testing::{Answer, Connection, Host};
use mesh_pdk::{action, close, code, topic, Result};

use crate::names::CLAIMING;
use crate::setup;

const CONFIG: &str = r#"{"moderators":["Ann"],"words":["darn","Blödsinn"],"rate":1000}"#;
const ROOM: &str = "chat:x";

/// Brings someone into the room, with all that a client subscribes to.
fn enter(host: &Host, id: &str, user: &str, name: &str) {
    host.connect(Connection::new(id).user(user)).unwrap();
    host.call(id, "chat.name", &format!(r#"{{"name":"{name}"}}"#)).unwrap();
    host.ask("visitors", id, topic::ROOM, action::JOIN, ROOM).unwrap();
    host.join(id, ROOM).unwrap();
    host.ask("members", id, topic::CHANNEL, action::SUBSCRIBE, ROOM).unwrap();
    host.subscribe(id, ROOM);
    host.subscribe_presence(id, ROOM);
}

/// What was published in the room: "name: text" and notices.
fn said(host: &Host) -> Vec<String> {
    let line = |m: &mesh_pdk::Json| {
        assert!(m.fields().int("at").unwrap() > 1_000_000_000_000, "{m}");
        match m.get("notice").as_text() {
            Some(notice) => notice.into_owned(),
            None => format!("{}: {}", m.fields().text("name").unwrap(), m.fields().text("text").unwrap()),
        }
    };
    host.messages(ROOM).iter().map(line).collect()
}

fn code_of<T: std::fmt::Debug>(result: Result<T>) -> String {
    result.unwrap_err().code
}

#[test]
fn settings_are_checked() {
    for (config, want) in [
        ("{}", ""),
        (r#"{"moderators":[],"words":["x"],"trust_names":true,"rate":1,"kick_seconds":1}"#, ""),
        (r#"{"moderators":"ann"}"#, "config: moderators must be a list of users"),
        (r#"{"moderators":[""]}"#, "config: moderators must be a list of users"),
        (r#"{"words":{}}"#, "config: words must be a list of words"),
        (r#"{"trust_names":1}"#, "config: trust_names must be true or false"),
        (r#"{"rate":0}"#, "config: rate must be a whole number above 0"),
        (r#"{"kick_seconds":604801}"#, "config: kick_seconds must be a whole number, 1 to 604800"),
        (r#"{"moderator":["ann"]}"#, "config: moderator is unknown: moderators, trust_names, words, rate or kick_seconds"),
    ] {
        let got = Host::load(setup, config).map_or_else(|e| e.message, |_| String::new());
        assert_eq!(got, want, "{config}");
    }
}

#[test]
fn members_talk() {
    let host = Host::with_config(setup, CONFIG);
    enter(&host, "b", "", "Bob");
    enter(&host, "c", "", "Carl");
    let reply = host.call("b", "chat.send", r#"{"room":"chat:x","text":" Hello <b>, DARN it, blödsinn! darned "}"#).unwrap();
    assert_eq!(reply, r#"{"offset":3}"#);
    host.leave("c", ROOM);
    host.call("b", "chat.send", r#"{"room":"chat:x","text":"alone"}"#).unwrap();
    host.disconnect("b", 1000, "").unwrap();
    let want = ["Bob has joined", "Carl has joined", "Bob: Hello <b>, **** it, ********! darned", "Carl has left", "Bob: alone", "Bob has left"];
    assert_eq!(said(&host), want);
    // Who has left hears no more.
    let heard = |command: &str| host.pushes("c").iter().filter(|p| p.command == command).count();
    assert_eq!((heard("mesh/subscription-message"), heard("mesh/unsubscribed")), (2, 2));
    assert!(host.kv("name:bob").is_none());
    assert_eq!(host.failures(), []);
}

#[test]
fn bad_messages_are_refused() {
    let host = Host::with_config(setup, CONFIG);
    enter(&host, "b", "", "Bob");
    let long = "ä".repeat(1000);
    host.call("b", "chat.send", &format!(r#"{{"room":"chat:x","text":"{long}"}}"#)).unwrap();
    for (payload, want) in [
        ("".to_string(), code::PAYLOAD),
        ("[]".to_string(), code::PAYLOAD),
        (r#"{"text":"darn"}"#.to_string(), code::PAYLOAD),
        (r#"{"room":"chat:x","text":1}"#.to_string(), code::PAYLOAD),
        (r#"{"room":"chat:x","text":" \n\t "}"#.to_string(), code::PAYLOAD),
        (format!(r#"{{"room":"chat:x","text":"{long}xx"}}"#), code::PAYLOAD),
        (r#"{"room":"chat:","text":"x"}"#.to_string(), code::PAYLOAD),
        (r#"{"room":"chat:y","text":"x"}"#.to_string(), code::DENIED),
        (r#"{"room":"chat:x","text":"/dance"}"#.to_string(), code::NOT_FOUND),
        (r#"{"room":"chat:x","text":"/kick Bob"}"#.to_string(), code::DENIED),
    ] {
        assert_eq!(code_of(host.call("b", "chat.send", &payload)), want, "{payload}");
    }
}

#[test]
fn moderators_kick() {
    let host = Host::with_config(setup, CONFIG);
    enter(&host, "a", "ann", "Ann");
    enter(&host, "b", "", "Bob");
    let reply = host.call("a", "chat.send", r#"{"room":"chat:x","text":"/kick BOB"}"#).unwrap();
    assert_eq!(reply, r#"{"kicked":["b"]}"#);
    assert_eq!(said(&host).last().unwrap(), "Bob was kicked by Ann");
    assert_eq!(host.members(ROOM), ["a"]);
    assert_eq!(code_of(host.ask("visitors", "b", topic::ROOM, action::JOIN, ROOM)), code::DENIED);
    assert_eq!(code_of(host.call("a", "chat.kick", r#"{"room":"chat:x","who":"Ann"}"#)), code::DENIED);
    assert_eq!(code_of(host.call("a", "chat.kick", r#"{"room":"chat:x","who":"Bob"}"#)), code::NOT_FOUND);
    assert_eq!(host.failures(), []);
}

#[test]
fn a_name_has_one_holder() {
    let host = Host::with_config(setup, CONFIG);
    for id in ["b", "c"] {
        host.connect(Connection::new(id)).unwrap();
    }
    host.call("b", "chat.name", r#"{"name":"Bob","key":"k"}"#).unwrap();
    assert_eq!(code_of(host.call("c", "chat.name", r#"{"name":"bob"}"#)), code::CONFLICT);
    assert_eq!(code_of(host.call("c", "chat.name", r#"{"name":"bob","key":"x"}"#)), code::CONFLICT);
    assert_eq!(code_of(host.call("c", "chat.name", r#"{"name":"ANN"}"#)), code::DENIED);
    assert_eq!(code_of(host.call("c", "chat.name", r#"{"name":"Darn"}"#)), code::DENIED);
    for bad in ["", " Bob", "Bob ", "B  b", "1", "Bob\\u0000", "B\\u0301<", &"x".repeat(25)] {
        assert_eq!(code_of(host.call("c", "chat.name", &format!(r#"{{"name":"{bad}"}}"#))), code::PAYLOAD, "{bad}");
    }
    // The client of the same key is the one from before.
    host.call("c", "chat.name", r#"{"name":"bob","key":"k"}"#).unwrap();
    assert_eq!(host.closed("b").unwrap().0, i64::from(close::REPLACED));
    let holder = host.kv("name:bob");
    assert_eq!((holder.get("id").as_text().as_deref(), holder.get("key").as_text().as_deref()), (Some("c"), Some("k")));
    host.call("c", "chat.name", r#"{"name":"Zoë"}"#).unwrap();
    assert!(host.kv("name:bob").is_none());
}

// What the other finds is a name that its holder's metadata does not have yet.
#[test]
fn of_two_who_choose_a_name_at_once_one_gets_it() {
    let host = Host::with_config(setup, CONFIG);
    for id in ["b", "c"] {
        host.connect(Connection::new(id)).unwrap();
    }
    host.set_now(1_000_000);
    host.answer("connections.metadata.set", |_| Ok(Answer::new())); // it does not come to that
    host.call("b", "chat.name", r#"{"name":"Bob"}"#).unwrap();
    assert_eq!(code_of(host.call("c", "chat.name", r#"{"name":"bob"}"#)), code::CONFLICT);
    host.set_now(1_000_001 + CLAIMING);
    host.call("c", "chat.name", r#"{"name":"bob"}"#).unwrap();
}

#[test]
fn pace_is_kept() {
    let host = Host::with_config(setup, r#"{"rate":2}"#);
    enter(&host, "b", "", "Bob");
    host.call("b", "chat.send", r#"{"room":"chat:x","text":"hi"}"#).unwrap();
    assert_eq!(code_of(host.call("b", "chat.send", r#"{"room":"chat:x","text":"hi"}"#)), code::RATE_LIMIT);
}
