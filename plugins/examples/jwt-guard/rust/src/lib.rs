//! The jwt-guard plugin lets clients in with a JSON Web Token (RFC 7519) that is
//! signed with a key of its settings, keeps chosen claims for guards, and closes
//! connections whose token has run out.

mod base;
mod claims;
mod door;
mod expiry;
mod guards;
mod keys;
mod settings;
#[cfg(test)]
mod tests;
mod token;

use std::rc::Rc;

use mesh_pdk::{Plugin, Result};

use settings::Settings;

mesh_pdk::plugin!(setup);

fn setup(p: &mut Plugin) -> Result<()> {
    p.name("jwt-guard");
    p.version("1.0.0");
    p.capability("connections.metadata.read", "when a connection's token runs out");
    p.capability("connections.disconnect", "closing connections whose token has run out");
    let settings = Rc::new(Settings::read(&mesh_pdk::config()?)?);

    let s = settings.clone();
    p.authenticate(move |h| door::authenticate(&s, h));
    let leeway = settings.checks.leeway;
    for rule in &settings.guards {
        let rule = rule.clone();
        p.guard(&rule.name.clone(), move |c| rule.allows(&c.metadata(), leeway));
    }
    // Anywhere once: the connections of all nodes are listed.
    p.every(&format!("{}s", settings.expiry_seconds), "expiry", move |_| expiry::sweep(leeway)).once_per_cluster();
    Ok(())
}
