//! The operations on records and collections.

use mesh_pdk::records::{self, RecordQuery, Terms, Transaction};
use mesh_pdk::{collections, object, Call, Duration, Error, Fields, Plugin, Reply, Result};

use crate::shapes::{number, raw, text, unsubscribe, with_cursor, with_text, with_text_of};

pub fn register(p: &mut Plugin) {
    p.capability("records.read", "records.get and list, and the resolvers of collections");
    p.capability("records.write", "records.set, delete and transaction");
    p.capability("records.unsubscribe", "records.unsubscribe");
    p.capability("collections.unsubscribe", "collections.unsubscribe");
    with_text(p, "records.get", "recordId", |id| {
        let r = records::get(id)?;
        Ok(with_text_of(object().raw("value", r.value).int("version", r.version), "epoch", &r.epoch).json())
    });
    p.command("records.set", records_set);
    p.command("records.delete", records_delete);
    p.command("records.list", records_list);
    p.command("records.transaction", records_transaction);
    unsubscribe(p, "records.unsubscribe", "recordId", records::unsubscribe);
    unsubscribe(p, "collections.unsubscribe", "collectionId", collections::unsubscribe);
}

fn records_set(c: &Call) -> Reply<'_> {
    let input = c.fields();
    let (id, value, terms) = (input.text("recordId")?, input.value("value")?, write_terms(&input)?);
    let w = records::set_on(&id, value, &terms)?;
    Ok(object().int("version", w.version).text("epoch", &w.epoch).bool("changed", w.changed).json())
}

fn records_delete(c: &Call) -> Reply<'_> {
    let input = c.fields();
    let (id, terms) = (input.text("recordId")?, delete_terms(&input)?);
    let d = records::delete_on(&id, &terms)?;
    Ok(object().bool("deleted", d.deleted).int("version", d.version).json())
}

fn records_list(c: &Call) -> Reply<'_> {
    let input = c.fields();
    let (pattern, cursor, limit) = (text(&input, "pattern")?, text(&input, "cursor")?, number(&input, "limit")?);
    let values = input.optional_bool("values")?.unwrap_or(false);
    let page = records::list(RecordQuery { pattern: &pattern, values, cursor: &cursor, limit })?;
    Ok(with_cursor(object().raw("records", page.list), &page.next))
}

fn records_transaction(c: &Call) -> Reply<'_> {
    let operations = c.fields().value("operations")?;
    let mut tx = records::transaction();
    for item in operations.items() {
        tx = add_to(tx, &item.fields())?;
    }
    Ok(object().raw("results", tx.commit()?.list).json())
}

/// Adds an operation, `{"op", "recordId", "value", "options"?}`.
fn add_to(tx: Transaction, input: &Fields) -> Result<Transaction> {
    let (op, id, options) = (input.text("op")?, input.text("recordId")?, raw(input, "options")?);
    match &*op {
        "write" => Ok(tx.set_on(&id, input.value("value")?, &write_terms(&options.fields())?)),
        "delete" => Ok(tx.delete_on(&id, &delete_terms(&options.fields())?)),
        _ => Err(Error::bad_payload("op", "must be write or delete")),
    }
}

// These read members that may be missing.

fn write_terms(input: &Fields) -> Result<Terms> {
    let mut terms = Terms::new();
    if let Some(strategy) = input.optional_text("strategy")? {
        terms = terms.strategy(&strategy);
    }
    if let Some(version) = input.optional_int("expectVersion")? {
        terms = terms.expect_version(version);
    }
    Ok(terms.ttl(Duration::from_millis(number(input, "ttl")?)))
}

fn delete_terms(input: &Fields) -> Result<Terms> {
    Ok(match input.optional_int("expectVersion")? {
        Some(version) => Terms::new().expect_version(version),
        None => Terms::new(),
    })
}
