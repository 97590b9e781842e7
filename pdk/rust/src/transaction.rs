use crate::generated::operations;
use crate::records::Terms;
use crate::{array, object, ArrayBuilder, Json, Result};

/// Writes of several records, each of them once, that are made all or not at all,
/// and seen as one change:
///
/// ```no_run
/// # use mesh_pdk::{object, records::{self, Terms}, Result};
/// # fn pay() -> Result<()> {
/// records::transaction()
///     .set_on("account:a", object().int("sum", 5), &Terms::new().expect_version(3))
///     .set_on("account:b", object().int("sum", 7), &Terms::new().expect_version(8))
///     .commit()?;
/// # Ok(()) }
/// ```
pub struct Transaction(ArrayBuilder);

/// Starts a transaction of 1 to 100 writes, or as many as the host's limits
/// allow. Nothing is written before [`commit`](Transaction::commit).
pub fn transaction() -> Transaction {
    Transaction(array())
}

impl Transaction {
    /// Adds [`records::set`](crate::records::set).
    pub fn set<'a>(self, id: &str, value: impl Into<Json<'a>>) -> Self {
        self.set_on(id, value, &Terms::default())
    }

    /// Adds [`records::set_on`](crate::records::set_on).
    pub fn set_on<'a>(self, id: &str, value: impl Into<Json<'a>>, terms: &Terms) -> Self {
        let write = object().text("op", "write").text("recordId", id).raw("value", value);
        Transaction(self.0.raw(terms.of(write)))
    }

    /// Adds [`records::merge`](crate::records::merge).
    pub fn merge<'a>(self, id: &str, part: impl Into<Json<'a>>) -> Self {
        self.merge_on(id, part, &Terms::default())
    }

    /// Adds [`records::merge_on`](crate::records::merge_on).
    pub fn merge_on<'a>(self, id: &str, part: impl Into<Json<'a>>, terms: &Terms) -> Self {
        self.set_on(id, part, &terms.clone().merging())
    }

    /// Adds [`records::delete`](crate::records::delete).
    pub fn delete(self, id: &str) -> Self {
        self.delete_on(id, &Terms::default())
    }

    /// Adds [`records::delete_on`](crate::records::delete_on).
    pub fn delete_on(self, id: &str, terms: &Terms) -> Self {
        let deletion = object().text("op", "delete").text("recordId", id);
        Transaction(self.0.raw(terms.of(deletion)))
    }

    /// Makes the writes. The error is `ETXN` where there are none, too many, or
    /// two of one record; otherwise that of the first write that fails, with its
    /// recordId in the data, and nothing is written.
    pub fn commit(self) -> Result<Committed> {
        Ok(Committed { list: operations::records_transaction(&self.0.json())? })
    }
}

/// What has become of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// `[{"op", "recordId", "success", "version"}]`, in the order of the writes.
    pub list: Json<'static>,
}

impl Committed {
    /// Returns the version that the transaction has left a record at, 0 for one
    /// that it did not write.
    pub fn version(&self, id: &str) -> i64 {
        let written = self.list.items().find(|item| item.get("recordId").as_text().as_deref() == Some(id));
        written.and_then(|item| item.get("version").as_int()).unwrap_or(0)
    }
}
