use std::ops::Deref;

use crate::codec::skip_text;
use crate::plugin::entry;
use crate::respond::REFUSE;
use crate::{object, Call, Json, Plugin, Result};

/// What a guard is asked about, as [`GuardCall::topic`] says.
pub mod topic {
    /// A channel.
    pub const CHANNEL: &str = "channel";
    /// The presence of a room.
    pub const PRESENCE: &str = "presence";
    /// A room.
    pub const ROOM: &str = "room";
    /// Another connection.
    pub const CONNECTION: &str = "connection";
    /// A record.
    pub const RECORD: &str = "record";
    /// A collection.
    pub const COLLECTION: &str = "collection";
}

/// What a client wants of a topic, as [`GuardCall::action`] says.
pub mod action {
    /// To receive what is published on a channel; to be present in a room and to
    /// see who is; to read a record, also as part of a collection; to see a
    /// collection.
    pub const SUBSCRIBE: &str = "subscribe";
    /// To publish on a channel.
    pub const PUBLISH: &str = "publish";
    /// To read a channel's history without a subscription.
    pub const HISTORY: &str = "history";
    /// To become a member of a room.
    pub const JOIN: &str = "join";
    /// To read the metadata of a room without being a member, or of a connection
    /// without sharing a room.
    pub const METADATA: &str = "metadata";
    /// To write a record: the call's value, by its strategy.
    pub const WRITE: &str = "write";
    /// To delete a record.
    pub const DELETE: &str = "delete";
}

/// Asks whether a connection may have something: its name is that of the channel
/// or room, or the id of the record, collection or other connection, that the
/// client wants to reach. It has all methods of [`Call`].
pub struct GuardCall<'a>(&'a Call);

impl GuardCall<'_> {
    /// Returns one of the constants of [`topic`](mod@topic).
    pub fn topic(&self) -> &str {
        skip_text(self.detail(), 0)
    }

    /// Returns one of the constants of [`action`](mod@action).
    pub fn action(&self) -> &str {
        skip_text(self.detail(), 1)
    }

    /// Returns what a client wants to write into a record, as it was sent: of a
    /// merge the part that will be laid over what is there. There is none for
    /// all other actions.
    pub fn value(&self) -> Json<'_> {
        self.payload()
    }

    /// Returns how the value would be written: [`REPLACE`](crate::REPLACE), also
    /// where the client names none, [`MERGE`](crate::MERGE) or
    /// [`DEEP_MERGE`](crate::DEEP_MERGE). It is "" for all actions but
    /// [`WRITE`](action::WRITE). A value that is no object, or meets none,
    /// replaces by any strategy: a guard that is to keep what is there demands an
    /// object too.
    pub fn strategy(&self) -> &str {
        skip_text(self.detail(), 2)
    }
}

impl Deref for GuardCall<'_> {
    type Target = Call;

    fn deref(&self) -> &Call {
        self.0
    }
}

impl Plugin {
    /// Registers a guard, which takes effect where an exposure names it: `Ok`
    /// allows, an error refuses, and so does a panic or a deadline that passes.
    pub fn guard<F>(&mut self, name: &str, run: F)
    where
        F: Fn(&GuardCall) -> Result<()> + 'static,
    {
        let number = self.other(move |c, out| out.outcome(REFUSE, run(&GuardCall(c))));
        entry(&mut self.document.guards, object().text("name", name).int("handler", number));
    }

    /// Names the plugin's guard that is asked before a client reads the metadata
    /// of a connection with which it shares no room; without one that allows it,
    /// it may not.
    pub fn metadata_guard(&mut self, guard: &str) {
        self.document.metadata_guard = guard.to_string();
    }
}
