//! JSON, as it is read and written.

use mesh_pdk::{array, object, Json};

#[test]
fn reads() {
    let v = Json::raw("\t{ \"a\" : [1, -2.5e1, {\"]\":\"}\\\"\"}] , \"\\u0061b\":null,\"x\":\"\\ud83d\\ude42\\ud83d\",\"t\":true }\n");
    assert!(v.is_object() && !v.is_array() && !v.is_null());
    let a = v.get("a");
    let items: Vec<String> = a.items().map(|i| i.to_string()).collect();
    assert_eq!(items, ["1", "-2.5e1", "{\"]\":\"}\\\"\"}"]);
    assert!(v.get("ab").is_null() && !v.get("ab").is_none());
    assert!(v.get("b").is_none());
    assert_eq!(v.get("x").as_text().as_deref(), Some("🙂\u{FFFD}"));
    assert_eq!(v.get("t").as_bool(), Some(true));
    assert_eq!(v.members().map(|(name, _)| name.into_owned()).collect::<Vec<_>>(), ["a", "ab", "x", "t"]);
    assert_eq!(Json::raw(r#"{"a":1,"a":2}"#).get("a").as_int(), Some(2));
}

#[test]
fn numbers() {
    for (text, want) in [
        ("9223372036854775807", Some(i64::MAX)),
        ("-9223372036854775808", Some(i64::MIN)),
        ("9223372036854775808", None),
        ("-9223372036854775809", None),
        (" 7 ", Some(7)),
        ("1.0", None),
        ("-", None),
        ("", None),
        ("\"1\"", None),
    ] {
        assert_eq!(Json::raw(text).as_int(), want, "{text}");
    }
    for (text, want) in [("-2.5e1", Some(-25.0)), ("1e999", None), ("nan", None), ("inf", None), ("+1", None), ("7", Some(7.0))] {
        assert_eq!(Json::raw(text).as_float(), want, "{text}");
    }
    for (v, want) in [(0.1, "0.1"), (1e21, "1e21"), (1e-7, "1e-7"), (-0.0, "-0"), (f64::NAN, "null"), (f64::INFINITY, "null")] {
        assert_eq!(Json::float(v), want);
    }
    for v in [0, 7, -7, i64::MAX, i64::MIN] {
        assert_eq!(Json::int(v).to_string(), v.to_string());
    }
}

#[test]
fn rubbish_is_no_panic() {
    let text = br#"{"a":["\u12\ud8ff",{"b":[tru,e"}],"\"#;
    for start in 0..text.len() {
        for end in start..=text.len() {
            let v = Json::from_bytes(&text[start..end]);
            let _ = (v.get("a").as_text(), v.as_texts(), v.as_int(), v.as_float(), v.is_null());
            assert!(v.items().count() + v.members().count() <= text.len());
        }
    }
}

#[test]
fn writes() {
    let list = array().int(1).float(0.5).text("\u{1}").bool(false).raw(Json::NONE);
    let o = object().text("a\"", "\\\n\r\t\u{1f}é").raw("list", list).texts("t", &["x", "y"]).bool("b", true);
    let want = r#"{"a\"":"\\\n\r\t\u001fé","list":[1,0.5,"\u0001",false,null],"t":["x","y"],"b":true}"#;
    assert_eq!(o.json(), want);
    assert_eq!(object().json(), "{}");
    assert_eq!(array().json(), "[]");
}
