use std::ops::Deref;

use crate::codec::{skip_text, Fields, Writer};
use crate::plugin::{entry, Entry};
use crate::respond::{ERROR, REFUSE};
use crate::{object, Call, Handshake, Identity, Json, Plugin, Result};

/// A connection that has ended; it has all methods of [`Call`]. Its metadata is
/// the last it had.
pub struct Departure<'a> {
    call: &'a Call,
    /// The close code; 1006 where the peer vanished without one.
    pub code: u16,
    /// The close reason.
    pub reason: &'a str,
}

/// A membership that has begun or ended; it has all methods of [`Call`]. Of a
/// connection that has ended, the metadata is the last it had.
pub struct RoomChange<'a> {
    call: &'a Call,
    /// The room's name.
    pub room: &'a str,
    /// One of the constants of [`left`](mod@left), "" for a join.
    pub reason: &'a str,
}

/// Why a member has left a room, as [`RoomChange::reason`] says.
pub mod left {
    /// The client asked to.
    pub const BY_REQUEST: &str = "leave";
    /// Its connection has ended.
    pub const BY_DISCONNECT: &str = "disconnect";
    /// A plugin or an operator took it out of the room.
    pub const BY_REMOVAL: &str = "removed";
    /// The room was cleared.
    pub const BY_CLEAR: &str = "cleared";
}

/// A version of a record that has come into being; it has all methods of
/// [`Call`]. Its connection is the client that wrote, none where a plugin, an
/// operator or a TTL did.
pub struct RecordChange<'a> {
    call: &'a Call,
    /// The record.
    pub record_id: &'a str,
    /// The version, in the life that `epoch` names.
    pub version: i64,
    /// The life of the record that the version counts in.
    pub epoch: &'a str,
    /// One of the constants of [`removed`](mod@removed), "" for an update.
    pub reason: &'a str,
}

/// Why a record was removed, as [`RecordChange::reason`] says.
pub mod removed {
    /// A client, a plugin or an operator deleted it.
    pub const BY_DELETE: &str = "deleted";
    /// Its TTL has passed without a write.
    pub const BY_EXPIRY: &str = "expired";
}

impl RecordChange<'_> {
    /// Returns the new value; of a removal the one that the record had.
    pub fn value(&self) -> Json<'_> {
        self.call.payload()
    }
}

impl Deref for Departure<'_> {
    type Target = Call;

    fn deref(&self) -> &Call {
        self.call
    }
}

impl Deref for RoomChange<'_> {
    type Target = Call;

    fn deref(&self) -> &Call {
        self.call
    }
}

impl Deref for RecordChange<'_> {
    type Target = Call;

    fn deref(&self) -> &Call {
        self.call
    }
}

/// Hooks; a plugin registers at most one for each event.
impl Plugin {
    /// Registers the hook that says who a client is before it may connect. It
    /// returns an identity, `None` where it has nothing to say (the client stays
    /// anonymous unless another hook knows it), or an error, which refuses the
    /// handshake: with the status and text of [`Error::refuse`](crate::Error::refuse),
    /// or with 401 and the error's text.
    pub fn authenticate<F>(&mut self, run: F) -> Hook<'_>
    where
        F: Fn(&Handshake) -> Result<Option<Identity>> + 'static,
    {
        self.hook("authenticate", move |c, out| match run(&Handshake::decode(c.detail())) {
            Ok(Some(identity)) => out.reply(identity.json().as_bytes()),
            Ok(None) => out.goes_on(),
            Err(e) => out.failure(REFUSE, &e),
        })
    }

    /// Registers the hook that runs after a connection has been made. An error is
    /// logged.
    pub fn on_connect<F>(&mut self, run: F) -> Hook<'_>
    where
        F: Fn(&Call) -> Result<()> + 'static,
    {
        self.hook("connect", move |c, out| out.outcome(ERROR, run(c)))
    }

    /// Registers the hook that runs after a connection has ended. An error is
    /// logged.
    pub fn on_disconnect<F>(&mut self, run: F) -> Hook<'_>
    where
        F: Fn(&Departure) -> Result<()> + 'static,
    {
        self.hook("disconnect", move |c, out| {
            let mut f = Fields::new(c.detail());
            let code = f.int().unwrap_or(0).try_into().unwrap_or(0);
            out.outcome(ERROR, run(&Departure { call: c, code, reason: f.text() }));
        })
    }

    /// Registers the hook that runs after a connection has become a member of a
    /// room, whoever made it one. An error is logged.
    pub fn on_join<F>(&mut self, run: F) -> Hook<'_>
    where
        F: Fn(&RoomChange) -> Result<()> + 'static,
    {
        self.on_room("join", run)
    }

    /// Registers the hook that runs after a connection has ceased to be a member
    /// of a room, for whatever reason. An error is logged.
    pub fn on_leave<F>(&mut self, run: F) -> Hook<'_>
    where
        F: Fn(&RoomChange) -> Result<()> + 'static,
    {
        self.on_room("leave", run)
    }

    fn on_room(&mut self, event: &str, run: impl Fn(&RoomChange) -> Result<()> + 'static) -> Hook<'_> {
        self.hook(event, move |c, out| {
            let (room, reason) = (skip_text(c.detail(), 0), skip_text(c.detail(), 1));
            out.outcome(ERROR, run(&RoomChange { call: c, room, reason }));
        })
    }

    /// Registers the hook that runs for each version that a record has got a
    /// value with, whoever wrote it: of the records that match one of the
    /// [patterns](RecordHook::records), without patterns of all. Those of one
    /// record run in the order of its versions, after the write and beside it. An
    /// error is logged.
    pub fn on_record_update<F>(&mut self, run: F) -> RecordHook<'_>
    where
        F: Fn(&RecordChange) -> Result<()> + 'static,
    {
        self.on_record("recordUpdate", run)
    }

    /// Registers the hook that runs for each version that has taken a record's
    /// value away. Otherwise it is as [`on_record_update`](Plugin::on_record_update).
    pub fn on_record_removed<F>(&mut self, run: F) -> RecordHook<'_>
    where
        F: Fn(&RecordChange) -> Result<()> + 'static,
    {
        self.on_record("recordRemoved", run)
    }

    fn on_record(&mut self, event: &str, run: impl Fn(&RecordChange) -> Result<()> + 'static) -> RecordHook<'_> {
        let hook = self.hook(event, move |c, out| {
            let mut f = Fields::new(c.detail());
            let record_id = f.text();
            let version = f.int().unwrap_or(0);
            let change = RecordChange { call: c, record_id, version, epoch: f.text(), reason: f.text() };
            out.outcome(ERROR, run(&change));
        });
        RecordHook(hook.0)
    }

    /// Registers a function that runs at an interval such as "30s", at least
    /// "10ms". An error is logged.
    pub fn every<F>(&mut self, interval: &str, name: &str, run: F) -> Schedule<'_>
    where
        F: Fn(&Call) -> Result<()> + 'static,
    {
        self.schedule("every", interval, name, run)
    }

    /// Registers a function that runs at the times of a cron expression of five
    /// fields, in UTC. An error is logged.
    pub fn cron<F>(&mut self, expression: &str, name: &str, run: F) -> Schedule<'_>
    where
        F: Fn(&Call) -> Result<()> + 'static,
    {
        self.schedule("cron", expression, name, run)
    }

    fn schedule(&mut self, kind: &str, when: &str, name: &str, run: impl Fn(&Call) -> Result<()> + 'static) -> Schedule<'_> {
        let number = self.other(move |c, out| out.outcome(ERROR, run(c)));
        let o = object().text("name", name).int("handler", number).text(kind, when);
        Schedule(entry(&mut self.document.schedules, o))
    }

    fn hook(&mut self, event: &str, run: impl Fn(&Call, &mut Writer) + 'static) -> Hook<'_> {
        let number = self.other(run);
        Hook(entry(&mut self.document.hooks, object().text("event", event).int("handler", number)))
    }
}

/// A hook that has been registered.
pub struct Hook<'a>(Entry<'a>);

impl Hook<'_> {
    /// Sorts an authenticate hook among those of all plugins: lower runs first,
    /// equal ones by file name. Without one the plugin's own order counts.
    pub fn order(self, order: i64) -> Self {
        Hook(self.0.with(|o| o.int("order", order)))
    }
}

/// A hook for records that has been registered.
pub struct RecordHook<'a>(Entry<'a>);

impl RecordHook<'_> {
    /// Names patterns of the records that it is called for, like those of an
    /// exposure.
    pub fn records<S: AsRef<str>>(self, patterns: &[S]) -> Self {
        RecordHook(self.0.with(|o| o.texts("records", patterns)))
    }
}

/// A schedule that has been registered.
pub struct Schedule<'a>(Entry<'a>);

impl Schedule<'_> {
    /// Lets it run on one node at a time instead of on every node.
    pub fn once_per_cluster(self) -> Self {
        Schedule(self.0.with(|o| o.text("scope", "cluster")))
    }
}
