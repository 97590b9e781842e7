//! What a token says (RFC 7519, 4.1), once its signature is known to be right.

use serde_json::{Map, Value};

use crate::settings::Checks;
use crate::token::Refusal;

/// A time beyond what any token needs, the end of the year 9999, in seconds.
const MAX_TIME: f64 = 253_402_300_799.0;

pub const EXPIRED: Refusal = "The token has expired.";

/// Who a token is of, and until when, in milliseconds since 1970.
#[derive(Debug, PartialEq, Eq)]
pub struct Bearer {
    pub user: String,
    pub expires: i64,
}

/// Checks the registered claims at a time in milliseconds since 1970.
pub fn check(claims: &Map<String, Value>, checks: &Checks, now: i64) -> Result<Bearer, Refusal> {
    let expires = time(claims, "exp")?.ok_or("The token does not say when it expires.")?;
    if now >= expires + checks.leeway {
        return Err(EXPIRED);
    }
    if time(claims, "nbf")?.map_or(false, |begins| now < begins - checks.leeway) {
        return Err("The token is not valid yet.");
    }
    if let Some(issuer) = &checks.issuer {
        if claims.get("iss").and_then(Value::as_str) != Some(issuer) {
            return Err("The token is of another issuer.");
        }
    }
    if !is_meant(claims.get("aud"), &checks.audience) {
        return Err("The token is for another audience.");
    }
    let user = claims.get("sub").and_then(Value::as_str).unwrap_or_default();
    if user.is_empty() || user.len() > 256 || user.chars().any(char::is_control) {
        return Err("The token does not say whose it is: sub must be 1 to 256 bytes without control characters.");
    }
    Ok(Bearer { user: user.to_string(), expires })
}

/// Returns a time, which may have a fraction, in milliseconds.
fn time(claims: &Map<String, Value>, name: &str) -> Result<Option<i64>, Refusal> {
    match claims.get(name) {
        None => Ok(None),
        Some(v) => match v.as_f64().filter(|seconds| (0.0..=MAX_TIME).contains(seconds)) {
            Some(seconds) => Ok(Some((seconds * 1000.0) as i64)),
            None => Err("The token has a time that is none."),
        },
    }
}

/// Tells whether a token is for one of an audience. Who has none must refuse what
/// is for somebody (RFC 7519, 4.1.3).
fn is_meant(aud: Option<&Value>, audience: &[String]) -> bool {
    let is_ours = |v: &Value| v.as_str().map_or(false, |name| audience.iter().any(|a| a == name));
    match aud {
        None => audience.is_empty(),
        Some(Value::Array(list)) => list.iter().all(Value::is_string) && list.iter().any(is_ours),
        Some(one) => is_ours(one),
    }
}
