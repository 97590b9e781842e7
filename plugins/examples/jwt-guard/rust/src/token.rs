//! The form of a token, `header.claims.signature` (RFC 7515, 7.1), and its
//! signature. Nothing of a token is believed before its signature has been found
//! right, but for which key and algorithm it names; and these must be of the
//! settings.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::{Map, Value};

use crate::base::from_base64url;
use crate::keys::{Algorithm, Key};

/// The longest token, in bytes.
pub const MAX_TOKEN: usize = 8192;

/// Why a token is refused, as its bearer is told.
pub type Refusal = &'static str;

pub const MALFORMED: Refusal = "The token is malformed.";
pub const UNKNOWN_KEY: Refusal = "The token's key is not known.";
pub const NOT_SIGNED: Refusal = "The token's signature is not valid.";

/// Returns a token's claims, if one of the keys has signed it.
pub fn verify(token: &str, keys: &[Key]) -> Result<Map<String, Value>, Refusal> {
    if token.len() > MAX_TOKEN {
        return Err("The token is too long.");
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(MALFORMED)?;
    let (header, claims) = signed.split_once('.').ok_or(MALFORMED)?;
    let header = object(header)?;
    let algorithm = header.get("alg").and_then(Value::as_str).and_then(Algorithm::named).ok_or(NOT_SIGNED)?;
    if !is_type(header.get("typ")) || header.contains_key("crit") {
        return Err("The token is of a kind that is not known.");
    }
    let id = match header.get("kid") {
        None => None,
        Some(Value::String(id)) => Some(id),
        Some(_) => return Err(MALFORMED),
    };
    let key = keys.iter().find(|k| k.id.as_ref() == id).ok_or(UNKNOWN_KEY)?;
    let signature = from_base64url(signature).ok_or(MALFORMED)?;
    if !key.has_signed(algorithm, signed.as_bytes(), &signature) {
        return Err(NOT_SIGNED);
    }
    object(claims)
}

/// Knows the types of tokens that give access; other kinds, such as those for
/// logging out, are signed by the same issuers (RFC 8725, 3.11).
fn is_type(typ: Option<&Value>) -> bool {
    let name = match typ {
        None => return true,
        Some(Value::String(name)) => name.to_ascii_lowercase(),
        Some(_) => return false,
    };
    matches!(name.strip_prefix("application/").unwrap_or(&name), "jwt" | "at+jwt")
}

/// Decodes a part of a token.
fn object(part: &str) -> Result<Map<String, Value>, Refusal> {
    let text = from_base64url(part).ok_or(MALFORMED)?;
    serde_json::from_slice::<Object>(&text).map(|o| o.0).map_err(|_| MALFORMED)
}

/// An object whose members have different names: of two of one name a parser takes
/// the first and another the last (RFC 7519, 4).
struct Object(Map<String, Value>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Object, D::Error> {
        d.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Object;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Object, A::Error> {
        let mut map = Map::new();
        while let Some((name, value)) = members.next_entry()? {
            if map.insert(name, value).is_some() {
                return Err(A::Error::custom("a member is there twice"));
            }
        }
        Ok(Object(map))
    }
}
