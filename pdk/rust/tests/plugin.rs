//! A plugin with something of everything, against the host in memory.

use std::cell::Cell;

use mesh_pdk::records::{self, Terms};
use mesh_pdk::testing::{Answer, Connection, Host};
use mesh_pdk::{action, code, connections, http, kv, object, rooms, topic, Call, Error, Json, Plugin, Reply, Result, FOREVER};

mesh_pdk::plugin!(setup);

fn setup(p: &mut Plugin) -> Result<()> {
    p.name("everything");
    let settings = mesh_pdk::config()?;
    if settings.get("broken").as_bool() == Some(true) {
        return Err(Error::new("EBROKEN", "it is broken"));
    }
    let greeting = settings.get("greeting").as_text().unwrap_or_default().into_owned();
    p.middleware("stamp", |c| {
        c.set_locals(object().text("by", c.connection_id()));
        Ok(())
    })
    .global();
    p.middleware("members", |c| match c.user() {
        "" => Err(Error::denied("for members")),
        "root" => {
            c.reply("at your service");
            Ok(())
        }
        _ => Ok(()),
    });
    p.command("greet", move |c| Ok(object().text("greeting", &format!("{greeting}, {}", c.fields().text("name")?)).json()));
    p.command("echo", |c| Ok(c.payload()));
    p.command("part", |c: &Call| c.fields().value("part"));
    p.command("locals", |c| Ok(c.locals())).using(&["members"]).concurrent();
    let calls = Cell::new(0);
    p.command("calls", move |_| {
        calls.set(calls.get() + 1);
        Ok(Json::int(calls.get()))
    });
    p.command("parse", |c| Ok(Json::int(c.fields().text("n")?.parse::<i64>()?)));
    p.command("join", |c| Ok(rooms::add("lobby", c.connection_id())?.into()));
    p.command("shout", shout);
    p.command("fetch", |_| Ok(Json::int(http::Request::new("https://example.com/").header("a", "1").fetch()?.status)));
    p.command("write", write);
    p.guard("own", |c| if c.name() == c.user() && c.action() == action::WRITE { Ok(()) } else { Err(Error::denied("not yours")) });
    p.on_join(|c| kv::increment(&format!("joined:{}", c.room), 1, FOREVER).map(drop));
    p.on_leave(|c| kv::set(&format!("left:{}", c.room), c.reason, FOREVER));
    Ok(())
}

fn shout(c: &Call) -> Reply<'_> {
    let to = rooms::members("lobby")?;
    Ok(connections::send_except(&to, "shout", c.payload(), &[c.connection_id()])?.into())
}

fn write(_: &Call) -> Reply<'_> {
    records::set("a", object().int("n", 1))?;
    let late = records::set_on("a", 2, &Terms::new().expect_version(7)).unwrap_err();
    assert_eq!(late.conflict().expect("a conflict").version, 1);
    records::update("a", |r| Ok(object().int("n", r.value.get("n").as_int().unwrap_or(0) + 1).json()))?;
    Ok(Json::int(records::merge("a", object().int("m", 5))?.version))
}

fn host() -> Host {
    let host = Host::with_config(setup, r#"{"greeting":"Hello"}"#);
    host.connect(Connection::new("c1").user("ann").metadata(r#"{"a":1}"#)).unwrap();
    host.connect(Connection::new("c2")).unwrap();
    host
}

#[test]
fn replies() {
    let host = host();
    for (command, payload, want) in [
        ("greet", r#"{"name":"\u00fc\"\n"}"#, r#"{"greeting":"Hello, ü\"\n"}"#),
        ("echo", "[1, 2]", "[1, 2]"),
        ("echo", "", "null"),
        ("part", r#"{"a":1,"part":{"b":"}"}}"#, r#"{"b":"}"}"#),
        ("locals", "", r#"{"by":"c1"}"#),
        ("calls", "", "1"),
        ("calls", "", "2"),
        ("write", "", "3"),
    ] {
        assert_eq!(host.call("c1", command, payload).unwrap(), want, "{command} {payload}");
    }
    assert_eq!(host.record("a"), r#"{"n":2,"m":5}"#);
}

#[test]
fn errors() {
    let host = host();
    for (connection, command, payload, want_code, want) in [
        ("c1", "greet", "{}", code::PAYLOAD, "field \"name\" is missing"),
        ("c1", "greet", "[]", code::PAYLOAD, "payload must be an object"),
        ("c1", "greet", r#"{"name":1}"#, code::PAYLOAD, "field \"name\" must be text"),
        ("c1", "parse", r#"{"n":"x"}"#, code::SERVER, "invalid digit found in string"),
        ("c2", "locals", "", code::DENIED, "for members"),
        ("c1", "fetch", "", code::NOT_FOUND, "the host in memory has no answer for http.fetch: give it one with Host::answer"),
        ("c1", "none", "", code::NOT_FOUND, "no command none"),
    ] {
        let e = host.call(connection, command, payload).unwrap_err();
        assert_eq!((&*e.code, &*e.message), (want_code, want), "{command} {payload}");
    }
    assert_eq!(Host::load(setup, r#"{"broken":true}"#).err().expect("an error").message, "it is broken");
}

#[test]
fn rooms_and_hooks() {
    let host = host();
    for id in ["c1", "c2"] {
        assert_eq!(host.call(id, "join", "").unwrap(), "true");
    }
    assert_eq!(host.call("c1", "join", "").unwrap(), "false");
    assert_eq!(host.kv("joined:lobby"), "2");
    assert_eq!(host.call("c1", "shout", r#""hi""#).unwrap(), "1");
    assert_eq!(host.pushes("c2").len(), 1);
    assert_eq!(host.pushes("c2")[0].payload, r#""hi""#);
    assert_eq!(host.pushes("c1"), []);
    host.disconnect("c2", 1006, "").unwrap();
    assert_eq!(host.kv("left:lobby"), r#""disconnect""#);
    assert_eq!(host.members("lobby"), ["c1"]);
    assert_eq!(host.failures(), []);
}

#[test]
fn guards_and_middleware() {
    let host = host();
    assert_eq!(host.ask("own", "c1", topic::RECORD, action::WRITE, "ann"), Ok(()));
    assert_eq!(host.ask("own", "c1", topic::RECORD, action::DELETE, "ann").unwrap_err().code, code::DENIED);
    host.connect(Connection::new("c3").user("root")).unwrap();
    assert_eq!(host.call("c3", "locals", "").unwrap(), r#""at your service""#);
}

#[test]
fn given_answers() {
    let host = host();
    host.answer("http.fetch", |asked| {
        assert_eq!((asked.text(), asked.text(), asked.texts()), ("https://example.com/", "", vec!["a", "1"]));
        Ok(Answer::new().int(404).texts::<&str>(&[]).bytes(b""))
    });
    assert_eq!(host.call("c1", "fetch", "").unwrap(), "404");
}
