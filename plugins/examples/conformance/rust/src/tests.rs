//! A few commands and hooks against the host in memory, to find out fast what the
//! suite for all languages would find out later.

use mesh_pdk::testing::{Connection, Host};
use mesh_pdk::{code, removed};

use crate::setup;

#[test]
fn commands_answer() {
    let host = Host::new(setup);
    for (command, payload, want) in [
        ("echo", r#"{"a":[1,null]}"#, r#"{"a":[1,null]}"#),
        ("add", r#"{"a":-1,"b":9223372036854775807}"#, r#"{"sum":9223372036854775806}"#),
        ("count", "", r#"{"n":1}"#),
        ("count", "", r#"{"n":2}"#),
    ] {
        assert_eq!(host.call("c1", command, payload).unwrap(), want, "{command} {payload}");
    }
    for (command, payload, want) in [
        ("add", r#"{"a":1,"b":9223372036854775807}"#, code::PAYLOAD),
        ("add", r#"{"a":1}"#, code::PAYLOAD),
        ("fail", r#"{"message":"no","code":"EOWN"}"#, "EOWN"),
    ] {
        assert_eq!(host.call("c1", command, payload).unwrap_err().code, want, "{command} {payload}");
    }
}

#[test]
fn pushes_reach_others() {
    let host = Host::new(setup);
    for id in ["a", "b", "c"] {
        host.connect(Connection::new(id)).unwrap();
    }
    let reply = host.call("a", "send", r#"{"to":["a","b","x"],"command":"hi","payload":1,"exclude":["a"]}"#).unwrap();
    assert_eq!(reply, r#"{"sent":1}"#);
    let pushes = |id: &str| host.pushes(id).iter().filter(|p| p.command == "hi").count();
    assert_eq!((pushes("a"), pushes("b"), pushes("c")), (0, 1, 0));
}

#[test]
fn hooks_keep_what_they_saw() {
    let host = Host::new(setup);
    host.connect(Connection::new("a").user("ann")).unwrap();
    host.join("a", "r").unwrap();
    host.write_record("a", "hooked:1", r#"{"n":1}"#);
    host.remove_record("", "hooked:1", removed::BY_EXPIRY);
    host.disconnect("a", 4000, "enough").unwrap();
    for (payload, want) in [
        (r#"{"event":"connect"}"#, r#"{"connectionId":"a","user":"ann","metadata":null}"#),
        (r#"{"event":"join","roomName":"r"}"#, r#"{"connectionId":"a","user":"ann","metadata":null,"roomName":"r"}"#),
        (r#"{"event":"leave","roomName":"r"}"#, r#"{"connectionId":"a","user":"ann","metadata":null,"roomName":"r","reason":"disconnect"}"#),
        (
            r#"{"event":"recordRemoved","recordId":"hooked:1"}"#,
            r#"{"connectionId":"","user":"","metadata":null,"recordId":"hooked:1","value":{"n":1},"version":2,"epoch":"e1","reason":"expired"}"#,
        ),
        (r#"{"event":"disconnect"}"#, r#"{"connectionId":"a","user":"ann","metadata":null,"code":4000,"reason":"enough"}"#),
    ] {
        assert_eq!(host.call("x", "hooks", payload).unwrap(), format!(r#"{{"count":1,"last":{want}}}"#).as_str(), "{payload}");
    }
    assert_eq!(host.failures(), []);
}
