use std::collections::HashSet;

use mesh_pdk::{Duration, Error, Json, Result, MINUTE, SECOND};

/// The operator's settings, `[plugins.chat.config]`. Every instance reads them for
/// itself, before its first call.
pub struct Settings {
    /// Users and, with `trust_names`, names, in lower case.
    pub moderators: HashSet<String>,
    /// Makes whoever takes a moderator's name first a moderator: for trying things
    /// out without authentication.
    pub trust_names: bool,
    /// Masked in messages and refused in names, in lower case.
    pub words: HashSet<String>,
    /// How many commands a connection may send in ten seconds.
    pub rate: i64,
    /// How long a kicked one has to stay out.
    pub kick: Duration,
}

impl Settings {
    pub fn read(config: &Json) -> Result<Settings> {
        let mut s = Settings { moderators: HashSet::new(), trust_names: false, words: HashSet::new(), rate: 10, kick: 5 * MINUTE };
        for (key, value) in config.members() {
            let (read, allowed) = match &*key {
                "moderators" => (read_set(&value).map(|set| s.moderators = set), "a list of users"),
                "trust_names" => (value.as_bool().map(|yes| s.trust_names = yes), "true or false"),
                "words" => (read_set(&value).map(|set| s.words = set), "a list of words"),
                "rate" => (value.as_int().filter(|n| *n > 0).map(|n| s.rate = n), "a whole number above 0"),
                "kick_seconds" => {
                    let seconds = value.as_int().filter(|n| (1..=7 * 24 * 3600).contains(n));
                    (seconds.map(|n| s.kick = n * SECOND), "a whole number, 1 to 604800")
                }
                _ => return Err(failure(&format!("{key} is unknown: moderators, trust_names, words, rate or kick_seconds"))),
            };
            read.ok_or_else(|| failure(&format!("{key} must be {allowed}")))?;
        }
        Ok(s)
    }
}

fn failure(problem: &str) -> Error {
    Error { message: format!("config: {problem}"), ..Error::default() }
}

fn read_set(list: &Json) -> Option<HashSet<String>> {
    let texts = list.as_texts()?;
    if texts.iter().any(|text| text.is_empty()) {
        return None;
    }
    Some(texts.iter().map(|text| text.to_lowercase()).collect())
}
