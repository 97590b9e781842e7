//! Collections are sets of records that a client sees as one: who subscribes to
//! a collection gets its records, what joins and leaves them, and their changes.

use crate::builder::put_texts;
use crate::generated::operations;
use crate::plugin::{entry, Entry};
use crate::respond::ERROR;
use crate::{object, Call, Plugin, Result};

/// Ends a connection's subscription to a collection and tells whether there was
/// one. The client gets the reason, at most 123 bytes.
pub fn unsubscribe(collection_id: &str, connection_id: &str, reason: &str) -> Result<bool> {
    operations::collections_unsubscribe(collection_id, connection_id, reason)
}

impl Plugin {
    /// Opens the collections that match a pattern; all others are closed to
    /// clients. Without more everyone may subscribe, and a change of any record
    /// has the resolver asked again.
    ///
    /// The resolver returns the ids of a collection's records, in its order: the
    /// call's name is the collection's id, and the connection the client's that
    /// subscribes, none where the collection is [shared](CollectionExposure::shared).
    /// What the client may not read is left out, and so are records without a
    /// value. An error refuses the subscription; of a collection that a client
    /// has already it is logged, and nothing changes.
    pub fn collection<F>(&mut self, pattern: &str, resolver: F) -> CollectionExposure<'_>
    where
        F: Fn(&Call) -> Result<Vec<String>> + 'static,
    {
        let number = self.other(move |c, out| match resolver(c) {
            Ok(ids) => {
                let mut body = Vec::with_capacity(64);
                put_texts(&mut body, &ids);
                out.reply(&body);
            }
            Err(e) => out.failure(ERROR, &e),
        });
        CollectionExposure(entry(&mut self.document.collections, object().text("pattern", pattern).int("handler", number)))
    }
}

/// Collections that have been opened.
pub struct CollectionExposure<'a>(Entry<'a>);

impl CollectionExposure<'_> {
    /// Names the plugin's guard that is asked before a client subscribes.
    pub fn guarded_by(self, guard: &str) -> Self {
        CollectionExposure(self.0.with(|o| o.text("guard", guard)))
    }

    /// Names patterns of records: the resolver is asked again when one of these
    /// has changed, and only then. Name what it reads, too.
    pub fn depends_on<S: AsRef<str>>(self, records: &[S]) -> Self {
        CollectionExposure(self.0.with(|o| o.texts("records", records)))
    }

    /// Says that the resolver answers the same for every client. It is then asked
    /// once for all of them, instead of once for each.
    pub fn shared(self) -> Self {
        CollectionExposure(self.0.with(|o| o.bool("shared", true)))
    }

    /// Says how many records a collection has at most, 1 to 1000; what the
    /// resolver names beyond it is left out, whether or not a client may read all
    /// that comes before. Default 100.
    pub fn limit(self, records: i64) -> Self {
        CollectionExposure(self.0.with(|o| o.int("limit", records)))
    }
}
