//! The door against the host in memory, with right, wrong and hostile tokens.

use base64::{encode_config, URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use mesh_pdk::testing::{Connection, Host};
use mesh_pdk::{action, close, topic, Handshake, Identity, Json, Result};
use sha2::{Sha256, Sha512};

use crate::keys::{read_keys, Algorithm};
use crate::{setup, token};

/// The key and the token of RFC 7515, A.1.
const RFC_KEY: &str = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
const RFC_TOKEN: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.\
    eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
    dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// The time of the tests, in seconds.
const NOW: i64 = 1_800_000_000;
const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
const HEADER: &str = r#"{"alg":"HS256"}"#;
const CONFIG: &str = r#"{"keys":[{"secret":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"}],
    "issuer":"https://id.example","audience":["chat","games"],"query":"token","cookie":"session","claims":["name"],
    "guards":{"members":{"claim":"role","any":["member","admin"]},"writers":{"claim":"scope","any":["write"]}}}"#;

fn door(config: &str) -> Host {
    let host = Host::with_config(setup, config);
    host.set_now(NOW * 1000);
    host
}

fn base(text: &str) -> String {
    encode_config(text, URL_SAFE_NO_PAD)
}

fn sign(header: &str, claims: &str) -> String {
    let signed = format!("{}.{}", base(header), base(claims));
    let mac = Hmac::<Sha256>::new_from_slice(SECRET).unwrap().chain_update(&signed).finalize();
    format!("{signed}.{}", encode_config(mac.into_bytes(), URL_SAFE_NO_PAD))
}

/// The claims of a valid token, with others laid over them.
fn claims(over: &str) -> String {
    let mut all: serde_json::Value = serde_json::json!({"sub":"ann","iss":"https://id.example","aud":"chat","exp":NOW + 60});
    let over: serde_json::Map<_, _> = serde_json::from_str(over).unwrap();
    for (name, value) in over {
        all[name] = value;
    }
    all.to_string()
}

fn bearer(host: &Host, token: &str) -> Result<Option<Identity>> {
    knock(host, "", &[("authorization", &format!("Bearer {token}"))])
}

fn knock(host: &Host, query: &str, headers: &[(&str, &str)]) -> Result<Option<Identity>> {
    host.authenticate(&Handshake { method: "GET", path: "/", query, headers: headers.to_vec(), remote_address: "192.0.2.1:1" })
}

fn refused(host: &Host, token: &str, why: &str) {
    match bearer(host, token) {
        Err(e) => assert!(e.http == 401 && e.message.contains(why), "{token} is refused with {} {}, not {why}", e.http, e.message),
        Ok(identity) => panic!("{token} is {identity:?}, want {why}"),
    }
}

#[test]
fn the_token_of_the_rfc() {
    let keys = read_keys(&Json::raw(&format!(r#"[{{"secret":"{RFC_KEY}"}}]"#))).unwrap();
    let said = token::verify(RFC_TOKEN, &keys).unwrap();
    assert_eq!(serde_json::Value::from(said).to_string(), r#"{"exp":1300819380,"http://example.com/is_root":true,"iss":"joe"}"#);
    let host = door(&format!(r#"{{"keys":[{{"secret":"{RFC_KEY}"}}]}}"#));
    refused(&host, RFC_TOKEN, "expired");
    host.set_now(1_300_819_379_000);
    refused(&host, RFC_TOKEN, "whose it is");
}

/// RFC 4231, 4.7.
#[test]
fn the_hashes_of_the_rfc() {
    let secret = "aa".repeat(131);
    for (name, algorithm, mac) in [
        ("HS256", Algorithm::Hs256, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"),
        ("HS384", Algorithm::Hs384, "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952"),
        (
            "HS512",
            Algorithm::Hs512,
            "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598",
        ),
    ] {
        let keys = read_keys(&Json::raw(&format!(r#"[{{"alg":"{name}","secret":"{secret}","encoding":"hex"}}]"#))).unwrap();
        let mac = crate::base::from_hex(mac).unwrap();
        let signed = |mac: &[u8]| keys[0].has_signed(algorithm, b"Test Using Larger Than Block-Size Key - Hash Key First", mac);
        assert!(signed(&mac), "{name}");
        for i in 0..mac.len() {
            let mut wrong = mac.clone();
            wrong[i] ^= 1;
            assert!(!signed(&wrong) && !signed(&mac[..i]), "{name} {i}");
        }
        for other in [Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512] {
            assert_eq!(keys[0].has_signed(other, b"Test Using Larger Than Block-Size Key - Hash Key First", &mac), other == algorithm);
        }
    }
}

#[test]
fn a_right_token_lets_in() {
    let host = door(CONFIG);
    let token = sign(HEADER, &claims(r#"{"name":"Ann","role":["x","member"],"secret":"s","aud":["x","games"],"exp":1800000060.5}"#));
    let want = Identity::new("ann").with_metadata(Json::raw(r#"{"jwt":{"expires":1800000060500,"claims":{"name":"Ann","role":["x","member"]}}}"#));
    assert_eq!(bearer(&host, &token), Ok(Some(want.clone())));
    for headers in [("Authorization", format!("bearer  {token} ")), ("cookie", format!("a=b; session={token}"))] {
        assert_eq!(knock(&host, "", &[(headers.0, &headers.1)]), Ok(Some(want.clone())), "{headers:?}");
    }
    assert_eq!(knock(&host, &format!("a=b&token={token}"), &[]), Ok(Some(want)));
    let typed = sign(r#"{"typ":"at+JWT","alg":"HS256"}"#, &claims("{}"));
    assert!(bearer(&host, &typed).is_ok());
}

#[test]
fn who_has_no_token() {
    let host = door(CONFIG);
    for headers in [("authorization", "Basic YTpi"), ("authorization", "Bearer"), ("cookie", "token=x")] {
        assert_eq!(knock(&host, "session=x", &[headers]).unwrap_err().message, "A token is needed.");
    }
    let open = door(&CONFIG.replacen('{', r#"{"anonymous":true,"#, 1));
    assert_eq!(knock(&open, "", &[]), Ok(None));
    refused(&open, "x", "malformed");
}

#[test]
fn tokens_of_another_form() {
    let host = door(CONFIG);
    let good = sign(HEADER, &claims("{}"));
    let parts: Vec<&str> = good.split('.').collect();
    for bad in [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        parts[0],
        &good[..good.len() - 1],
        &format!("{good}="),
        &format!("{good}."),
        &format!("{good}A"),
        &format!(".{good}"),
    ] {
        let e = bearer(&host, bad).unwrap_err();
        assert_eq!(e.http, 401, "{bad}");
    }
    refused(&host, &format!("{}.{}.", parts[0], parts[1]), "signature");
    refused(&host, &good.replace('.', "\n."), "");
    refused(&host, &"a".repeat(token::MAX_TOKEN + 1), "too long");
    refused(&host, &sign(HEADER, &claims(&format!(r#"{{"x":"{}"}}"#, "y".repeat(9000)))), "too long");
    // The last character of a signature has two bits that mean nothing.
    let twin = format!("{}{}", &good[..good.len() - 1], ((good.as_bytes()[good.len() - 1]) + 1) as char);
    assert!(bearer(&host, &twin).is_err());
    for body in
        ["", "[]", "1", "null", "{", r#"{"sub":"ann"} x"#, &"[".repeat(500), &format!("{{\"a\":{}", "[".repeat(3000)), "{\"sub\":\"\\ud800\"}"]
    {
        refused(&host, &sign(HEADER, body), "malformed");
        refused(&host, &sign(body, &claims("{}")), "malformed");
    }
    refused(&host, &sign(HEADER, &claims("{}").replacen('{', r#"{"sub":"root","#, 1)), "malformed");
    refused(&host, &sign(r#"{"alg":"HS256","alg":"HS256"}"#, &claims("{}")), "malformed");
    refused(&host, &sign(HEADER, &claims("{}").replacen('{', r#"{"exp":1e999,"#, 1)), "malformed");
}

#[test]
fn algorithms_and_keys_that_are_none() {
    let host = door(CONFIG);
    let payload = base(&claims("{}"));
    for none in ["none", "None", "NONE", "", "hs256", "HS256 ", "HS1", "RS256", "ES256", "EdDSA"] {
        let header = format!(r#"{{"alg":"{none}"}}"#);
        refused(&host, &format!("{}.{payload}.", base(&header)), "signature");
        refused(&host, &sign(&header, &claims("{}")), "signature");
    }
    for header in ["{}", r#"{"alg":null}"#, r#"{"alg":1}"#, r#"{"alg":["HS256"]}"#] {
        refused(&host, &sign(header, &claims("{}")), "signature");
    }
    // The right secret, by an algorithm that it is not for.
    let signed = format!("{}.{payload}", base(r#"{"alg":"HS512"}"#));
    let mac = Hmac::<Sha512>::new_from_slice(SECRET).unwrap().chain_update(&signed).finalize();
    refused(&host, &format!("{signed}.{}", encode_config(mac.into_bytes(), URL_SAFE_NO_PAD)), "signature");
    for (header, why) in [
        (r#"{"alg":"HS256","kid":"a"}"#, "key"),
        (r#"{"alg":"HS256","kid":""}"#, "key"),
        (r#"{"alg":"HS256","kid":1}"#, "malformed"),
        (r#"{"alg":"HS256","kid":null}"#, "malformed"),
        (r#"{"alg":"HS256","crit":[]}"#, "kind"),
        (r#"{"alg":"HS256","typ":"logout+jwt"}"#, "kind"),
        (r#"{"alg":"HS256","typ":1}"#, "kind"),
    ] {
        refused(&host, &sign(header, &claims("{}")), why);
    }
    // What a header says of keys is not followed.
    assert!(bearer(&host, &sign(r#"{"alg":"HS256","jku":"https://evil.example","jwk":{"k":"AA"}}"#, &claims("{}"))).is_ok());
}

#[test]
fn one_of_several_keys() {
    let secret = base(std::str::from_utf8(SECRET).unwrap());
    let host = door(&format!(r#"{{"keys":[{{"kid":"old","secret":"{RFC_KEY}"}},{{"kid":"new","alg":"HS256","secret":"{secret}"}}]}}"#));
    let said = format!(r#"{{"sub":"ann","exp":{}}}"#, NOW + 1);
    assert!(bearer(&host, &sign(r#"{"alg":"HS256","kid":"new"}"#, &said)).is_ok());
    refused(&host, &sign(r#"{"alg":"HS256","kid":"old"}"#, &said), "signature");
    refused(&host, &sign(HEADER, &said), "key");
}

#[test]
fn what_tokens_must_say() {
    let host = door(CONFIG);
    let (exp, nbf) = (NOW - 30, NOW + 30); // the leeway
    for (over, why) in [
        (format!(r#"{{"exp":{exp}}}"#), "expired"),
        (format!(r#"{{"exp":{exp}.001}}"#), ""),
        (format!(r#"{{"exp":{}}}"#, exp + 1), ""),
        (format!(r#"{{"nbf":{nbf}}}"#), ""),
        (format!(r#"{{"nbf":{nbf}.001}}"#), "not valid yet"),
        (format!(r#"{{"nbf":{}}}"#, nbf + 1), "not valid yet"),
        (r#"{"exp":0}"#.to_string(), "expired"),
        (r#"{"exp":null}"#.to_string(), "a time"),
        (r#"{"exp":"1900000000"}"#.to_string(), "a time"),
        (r#"{"exp":true}"#.to_string(), "a time"),
        (r#"{"exp":-1}"#.to_string(), "a time"),
        (r#"{"exp":1e300}"#.to_string(), "a time"),
        (r#"{"nbf":[]}"#.to_string(), "a time"),
        (r#"{"iss":"https://id.example/"}"#.to_string(), "issuer"),
        (r#"{"iss":["https://id.example"]}"#.to_string(), "issuer"),
        (r#"{"aud":"Chat"}"#.to_string(), "audience"),
        (r#"{"aud":[]}"#.to_string(), "audience"),
        (r#"{"aud":["chat",1]}"#.to_string(), "audience"),
        (r#"{"aud":null}"#.to_string(), "audience"),
        (r#"{"sub":""}"#.to_string(), "whose"),
        (r#"{"sub":1}"#.to_string(), "whose"),
        (r#"{"sub":"a\u0000"}"#.to_string(), "whose"),
        (format!(r#"{{"sub":"{}"}}"#, "x".repeat(257)), "whose"),
    ] {
        let token = sign(HEADER, &claims(&over));
        match why {
            "" => assert!(bearer(&host, &token).is_ok(), "{over}"),
            why => refused(&host, &token, why),
        }
    }
    refused(&host, &sign(HEADER, r#"{"sub":"ann","iss":"https://id.example","aud":"chat"}"#), "when it expires");
    // Who has no audience is not meant by a token for somebody.
    let nobody = door(r#"{"keys":[{"secret":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"}]}"#);
    refused(&nobody, &sign(HEADER, &claims("{}")), "audience");
}

#[test]
fn guards_look_at_claims() {
    let host = door(CONFIG);
    let ask = |guard: &str, id: &str| host.ask(guard, id, topic::ROOM, action::JOIN, "r").map_err(|e| e.message);
    for (id, over, member, writer) in [
        ("a", r#"{"role":"member","scope":"read write"}"#, true, true),
        ("b", r#"{"role":["x","admin"],"scope":"rewrite"}"#, true, false),
        ("c", r#"{"role":"members","scope":["write"]}"#, false, true),
        ("d", r#"{"role":true,"scope":{"write":true}}"#, false, false),
        ("e", r#"{"role":["admin",1]}"#, false, false),
    ] {
        let identity = bearer(&host, &sign(HEADER, &claims(over))).unwrap().unwrap();
        host.connect(Connection { id: id.to_string(), user: identity.user, metadata: identity.metadata }).unwrap();
        assert_eq!((ask("members", id).is_ok(), ask("writers", id).is_ok()), (member, writer), "{over}");
    }
    host.connect(Connection::new("x").metadata(r#"{"role":"admin"}"#)).unwrap();
    assert_eq!(ask("members", "x"), Err("This is for those with a token.".to_string()));
    host.set_now((NOW + 90) * 1000);
    assert_eq!(ask("members", "a"), Err("The token has expired.".to_string()));
}

#[test]
fn tokens_run_out() {
    let host = door(CONFIG);
    for i in 0..250 {
        let token = sign(HEADER, &claims(&format!(r#"{{"exp":{}}}"#, NOW + 1 + i % 2)));
        let query = format!("token={token}");
        let handshake = Handshake { method: "GET", path: "/", query: &query, headers: vec![], remote_address: "192.0.2.1:1" };
        host.connect_as(&format!("c{i:03}"), &handshake).unwrap();
    }
    host.connect(Connection::new("x").metadata(r#"{"expires":1}"#)).unwrap();
    let closed = || (0..250).filter(|i| host.closed(&format!("c{i:03}")).is_some()).count();
    for (milliseconds, want) in [(0, 0), (30_999, 0), (31_000, 125), (31_999, 125), (32_000, 250)] {
        host.set_now(NOW * 1000 + milliseconds);
        host.run_schedule("expiry").unwrap();
        assert_eq!(closed(), want, "after {milliseconds} ms");
    }
    assert_eq!(host.closed("c000"), Some((close::TOKEN_EXPIRED.into(), "The token has expired.".to_string())));
    assert_eq!(host.closed("x"), None);
}

#[test]
fn settings_are_checked() {
    let key = format!(r#""keys":[{{"secret":"{RFC_KEY}"}}]"#);
    for (config, want) in [
        (format!("{{{key}}}"), ""),
        ("{}".to_string(), "at least one key"),
        (r#"{"keys":[]}"#.to_string(), "at least one key"),
        (r#"{"keys":{}}"#.to_string(), "keys must be a list"),
        (r#"{"keys":[{}]}"#.to_string(), "keys[0]: secret is missing"),
        (r#"{"keys":[{"secret":""}]}"#.to_string(), "keys[0]: secret must be 32 to 1024 random bytes, not 0"),
        (r#"{"keys":[{"secret":"c2hvcnQ"}]}"#.to_string(), "not 5"),
        (format!(r#"{{"keys":[{{"alg":"HS512","secret":"{}"}}]}}"#, &RFC_KEY[..80]), "must be 64 to 1024"),
        (format!(r#"{{"keys":[{{"alg":"none","secret":"{RFC_KEY}"}}]}}"#), "alg must be HS256"),
        (format!(r#"{{"keys":[{{"alg":"RS256","secret":"{RFC_KEY}"}}]}}"#), "alg must be HS256"),
        (format!(r#"{{"keys":[{{"kid":"","secret":"{RFC_KEY}"}}]}}"#), "kid must be"),
        (format!(r#"{{"keys":[{{"encoding":"utf8","secret":"{RFC_KEY}"}}]}}"#), "encoding must be"),
        (format!(r#"{{"keys":[{{"encoding":"hex","secret":"{}"}}]}}"#, "+f".repeat(40)), "not written in its encoding"),
        (format!(r#"{{"keys":[{{"encoding":"base64","secret":"{RFC_KEY}"}}]}}"#), "not written in its encoding"),
        (format!(r#"{{"keys":[{{"secret":"{RFC_KEY}","x":"y"}}]}}"#), "x is unknown"),
        (format!(r#"{{"keys":[{{"secret":"{RFC_KEY}"}},{{"secret":"{RFC_KEY}"}}]}}"#), "keys[1]: kid must be another"),
        (format!(r#"{{{key},"leeway_seconds":301}}"#), "leeway_seconds must be a whole number, 0 to 300"),
        (format!(r#"{{{key},"expiry_seconds":0}}"#), "expiry_seconds must be"),
        (format!(r#"{{{key},"issuer":""}}"#), "issuer must be"),
        (format!(r#"{{{key},"audience":"chat"}}"#), "audience must be"),
        (format!(r#"{{{key},"header":false}}"#), "query or cookie"),
        (format!(r#"{{{key},"algorithm":"none"}}"#), "algorithm is unknown"),
        (format!(r#"{{{key},"guards":{{"a":{{"claim":"role"}}}}}}"#), "guards.a: claim and any"),
        (format!(r#"{{{key},"guards":{{"a":{{"claim":"role","any":[]}}}}}}"#), "guards.a: claim and any"),
        (format!(r#"{{{key},"guards":{{"a":{{"claim":"role","any":["x"],"all":[]}}}}}}"#), "nothing else"),
    ] {
        let got = Host::load(setup, &config).map_or_else(|e| e.message, |_| String::new());
        assert!(got.contains(want) && got.is_empty() == want.is_empty(), "{config}: got {got}, want {want}");
        assert!(!got.contains(RFC_KEY), "{got} tells the secret");
    }
}
