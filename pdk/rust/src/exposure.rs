use crate::plugin::{entry, Entry};
use crate::{object, Duration, Plugin};

/// Exposures say what clients can reach. A pattern is a name, or a regular
/// expression in RE2 syntax between slashes that must match the whole name,
/// `/^chat:.+$/`. Of all patterns, the operator's before those of plugins, the
/// first that matches decides, and its guards alone are asked.
impl Plugin {
    /// Opens the channels that match a pattern to subscribers; all others are
    /// closed to clients. Without more everyone may subscribe, nobody but plugins
    /// and operators publishes, and no message is kept.
    pub fn channel(&mut self, pattern: &str) -> ChannelExposure<'_> {
        ChannelExposure(entry(&mut self.document.channels, object().text("pattern", pattern)))
    }

    /// Has the members of the rooms that match a pattern tracked: clients can see
    /// who is present and what state each is in. Without more everyone may, and a
    /// member is present as long as it is connected.
    pub fn presence(&mut self, pattern: &str) -> PresenceExposure<'_> {
        PresenceExposure(entry(&mut self.document.presence, object().text("pattern", pattern)))
    }

    /// Puts guards on the rooms that match a pattern; all others can be joined by
    /// everyone, and their metadata be read by members.
    pub fn room(&mut self, pattern: &str) -> RoomExposure<'_> {
        RoomExposure(entry(&mut self.document.rooms, object().text("pattern", pattern)))
    }

    /// Opens the records that match a pattern; all others are closed to clients.
    /// Without more everyone may read them, nobody but plugins and operators
    /// writes, and they last until they are deleted.
    ///
    /// Who may read and who may write is decided apart: by the first pattern that
    /// is writable for writing, by the first that is not, or is guarded, for
    /// reading. Where none says who may read, everyone may read what is writable.
    pub fn record(&mut self, pattern: &str) -> RecordExposure<'_> {
        RecordExposure(entry(&mut self.document.records, object().text("pattern", pattern)))
    }
}

/// What happens to a client that reads more slowly than it is sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlowConsumer {
    /// Closes the connection, with [`close::SLOW_CONSUMER`](crate::close::SLOW_CONSUMER);
    /// the default.
    Disconnect,
    /// Leaves pushes of the topic out and tells the client of the gap.
    Drop,
    /// Keeps only the newest of those that replace each other, as the states of
    /// presence and the versions of a record do.
    Conflate,
}

impl SlowConsumer {
    fn name(self) -> &'static str {
        match self {
            SlowConsumer::Disconnect => "disconnect",
            SlowConsumer::Drop => "drop",
            SlowConsumer::Conflate => "conflate",
        }
    }
}

/// Channels that have been opened.
pub struct ChannelExposure<'a>(Entry<'a>);

impl ChannelExposure<'_> {
    /// Names the plugin's guard that is asked before a client subscribes or reads
    /// the history.
    pub fn guarded_by(self, guard: &str) -> Self {
        ChannelExposure(self.0.with(|o| o.text("guard", guard)))
    }

    /// Lets every client publish.
    pub fn publishable(self) -> Self {
        ChannelExposure(self.0.with(|o| o.bool("publish", true)))
    }

    /// Lets those clients publish whom the plugin's guard of that name allows it.
    pub fn publishable_by(self, guard: &str) -> Self {
        ChannelExposure(self.0.with(|o| o.bool("publish", true).text("publishGuard", guard)))
    }

    /// Says how many messages of a channel are kept, 0 (none) to 100000.
    pub fn history(self, messages: i64) -> Self {
        ChannelExposure(self.0.with(|o| o.int("history", messages)))
    }

    /// Says how long a message is kept; [`FOREVER`](crate::FOREVER): for a day.
    pub fn history_ttl(self, ttl: Duration) -> Self {
        ChannelExposure(self.0.duration("historyTtl", ttl))
    }

    /// Says what happens to a client that reads too slowly.
    pub fn slow_consumer(self, policy: SlowConsumer) -> Self {
        ChannelExposure(self.0.with(|o| o.text("slowConsumer", policy.name())))
    }
}

/// Presence that has been opened.
pub struct PresenceExposure<'a>(Entry<'a>);

impl PresenceExposure<'_> {
    /// Names the plugin's guard that is asked before a client is present and sees
    /// who is.
    pub fn guarded_by(self, guard: &str) -> Self {
        PresenceExposure(self.0.with(|o| o.text("guard", guard)))
    }

    /// Says how long a member stays present without a sign of life, at least a
    /// second; [`FOREVER`](crate::FOREVER): as long as it is connected.
    pub fn ttl(self, ttl: Duration) -> Self {
        PresenceExposure(self.0.duration("ttl", ttl))
    }

    /// Says what happens to a client that reads too slowly.
    pub fn slow_consumer(self, policy: SlowConsumer) -> Self {
        PresenceExposure(self.0.with(|o| o.text("slowConsumer", policy.name())))
    }
}

/// Rooms that have been guarded.
pub struct RoomExposure<'a>(Entry<'a>);

impl RoomExposure<'_> {
    /// Names the plugin's guard that is asked before a client joins.
    pub fn guarded_by(self, guard: &str) -> Self {
        RoomExposure(self.0.with(|o| o.text("guard", guard)))
    }

    /// Names the plugin's guard that is asked before a client that is no member
    /// reads a room's metadata; without one it may not.
    pub fn metadata_guarded_by(self, guard: &str) -> Self {
        RoomExposure(self.0.with(|o| o.text("metadataGuard", guard)))
    }
}

/// Records that have been opened.
pub struct RecordExposure<'a>(Entry<'a>);

impl RecordExposure<'_> {
    /// Names the plugin's guard that is asked before a client reads.
    pub fn guarded_by(self, guard: &str) -> Self {
        RecordExposure(self.0.with(|o| o.text("guard", guard)))
    }

    /// Lets every client write.
    pub fn writable(self) -> Self {
        RecordExposure(self.0.with(|o| o.bool("writable", true)))
    }

    /// Lets those clients write whom the plugin's guard of that name allows it.
    pub fn writable_by(self, guard: &str) -> Self {
        RecordExposure(self.0.with(|o| o.bool("writable", true).text("writeGuard", guard)))
    }

    /// Says how long a record lasts without a write, at least a second;
    /// [`FOREVER`](crate::FOREVER): for good.
    pub fn ttl(self, ttl: Duration) -> Self {
        RecordExposure(self.0.duration("ttl", ttl))
    }

    /// Says what happens to a client that reads too slowly.
    pub fn slow_consumer(self, policy: SlowConsumer) -> Self {
        RecordExposure(self.0.with(|o| o.text("slowConsumer", policy.name())))
    }
}

impl Entry<'_> {
    /// Adds a duration in its largest whole unit, such as "90s", and leaves 0
    /// out.
    fn duration(self, name: &str, d: Duration) -> Self {
        let ms = d.as_millis();
        if ms == 0 {
            return self;
        }
        let (unit, suffix) = match ms {
            _ if ms % 3_600_000 == 0 => (3_600_000, "h"),
            _ if ms % 60_000 == 0 => (60_000, "m"),
            _ if ms % 1000 == 0 => (1000, "s"),
            _ => (1, "ms"),
        };
        self.with(|o| o.text(name, &[&(ms / unit).to_string(), suffix].concat()))
    }
}
