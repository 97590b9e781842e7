//! What the host in memory does of a real one: authentication, channels, records'
//! hooks, schedules, merges and the clock.

use mesh_pdk::testing::{Connection, Host};
use mesh_pdk::{
    channels, connections, kv, left, now, object, presence, records, removed, rooms, Error, Handshake, Identity, Json, Plugin, Result, DEEP_MERGE,
    FOREVER, MERGE,
};

fn setup(p: &mut Plugin) -> Result<()> {
    p.authenticate(|h| match h.query_value("token").as_deref() {
        None => Ok(None),
        Some("t") => Ok(Some(Identity::new(h.header("x-user").unwrap_or("ann")).with_metadata(object().text("from", h.remote_address)))),
        Some(_) => Err(Error::refuse(403, "no")),
    });
    p.every("1s", "tick", |c| kv::set(c.name(), now(), FOREVER));
    p.every("1s", "broken", |_| Err(Error::denied("broken")));
    p.on_disconnect(|d| kv::set("gone", object().text("id", d.connection_id()).int("code", d.code.into()).text("why", d.reason), FOREVER));
    p.on_leave(|c| channels::publish("log", object().text("left", c.room).text("why", c.reason)).map(drop));
    p.on_record_update(|c| note("update", c)).records(&["kept"]);
    p.on_record_removed(|c| note("removed", c)).records(&["other", "/^k/"]);
    p.command("write", |c| Ok(records::set(&c.fields().text("id")?, c.fields().value("value")?)?.version.into()));
    p.command("delete", |c| {
        records::delete(&c.fields().text("id")?)?;
        Ok(Json::NONE)
    });
    p.command("merge", |c| {
        let strategy = if c.fields().has("deep") { DEEP_MERGE } else { MERGE };
        connections::set_metadata(c.connection_id(), c.fields().value("value")?, strategy)
    });
    p.command("kick", |c| Ok(connections::disconnect(&c.fields().text("id")?, 4100u16, "slow")?.into()));
    p.command("end", |c| {
        let a = channels::unsubscribe("log", c.connection_id(), "a")?;
        let b = presence::unsubscribe("log", c.connection_id(), "b")?;
        Ok(Json::text(&format!("{a} {b}")))
    });
    p.command("in", |c| Ok(rooms::has("r", c.connection_id())?.into()));
    p.command("say", |c| Ok(channels::publish("log", c.payload())?.offset.into()));
    p.command("page", |_| {
        let page = connections::list_metadata("", "a", 1)?;
        Ok(object().raw("list", page.list).text("next", &page.next).json())
    });
    Ok(())
}

fn note(what: &str, c: &mesh_pdk::RecordChange) -> Result<()> {
    let line = object().text("what", what).text("by", c.connection_id()).int("version", c.version).text("why", c.reason).raw("value", c.value());
    channels::publish(c.record_id, line).map(drop)
}

fn handshake<'a>(query: &'a str) -> Handshake<'a> {
    Handshake { method: "GET", path: "/", query, headers: vec![("x-user", "bob")], remote_address: "192.0.2.1:1" }
}

#[test]
fn authentication() {
    let host = Host::new(setup);
    assert_eq!(host.authenticate(&handshake("a=b")), Ok(None));
    assert_eq!(host.authenticate(&handshake("token=x")).unwrap_err().http, 403);
    let bob = Identity::new("bob").with_metadata(object().text("from", "192.0.2.1:1"));
    assert_eq!(host.authenticate(&handshake("token=t")), Ok(Some(bob)));
    assert_eq!(host.connect_as("c1", &handshake("token=x")).unwrap_err().message, "no");
    host.connect_as("c1", &handshake("token=t")).unwrap();
    assert_eq!(host.call("c1", "merge", r#"{"value":{"a":1}}"#).unwrap(), r#"{"from":"192.0.2.1:1","a":1}"#);
    assert_eq!(Host::new(|_| Ok(())).authenticate(&handshake("token=t")), Ok(None));
}

#[test]
fn time_and_schedules() {
    let host = Host::new(setup);
    host.run_schedule("tick").unwrap();
    assert!(host.kv("tick").as_int().unwrap() > 1_600_000_000_000);
    host.set_now(5);
    host.run_schedule("tick").unwrap();
    assert_eq!(host.kv("tick"), "5");
    assert_eq!(host.run_schedule("broken").unwrap_err().message, "broken");
    assert_eq!(host.run_schedule("none").unwrap_err().code, "ENOTFOUND");
}

#[test]
fn channels_and_ends() {
    let host = Host::new(setup);
    for id in ["a", "b"] {
        host.connect(Connection::new(id)).unwrap();
        host.join(id, "r").unwrap();
        host.subscribe(id, "log");
    }
    assert!(host.join("x", "r").is_err());
    assert_eq!(host.call("b", "in", "").unwrap(), "true");
    assert_eq!(host.call("a", "say", r#"{"n":1}"#).unwrap(), "1");
    assert_eq!(host.call("a", "end", "").unwrap(), r#""true false""#);
    host.leave("b", "r");
    assert_eq!(host.call("b", "kick", r#"{"id":"a"}"#).unwrap(), "true");
    assert_eq!(host.call("b", "kick", r#"{"id":"a"}"#).unwrap(), "false");
    let texts: Vec<String> = host.messages("log").iter().map(Json::to_string).collect();
    assert_eq!(texts, [r#"{"n":1}"#, r#"{"left":"r","why":"leave"}"#, r#"{"left":"r","why":"disconnect"}"#]);
    assert_eq!(left::BY_REQUEST, "leave");
    assert_eq!(host.kv("gone"), r#"{"id":"a","code":4100,"why":"slow"}"#);
    assert_eq!(host.closed("a"), Some((4100, "slow".to_string())));
    let pushes: Vec<String> = host.pushes("a").iter().map(|p| format!("{} {}", p.command, p.payload)).collect();
    let message = r#"mesh/subscription-message {"channel":"log","message":"{\"n\":1}","offset":1,"epoch":"e1"}"#;
    assert_eq!(pushes, [message, r#"mesh/unsubscribed {"kind":"channel","name":"log","reason":"a"}"#]);
    assert_eq!(host.failures(), []);
}

#[test]
fn records_and_their_hooks() {
    let host = Host::new(setup);
    host.connect(Connection::new("a")).unwrap();
    for id in ["kept", "unheard"] {
        host.call("a", "write", &format!(r#"{{"id":"{id}","value":1}}"#)).unwrap();
        host.call("a", "write", &format!(r#"{{"id":"{id}","value":1}}"#)).unwrap();
        // changes nothing
    }
    host.write_record("a", "kept", "2");
    host.call("a", "delete", r#"{"id":"kept"}"#).unwrap();
    host.call("a", "delete", r#"{"id":"kept"}"#).unwrap();
    host.write_record("", "kept", "3");
    host.remove_record("", "kept", removed::BY_EXPIRY);
    let lines: Vec<String> = host.messages("kept").iter().map(Json::to_string).collect();
    let line = |what, by, version, why, value| format!(r#"{{"what":"{what}","by":"{by}","version":{version},"why":"{why}","value":{value}}}"#);
    let want = [
        line("update", "", 1, "", 1),
        line("update", "a", 2, "", 2),
        line("removed", "", 3, "deleted", 2),
        line("update", "", 4, "", 3),
        line("removed", "", 5, "expired", 3),
    ];
    assert_eq!(lines, want);
    assert!(host.messages("unheard").is_empty());
}

#[test]
fn merges_and_pages() {
    let host = Host::new(setup);
    for id in ["a", "c", "b"] {
        host.connect(Connection::new(id).metadata(r#"{"a":{"x":1,"y":[1]},"b":1}"#)).unwrap();
    }
    assert_eq!(host.call("a", "merge", r#"{"value":{"a":{"y":[2]},"c":1}}"#).unwrap(), r#"{"b":1,"a":{"y":[2]},"c":1}"#);
    assert_eq!(host.call("b", "merge", r#"{"deep":1,"value":{"a":{"y":[2]}}}"#).unwrap(), r#"{"b":1,"a":{"x":1,"y":[2]}}"#);
    assert_eq!(host.call("c", "page", "").unwrap(), r#"{"list":[{"b":{"b":1,"a":{"x":1,"y":[2]}}}],"next":"b"}"#);
}
