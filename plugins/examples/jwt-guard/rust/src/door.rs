use std::borrow::Cow;

use mesh_pdk::{now, object, Error, Handshake, Identity, Json, ObjectBuilder, Result};
use serde_json::{Map, Value};

use crate::settings::{Places, Settings};
use crate::{claims, token};

/// Says who a client is by its token. The user is the token's `sub`; the metadata
/// is `{"jwt": {"expires", "claims"}}`, under a name of its own, so that what other
/// plugins write into the metadata does not pass for a claim.
pub fn authenticate(s: &Settings, h: &Handshake) -> Result<Option<Identity>> {
    let token = match find(&s.places, h) {
        Some(token) => token,
        None if s.anonymous => return Ok(None),
        None => return Err(Error::refuse(401, "A token is needed.")),
    };
    let refuse = |why: token::Refusal| Error::refuse(401, why);
    let said = token::verify(&token, &s.keys).map_err(refuse)?;
    let bearer = claims::check(&said, &s.checks, now()).map_err(refuse)?;
    let metadata = object().raw("jwt", object().int("expires", bearer.expires).raw("claims", kept(&s.claims, &said)));
    Ok(Some(Identity::new(bearer.user).with_metadata(metadata)))
}

/// Returns the first token in the places where one may be.
fn find<'a>(places: &Places, h: &Handshake<'a>) -> Option<Cow<'a, str>> {
    let header = || {
        let (scheme, token) = h.header("authorization").filter(|_| places.header)?.trim().split_once(' ')?;
        if scheme.eq_ignore_ascii_case("bearer") {
            return Some(Cow::Borrowed(token.trim()));
        }
        None
    };
    let query = || h.query_value(places.query.as_deref()?);
    let cookie = || h.cookie(places.cookie.as_deref()?).map(Cow::Borrowed);
    header().or_else(query).or_else(cookie)
}

fn kept(names: &[String], said: &Map<String, Value>) -> ObjectBuilder {
    let found = names.iter().filter_map(|name| said.get(name).map(|value| (name, value.to_string())));
    found.fold(object(), |o, (name, value)| o.raw(name, Json::raw(&value)))
}
