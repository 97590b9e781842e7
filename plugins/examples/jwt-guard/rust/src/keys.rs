use hmac::digest::KeyInit;
use hmac::{Hmac, Mac};
use mesh_pdk::{Json, Result};
use sha2::{Sha256, Sha384, Sha512};

use crate::base::{from_base64, from_base64url, from_hex};
use crate::settings::failure;

/// The longest secret, in bytes.
const MAX_SECRET: usize = 1024;

/// How tokens are signed (RFC 7518, 3.2).
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    Hs256,
    Hs384,
    Hs512,
}

impl Algorithm {
    /// Knows an algorithm by its name, whose case counts. "none" is no algorithm.
    pub fn named(name: &str) -> Option<Algorithm> {
        match name {
            "HS256" => Some(Algorithm::Hs256),
            "HS384" => Some(Algorithm::Hs384),
            "HS512" => Some(Algorithm::Hs512),
            _ => None,
        }
    }

    /// The length of its hash in bytes, which is that of the shortest secret.
    fn hash_size(self) -> usize {
        match self {
            Algorithm::Hs256 => 32,
            Algorithm::Hs384 => 48,
            Algorithm::Hs512 => 64,
        }
    }
}

/// A key that tokens are signed with, for one algorithm.
pub struct Key {
    /// None: of the tokens that name no key.
    pub id: Option<String>,
    algorithm: Algorithm,
    secret: Vec<u8>,
}

impl Key {
    /// Tells whether a signature is this key's, by an algorithm that must be its
    /// own. It takes as long for a wrong one as for the right one.
    pub fn has_signed(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        algorithm == self.algorithm
            && match algorithm {
                Algorithm::Hs256 => verify::<Hmac<Sha256>>(&self.secret, message, signature),
                Algorithm::Hs384 => verify::<Hmac<Sha384>>(&self.secret, message, signature),
                Algorithm::Hs512 => verify::<Hmac<Sha512>>(&self.secret, message, signature),
            }
    }

    fn read(entry: &Json) -> Result<Key, String> {
        let (mut id, mut algorithm, mut secret, mut decode) = (None, Algorithm::Hs256, None, from_base64url as fn(&str) -> Option<Vec<u8>>);
        for (name, value) in entry.members() {
            let text = value.as_text().ok_or_else(|| format!("{name} must be text"))?;
            match &*name {
                "kid" if (1..=256).contains(&text.len()) => id = Some(text.into_owned()),
                "kid" => return Err("kid must be 1 to 256 bytes".to_string()),
                "alg" => algorithm = Algorithm::named(&text).ok_or("alg must be HS256, HS384 or HS512")?,
                "secret" => secret = Some(text.into_owned()),
                "encoding" => {
                    decode = match &*text {
                        "base64url" => |text| from_base64url(text.trim_end_matches('=')),
                        "base64" => from_base64,
                        "hex" => from_hex,
                        _ => return Err("encoding must be base64url, base64 or hex".to_string()),
                    }
                }
                _ => return Err(format!("{name} is unknown: kid, alg, secret or encoding")),
            }
        }
        let secret = decode(&secret.ok_or("secret is missing")?).ok_or("secret is not written in its encoding")?;
        let least = algorithm.hash_size();
        if secret.len() < least || secret.len() > MAX_SECRET {
            return Err(format!("secret must be {least} to {MAX_SECRET} random bytes, not {}", secret.len()));
        }
        Ok(Key { id, algorithm, secret })
    }
}

/// Compares in constant time, as the crate does.
fn verify<M: Mac + KeyInit>(secret: &[u8], message: &[u8], signature: &[u8]) -> bool {
    <M as Mac>::new_from_slice(secret).map_or(false, |mac| mac.chain_update(message).verify_slice(signature).is_ok())
}

/// Reads `keys`, of which each has an id of its own, and at most one none.
pub fn read_keys(list: &Json) -> Result<Vec<Key>> {
    let mut keys: Vec<Key> = Vec::new();
    for (i, entry) in list.items().enumerate() {
        let key = Key::read(&entry).map_err(|problem| failure(&format!("keys[{i}]: {problem}")))?;
        if keys.iter().any(|k| k.id == key.id) {
            return Err(failure(&format!("keys[{i}]: kid must be another one than that of the keys before")));
        }
        keys.push(key);
    }
    Ok(keys)
}
