use mesh_pdk::{Error, Json, Result};

use crate::guards::{read_guards, Rule};
use crate::keys::{read_keys, Key};

/// The operator's settings, `[plugins.jwt-guard.config]`; README.md has the table.
pub struct Settings {
    pub keys: Vec<Key>,
    pub checks: Checks,
    pub places: Places,
    /// Lets clients without a token in, as nobody.
    pub anonymous: bool,
    /// The claims that a connection keeps in its metadata.
    pub claims: Vec<String>,
    pub guards: Vec<Rule>,
    pub expiry_seconds: i64,
}

/// What a token must say.
#[derive(Default)]
pub struct Checks {
    /// None: any issuer.
    pub issuer: Option<String>,
    /// Of these a token must name one; where there are none, it must name none.
    pub audience: Vec<String>,
    /// How far clocks may be apart, in milliseconds.
    pub leeway: i64,
}

/// Where a token may be.
pub struct Places {
    /// In `Authorization: Bearer`.
    pub header: bool,
    /// In a parameter of the query.
    pub query: Option<String>,
    pub cookie: Option<String>,
}

impl Settings {
    pub fn read(config: &Json) -> Result<Settings> {
        let mut s = Settings {
            keys: Vec::new(),
            checks: Checks { leeway: 30_000, ..Checks::default() },
            places: Places { header: true, query: None, cookie: None },
            anonymous: false,
            claims: Vec::new(),
            guards: Vec::new(),
            expiry_seconds: 10,
        };
        for (key, value) in config.members() {
            let (read, allowed) = match &*key {
                "keys" => (set(&mut s.keys, if value.is_array() { Some(read_keys(&value)?) } else { None }), "a list of tables"),
                "issuer" => (set(&mut s.checks.issuer, text(&value).map(Some)), "text"),
                "audience" => (set(&mut s.checks.audience, texts(&value)), "a list of text"),
                "leeway_seconds" => (set(&mut s.checks.leeway, whole(&value, 0, 300).map(|n| n * 1000)), "a whole number, 0 to 300"),
                "header" => (set(&mut s.places.header, value.as_bool()), "true or false"),
                "query" => (set(&mut s.places.query, text(&value).map(Some)), "the name of a parameter"),
                "cookie" => (set(&mut s.places.cookie, text(&value).map(Some)), "the name of a cookie"),
                "anonymous" => (set(&mut s.anonymous, value.as_bool()), "true or false"),
                "claims" => (set(&mut s.claims, texts(&value)), "a list of claims"),
                "guards" => (set(&mut s.guards, if value.is_object() { Some(read_guards(&value)?) } else { None }), "a table of guards"),
                "expiry_seconds" => (set(&mut s.expiry_seconds, whole(&value, 1, 3600)), "a whole number, 1 to 3600"),
                _ => return Err(failure(&format!("{key} is unknown; README.md has the settings"))),
            };
            read.ok_or_else(|| failure(&format!("{key} must be {allowed}")))?;
        }
        if s.keys.is_empty() {
            return Err(failure("keys must have at least one key: without one no token is valid"));
        }
        if !s.places.header && s.places.query.is_none() && s.places.cookie.is_none() {
            return Err(failure("header is false, so query or cookie must say where a token is"));
        }
        // What a guard looks at has to be kept.
        s.claims.extend(s.guards.iter().map(|g| g.claim.clone()));
        s.claims.sort();
        s.claims.dedup();
        Ok(s)
    }
}

/// Makes the error of a plugin that cannot be set up.
pub fn failure(problem: &str) -> Error {
    Error { message: format!("config: {problem}"), ..Error::default() }
}

fn set<T>(place: &mut T, value: Option<T>) -> Option<()> {
    *place = value?;
    Some(())
}

pub fn text(v: &Json) -> Option<String> {
    v.as_text().filter(|text| !text.is_empty()).map(|text| text.into_owned())
}

pub fn texts(v: &Json) -> Option<Vec<String>> {
    let list = v.as_texts()?;
    if list.iter().any(|text| text.is_empty()) {
        return None;
    }
    Some(list.into_iter().map(|text| text.into_owned()).collect())
}

fn whole(v: &Json, least: i64, most: i64) -> Option<i64> {
    v.as_int().filter(|n| (least..=most).contains(n))
}
