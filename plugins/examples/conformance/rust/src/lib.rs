//! The conformance plugin has one command for each thing that a host must do
//! right, and something of every kind that a plugin can register: every
//! language's kit has the same one, and the same suite tests them.

mod addressing;
mod base64;
mod commands;
mod exposures;
mod hooks;
mod misbehave;
mod operations;
mod record_exposures;
mod records;
mod shapes;
#[cfg(test)]
mod tests;

use mesh_pdk::{Plugin, Result};

mesh_pdk::plugin!(setup);

fn setup(p: &mut Plugin) -> Result<()> {
    p.name("conformance");
    p.version("1.0.0");

    p.command("echo", commands::echo);
    p.command("add", commands::add);
    p.command("fail", commands::fail);
    p.command("whoami", commands::whoami);
    p.command("count", commands::count);
    p.command("send", commands::send);
    p.command("hooks", hooks::read);

    operations::register(p);
    exposures::register(p);
    record_exposures::register(p);
    hooks::register(p);

    p.command("spin", misbehave::spin);
    p.command("grow", misbehave::grow);
    p.command("trap", misbehave::trap);
    p.command("recurse", misbehave::recurse);
    Ok(())
}
