use mesh_pdk::{now, Error, Json, Result};

use crate::expiry::expires;
use crate::settings::{failure, text, texts};

/// A guard of the settings: it lets in whose token has one of some values in a
/// claim, while the token is valid.
#[derive(Clone)]
pub struct Rule {
    pub name: String,
    pub claim: String,
    any: Vec<String>,
}

impl Rule {
    pub fn allows(&self, metadata: &Json, leeway: i64) -> Result<()> {
        let until = expires(metadata).ok_or_else(|| Error::denied("This is for those with a token."))?;
        if now() >= until + leeway {
            return Err(Error::denied(crate::claims::EXPIRED));
        }
        if !self.matches(&metadata.get("jwt").get("claims").get(&self.claim)) {
            return Err(Error::denied("The token does not allow this."));
        }
        Ok(())
    }

    /// A claim is text or a list of text; that of `scope` is text with several
    /// values (RFC 8693, 4.2).
    fn matches(&self, claim: &Json) -> bool {
        let wanted = |value: &str| self.any.iter().any(|a| a == value);
        match (claim.as_text(), claim.as_texts()) {
            (Some(scopes), _) if self.claim == "scope" => scopes.split(' ').any(wanted),
            (Some(value), _) => wanted(&value),
            (None, list) => list.unwrap_or_default().iter().any(|value| wanted(value)),
        }
    }

    fn read(name: &str, entry: &Json) -> Result<Rule, &'static str> {
        let mut rule = Rule { name: name.to_string(), claim: String::new(), any: Vec::new() };
        for (key, value) in entry.members() {
            match &*key {
                "claim" => rule.claim = text(&value).ok_or("claim must be the name of a claim")?,
                "any" => rule.any = texts(&value).ok_or("any must be a list of text")?,
                _ => return Err("there is claim and any, and nothing else"),
            }
        }
        if rule.claim.is_empty() || rule.any.is_empty() {
            return Err("claim and any must be there, as in {claim = \"role\", any = [\"member\"]}");
        }
        Ok(rule)
    }
}

/// Reads `guards`, a table of rules by the names of the guards.
pub fn read_guards(table: &Json) -> Result<Vec<Rule>> {
    let rules = table.members().map(|(name, entry)| Rule::read(&name, &entry).map_err(|problem| failure(&format!("guards.{name}: {problem}"))));
    rules.collect()
}
