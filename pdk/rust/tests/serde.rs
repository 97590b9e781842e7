//! Typed payloads and replies.
#![cfg(feature = "serde")]

use mesh_pdk::testing::Host;
use mesh_pdk::{code, reply, Call, Json, Plugin, Reply, Result};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Input<'a> {
    name: &'a str,
    #[serde(default)]
    tags: Vec<String>,
}

#[derive(Serialize)]
struct Output {
    greeting: String,
    tags: usize,
}

fn setup(p: &mut Plugin) -> Result<()> {
    p.command("greet", greet);
    Ok(())
}

fn greet(c: &Call) -> Reply<'_> {
    let input: Input = c.input()?;
    reply(&Output { greeting: format!("Hello, {}", input.name), tags: input.tags.len() })
}

#[test]
fn typed() {
    let host = Host::new(setup);
    let got = host.call("c1", "greet", r#"{"name":"Ann","tags":["a","b"]}"#).unwrap();
    assert_eq!(got, r#"{"greeting":"Hello, Ann","tags":2}"#);
    for payload in ["", "{}", r#"{"name":1}"#] {
        let e = host.call("c1", "greet", payload).unwrap_err();
        assert_eq!(e.code, code::PAYLOAD, "{payload}");
        assert!(e.message.starts_with("payload: "), "{}", e.message);
    }
    assert_eq!(Json::raw("[1,2]").to_value::<Vec<i64>>().unwrap(), [1, 2]);
}
